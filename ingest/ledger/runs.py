"""Runs and failures: what happened, and what is tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from configs.errors import IngestError
from connectors.contract import Failed, SourceDocument
from ingest.ledger.tables import failures, runs
from ingest.metadata import decode_metadata, encode_metadata


def begin(connection: Connection, source: str) -> int:
    """Note that a run has started; its number."""
    statement = runs.insert().values(source=source, started=time.time(), counts={}).returning(runs.c.id)
    return int(connection.execute(statement).scalar_one())


def finish(connection: Connection, run: int, outcome: str, counts: Mapping[str, Any], error: str | None) -> None:
    """Note how a run ended: ``clean``, ``failures`` or ``failed``."""
    connection.execute(
        update(runs)
        .where(runs.c.id == run)
        .values(finished=time.time(), outcome=outcome, counts=dict(counts), error=error)
    )


def last_outcome(connection: Connection, source: str, *, before: int) -> str | None:
    """How the run before ``before`` ended; ``None`` where it was killed, ``clean`` where there was none."""
    row = connection.execute(
        select(runs.c.outcome).where(runs.c.source == source, runs.c.id < before).order_by(runs.c.id.desc()).limit(1)
    ).first()
    return "clean" if row is None else row.outcome


def record_failure(connection: Connection, source: str, failure: Failed, document: SourceDocument | None) -> None:
    """Keep a failure, with the document's content where it was fetched, so that it can be tried again."""
    now = time.time()
    envelope = None if document is None else _envelope(document)
    values = {
        "title": failure.title,
        "url": failure.url,
        "step": failure.step,
        "error": failure.error,
        "last": now,
        "content": document.content if document and envelope else None,
        "envelope": envelope,
    }
    statement = insert(failures).values(source=source, document_id=failure.id, first=now, times=1, **values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["source", "document_id"], set_={**values, "times": failures.c.times + 1}
        )
    )


def _envelope(document: SourceDocument) -> dict[str, Any] | None:
    """All of a document but its content; ``None`` where its metadata cannot be kept, which only its source can mend."""
    try:
        flat, dates = encode_metadata(document.metadata)
    except IngestError:
        return None
    return {
        "media_type": document.media_type,
        "version": document.version,
        "metadata": flat,
        "dates": list(dates),
        "readers": None if document.readers is None else sorted(document.readers),
        "language": document.language,
        "filename": document.filename,
    }


def clear_failures(connection: Connection, source: str, ids: list[str]) -> None:
    """Forget the failures of documents that made it, or are gone."""
    for document_id in ids:
        connection.execute(delete(failures).where(failures.c.source == source, failures.c.document_id == document_id))


def failed_ids(connection: Connection, source: str) -> set[str]:
    """Ids of the documents with an open failure."""
    return set(connection.execute(select(failures.c.document_id).where(failures.c.source == source)).scalars())


def to_retry(connection: Connection, source: str) -> Iterator[SourceDocument]:
    """Documents that were fetched but failed later, as the source gave them."""
    ids = list(
        connection.execute(
            select(failures.c.document_id).where(failures.c.source == source, failures.c.envelope.is_not(None))
        ).scalars()
    )
    for document_id in ids:
        row = connection.execute(
            select(failures).where(failures.c.source == source, failures.c.document_id == document_id)
        ).one()
        if row.envelope is None:
            continue
        envelope: dict[str, Any] = dict(row.envelope)
        readers = envelope.pop("readers")
        yield SourceDocument(
            id=row.document_id,
            content=row.content,
            title=row.title or "",
            url=row.url,
            metadata=decode_metadata(envelope.pop("metadata"), envelope.pop("dates")),
            readers=None if readers is None else frozenset(readers),
            **envelope,
        )
