"""The solved tickets that are on a shelf: documents that are conversations."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, select

from evaluation.gold.tickets.solved import Solved, exchange, is_open, moments, tags_of
from evaluation.simulate.ticket import Turn
from ingest.document import Kind
from ingest.ledger import Ledger
from ingest.ledger.builds import ACTIVE
from ingest.ledger.tables import bodies, builds, documents
from ingest.metadata import decode_metadata

MEDIA_TYPE = "application/x-conversation+json"
_INTERNAL = "Internal note:"
"""How the connectors mark what the customer did not see."""

_BATCH = 100


def shelved(ledger: Ledger, sources: Collection[str] = ()) -> Iterator[Solved]:
    """Every solved ticket of the active builds, by source and id.

    Args:
        sources: of these only; empty: of all.
    """
    with ledger.reading() as connection:
        yield from _tickets(connection, sources)


def _tickets(connection: Connection, sources: Collection[str]) -> Iterator[Solved]:
    statement = (
        select(
            builds.c.source,
            documents.c.document_id,
            documents.c.url,
            documents.c.language,
            documents.c.metadata,
            documents.c.dates,
            bodies.c.text,
            bodies.c.elements,
        )
        .join(builds, builds.c.id == documents.c.build)
        .join(bodies, bodies.c.hash == documents.c.body)
        .where(builds.c.state == ACTIVE, documents.c.media_type == MEDIA_TYPE)
        .order_by(builds.c.source, documents.c.document_id)
    )
    if sources:
        statement = statement.where(builds.c.source.in_(sorted(sources)))
    for row in connection.execution_options(yield_per=_BATCH).execute(statement):
        metadata = decode_metadata(row.metadata, row.dates)
        found = exchange(_turns(row.text, row.elements))
        if found is None:
            continue
        asked, solved = moments(metadata)
        yield Solved(
            id=str(metadata.get("ticket_id") or metadata.get("conversation_id") or row.document_id),
            question=found[0],
            answer=found[1],
            url=row.url,
            language=row.language,
            tags=tags_of(metadata.get("tags")),
            asked=asked,
            solved=solved,
            open=is_open(metadata),
            document=(row.source, row.document_id),
            where=f"{row.source}/{row.document_id}",
        )


def _turns(text: str, elements: list[list[object]]) -> list[Turn]:
    """The public turns: an element each, which begins with its speaker (``ingest.parse.records``)."""
    turns = []
    for kind, start, end, *_ in elements:
        _, _, said = text[int(str(start)) : int(str(end))].partition(": ")
        if said.strip() and not said.startswith(_INTERNAL):
            turns.append(Turn("customer" if kind == Kind.QUESTION else "agent", said.strip()))
    return turns
