"""Two runs side by side: the paired difference of each measure, and which questions moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.case import Gold
from evaluation.intervals import bootstrap_intervals
from evaluation.outcome import Outcome, Run
from evaluation.summary import measure_order

FEWEST = 6
"""Fewer questions that moved cannot tell anything at 95%: all of five going one way has the chance of 2 in 32."""

TOKENS, SECONDS = "context_tokens", "seconds"
LESS_IS_BETTER = frozenset({TOKENS, SECONDS})
LEADING = ("context_recall", "span_recall", "recall@5", "ndcg@10", "ndcg@5", "mrr", "refusal_correct")
"""The first of these that a question has decides whether it got better or worse."""


@dataclass(frozen=True, slots=True)
class Change:
    """A measure's paired difference, after minus before.

    Attributes:
        n: questions that have the measure in both runs.
        low, high: 95% percentile bootstrap interval of the mean difference; ``None`` with fewer than two pairs.
        distinguishable: the interval leaves out 0, and questions enough moved to say so.
        better: of a distinguishable one, whether it is for the better; ``None`` otherwise.
    """

    measure: str
    n: int
    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    distinguishable: bool
    better: bool | None

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, or ``not distinguishable (n=…)``."""
        if not self.distinguishable:
            return f"not distinguishable (n={self.n})"
        return "better" if self.better else "worse"


@dataclass(frozen=True, slots=True)
class Moved:
    """A question whose leading measure changed."""

    case: str
    question: str
    measure: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs compared.

    Attributes:
        n: questions in both.
        changes: by measure, the most telling first, then context tokens and seconds.
        better, worse: questions that moved, the furthest first.
        newly_failed: questions that failed only after.
        settings: what differs between the two configurations: name → (before, after).
        notes: what makes the comparison less than fair.
    """

    before: str
    after: str
    n: int
    changes: tuple[Change, ...]
    better: tuple[Moved, ...]
    worse: tuple[Moved, ...]
    newly_failed: tuple[str, ...]
    settings: Mapping[str, tuple[Any, Any]]
    notes: tuple[str, ...]

    @property
    def regressions(self) -> list[Change]:
        """Measures (not tokens, not seconds) that are distinguishably worse."""
        return [one for one in self.changes if one.better is False and one.measure not in LESS_IS_BETTER]


def compare(before: Run, after: Run, gold: Gold | None = None) -> Comparison:
    """Compare two runs question by question.

    Args:
        gold: only its questions count, and it has their texts; ``None``: all that both runs have.
    """
    texts = {case.id: case.question for case in gold.cases} if gold else {}
    former = {one.case: one for one in before.outcomes}
    pairs = [
        (former[one.case], one) for one in after.outcomes if one.case in former and (gold is None or one.case in texts)
    ]
    fine = [(one, other) for one, other in pairs if one.error is None and other.error is None]
    names = sorted(
        {name for one, other in fine for name in one.measures.keys() & other.measures.keys()}, key=measure_order
    )
    moved = [found for pair in fine if (found := _moved(*pair, texts)) is not None]
    return Comparison(
        before.name,
        after.name,
        len(pairs),
        tuple(change for name in (*names, TOKENS, SECONDS) if (change := _change(name, fine)) is not None),
        tuple(sorted((one for one in moved if one.after > one.before), key=lambda one: one.before - one.after)),
        tuple(sorted((one for one in moved if one.after < one.before), key=lambda one: one.after - one.before)),
        tuple(other.case for one, other in pairs if one.error is None and other.error is not None),
        _settings(before.manifest, after.manifest),
        tuple(_notes(before, after, pairs, fine)),
    )


def _change(name: str, pairs: list[tuple[Outcome, Outcome]]) -> Change | None:
    values = [
        (one, other)
        for one, other in ((_value(first, name), _value(second, name)) for first, second in pairs)
        if one is not None and other is not None
    ]
    if not values:
        return None
    n = len(values)
    differences = [other - one for one, other in values]
    mean = math.fsum(differences) / n
    # Percentiles: where few questions moved, BCa leaves 0 out that plain resampling does not.
    low, high = bootstrap_intervals([differences], "percentile")[0] if n > 1 else (None, None)
    moved = sum(one != other for one, other in values)
    clear = moved >= FEWEST and low is not None and high is not None and (low > 0 or high < 0)
    return Change(
        name,
        n,
        math.fsum(one for one, _ in values) / n,
        math.fsum(other for _, other in values) / n,
        mean,
        low,
        high,
        clear,
        (mean < 0) == (name in LESS_IS_BETTER) if clear else None,
    )


def _value(outcome: Outcome, name: str) -> float | None:
    if name == TOKENS:
        return float(outcome.context_tokens)
    return outcome.seconds if name == SECONDS else outcome.measures.get(name)


def _moved(before: Outcome, after: Outcome, texts: Mapping[str, str]) -> Moved | None:
    for name in LEADING:
        one, other = before.measures.get(name), after.measures.get(name)
        if one is not None and other is not None:
            return Moved(after.case, texts.get(after.case, after.case), name, one, other) if one != other else None
    return None


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    parts = ("retrieval", "context", "embedder", "sources")
    flat, other_flat = (
        _flat({**{part: run.get("config", {}).get(part) for part in parts}, "threshold": run.get("threshold")})
        for run in (before, after)
    )
    for run, found in ((before, flat), (after, other_flat)):
        budget = run.get("measuring", {}).get("budget")
        if budget is not None:
            found["context.budget"] = budget
    return {
        name: (flat.get(name), other_flat.get(name))
        for name in sorted(flat.keys() | other_flat.keys())
        if flat.get(name) != other_flat.get(name)
    }


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {name: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= _flat(inner, f"{name}.{key}" if name else str(key))
    return found


def _notes(
    before: Run, after: Run, pairs: list[tuple[Outcome, Outcome]], fine: list[tuple[Outcome, Outcome]]
) -> list[str]:
    notes = []
    prints = [run.manifest.get("gold", {}).get("sha256") for run in (before, after)]
    if prints[0] != prints[1]:
        notes.append("The gold files differ: only questions with the same id in both are compared.")
    alone = {one.case for one in before.outcomes} ^ {one.case for one in after.outcomes}
    if alone:
        notes.append(f"{_questions(len(alone))} in one of the runs only and left out.")
    if len(fine) < len(pairs):
        failed = len(pairs) - len(fine)
        notes.append(f"{_questions(failed)} in no mean, because a run failed on {'it' if failed == 1 else 'them'}.")
    measuring = [dict(run.manifest.get("measuring", {})) for run in (before, after)]
    ways = [{key: way.get(key) for key in ("span_k", "depth")} for way in measuring]
    if ways[0] != ways[1]:
        notes.append(f"They were measured differently: {ways[0]} before, {ways[1]} after.")
    if measuring[0].get("workers") != measuring[1].get("workers"):
        notes.append("They asked a different number of questions at once, so seconds do not compare.")
    machines = [run.manifest.get("machine") for run in (before, after)]
    if machines[0] != machines[1]:
        notes.append("They ran on different machines, so seconds do not compare.")
    return notes


def _questions(count: int) -> str:
    return "1 question is" if count == 1 else f"{count:,} questions are"
