"""Means of what was measured, with intervals, and whether a configuration keeps within the limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from evaluation.case import Gold
from evaluation.compare import FEWEST
from evaluation.intervals import bootstrap_intervals
from evaluation.outcome import Run
from evaluation.tune.result import TOKENS, Difference
from evaluation.tune.settings import Objective

Scores: TypeAlias = Mapping[str, Mapping[str, float]]
"""Case id → measure (``context_tokens`` among them) → value."""


def scores_of(run: Run) -> dict[str, dict[str, float]]:
    """Every question's measures. A question that failed has none."""
    return {
        outcome.case: {**outcome.measures, TOKENS: float(outcome.context_tokens)}
        for outcome in run.outcomes
        if outcome.error is None
    }


def of_gold(scores: Scores, gold: Gold) -> dict[str, Mapping[str, float]]:
    """The scores of this gold's cases."""
    return {case.id: scores[case.id] for case in gold.cases if case.id in scores}


def means(scores: Scores) -> tuple[dict[str, float], dict[str, int]]:
    """Mean of each measure over the cases that have it, and how many they are."""
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for measures in scores.values():
        for name, value in measures.items():
            sums[name] = sums.get(name, 0.0) + value
            counts[name] = counts.get(name, 0) + 1
    return {name: sums[name] / counts[name] for name in sums}, counts


def column(scores: Scores, measure: str) -> dict[str, float]:
    """A measure by case, of the cases that have it."""
    return {case: measures[measure] for case, measures in scores.items() if measure in measures}


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95% percentile bootstrap interval of the mean; ``None`` for fewer than two values."""
    return bootstrap_intervals([values], "percentile")[0] if len(values) > 1 else None


def difference(before: Scores, after: Scores, measure: str) -> Difference | None:
    """Paired difference over the cases that have the measure in both; ``None`` without such cases.

    It is distinguishable by the same rule as in ``evaluation.compare``: the interval leaves out 0, and enough
    questions moved.
    """
    one, other = column(before, measure), column(after, measure)
    cases = sorted(one.keys() & other.keys())
    if not cases:
        return None
    changes = [other[case] - one[case] for case in cases]
    mean = math.fsum(changes) / len(changes)
    low, high = interval(changes) or (mean, mean)
    moved = sum(change != 0 for change in changes)
    return Difference(
        measure=measure,
        n=len(cases),
        before=math.fsum(one[case] for case in cases) / len(cases),
        after=math.fsum(other[case] for case in cases) / len(cases),
        difference=mean,
        low=low,
        high=high,
        distinguishable=moved >= FEWEST and (low > 0 or high < 0),
    )


def violations(objective: Objective, means: Mapping[str, float]) -> dict[str, float]:
    """For each limit how far it is passed, relative to the limit; 0 or less where it is kept."""
    found = {}
    for name, limit in objective.at_most.items():
        found[f"{name} <= {limit:g}"] = (means.get(name, 0.0) - limit) / (abs(limit) or 1.0)
    for name, limit in objective.at_least.items():
        found[f"{name} >= {limit:g}"] = (limit - means.get(name, 0.0)) / (abs(limit) or 1.0)
    return found


def meets(objective: Objective, means: Mapping[str, float]) -> bool:
    """Whether every limit is kept, rounding apart."""
    return all(violation <= 1e-9 for violation in violations(objective, means).values())
