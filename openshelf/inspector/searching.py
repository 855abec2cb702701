"""The page of search: both lists, fusion and hits side by side, what was left out, and why a document is not there."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from configs.errors import FilterError, OpenshelfError, RetrievalError
from openshelf.inspector.asked import VIEWERS, Asked
from openshelf.inspector.columns import SHORT, columns
from openshelf.inspector.reading import Listed, has_document, similar_ids
from openshelf.inspector.rendering import render
from openshelf.shelf import Shelf
from retrieval.evidence import calibrated_threshold, evidence
from retrieval.explain import Explanation


def page(shelf: Shelf, request: Request) -> Response:
    """``/inspect/search?q=…``; all that the form has is in the address, so a search can be kept and sent on."""
    asked = Asked.read(request.query_params)
    settings = shelf.config.retrieval
    problem: OpenshelfError | None = None
    trace = shown = explained = None
    alike: list[Listed] = []
    if asked.query:
        try:
            filters, groups, overrides = asked.parsed_filters(), asked.viewer_groups(), asked.overrides(settings)
            trace = shelf.searcher.trace(asked.query, filters=filters, groups=groups, **overrides)
            shown = columns(shelf.ledger, trace, everything=asked.everything)
            explained, alike = _explained(shelf, asked)
        except (RetrievalError, FilterError) as error:
            problem = error
    chosen = shelf.config.answer.no_answer_threshold
    return render(
        "search.html",
        200 if problem is None else 400,
        title=f"Search: {asked.query[:60]}" if asked.query else "Search",
        here="search",
        asked=asked,
        viewers=VIEWERS,
        settings=settings,
        options=trace.options if trace is not None else settings,
        trace=trace,
        shown=shown,
        short=SHORT,
        sources=list(shelf.config.sources),
        problem=None if problem is None else shelf.loaded.redactor.redact(problem.message),
        hint=None if problem is None else problem.hint,
        explained=explained,
        told=shelf.loaded.redactor.redact(str(explained)).splitlines() if explained is not None else [],
        alike=alike,
        best=evidence(trace.query, trace.hits) if trace is not None else None,
        threshold=calibrated_threshold(shelf.config.embedder.model) if chosen is None else chosen,
    )


def _explained(shelf: Shelf, asked: Asked) -> tuple[Explanation | None, list[Listed]]:
    """What became of the document that was asked about; where there is none of that id, documents like it."""
    if not asked.why:
        return None, []
    source = asked.why_source or None
    options: dict[str, Any] = {"filters": asked.parsed_filters(), "groups": asked.viewer_groups()}
    explanation = shelf.explain(
        asked.why,
        asked.query,
        source=source,
        **options,
        **asked.overrides(shelf.config.retrieval),
    )
    there = has_document(shelf.ledger, asked.why, source)
    return explanation, [] if there else similar_ids(shelf.ledger, asked.why)
