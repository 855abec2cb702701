"""What a rehearsal asks: a shelf that shows only what was known before a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from configs.errors import RetrievalError
from connectors.contract import MetaValue
from evaluation.simulate.ticket import Ticket

if TYPE_CHECKING:
    from evaluation.subject import Subject
    from retrieval.hit import Hit


class Knowledge(Protocol):
    """A shelf that can be put back to the moment before a ticket."""

    @property
    def subject(self) -> Subject:
        """The shelf to ask."""
        ...

    @property
    def known(self) -> int:
        """Documents that are known at the moment of the last ticket."""
        ...

    def at(self, ticket: Ticket) -> Mapping[str, Any] | None:
        """Go to the moment before ``ticket``; the filter to search with from here on.

        Raises:
            RetrievalError: the shelf could not be brought there.
        """
        ...

    def now(self) -> Mapping[str, Any] | None:
        """Go to the end of time, for the question whether a gap was closed since; never for a rate. The filter leaves
        solved tickets out: a ticket would answer itself.

        Raises:
            RetrievalError: the shelf could not be brought there.
        """
        ...

    def check(self, ticket: Ticket, hits: Iterable[Hit]) -> None:
        """Hold what was found against what was known.

        Raises:
            RetrievalError: something leaked.
        """
        ...

    def notes(self) -> list[str]:
        """Sentences on what was left out."""
        ...

    def close(self) -> None:
        """Release what was opened for the rehearsal."""
        ...


def check_leak(ticket: Ticket, hits: Iterable[Hit], keys: Mapping[str, str]) -> None:
    """Make sure that everything in ``hits`` was known before ``ticket`` was asked, and that none is the ticket.

    Args:
        keys: by source, the metadata that says since when a document reads as it does.

    Raises:
        RetrievalError: something leaked: better no result than one that is too good.
    """
    for hit in hits:
        key = keys.get(hit.source)
        since = moment_of(hit.metadata.get(key)) if key else None
        if since is None or since >= ticket.asked or (hit.source, hit.document_id) == ticket.document:
            when = "at a time that nobody knows" if since is None else f"at {since.isoformat()}"
            raise RetrievalError(
                f"Ticket {ticket.id} of {ticket.asked.isoformat()} was shown {hit.title!r} ({hit.source}), which "
                f"became known {when}. The rehearsal knew too much and was stopped.",
                hint="This is a bug in Openshelf, or the source changed during the rehearsal. Run it again.",
            )


def moment_of(value: MetaValue | None) -> datetime | None:
    """Metadata as a point in time; a naive one, and a date, are UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None
