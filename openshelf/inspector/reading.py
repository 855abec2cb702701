"""What the inspector reads from the ledger: documents, their texts, and the chunks that are indexed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, true

from configs.errors import RetrievalError
from ingest.document import Chunk, Document
from ingest.ledger import builds as build_rows
from ingest.ledger import flips
from ingest.ledger.builds import ACTIVE, Build
from ingest.ledger.ledger import Ledger
from ingest.ledger.tables import bodies, builds, chunks, documents
from ingest.ledger.where import among


@dataclass(frozen=True, slots=True)
class Listed:
    """A document in a list.

    Attributes:
        readers: groups that may see it; ``None``: everybody.
        chunks: that are indexed.
        updated: epoch seconds.
    """

    source: str
    id: str
    title: str
    url: str | None
    language: str | None
    readers: list[str] | None
    chunks: int
    updated: float


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it is indexed.

    Attributes:
        document: as its source gave it.
        readers: after the source's settings; ``None``: everybody.
        metadata: after the source's settings; dates are epoch seconds.
    """

    document: Document
    build: Build
    chunks: list[Chunk]
    readers: list[str] | None
    metadata: Mapping[str, Any]
    updated: float


@dataclass(frozen=True, slots=True)
class Row:
    """A chunk in a list of a search, with its document. ``rowid`` is ``chunks.rowid``."""

    rowid: int
    id: str
    source: str
    document: str
    title: str
    language: str | None
    restricted: bool
    ordinal: int
    text: str
    header: str | None
    prefix: str
    page: int | None
    heading_path: tuple[str, ...]

    @property
    def indexed(self) -> str:
        """What the keyword index has of it."""
        return "\n".join(part for part in (self.prefix, self.header, self.text) if part)


def list_documents(
    ledger: Ledger, *, source: str, words: str, inside: bool, first: int, most: int
) -> tuple[list[Listed], int]:
    """Documents of the active builds by title, and how many there are.

    Args:
        source: only its documents; empty for all.
        words: each has to be in the title, the id or the address.
        inside: look in the text too, which reads all of it.
    """
    where: list[ColumnElement[bool]] = [builds.c.state == ACTIVE, builds.c.source == source if source else true()]
    for word in words.split():
        columns = [documents.c.title, documents.c.document_id, documents.c.url]
        found = [column.icontains(word, autoescape=True) for column in columns]
        if inside:
            texts = select(bodies.c.hash).where(bodies.c.text.icontains(word, autoescape=True))
            found.append(documents.c.body.in_(texts))
        where.append(or_(*found))
    count = select(func.count()).select_from(chunks).where(chunks.c.document == documents.c.rowid).scalar_subquery()
    listed = select(
        builds.c.source,
        documents.c.document_id.label("id"),
        documents.c.title,
        documents.c.url,
        documents.c.language,
        documents.c.readers,
        count.label("chunks"),
        documents.c.updated,
    )
    joined = documents.join(builds, builds.c.id == documents.c.build)
    statement = listed.select_from(joined).where(*where).order_by(documents.c.title, documents.c.document_id)
    with ledger.reading() as connection:
        total = connection.execute(select(func.count()).select_from(joined).where(*where)).scalar_one()
        rows = connection.execute(statement.offset(first).limit(most)).all()
    return [Listed(**row._mapping) for row in rows], total


def read_document(ledger: Ledger, source: str, document_id: str) -> Stored:
    """A document of a source, and its chunks as search finds them.

    Raises:
        RetrievalError: there is none of that id.
    """
    with ledger.reading() as connection:
        build = build_rows.find(connection, source, ACTIVE)
        document = flips.stored(connection, build, document_id) if build else None
        if build is None or document is None:
            raise RetrievalError(
                f"No document {document_id!r} of the source {source!r} is indexed.",
                hint="It may have been deleted meanwhile; the list of documents has those that are.",
            )
        row = connection.execute(
            select(documents.c.rowid, documents.c.readers, documents.c.metadata, documents.c.updated).where(
                documents.c.build == build.id, documents.c.document_id == document_id
            )
        ).one()
        return Stored(document, build, _chunks(connection, row.rowid), row.readers, row.metadata, row.updated)


def similar_ids(ledger: Ledger, words: str, most: int = 8) -> list[Listed]:
    """Documents whose title, id or address has ``words``."""
    return list_documents(ledger, source="", words=words, inside=False, first=0, most=most)[0]


def has_document(ledger: Ledger, document_id: str, source: str | None) -> bool:
    """Whether any active build has a document of that id."""
    where = [documents.c.document_id == document_id, builds.c.state == ACTIVE]
    if source:
        where.append(builds.c.source == source)
    joined = documents.join(builds, builds.c.id == documents.c.build)
    with ledger.reading() as connection:
        return connection.execute(select(documents.c.rowid).select_from(joined).where(*where)).first() is not None


def read_rows(ledger: Ledger, rowids: Collection[int]) -> dict[int, Row]:
    """Chunks by ``chunks.rowid``; those that a sync has removed meanwhile are not among them."""
    c, d = chunks.c, documents.c
    statement = (
        select(
            *(c.rowid, c.id, builds.c.source, d.document_id, d.title, d.language, d.readers, c.ordinal, c.text),
            *(c.header, c.prefix, c.page, c.heading_path),
        )
        .select_from(chunks.join(documents, d.rowid == c.document).join(builds, builds.c.id == c.build))
        .where(among(c.rowid, rowids))
    )
    with ledger.reading() as connection:
        return {row.rowid: _row(row) for row in connection.execute(statement)}


def _row(row: Any) -> Row:
    return Row(
        rowid=row.rowid,
        id=row.id,
        source=row.source,
        document=row.document_id,
        title=row.title,
        language=row.language,
        restricted=row.readers is not None,
        ordinal=row.ordinal,
        text=row.text,
        header=row.header,
        prefix=row.prefix,
        page=row.page,
        heading_path=tuple(row.heading_path),
    )


def _chunks(connection: Connection, document: int) -> list[Chunk]:
    rows: Sequence[Any] = connection.execute(
        select(chunks).where(chunks.c.document == document).order_by(chunks.c.ordinal)
    ).all()
    return [
        Chunk(
            text=row.text,
            start=row.start,
            end=row.end,
            ordinal=row.ordinal,
            heading_path=tuple(row.heading_path),
            page=row.page,
            header=row.header,
            prefix=row.prefix,
            parent=None if row.parent_start is None else (row.parent_start, row.parent_end),
            tokens=row.tokens,
        )
        for row in rows
    ]
