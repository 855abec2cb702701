"""What the ledger has of a file: its text, and the chunks that it was cut into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from ingest.ledger import builds
from ingest.ledger.tables import bodies, chunks, documents
from openshelf.server.attached import document_ids

_MOST_VARIABLES = 500


def document_rows(connection: Connection, source: str, file_id: str) -> list[int]:
    """``documents.rowid`` of the documents that a file became, in the order in which they came."""
    build = builds.find(connection, source, builds.ACTIVE)
    if build is None:
        return []
    names = sorted(document_ids(connection, source, file_id))
    found: list[int] = []
    for start in range(0, len(names), _MOST_VARIABLES):
        found += connection.execute(
            select(documents.c.rowid).where(
                documents.c.build == build.id, documents.c.document_id.in_(names[start : start + _MOST_VARIABLES])
            )
        ).scalars()
    return sorted(found)


def texts(connection: Connection, rows: Sequence[int]) -> list[str]:
    """The text of each document."""
    found: list[str] = []
    for row in rows:
        found += connection.execute(
            select(bodies.c.text).join(documents, documents.c.body == bodies.c.hash).where(documents.c.rowid == row)
        ).scalars()
    return found


def chunk_ids(connection: Connection, rows: Sequence[int]) -> list[str]:
    """Ids of the documents' chunks, in the order of the text."""
    found: list[str] = []
    for row in rows:
        found += connection.execute(
            select(chunks.c.id).where(chunks.c.document == row).order_by(chunks.c.ordinal)
        ).scalars()
    return found


def chunks_shown(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Chunks as the API shows them, in the order of ``ids``."""
    rows = {row.id: row for row in connection.execute(select(chunks).where(chunks.c.id.in_(ids)))}
    return [
        {
            "id": row.id,
            "object": "vector_store.file.chunk",
            "index": row.ordinal,
            "text": f"{row.header}\n{row.text}" if row.header else row.text,
            "start": row.start,
            "end": row.end,
            "tokens": row.tokens,
            "page": row.page,
            "heading_path": list(row.heading_path),
        }
        for row in (rows[name] for name in ids)
    ]
