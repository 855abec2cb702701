"""One ranking from several: weighted reciprocal ranks, or a convex combination of normalised scores.

Both take lists as ``{candidate: score}`` (higher is better; a candidate may be absent) and give every candidate of
any list a fused score. Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

K = TypeVar("K")


def ranks(scores: Mapping[K, float]) -> dict[K, int]:
    """Places from 1, best first; equal scores share no place but keep the mapping's order."""
    return {candidate: place for place, candidate in enumerate(sorted(scores, key=lambda c: -scores[c]), 1)}


def rrf(lists: Sequence[Mapping[K, float]], weights: Sequence[float], k: int) -> dict[K, float]:
    """Weighted reciprocal rank fusion: the sum of ``weight / (k + rank)`` (Cormack et al., SIGIR 2009).

    Args:
        k: the larger, the less the first places count; 60 in the paper.
    """
    fused: dict[K, float] = {}
    for scores, weight in zip(lists, weights, strict=True):
        for candidate, place in ranks(scores).items():
            fused[candidate] = fused.get(candidate, 0.0) + weight / (k + place)
    return fused


def convex(
    lists: Sequence[Mapping[K, float]], weights: Sequence[float], minimums: Sequence[float | None]
) -> dict[K, float]:
    """Weighted mean of scores, each list scaled so that its best is 1 and its minimum 0 (Bruch et al., TOIS 2023).

    Args:
        minimums: of each list: a score known to mean nothing (0 for BM25), or ``None`` for the list's lowest score.
            Scores below it, and absent candidates, count 0.

    Returns:
        Scores from 0 to 1, whatever the weights add up to.
    """
    total = sum(weights) or 1.0
    fused: dict[K, float] = {}
    for scores, weight, minimum in zip(lists, weights, minimums, strict=True):
        if not scores:
            continue
        best = max(scores.values())
        floor = min(scores.values()) if minimum is None else minimum
        for candidate, score in scores.items():
            # A list of one score has no span to scale by: then what it found is its best.
            scaled = (score - floor) / (best - floor) if best > floor else float(score >= best and minimum is None)
            fused[candidate] = fused.get(candidate, 0.0) + weight / total * max(0.0, scaled)
    return fused
