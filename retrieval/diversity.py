"""Maximal marginal relevance: each next hit is good and unlike those already chosen (Carbonell & Goldstein, 1998)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest.embed.contract import Vectors


def diversify(scores: Sequence[float], vectors: Sequence[Vectors | None], diversity: float, wanted: int) -> list[int]:
    """Positions of the ``wanted`` best under ``(1 - diversity) * score - diversity * likeness to a chosen one``.

    Args:
        scores: higher is better; scaled to 0..1 here.
        vectors: L2-normalised, or ``None`` where a candidate has none that compares (it is like no other).
        diversity: 0 gives the order of the scores, 1 goes by unlikeness alone (after the best).
    """
    if not scores:
        return []
    values = np.asarray(scores, dtype=np.float64)
    span = values.max() - values.min()
    relevance = (values - values.min()) / span if span > 0 else np.ones_like(values)
    likeness = np.zeros(len(values))
    left = list(np.argsort(-values, kind="stable"))
    chosen = [int(left.pop(0))]
    while left and len(chosen) < wanted:
        last = vectors[chosen[-1]]
        if last is not None:
            for position in left:
                other = vectors[position]
                if other is not None and other.shape == last.shape:
                    likeness[position] = max(likeness[position], float(other @ last))
        gains = [(1 - diversity) * relevance[position] - diversity * likeness[position] for position in left]
        chosen.append(int(left.pop(int(np.argmax(gains)))))
    return chosen
