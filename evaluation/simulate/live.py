"""A shelf as it is, cut back in time by the stamps of its documents: a filter for each ticket, no rebuild.

Of a document that was changed later than a ticket nobody knows here what it said before, so it is hidden from that
ticket and counted. Documents without a stamp are hidden from all. The statistics of the keyword index (how rare a word
is) still count what is hidden; no text of it can come back. Where earlier texts are known, a ``Timeline`` is better.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from configs.errors import RetrievalError
from evaluation.gold.tickets.links import links_in
from evaluation.gold.tickets.shelved import MEDIA_TYPE, shelved
from evaluation.simulate.knowledge import check_leak, moment_of
from evaluation.simulate.ticket import Export, Ticket
from ingest.ledger.builds import ACTIVE
from ingest.ledger.tables import builds, documents
from ingest.metadata import decode_metadata

if TYPE_CHECKING:
    from evaluation.subject import Subject
    from ingest.ledger import Ledger
    from retrieval.hit import Hit

CHANGED: Final = ("updated", "updated_at", "modified", "last_modified", "known_since")
SOLVED: Final = ("solved_at", "resolved_at", "closed_at", "solved", "resolved", "closed")
CREATED: Final = ("created", "created_at", "published", "published_at", "date")


class _Stamps:
    """When the documents of one source came to read as they do.

    Attributes:
        key: the metadata that says so.
        since: of every stamped document, sorted.
        edits: (created, since) of those that say both.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], *, tickets: bool) -> None:
        order = (*SOLVED, *CHANGED) if tickets else (*CHANGED, *CREATED)
        self.key = next((key for key in order if any(isinstance(row.get(key), date) for row in rows)), None)
        # A stamp that is only text cannot be filtered by.
        found = ((row, row.get(self.key) if self.key else None) for row in rows)
        stamped = [(row, since) for row, value in found if isinstance(value, date) and (since := moment_of(value))]
        self.since = sorted(since for _, since in stamped)
        self.undated = len(rows) - len(stamped)
        made = ((_first(row, CREATED), since) for row, since in stamped)
        self.edits = [(created, since) for created, since in made if created is not None and created < since]


class Live:
    """The shelf itself, asked with a filter on time. It is only read, and stays open.

    Raises:
        RetrievalError: no document on it says when it was written.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._stamps, self._tickets = _read(subject)
        self._known = 0
        self._hidden: list[int] = []
        self._dated = {name: stamps for name, stamps in self._stamps.items() if stamps.key is not None}
        if not self._dated:
            raise RetrievalError(
                f"No document on the shelf says when it was written ({', '.join((*CHANGED[:2], *CREATED[:2]))}), so "
                "nothing can be rehearsed on it.",
                hint="Give the articles as a file with --knowledge, or map a date in the source's metadata.",
            )

    @property
    def subject(self) -> Subject:
        """The shelf."""
        return self._subject

    @property
    def known(self) -> int:
        """Documents that the last ticket could see."""
        return self._known

    def at(self, ticket: Ticket) -> Mapping[str, Any] | None:
        """The filter for what read as it does before ``ticket`` was asked."""
        self._known = sum(bisect_left(stamps.since, ticket.asked) for stamps in self._dated.values())
        edits = [edit for stamps in self._dated.values() for edit in stamps.edits]
        self._hidden.append(sum(created < ticket.asked <= since for created, since in edits))
        parts = [
            {"and": [{"source": name}, {stamps.key: {"lt": ticket.asked}}]} for name, stamps in self._dated.items()
        ]
        known: dict[str, Any] = {"or": parts}
        if ticket.document is None:
            return known
        source, document = ticket.document
        return {"and": [known, {"or": [{"source": {"ne": source}}, {"document_id": {"ne": document}}]}]}

    def now(self) -> Mapping[str, Any] | None:
        """Everything but solved tickets."""
        return {"source": {"nin": sorted(self._tickets)}} if self._tickets else None

    def check(self, ticket: Ticket, hits: Iterable[Hit]) -> None:
        """Hold every hit's stamp against the ticket's time."""
        check_leak(ticket, hits, {name: str(stamps.key) for name, stamps in self._dated.items()})

    def notes(self) -> list[str]:
        """What was hidden."""
        undated = {name: stamps.undated for name, stamps in self._stamps.items() if stamps.undated}
        notes = [
            "Knowledge was cut back in time by the documents' own stamps; of a changed one only today's text is known."
        ]
        if undated:
            told = ", ".join(f"{count:,} of {name}" for name, count in sorted(undated.items()))
            notes.append(f"Documents without a stamp (a date, not text) were hidden from every ticket: {told}.")
        if any(self._hidden):
            mean = sum(self._hidden) / len(self._hidden)
            notes.append(f"On average {mean:.1f} documents that existed were hidden from a ticket: they changed later.")
        return notes

    def close(self) -> None:
        """Nothing: the shelf belongs to who opened it."""


def tickets_on(subject: Subject, sources: Collection[str] = ()) -> Export:
    """The solved tickets on the shelf that say when they were asked.

    Raises:
        RetrievalError: there are none.
    """
    abouts = _abouts(subject.ledger)
    found: list[Ticket] = []
    untimed = unanswered = 0
    for one in shelved(subject.ledger, sources):
        if not one.answer:
            unanswered += 1
        elif one.asked is None or one.open:
            untimed += 1
        else:
            about = abouts.get(one.document or ("", ""), {})
            found.append(
                Ticket(
                    id=one.id,
                    question=one.question,
                    answer=one.answer,
                    asked=one.asked,
                    solved=max(one.solved or one.asked, one.asked),
                    language=one.language,
                    brand=_text(about.get("brand")),
                    topic=_text(about.get("topic")),
                    tags=one.tags,
                    links=(*one.links, *links_in(one.answer)),
                    document=one.document,
                    where=one.where,
                )
            )
    if not found:
        raise RetrievalError(
            "There is no solved ticket on the shelf that says when it was asked.",
            hint="Sync one of zendesk, freshdesk or a folder of tickets, or name a file of tickets.",
        )
    notes = [f"{unanswered} tickets without a public answer are left out."] if unanswered else []
    notes += [f"{untimed} tickets that are open, or do not say when they were asked, are left out."] if untimed else []
    unique = {ticket.id: ticket for ticket in found}
    ordered = sorted(unique.values(), key=lambda ticket: (ticket.asked, ticket.id))
    return Export(tuple(ordered), f"shelf:{generation_of(subject)}", tuple(notes))


def generation_of(subject: Subject) -> int:
    """The shelf's generation: it moves on with every change."""
    from ingest.ledger.ledger import generation

    with subject.ledger.reading() as connection:
        return generation(connection)


def _read(subject: Subject) -> tuple[dict[str, _Stamps], set[str]]:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    tickets: set[str] = set()
    for (source, _), about in _abouts(subject.ledger).items():
        if source not in subject.config.sources:
            continue  # not searched either
        rows.setdefault(source, []).append(about)
        if about["media_type"] == MEDIA_TYPE:
            tickets.add(source)
    return {name: _Stamps(own, tickets=name in tickets) for name, own in rows.items()}, tickets


def _abouts(ledger: Ledger) -> dict[tuple[str, str], dict[str, Any]]:
    """The metadata of every document, and its media type."""
    statement = (
        select(
            builds.c.source, documents.c.document_id, documents.c.metadata, documents.c.dates, documents.c.media_type
        )
        .join(builds, builds.c.id == documents.c.build)
        .where(builds.c.state == ACTIVE)
    )
    with ledger.reading() as connection:
        return {
            (row.source, row.document_id): {**decode_metadata(row.metadata, row.dates), "media_type": row.media_type}
            for row in connection.execution_options(yield_per=500).execute(statement)
        }


def _first(about: Mapping[str, Any], keys: Sequence[str]) -> datetime | None:
    return next((moment for key in keys if (moment := moment_of(about.get(key))) is not None), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
