"""From ranked candidates to hits: one of each parent, the per-document cap, diversity, the threshold, the cut."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from configs.schema import Retrieval
from ingest.embed.contract import Vectors
from retrieval.diversity import diversify
from retrieval.view import Candidate


@dataclass(frozen=True, slots=True)
class Chosen:
    """A candidate that becomes a hit."""

    rowid: int
    build: int
    score: float
    fused: float
    reranked: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pick:
    """What became of every candidate; ``dropped`` says why by ``chunks.rowid``."""

    chosen: list[Chosen]
    dropped: dict[int, str]


def pick(
    ordered: Sequence[Candidate],
    fused: Mapping[int, float],
    reranked: Mapping[int, float] | None,
    options: Retrieval,
    vectors: Callable[[Collection[int]], Mapping[int, Vectors]],
) -> Pick:
    """Choose at most ``options.top_k`` of the candidates.

    Args:
        ordered: best fused score first.
        reranked: cross-encoder scores of the first few, which then decide; the others are left out.
        vectors: loads candidates' vectors; asked only when diversity is on.
    """
    dropped: dict[int, str] = {}
    scores = fused if reranked is None else reranked
    left = [candidate for candidate in ordered if candidate.rowid in scores]
    for candidate in ordered:
        if candidate.rowid not in scores:
            dropped[candidate.rowid] = f"not among the {len(scores)} candidates that were reranked"
    left.sort(key=lambda candidate: -scores[candidate.rowid])
    left = _capped(left, options.per_document, dropped)
    places = {candidate.rowid: place for place, candidate in enumerate(left, 1)}
    for candidate in left:
        if options.threshold is not None and scores[candidate.rowid] < options.threshold:
            dropped[candidate.rowid] = (
                f"scored {scores[candidate.rowid]:.3f}, below the threshold of {options.threshold:g}"
            )
    left = [candidate for candidate in left if candidate.rowid not in dropped]
    if options.diversity and left:
        known = vectors([candidate.rowid for candidate in left])
        order = diversify(
            [scores[candidate.rowid] for candidate in left],
            [known.get(candidate.rowid) for candidate in left],
            options.diversity,
            options.top_k,
        )
        for position, candidate in enumerate(left):
            if position not in order:
                place = places[candidate.rowid]
                dropped[candidate.rowid] = (
                    "diversity: too like the hits before it" if place <= options.top_k else _cut(place, options)
                )
        left = [left[position] for position in order]
    for place, candidate in enumerate(left, 1):
        if place > options.top_k:
            dropped[candidate.rowid] = _cut(place, options)
    chosen = [
        Chosen(
            candidate.rowid,
            candidate.build,
            scores[candidate.rowid],
            fused[candidate.rowid],
            None if reranked is None else reranked[candidate.rowid],
            (f"diversity: was #{places[candidate.rowid]}",) if places[candidate.rowid] != place else (),
        )
        for place, candidate in enumerate(left[: options.top_k], 1)
    ]
    return Pick(chosen, dropped)


def _capped(ordered: Sequence[Candidate], cap: int | None, dropped: dict[int, str]) -> list[Candidate]:
    parents: set[tuple[int, tuple[int, int]]] = set()
    counts: dict[int, int] = {}
    kept = []
    for candidate in ordered:
        parent = None if candidate.parent is None else (candidate.document, candidate.parent)
        if parent in parents:
            dropped[candidate.rowid] = "a better piece of the same parent stands for it"
        elif cap is not None and counts.get(candidate.document, 0) >= cap:
            dropped[candidate.rowid] = f"per_document: {cap} better of its document"
        else:
            counts[candidate.document] = counts.get(candidate.document, 0) + 1
            kept.append(candidate)
            if parent is not None:
                parents.add(parent)
    return kept


def _cut(place: int, options: Retrieval) -> str:
    return f"ranked #{place}, and top_k is {options.top_k}"
