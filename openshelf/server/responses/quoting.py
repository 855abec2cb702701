"""The answer where no model is configured: the best passages, in the same events."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from functools import partial
from typing import Any

from openshelf.server.responses.finding import Finding
from openshelf.server.responses.upstream import Step
from retrieval.answer import Answerer
from retrieval.citations import Piece
from retrieval.conversations import search_query
from retrieval.drive import Do
from retrieval.extractive import extract, language_of
from retrieval.hit import Hit
from retrieval.prompt import MAX_QUERY, REFUSALS


def _enough(answerer: Answerer, texts: Collection[str], hits: Sequence[Hit]) -> bool:
    return max(answerer.evidence(text, hits) for text in texts) >= answerer.threshold


def quote(finding: Finding, question: str, before: str | None) -> Generator[Step, Any, None]:
    """Search for ``question``, and quote what was found, or say that there is no answer.

    Args:
        before: the question before it, for a follow-up.
    """
    query = search_query(question, before)[:MAX_QUERY]
    found = yield from finding.find([query])
    hits = [hit.hit for hit in found]
    pieces = [Piece(REFUSALS[language_of(question)])]
    if (yield Do(partial(_enough, finding.answerer, {query, question}, hits))):
        context = yield from finding.give(found, finding.budget_left)
        if context.sources:
            pieces = list(extract(question, context))
    draft, index = finding.draft, finding.draft.place()
    key = draft.own_id("msg")
    message = {"id": key, "type": "message", "role": "assistant"}
    text = finding.reading(as_json=False)
    at = {"item_id": key, "output_index": index, "content_index": 0}
    yield draft.added(index, {**message, "status": "in_progress", "content": []})
    yield draft.event("response.content_part.added", **at, part=text.part())
    for piece in pieces:
        first = len(text.annotations)
        shown, annotations = text.take(piece)
        yield draft.event("response.output_text.delta", **at, delta=shown, logprobs=[])
        for number, annotation in enumerate(annotations, first):
            yield draft.event(
                "response.output_text.annotation.added", **at, annotation_index=number, annotation=annotation
            )
    yield draft.event("response.output_text.done", **at, text=text.text, logprobs=[])
    yield draft.event("response.content_part.done", **at, part=text.part())
    yield draft.done(index, {**message, "status": "completed", "content": [text.part()]})
