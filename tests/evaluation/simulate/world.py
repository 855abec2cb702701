"""Small worlds that the tests of the rehearsal start from, and how they are replayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from configs.loader import from_mapping
from evaluation.simulate.result import Simulation
from evaluation.simulate.simulate import Rehearsing, simulate
from evaluation.simulate.ticket import Export, Ticket, Turn
from evaluation.simulate.timeline import Timeline
from evaluation.simulate.version import Version
from openshelf import Shelf

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG: dict[str, Any] = {"path": "shelf", "answer": {"provider": "extractive"}}


def day(number: float) -> datetime:
    """So many days after the first of January."""
    return START + timedelta(days=number)


def article(id: str, start: float, text: str | None, *, until: float | None = None, **more: Any) -> Version:
    """A version of an article from day ``start`` on; ``None``: it was removed."""
    return Version(
        source=more.pop("source", "knowledge"),
        id=id,
        start=day(start),
        content=None if text is None else text.encode(),
        title=more.pop("title", id),
        until=None if until is None else day(until),
        **more,
    )


def ticket(id: str, asked: float, question: str, answer: str, **more: Any) -> Ticket:
    """A ticket of day ``asked``, solved a day later."""
    solved = more.pop("solved", asked + 1)
    turns = (Turn("customer", question), Turn("agent", answer))
    return Ticket(id, question, answer, day(asked), day(solved), turns, **more)


def export(tickets: Iterable[Ticket]) -> Export:
    """The tickets in time order."""
    ordered = tuple(sorted(tickets, key=lambda one: (one.asked, one.id)))
    return Export(ordered, "-".join(one.id for one in ordered))


def timeline(folder: Path, versions: Iterable[Version], **options: Any) -> Timeline:
    """A timeline in ``folder``."""
    config = options.pop("config", CONFIG)
    kind = options.pop("kind", Timeline)
    made: Timeline = kind(from_mapping(config, folder), Shelf, versions, folder / "time", **options)
    return made


def rehearse(
    folder: Path,
    versions: Iterable[Version],
    tickets: Sequence[Ticket],
    *,
    options: Rehearsing | None = None,
    with_tickets: bool = False,
    **more: Any,
) -> Simulation:
    """A rehearsal from end to end.

    Args:
        with_tickets: whether solved tickets are knowledge too.
    """
    knowledge = timeline(folder, versions, tickets=tickets if with_tickets else (), **more)
    try:
        return simulate(knowledge, export(tickets), folder / "out", options=options)
    finally:
        knowledge.close()
