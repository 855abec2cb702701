"""Shares with intervals, over all tickets and by topic, tag, language and brand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from evaluation.simulate.result import Breakdown, CurvePoint, Rate, Replayed

CONFIDENCE: Final = 0.95
GROUNDED: Final = 0.5
"""An answer is grounded when at least half of its sentences are."""

_DIMENSIONS: Final[tuple[Literal["topic", "tag", "language", "brand"], ...]] = ("topic", "tag", "language", "brand")
_STEPS: Final = 40


def rate(name: str, count: int, n: int) -> Rate:
    """``count`` of ``n`` with Wilson's 95% interval (E. B. Wilson, JASA 22, 1927); of nothing it is 0 to 1."""
    if n == 0:
        return Rate(name, 0, 0, 0.0, 0.0, 1.0)
    from scipy.stats import binomtest

    interval = binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
    return Rate(name, count, n, count / n, max(0.0, float(interval.low)), min(1.0, float(interval.high)))


def rates(tickets: Sequence[Replayed]) -> tuple[Rate, ...]:
    """``right``, ``wrong``, ``handed over``, and the latter's halves; each of all ``tickets``."""
    n = len(tickets)
    handed = [ticket for ticket in tickets if ticket.outcome == "handed over"]
    needless = sum(ticket.needless for ticket in handed)
    return (
        rate("right", sum(ticket.outcome == "right" for ticket in tickets), n),
        rate("wrong", sum(ticket.outcome == "wrong" for ticket in tickets), n),
        rate("handed over", len(handed), n),
        rate("handed over, clean", len(handed) - needless, n),
        rate("handed over, needless", needless, n),
    )


def quality(tickets: Sequence[Replayed]) -> tuple[Rate, ...]:
    """Among the answered tickets: how many are right, and how many are grounded in what they cite."""
    answered = [ticket for ticket in tickets if ticket.outcome != "handed over"]
    right = sum(ticket.outcome == "right" for ticket in answered)
    measured = [ticket.groundedness for ticket in answered if ticket.groundedness is not None]
    return (
        rate("right when answered", right, len(answered)),
        rate("grounded", sum(share >= GROUNDED for share in measured), len(measured)),
        rate("in context", sum(ticket.in_context for ticket in tickets), len(tickets)),
    )


def breakdowns(tickets: Sequence[Replayed]) -> tuple[Breakdown, ...]:
    """The rates of every topic, tag, language and brand, the most frequent first."""
    found = []
    for dimension in _DIMENSIONS:
        groups: dict[str, list[Replayed]] = {}
        for ticket in tickets:
            for value in _values(ticket, dimension):
                groups.setdefault(value, []).append(ticket)
        for value, own in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            found.append(Breakdown(dimension, value, len(own), rates(own)))
    return tuple(found)


def curve(tickets: Sequence[Replayed], chosen: float, *, floor: float = -1.0) -> tuple[CurvePoint, ...]:
    """What each threshold of evidence from ``floor`` on would have given, ``chosen`` among them."""
    evidences = [ticket.evidence for ticket in tickets if ticket.would_be is not None]
    low, high = max(floor, min(evidences, default=0.0)), max([chosen, *evidences])
    steps = {round(low + (high - low) * step / _STEPS, 4) for step in range(_STEPS + 1)}
    thresholds = sorted(step for step in {*steps, round(chosen, 4)} if step >= floor or step == round(chosen, 4))
    return tuple(_point(tickets, threshold, chosen=threshold == round(chosen, 4)) for threshold in thresholds)


def _point(tickets: Sequence[Replayed], threshold: float, *, chosen: bool) -> CurvePoint:
    n = len(tickets)
    answered = [ticket for ticket in tickets if ticket.would_be is not None and ticket.evidence >= threshold]
    right = sum(ticket.would_be == "right" for ticket in answered)
    wrong = len(answered) - right
    return CurvePoint(
        threshold,
        rate("answered", len(answered), n),
        rate("right", right, n),
        rate("wrong", wrong, n),
        rate("errors", wrong, len(answered)),
        chosen,
    )


def _values(ticket: Replayed, dimension: Literal["topic", "tag", "language", "brand"]) -> Iterable[str]:
    if dimension == "tag":
        return ticket.tags
    value = getattr(ticket, dimension)
    return () if value is None else (value,)
