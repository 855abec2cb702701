"""Knowing when there is no answer: a question is refused when its evidence is below a threshold.

``answerable`` and ``unanswerable`` are the evidences of the questions of each kind, -1 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_POINTS = 200
_EDGE = 1e-12
_Z = 1.959963984540054  # 97.5% of the normal distribution


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does.

    Attributes:
        kept: share of the answerable questions that are answered; ``None`` without such questions.
        refused: share of the unanswerable questions that are refused (the recall of "no answer"); ``None`` likewise.
        precision: share of the refusals that are right; ``None`` where nothing is refused.
    """

    threshold: float
    kept: float | None
    refused: float | None
    precision: float | None


@dataclass(frozen=True, slots=True)
class Auroc:
    """Chance that an answerable question has more evidence than an unanswerable one, ties half; 95% interval."""

    value: float
    low: float
    high: float


def point(answerable: Sequence[float], unanswerable: Sequence[float], threshold: float) -> Point:
    """What ``threshold`` does to these questions."""
    kept = sum(value >= threshold for value in answerable)
    refused = sum(value < threshold for value in unanswerable)
    all_refused = refused + len(answerable) - kept
    return Point(
        threshold,
        kept / len(answerable) if answerable else None,
        refused / len(unanswerable) if unanswerable else None,
        refused / all_refused if all_refused else None,
    )


def curve(answerable: Sequence[float], unanswerable: Sequence[float]) -> list[Point]:
    """Every different outcome, from refusing nothing to refusing all; thinned evenly to at most 200 points."""
    values = sorted({*answerable, *unanswerable})
    if not values:
        return []
    cuts = [values[0], *(_between(one, other) for one, other in pairwise(values))]
    cuts.append(math.nextafter(values[-1], math.inf))
    if len(cuts) > MOST_POINTS:
        last = len(cuts) - 1
        cuts = [cuts[round(place * last / (MOST_POINTS - 1))] for place in range(MOST_POINTS)]
    return [point(answerable, unanswerable, cut) for cut in cuts]


def threshold_keeping(answerable: Sequence[float], unanswerable: Sequence[float], share: float) -> Point | None:
    """The threshold that refuses most while it keeps ``share`` of the answerable questions or more.

    It lies halfway to the next smaller evidence, where it decides the same. ``None`` without answerable questions.
    """
    if not answerable:
        return None
    # 1e-9: 0.9 of 10 questions are 9, whatever 0.9 * 10 is in binary.
    needed = max(1, math.ceil(share * len(answerable) - 1e-9))
    highest = sorted(answerable, reverse=True)[needed - 1]
    below = max((value for value in (*answerable, *unanswerable) if value < highest), default=None)
    return point(answerable, unanswerable, highest if below is None else _between(below, highest))


def _between(below: float, above: float) -> float:
    """A threshold that keeps ``above`` and refuses ``below``; between neighbouring floats there is no middle."""
    middle = (below + above) / 2
    return middle if middle > below else above


def auroc(answerable: Sequence[float], unanswerable: Sequence[float]) -> Auroc | None:
    """Area under the curve; ``None`` without questions of both kinds.

    The interval is Newcombe's score method (Statistics in Medicine 2006, 25:559–573, method 5), which has a width
    even where the kinds are perfectly apart.
    """
    if not answerable or not unanswerable:
        return None
    from scipy.optimize import brentq
    from scipy.stats import rankdata

    m, n = len(answerable), len(unanswerable)
    ranks = rankdata([*answerable, *unanswerable])[:m]
    value = float((ranks.sum() - m * (m + 1) / 2) / (m * n))
    half = (m + n) / 2 - 1

    def away(theta: float, sign: int) -> float:
        spread = theta * (1 - theta) * (1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return sign * (value - theta) - _Z * math.sqrt(max(spread, 0.0))

    # At 0 and 1 the value itself solves the equation; the bound is the other solution.
    low = brentq(away, 0.0, min(value, 1 - _EDGE), args=(1,)) if value > 0 else 0.0
    high = brentq(away, max(value, _EDGE), 1.0, args=(-1,)) if value < 1 else 1.0
    return Auroc(value, float(low), float(high))
