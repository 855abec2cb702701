"""Numbers as people read them: shares in percent, tokens in whole numbers, differences with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.tune.result import TOKENS, Difference, Trial
from evaluation.wording import amount

__all__ = ["amount", "between", "gap", "name_of", "verdict"]

FEW = 20
"""Held-out questions below which the sentence says that they are few."""


def gap(measure: str, value: float) -> str:
    """A difference: ``+3.1``, in points of percent or in tokens."""
    return f"{value:+,.0f}" if measure == TOKENS else f"{value * 100:+.1f}"


def between(measure: str, low: float, high: float) -> str:
    """An interval of differences: ``-0.4 to +2.1``."""
    return f"{gap(measure, low)} to {gap(measure, high)}"


def name_of(measure: str) -> str:
    """A measure for a sentence."""
    return measure.replace("_", " ")


def verdict(base: Trial, winner: Trial, held_out: Sequence[Difference], measure: str, limits: str | None) -> str:
    """One sentence (or two) about the winner.

    Args:
        limits: the limits that no configuration keeps; ``None`` where one does.
    """
    if limits is not None:
        return f"No configuration keeps within {limits}; the base stays."
    if winner.number == base.number:
        return "Nothing that was tried is better than the base on the tuning questions: the base stays."
    tuned = (
        f"{winner.label} has {name_of(measure)} {amount(measure, winner.means[measure])} against "
        f"{amount(measure, base.means[measure])} on the {winner.cases[measure]} tuning questions."
    )
    if not base.meets:
        tuned += " The base itself is beyond the limits."
    found = next((one for one in held_out if one.measure == measure), None)
    if found is None:
        return f"{tuned} No questions were held out, so nothing says that this is no overfit."
    tokens = next((one for one in held_out if one.measure == TOKENS), None)
    spent = ""
    if tokens is not None:
        spent = f", with {amount(TOKENS, tokens.after)} tokens of context against {amount(TOKENS, tokens.before)}"
    values = (
        f"{amount(measure, found.after)} against {amount(measure, found.before)} "
        f"({gap(measure, found.difference)} points, 95% interval {between(measure, found.low, found.high)}){spent}"
    )
    few = f" {found.n} questions are few: more of them would tell more." if found.n < FEW else ""
    if not found.distinguishable:
        return (
            f"{tuned} On the held-out questions it is not distinguishable from the base (n={found.n}): {values}.{few}"
        )
    by_chance = found.difference < 0 < winner.means[measure] - base.means[measure]
    worse = " That is worse: it was chosen by chance." if by_chance else ""
    return f"{tuned} On the held-out questions (n={found.n}): {values}.{worse}{few}"
