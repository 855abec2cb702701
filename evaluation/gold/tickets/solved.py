"""A solved ticket as gold needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from evaluation.simulate.ticket import Turn, first_exchange

_ASKED = ("asked", "created_at", "created", "opened", "date")
_SOLVED = ("solved_at", "resolved_at", "closed_at", "solved", "resolved", "closed")
_STATUSES = frozenset({"solved", "closed", "resolved", "done"})


@dataclass(frozen=True, slots=True)
class Solved:
    """One solved ticket.

    Attributes:
        question: the customer's messages before the first answer.
        answer: the agent's public answer to them; empty where there is none.
        links: ids or URLs of articles that are named beside the text.
        open: it says that it is not solved.
        document: (source, document id) of the ticket itself, where it is on the shelf.
        where: file and line, or the document, for messages.
    """

    id: str
    question: str
    answer: str = ""
    links: tuple[str, ...] = ()
    url: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    asked: datetime | None = None
    solved: datetime | None = None
    open: bool = False
    document: tuple[str, str] | None = None
    where: str = ""

    @property
    def moment(self) -> datetime | None:
        """When it was asked, or at least solved."""
        return self.asked or self.solved


def exchange(turns: Sequence[Turn]) -> tuple[str, str] | None:
    """Question and answer (empty where nobody answered); ``None`` where no customer wrote."""
    found = first_exchange(turns)
    if found is not None:
        return found
    asked = [turn.text.strip() for turn in turns if turn.asks and turn.text.strip()]
    return ("\n\n".join(asked), "") if asked else None


def is_open(metadata: Mapping[str, Any]) -> bool:
    """Whether the ticket says that it is not solved."""
    status = metadata.get("status")
    return isinstance(status, str) and status.strip().casefold() not in _STATUSES


def moments(metadata: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """When it was asked and when solved, as far as it says."""
    return _first(metadata, _ASKED), _first(metadata, _SOLVED)


def tags_of(value: Any) -> tuple[str, ...]:
    """Tags as a list, whatever they were."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple | set | frozenset):
        return ()
    return tuple(dict.fromkeys(str(tag).strip() for tag in value if str(tag).strip()))


def _first(metadata: Mapping[str, Any], names: Sequence[str]) -> datetime | None:
    for name in names:
        found = moment(metadata.get(name))
        if found is not None:
            return found
    return None


def moment(value: Any) -> datetime | None:
    """A point in time with a zone (UTC where none is said), or ``None`` for what is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
