"""Asks every question of a gold set of one shelf and measures what comes back.

A question is searched once, deeply enough for the ranking measures; its first ``retrieval.top_k`` hits are what the
shelf gives: of them are the span measures, the context and the evidence. (A search's hits do not depend on how many
are asked for, reranking with fewer candidates apart, and there no more are asked for.)
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from configs.errors import OpenshelfError
from evaluation.case import Case, Gold
from evaluation.gold.anchoring import anchor
from evaluation.manifest import manifest
from evaluation.measures.ranking import ranking_scores
from evaluation.measures.spans import Document, Span, covered_share, precision_omega, span_scores
from evaluation.outcome import Found, Outcome, Run
from evaluation.pieces import Pieces
from evaluation.pricing import question_price
from evaluation.subject import Subject
from retrieval.hit import Hit

if TYPE_CHECKING:
    from retrieval.context import ContextBlock

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Measuring:
    """How to measure.

    Attributes:
        ks: cut-offs of the ranking measures, in documents.
        span_k: chunks that the span measures look at; ``None``: ``retrieval.top_k``.
        depth: hits asked for, so that there are enough documents for the largest of ``ks``.
        budget: tokens of context; ``None``: ``context.budget``.
        workers: questions asked at the same time; with more than one, latency is that of a busy shelf.
        keep_text: keep the hits' texts in the run.
        retrieval: keys of ``retrieval`` that replace the configured ones.
    """

    ks: tuple[int, ...] = (1, 3, 5, 10)
    span_k: int | None = None
    depth: int = 30
    budget: int | None = None
    workers: int = 1
    keep_text: bool = True
    retrieval: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.ks or min(self.ks) < 1 or max(self.ks) > 100:
            raise ValueError("ks are from 1 to 100, one at least")


def evaluate(
    subject: Subject,
    gold: Gold,
    *,
    options: Measuring = Measuring(),
    name: str = "eval",
    progress: Progress | None = None,
) -> Run:
    """Ask and measure. A question that fails is an ``Outcome`` with its ``error``; the others go on.

    Args:
        gold: anchored or not; quotes whose spans are not known are looked up first.
        progress: told how many questions are done, of how many; what it raises ends the run.

    Raises:
        RetrievalError: a key of ``options.retrieval`` is unknown or out of bounds.
    """
    if any(not passage.found for case in gold.cases for passage in case.passages):
        gold = anchor(gold, subject.ledger).gold
    asking = _Asking(subject, gold, options)
    started = time.monotonic()
    outcomes = asking.all(progress)
    ranked = ranking_scores(asking.ranked, {case.id: _grades(case, asking.ranked) for case in gold.cases}, options.ks)
    outcomes = [
        one if one.error is not None else replace(one, measures={**ranked.get(one.case, {}), **one.measures})
        for one in outcomes
    ]
    made = manifest(subject, gold, _plain(options), asking.settings.model_dump(mode="json"))
    made["seconds"] = round(time.monotonic() - started, 3)
    made["errors"] = sum(one.error is not None for one in outcomes)
    return Run(name, made, tuple(outcomes))


class _Asking:
    """One shelf, one gold set, one way of measuring."""

    def __init__(self, subject: Subject, gold: Gold, options: Measuring) -> None:
        self.subject, self.gold, self.options = subject, gold, options
        self.overrides = dict(options.retrieval or {})
        self.settings = subject.searcher.options(None, self.overrides)
        self.top_k = self.settings.top_k
        self.span_k = options.span_k or self.top_k
        depth = max(options.depth, *options.ks, self.span_k, self.top_k)
        if self.settings.reranker is not None:
            depth = min(depth, max(self.settings.reranker.candidates, self.span_k, self.top_k))
        self.depth = min(depth, 100)
        self.ranked: dict[str, list[Document]] = {}
        self.pieces = Pieces(subject.ledger)
        self.price = question_price(subject)
        budget = options.budget
        context = subject.config.context
        self.context = context if budget is None else context.model_copy(update={"budget": budget})

    def all(self, progress: Progress | None) -> list[Outcome]:
        cases = self.gold.cases
        if cases:
            # The first search loads the model and the index; if it fails it will fail again, and be written down.
            with contextlib.suppress(Exception):
                self._search(cases[0])
        done: dict[str, Outcome] = {}

        def keep(outcome: Outcome) -> None:
            done[outcome.case] = outcome
            if progress is not None:
                progress(len(done), len(cases))

        if self.options.workers <= 1:
            for case in cases:
                keep(self.one(case))
        else:
            pool = ThreadPoolExecutor(self.options.workers, thread_name_prefix="eval")
            try:
                for finished in as_completed([pool.submit(self.one, case) for case in cases]):
                    keep(finished.result())
            finally:
                pool.shutdown(cancel_futures=True)
        return [done[case.id] for case in cases]

    def one(self, case: Case) -> Outcome:
        try:
            return self._measured(case)
        except OpenshelfError as error:
            said = str(error)
        except Exception as error:  # noqa: BLE001 - one question must not end the run, and nothing is hidden
            said = f"{type(error).__name__}: {error}"
        return Outcome(case.id, error=self.subject.loaded.redactor.redact(said))

    def _search(self, case: Case) -> list[Hit]:
        return self.subject.search(
            case.question,
            filters=case.filters,
            groups=case.groups,
            **{**self.overrides, "top_k": self.depth},
        )

    def _measured(self, case: Case) -> Outcome:
        from retrieval.context import build_context

        started = time.perf_counter()
        hits = self._search(case)
        seconds = time.perf_counter() - started
        answerer = self.subject.answerer
        shown = hits[: self.top_k]
        proof = answerer.evidence(case.question, shown)
        block = build_context(shown, self.context, answerer.count_tokens, answerer.body)
        spans = _spans(block)
        measures = self._passages(case, hits[: self.span_k], spans)
        measures["refusal_correct"] = float((proof >= answerer.threshold) == case.answerable)
        self.ranked[case.id] = list(dict.fromkeys((hit.source, hit.document_id) for hit in hits))
        kept = hits[: max(self.top_k, self.span_k)]
        return Outcome(
            case.id,
            tuple(self._found(hit, answerer.count_tokens) for hit in kept),
            proof,
            tuple((*span.document, span.start, span.end) for span in spans),
            block.tokens,
            seconds,
            self.price(case.question),
            measures,
        )

    def _passages(self, case: Case, hits: Sequence[Hit], context: Sequence[Span]) -> dict[str, float]:
        references = [
            Span((passage.source or "", passage.document), passage.start, passage.end)
            for passage in case.passages
            if passage.start is not None and passage.end is not None
        ]
        if not references:
            return {}
        retrieved = [Span((hit.source, hit.document_id), hit.start, hit.end) for hit in hits]
        scores = span_scores(retrieved, references)
        pieces = [piece for document in {one.document for one in references} for piece in self.pieces.of(document)]
        return {
            "span_recall": scores.recall,
            "span_precision": scores.precision,
            "span_iou": scores.iou,
            "precision_omega": precision_omega(pieces, references),
            "context_recall": covered_share(context, references),
        }

    def _found(self, hit: Hit, count_tokens: Callable[[str], int]) -> Found:
        return Found(
            hit.chunk_id,
            hit.source,
            hit.document_id,
            hit.title,
            hit.start,
            hit.end,
            hit.score,
            count_tokens(hit.text),
            hit.text if self.options.keep_text else "",
            # As JSON has it, so that a stored run is equal to the run.
            {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(hit.why).items()},
        )


def _spans(block: ContextBlock) -> list[Span]:
    return [Span((one.best.source, one.best.document_id), one.start, one.end) for one in block.sources]


def _grades(case: Case, ranked: Mapping[str, Sequence[Document]]) -> dict[Any, int]:
    """Grades by document; one without a source is the first ranked document of that id."""
    if not case.answerable:
        return {}
    found: dict[Any, int] = {}
    for (source, name), grade in case.relevant().items():
        key: Any = (source, name)
        if source is None:
            key = next((one for one in ranked.get(case.id, ()) if one[1] == name), key)
        found[key] = max(grade, found.get(key, 0))
    return found


def _plain(options: Measuring) -> dict[str, Any]:
    return {**asdict(options), "ks": list(options.ks), "retrieval": dict(options.retrieval or {})}
