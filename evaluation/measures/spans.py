"""Recall, precision, precision-Ω and IoU of retrieved text against quoted passages, in characters.

The definitions are those of Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval" (Chroma, 2024), as
their code has them (github.com/brandonstarxel/chunking_evaluation, ``evaluation_framework/base_evaluation.py``):

- covered: characters of the references that some retrieved chunk holds, each counted once.
- recall: covered / characters of the references. Where two references overlap, both lengths count.
- precision: covered / characters of the retrieved chunks. Where two chunks overlap, both lengths count.
- IoU: covered / (characters of the retrieved chunks + characters of the references that are not covered).
- precision-Ω: IoU if every chunk that touches a reference were retrieved and nothing else, overlaps counted once:
  the best precision that the chunking allows. A chunk that only meets a reference end to end counts as touching it.

Theirs has one document for each question. Here the references may be in several: lengths are added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Document: TypeAlias = tuple[str, str]
"""Source and document id."""


class Span(NamedTuple):
    """Characters ``start`` to ``end`` (half open) of a document's parsed text."""

    document: Document
    start: int
    end: int


class SpanScores(NamedTuple):
    """Each 0 to 1."""

    recall: float
    precision: float
    iou: float


def span_scores(retrieved: Sequence[Span], references: Sequence[Span]) -> SpanScores:
    """Recall, precision and IoU of the retrieved chunks of one question.

    Raises:
        ValueError: there is no reference, or those there are have no length.
    """
    wanted = _length(references)
    if not wanted:
        raise ValueError("span measures need a reference")
    covered = _length(_union(_overlaps(retrieved, references)))
    given = _length(retrieved)
    missed = _length(_rest(references, retrieved))
    return SpanScores(covered / wanted, covered / given if given else 0.0, covered / (given + missed))


def precision_omega(chunks: Iterable[Span], references: Sequence[Span]) -> float:
    """Precision-Ω of one question, 0 to 1.

    Args:
        chunks: all chunks of the references' documents (others do no harm).
    """
    touching = [
        chunk
        for chunk in chunks
        if any(
            chunk.document == one.document and max(chunk.start, one.start) <= min(chunk.end, one.end)
            for one in references
        )
    ]
    covered = _length(_union(_overlaps(touching, references)))
    whole = _length(_union([*touching, *_rest(references, touching)]))
    return covered / whole if whole else 0.0


def covered_share(given: Sequence[Span], references: Sequence[Span]) -> float:
    """Share of the references' characters that ``given`` holds, both sides counted once; 0 to 1.

    Raises:
        ValueError: the references have no length.
    """
    wanted = _union(references)
    if not _length(wanted):
        raise ValueError("coverage needs a reference")
    return _length(_union(_overlaps(given, wanted))) / _length(wanted)


def _length(spans: Iterable[Span]) -> int:
    return sum(one.end - one.start for one in spans)


def _union(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for one in sorted(spans):
        last = merged[-1] if merged else None
        if last is not None and last.document == one.document and one.start <= last.end:
            merged[-1] = Span(last.document, last.start, max(last.end, one.end))
        else:
            merged.append(one)
    return merged


def _overlaps(spans: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    return [
        Span(one.document, max(one.start, other.start), min(one.end, other.end))
        for one in spans
        for other in others
        if one.document == other.document and max(one.start, other.start) < min(one.end, other.end)
    ]


def _rest(references: Sequence[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of each reference once ``taken`` is cut out of it."""
    by_document: dict[Document, list[Span]] = defaultdict(list)
    for one in _union(taken):
        by_document[one.document].append(one)
    left = []
    for reference in references:
        start = reference.start
        for cut in by_document[reference.document]:
            if cut.end <= start:
                continue
            if cut.start >= reference.end:
                break
            if cut.start > start:
                left.append(Span(reference.document, start, cut.start))
            start = max(start, cut.end)
        if start < reference.end:
            left.append(Span(reference.document, start, reference.end))
    return left
