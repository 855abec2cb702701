"""A rehearsal as JSON and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from configs.errors import ConfigError
from evaluation.simulate.result import Gap, Rate, Simulation

_ADAPTER: TypeAdapter[Simulation] = TypeAdapter(Simulation)
_MOST_GAPS, _MOST_ROWS, _MOST_POINTS = 20, 12, 12
_LONGEST = 300
LEGEND: Final = (
    "An answer is right when it says what the agent said. A hand-over is clean when the answer would have been wrong: "
    "nothing went wrong there. It is needless when the answer would have been right."
)


def as_json(result: Simulation) -> str:
    """The whole result; ``load`` reads it."""
    return json.dumps(plain(result), ensure_ascii=False, indent=1) + "\n"


def plain(result: Simulation) -> Any:
    """The result in the types that JSON has."""
    return _ADAPTER.dump_python(result, mode="json")


def load(path: Path) -> Simulation:
    """A result that ``as_json`` wrote.

    Raises:
        ConfigError: there is no such file, or it is something else.
    """
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        raise ConfigError(
            f"{path.name} is no result of a rehearsal: {error.error_count()} things are wrong with it.",
            hint="openshelf simulate writes simulation.json.",
        ) from None


def as_markdown(result: Simulation) -> str:
    """The result for people."""
    parts = [
        f"# Rehearsal on {len(result.tickets):,} tickets",
        _span(result),
        _table(("", "tickets", "share", "95% interval"), [_rate(rate) for rate in result.rates]),
        LEGEND,
        _table(("", "count", "share", "95% interval"), [_rate(rate) for rate in result.quality]),
        "## What a threshold would give",
        _curve(result),
        "## Costs and time",
        _money(result),
        "## Gaps",
        *_gaps(result.gaps),
        "## By topic, tag, language and brand",
        *_breakdowns(result),
        "## Notes",
        "\n".join(f"- {note}" for note in result.notes) or "None.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def percent(rate: Rate) -> str:
    """``31.5%``; nothing where there is nothing to divide by."""
    return f"{rate.share:.1%}" if rate.n else "–"


def interval(rate: Rate) -> str:
    """``26.8% to 34.1%``."""
    return f"{rate.low:.1%} to {rate.high:.1%}" if rate.n else "–"


def _span(result: Simulation) -> str:
    if not result.tickets:
        return ""
    first, last = result.tickets[0].asked, result.tickets[-1].asked
    return (
        f"Asked from {first:%Y-%m-%d} to {last:%Y-%m-%d}, each answered with what was known before it. "
        f"Threshold of evidence: {result.threshold:.2f}."
    )


def _rate(rate: Rate) -> tuple[str, ...]:
    return rate.name, f"{rate.count:,} of {rate.n:,}", percent(rate), interval(rate)


def _curve(result: Simulation) -> str:
    points = result.curve
    step = max(1, len(points) // _MOST_POINTS)
    rows = [
        (
            f"{'**' if point.chosen else ''}{point.threshold:.2f}{'** (chosen)' if point.chosen else ''}",
            f"{percent(point.answered)} ({interval(point.answered)})",
            f"{percent(point.errors)} ({interval(point.errors)})",
            percent(point.right),
            percent(point.wrong),
        )
        for place, point in enumerate(points)
        if place % step == 0 or point.chosen
    ]
    return _table(("threshold", "answered", "wrong among the answered", "right of all", "wrong of all"), rows)


def _money(result: Simulation) -> str:
    costs, latency = result.costs, result.latency
    rows: list[tuple[str, ...]] = [
        ("this rehearsal's answers, per ticket", _amount(costs.per_ticket, costs.currency)),
        ("this rehearsal's answers, per month", _amount(costs.per_month, costs.currency)),
    ]
    if costs.estimate_per_ticket is not None:
        rows += [
            (f"estimate with {costs.model}, per ticket", _amount(costs.estimate_per_ticket, costs.currency)),
            (f"estimate with {costs.model}, per month", _amount(costs.estimate_per_month, costs.currency)),
        ]
    if any(ticket.judged for ticket in result.tickets):
        rows.append(("the judge, all together", _amount(costs.judge, costs.currency)))
    monthly = "unknown" if costs.tickets_per_month is None else f"{costs.tickets_per_month:,.0f}"
    rows += [
        ("tickets a month", monthly),
        ("tokens of context per ticket", f"{costs.tokens_per_ticket:,.0f}"),
        ("time to an answer, median", f"{latency.p50:.3f} s (n={latency.n:,})"),
        ("time to an answer, 95th percentile", f"{latency.p95:.3f} s"),
    ]
    return _table(("", ""), rows)


def _gaps(gaps: Sequence[Gap]) -> Iterable[str]:
    if not gaps:
        yield "None: no two tickets on one subject went unanswered."
    for number, gap in enumerate(gaps[:_MOST_GAPS], start=1):
        monthly = "" if gap.per_month is None else f", {gap.per_month:.1f} a month"
        kind = "no article answers it" if gap.kind == "missing" else "an article says otherwise than the agents"
        closed = "" if not gap.closed else f" Today's knowledge answers {gap.closed} of them."
        yield f"### {number}. {gap.label or gap.examples[0].question[:60]}: {gap.volume} tickets"
        lines = [
            f"{kind.capitalize()} ({gap.share:.1%} of all{monthly}; {gap.answered_wrong} answered wrongly).{closed}"
        ]
        if gap.nearest is not None:
            one = gap.nearest
            lines.append(f"Nearest: {_line(one.title)} (`{one.source}`, {one.share:.0%} of them): {_line(one.why)}.")
        lines += [f"- {_line(example.question)} → {_line(example.agent)}" for example in gap.examples]
        yield "\n".join(
            [lines[0], *([f"\n{lines[1]}\n"] if gap.nearest is not None else [""]), *lines[-len(gap.examples) :]]
        )
    if len(gaps) > _MOST_GAPS:
        yield f"{len(gaps) - _MOST_GAPS} more are in simulation.json."


def _breakdowns(result: Simulation) -> Iterable[str]:
    for dimension in ("topic", "tag", "language", "brand"):
        own = [one for one in result.breakdowns if one.dimension == dimension]
        rows = [
            (one.value, f"{one.n:,}", *(f"{percent(rate)} ({interval(rate)})" for rate in one.rates[:3]))
            for one in own[:_MOST_ROWS]
        ]
        if rows:
            yield _table((dimension, "tickets", "right", "wrong", "handed over"), rows)
        if len(own) > _MOST_ROWS:
            yield f"{len(own) - _MOST_ROWS} more are in simulation.json."


def _amount(amount: float | None, currency: str) -> str:
    return "unknown" if amount is None else f"{amount:,.4f} {currency}"


def _line(text: str) -> str:
    """One line that is no markup: what customers write is data."""
    plain = " ".join(text.split())
    plain = plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
    for mark in "\\`*_[]<>|#":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join(
        [*lines, *(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows)]
    )
