"""A solved ticket: what the customer asked, and what the agent answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

_ASKERS = frozenset({"customer", "user", "requester", "end-user", "client", "visitor"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One public message of a ticket."""

    role: str
    text: str

    @property
    def asks(self) -> bool:
        """Whether the customer wrote it."""
        return self.role.strip().casefold() in _ASKERS


@dataclass(frozen=True, slots=True)
class Ticket:
    """One solved ticket.

    Attributes:
        question: the customer's messages before the first public answer.
        answer: the agent's public answer to them.
        asked, solved: with a time zone; ``solved`` is never before ``asked``.
        turns: every public message, for a shelf that indexes solved tickets.
        links: ids or URLs of the articles that the agent linked.
        groups: what the customer belongs to; ``None``: the public.
        document: (source, document id) of the ticket itself, where it is on the shelf.
        where: file and line, for messages.
    """

    id: str
    question: str
    answer: str
    asked: datetime
    solved: datetime
    turns: tuple[Turn, ...] = ()
    language: str | None = None
    brand: str | None = None
    topic: str | None = None
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    groups: frozenset[str] | None = None
    document: tuple[str, str] | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """Tickets in the order in which they were asked.

    Attributes:
        fingerprint: SHA-256 of what was read.
        notes: sentences on what was left out.
    """

    tickets: tuple[Ticket, ...]
    fingerprint: str
    notes: tuple[str, ...] = field(default_factory=tuple)


def first_exchange(turns: Sequence[Turn]) -> tuple[str, str] | None:
    """The customer's first messages and the agent's answer to them; ``None`` where one of both is missing.

    An agent who only asks back ("Which order is it?") has not answered: what the customer replies belongs to the
    question then, and the next message of the agent is the answer.
    """
    asked: list[str] = []
    answered: list[str] = []
    back: list[str] = []
    for turn in turns:
        text = turn.text.strip()
        if not text:
            continue
        if turn.asks:
            if answered:
                break
            asked.append(text)
            back = []
        elif not asked:
            continue  # a greeting by a machine, before anything was asked
        elif text.endswith("?") and not answered:
            back.append(text)
        else:
            answered.append(text)
    answered = answered or back
    return ("\n\n".join(asked), "\n\n".join(answered)) if asked and answered else None
