"""The report of a rehearsal on past tickets."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.reports.page import fitted, render
from evaluation.reports.plots import Band, Dot, Line, Plot, Rule, axis
from evaluation.simulate.result import CurvePoint, Rate, Replayed, Simulation
from evaluation.simulate.writing import LEGEND

_PRINTED = 20
_FEW = 5  # answered tickets; the interval of fewer would only stretch the plot
_ROOM = 4_700_000
_STATES = {
    "wrong": "answered wrong",
    "needless": "handed over, needlessly",
    "clean": "handed over",
    "right": "answered right",
}
_REASONS = {
    "agrees": "it says what the agent said",
    "contradicts": "it says otherwise than the agent",
    "missed": "the text that was found says what the agent said, and the answer does not",
    "off topic": "it is about something else",
    "not grounded": "its citations do not support it",
    "judge": "so says the judge model",
    "refused": "there was no answer to look at",
}


def simulation_report(result: Simulation) -> str:
    """A rehearsal as one HTML file. It names no rate alone: what was answered right, answered wrong and handed over
    stand side by side, with their intervals."""
    return fitted(lambda room: _report(result, room), _ROOM)


def _report(result: Simulation, room: int) -> str:
    tickets = sorted(result.tickets, key=lambda one: list(_STATES).index(state_of(one)))
    kinds = list(dict.fromkeys(one.dimension for one in result.breakdowns))
    return render(
        "simulate.html",
        title=f"Rehearsal on {len(result.tickets):,} past tickets",
        s=result,
        legend=LEGEND,
        curve=_curve(result.curve) if any(point.answered.n for point in result.curve) else None,
        points=_thinned(result.curve),
        breakdowns=[(kind, [one for one in result.breakdowns if one.dimension == kind]) for kind in kinds],
        most=max((gap.volume for gap in result.gaps), default=1),
        unanswered=[gap for gap in result.gaps if gap.open],
        closed=[gap for gap in result.gaps if not gap.open],
        anchors={ticket.id: f"t{number}" for number, ticket in enumerate(result.tickets, start=1)},
        tickets=[(one, state_of(one)) for one in tickets],
        states=[(state, words, sum(state_of(one) == state for one in tickets)) for state, words in _STATES.items()],
        words=_STATES,
        reasons=_REASONS,
        longest=_longest(tickets, room),
        printed=_PRINTED,
    )


def state_of(ticket: Replayed) -> str:
    """``right``, ``wrong``, and of those handed over ``clean`` or ``needless``."""
    if ticket.outcome != "handed over":
        return ticket.outcome
    return "needless" if ticket.needless else "clean"


def _longest(tickets: Sequence[Replayed], room: int) -> int:
    """Characters of a text, so that all tickets stay within ``room`` bytes: a ticket has about six texts."""
    return int(min(2_000, max(100, (room / max(1, len(tickets)) - 1_900) / 6)))


def _curve(points: Sequence[CurvePoint]) -> Plot:
    shown = [point for point in points if point.answered.n and point.errors.n]
    chosen = next((point for point in shown if point.chosen), None)
    dots = [_dot(point) for point in shown]
    reach = max((point.answered.share for point in shown), default=1.0)
    highest = max((point.errors.high for point in shown if point.answered.n >= _FEW), default=1.0)
    rules = () if chosen is None else (Rule(chosen.answered.share, f"threshold {chosen.threshold:.2f}"),)
    return Plot(
        "threshold",
        "How much is answered, and how much of that is wrong, as the threshold falls",
        "Each point is a threshold of evidence; to the right more tickets are answered. The band is the 95% "
        "interval of the error rate. The table has the values.",
        axis("answered without a person, share of all tickets", 0.0, max(reach, 0.1), "percent"),
        axis(
            "wrong among the answered",
            0.0,
            max(highest, *(point.errors.share for point in shown), 0.05),
            "percent",
            most=5,
        ),
        lines=(
            Line(
                "one point a threshold", tuple((point.answered.share, point.errors.share) for point in shown), "front"
            ),
        ),
        dots=tuple(dots),
        bands=(Band("95% interval", tuple((one.answered.share, one.errors.low, one.errors.high) for one in shown)),),
        rules=rules,
    )


def _dot(point: CurvePoint) -> Dot:
    title = f"threshold {point.threshold:.2f}: {_said(point.answered)} answered, of these {_said(point.errors)} wrong"
    return Dot(
        point.answered.share,
        point.errors.share,
        title,
        "winner" if point.chosen else "plain",
    )


def _said(rate: Rate) -> str:
    return f"{rate.share:.1%} ({rate.low:.1%} to {rate.high:.1%}, n={rate.n:,})"


def _thinned(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    step = max(1, len(points) // 25)
    return [point for place, point in enumerate(points) if place % step == 0 or point.chosen]
