"""Brings the ledger of an earlier Openshelf to today's schema, in the transaction that found it."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, func, select, text, update

from ingest.ledger import keywords, postings, tables
from ingest.ledger.tables import builds, chunks, documents, meta

log = logging.getLogger("openshelf.ledger")
_PAGE = 1000


def upgrade(connection: Connection, version: int) -> None:
    """Go from ``version`` to today's, step by step. New tables are there already."""
    if version < 2:
        _keywords_as_postings(connection)
    connection.execute(update(meta).where(meta.c.key == "schema").values(value=str(tables.SCHEMA_VERSION)))


def _keywords_as_postings(connection: Connection) -> None:
    """The keyword index was an FTS5 table, and chunks were numbered by SQLite."""
    last, count = connection.execute(select(func.coalesce(func.max(chunks.c.rowid), 0), func.count())).one()
    connection.execute(meta.insert().values(key="chunks", value=str(last + 1)))
    if count:
        log.warning("Writing the keyword index of %d chunks in its new form, once.", count)
    for build in connection.scalars(select(builds.c.id)).all():
        after = 0
        while rows := connection.execute(
            select(chunks.c.rowid, chunks.c.prefix, chunks.c.header, chunks.c.text, documents.c.language)
            .join(documents, documents.c.rowid == chunks.c.document)
            .where(chunks.c.build == build, chunks.c.rowid > after)
            .order_by(chunks.c.rowid)
            .limit(_PAGE)
        ).all():
            after = rows[-1].rowid
            keywords.add(
                connection,
                build,
                [
                    keywords.KeywordRow(row.rowid, row.prefix, "\n".join(filter(None, row[2:4])), row.language)
                    for row in rows
                ],
            )
            postings.tidy(connection, build)
    connection.execute(text("DROP TABLE IF EXISTS keywords"))
