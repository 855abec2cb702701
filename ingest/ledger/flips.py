"""The flip: one transaction that moves documents to their new version.

Documents, chunks, keyword index, failures and cursor change together or not at all.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from connectors.contract import Cursor
from ingest.document import Chunk, Document, Element, Kind
from ingest.ledger import keywords, postings
from ingest.ledger.builds import Build
from ingest.ledger.ledger import next_generation, reserve_chunks
from ingest.ledger.tables import bodies, builds, chunks, documents
from ingest.metadata import decode_metadata, encode_metadata


@dataclass(frozen=True, slots=True)
class Indexed:
    """A document ready to flip: its chunks with their ids and embedding keys (same order).

    Attributes:
        origin: the document as parsed, before the source's metadata and visibility settings were applied.
    """

    document: Document
    origin: Document
    chunks: Sequence[Chunk]
    ids: Sequence[str]
    keys: Sequence[str]


def flip(
    connection: Connection,
    build: Build,
    upserts: Sequence[Indexed],
    deletes: Iterable[str],
    *,
    cursor: Cursor | None,
    visible: bool,
) -> list[str]:
    """Move documents to their new version; the ids of chunks that went stale, for the vector store.

    Args:
        cursor: stored with the change where given.
        visible: whether search reads this build (its generation then moves on).
    """
    stale: list[str] = []
    for document_id in deletes:
        stale += _remove(connection, build, document_id)
    number = reserve_chunks(connection, sum(len(item.chunks) for item in upserts))
    rows: list[keywords.KeywordRow] = []
    for item in upserts:
        old = set(_chunk_ids(connection, build, item.document.id))
        _remove(connection, build, item.document.id)
        rows += _insert(connection, build, item, number)
        number += len(item.chunks)
        stale += old - set(item.ids)
    keywords.add(connection, build.id, rows)
    postings.tidy(connection, build.id)
    if cursor is not None:
        connection.execute(update(builds).where(builds.c.id == build.id).values(cursor=cursor))
    if visible and (upserts or stale):
        next_generation(connection)
    return stale


def versions(connection: Connection, build: Build) -> dict[str, str]:
    """Document id to version, for every document in the build."""
    rows = connection.execute(select(documents.c.document_id, documents.c.version).where(documents.c.build == build.id))
    return {row.document_id: row.version for row in rows}


def stored(connection: Connection, build: Build, document_id: str) -> Document | None:
    """The parsed document as its source gave it, read back from the ledger."""
    row = connection.execute(
        select(documents, bodies.c.text, bodies.c.elements)
        .join(bodies, bodies.c.hash == documents.c.body)
        .where(documents.c.build == build.id, documents.c.document_id == document_id)
    ).first()
    if row is None:
        return None
    origin: dict[str, Any] = row.origin
    return Document(
        id=row.document_id,
        source=build.source,
        title=row.title,
        text=row.text,
        elements=tuple(Element(Kind(kind), *rest) for kind, *rest in row.elements),
        version=row.version,
        url=row.url,
        metadata=decode_metadata(origin["metadata"], origin["dates"]),
        readers=None if origin["readers"] is None else frozenset(origin["readers"]),
        language=row.language,
        media_type=row.media_type,
    )


def _chunk_ids(connection: Connection, build: Build, document_id: str) -> list[str]:
    return list(
        connection.execute(
            select(chunks.c.id)
            .join(documents, documents.c.rowid == chunks.c.document)
            .where(documents.c.build == build.id, documents.c.document_id == document_id)
        ).scalars()
    )


def _remove(connection: Connection, build: Build, document_id: str) -> list[str]:
    rowid = connection.execute(
        select(documents.c.rowid).where(documents.c.build == build.id, documents.c.document_id == document_id)
    ).scalar()
    if rowid is None:
        return []
    ids = _chunk_ids(connection, build, document_id)
    going = connection.scalars(select(chunks.c.rowid).where(chunks.c.document == rowid)).all()
    postings.remove(connection, going)
    connection.execute(delete(chunks).where(chunks.c.document == rowid))
    connection.execute(delete(documents).where(documents.c.rowid == rowid))
    return ids


def _insert(connection: Connection, build: Build, item: Indexed, number: int) -> list[keywords.KeywordRow]:
    document = item.document
    elements = [list(asdict(element).values()) for element in document.elements]
    body = hashlib.sha256(json.dumps([document.text, elements], ensure_ascii=False).encode()).hexdigest()
    connection.execute(insert(bodies).values(hash=body, text=document.text, elements=elements).on_conflict_do_nothing())
    flat, dates = encode_metadata(document.metadata)
    origin, origin_dates = encode_metadata(item.origin.metadata)
    rowid = connection.execute(
        documents.insert()
        .values(
            build=build.id,
            document_id=document.id,
            version=document.version,
            title=document.title,
            url=document.url,
            media_type=document.media_type,
            language=document.language,
            metadata=flat,
            dates=list(dates),
            readers=None if document.readers is None else sorted(document.readers),
            origin={
                "metadata": origin,
                "dates": list(origin_dates),
                "readers": None if item.origin.readers is None else sorted(item.origin.readers),
            },
            body=body,
            updated=time.time(),
        )
        .returning(documents.c.rowid)
    ).scalar_one()
    rows: list[keywords.KeywordRow] = []
    made = []
    for chunk_rowid, chunk, chunk_id, key in zip(count(number), item.chunks, item.ids, item.keys, strict=False):
        made.append(
            {
                "rowid": chunk_rowid,
                "id": chunk_id,
                "build": build.id,
                "document": rowid,
                "ordinal": chunk.ordinal,
                "text": chunk.text,
                "header": chunk.header,
                "prefix": chunk.prefix,
                "start": chunk.start,
                "end": chunk.end,
                "parent_start": chunk.parent[0] if chunk.parent else None,
                "parent_end": chunk.parent[1] if chunk.parent else None,
                "page": chunk.page,
                "heading_path": list(chunk.heading_path),
                "tokens": chunk.tokens,
                "embedding": key,
            }
        )
        rows.append(keywords.KeywordRow(chunk_rowid, chunk.prefix, chunk.shown, document.language))
    if made:
        connection.execute(chunks.insert(), made)
    return rows
