"""Attachments: which file is in which vector store, how it is cut, and how far its indexing is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from openshelf.server.errors import not_found
from openshelf.server.tables import attachments, batch_files, batches, files, new_id, next_revision, removals

IN_PROGRESS, COMPLETED, FAILED, CANCELLED = "in_progress", "completed", "failed", "cancelled"
STATUSES = (IN_PROGRESS, COMPLETED, FAILED, CANCELLED)
AUTO = (800, 400)
"""Tokens in a chunk and shared with the one before, where the request leaves it to the server: as File Search."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to attach."""

    file_id: str
    size: int = AUTO[0]
    overlap: int = AUTO[1]
    attributes: Mapping[str, Any] | None = None


def source_of(store: str, size: int, overlap: int) -> str:
    """The ledger's source that files of ``store`` with this chunking are indexed in."""
    return store if (size, overlap) == AUTO else f"{store}.{size}-{overlap}"


def attach(connection: Connection, store: str, wanted: Sequence[Wanted]) -> None:
    """Attach files, or attach them again with other attributes or chunking; they are then in progress.

    Raises:
        ApiError: a file is unknown (404).
    """
    now = time.time()
    for one in wanted:
        if connection.execute(select(files.c.id).where(files.c.id == one.file_id)).first() is None:
            raise not_found("file", one.file_id, param="file_id")
        source = source_of(store, one.size, one.overlap)
        old = find(connection, store, one.file_id)
        if old is not None:
            if old.source != source:
                _remove_from_index(connection, old.source, one.file_id)
            connection.execute(delete(attachments).where(attachments.c.number == old.number))
        connection.execute(
            insert(attachments).values(
                store=store,
                file_id=one.file_id,
                source=source,
                size=one.size,
                overlap=one.overlap,
                attributes=dict(one.attributes or {}),
                status=IN_PROGRESS,
                created=now,
                revision=next_revision(connection),
                tries=0,
            )
        )


def change_attributes(connection: Connection, attachment: Row[Any], attributes: Mapping[str, Any]) -> int | None:
    """Replace an attachment's attributes; the revision to wait for, or ``None`` where the index has nothing of it."""
    values: dict[str, Any] = {"attributes": dict(attributes)}
    revision = None
    if attachment.status in (IN_PROGRESS, COMPLETED):
        revision = next_revision(connection)
        values |= {"revision": revision, "status": IN_PROGRESS, "error": None, "error_code": None}
    connection.execute(update(attachments).where(attachments.c.number == attachment.number).values(**values))
    return revision


def detach(connection: Connection, attachment: Row[Any]) -> int:
    """Take a file out of a store; the revision with which it leaves the index."""
    connection.execute(delete(attachments).where(attachments.c.number == attachment.number))
    ids = select(batches.c.id).where(batches.c.store == attachment.store)
    connection.execute(
        delete(batch_files).where(batch_files.c.file_id == attachment.file_id, batch_files.c.batch.in_(ids))
    )
    return _remove_from_index(connection, attachment.source, attachment.file_id)


def empty_store(connection: Connection, store: str) -> None:
    """Take everything out of a store: attachments, batches, and all of it that is indexed."""
    sources = select(attachments.c.source).where(attachments.c.store == store).distinct()
    for source in {store, *connection.execute(sources).scalars()}:
        _remove_from_index(connection, source, None)
    connection.execute(delete(attachments).where(attachments.c.store == store))
    ids = select(batches.c.id).where(batches.c.store == store)
    connection.execute(delete(batch_files).where(batch_files.c.batch.in_(ids)))
    connection.execute(delete(batches).where(batches.c.store == store))


def find(connection: Connection, store: str, file_id: str) -> Row[Any] | None:
    """The attachment of a file to a store, with the file's name and bytes."""
    return connection.execute(
        with_files().where(attachments.c.store == store, attachments.c.file_id == file_id)
    ).first()


def with_files() -> Any:
    """``SELECT`` attachments with ``bytes``, ``filename`` and ``digest`` of their files."""
    return select(attachments, files.c.bytes, files.c.filename, files.c.digest).join(
        files, files.c.id == attachments.c.file_id
    )


def counts(connection: Connection, store: str) -> tuple[dict[str, int], int]:
    """``file_counts`` of a store and the bytes of its completed files."""
    return _counted(
        connection.execute(
            select(attachments.c.status, func.count(), func.sum(files.c.bytes))
            .join(files, files.c.id == attachments.c.file_id)
            .where(attachments.c.store == store)
            .group_by(attachments.c.status)
        ).all()
    )


def start_batch(connection: Connection, store: str, wanted: Sequence[Wanted]) -> str:
    """Attach files together; the batch's id.

    Raises:
        ApiError: a file is unknown (404).
    """
    batch = new_id("vsfb_")
    attach(connection, store, wanted)
    connection.execute(insert(batches).values(id=batch, store=store, created=time.time(), cancelled=False))
    connection.execute(
        insert(batch_files), [{"batch": batch, "file_id": name} for name in {one.file_id for one in wanted}]
    )
    return batch


def in_batch(batch: str) -> Any:
    """The condition that an attachment came with ``batch``."""
    return attachments.c.file_id.in_(select(batch_files.c.file_id).where(batch_files.c.batch == batch))


def batch_counts(connection: Connection, batch: Row[Any]) -> dict[str, int]:
    """``file_counts`` of a batch."""
    rows = connection.execute(
        select(attachments.c.status, func.count(), func.sum(0))
        .where(attachments.c.store == batch.store, in_batch(batch.id))
        .group_by(attachments.c.status)
    ).all()
    return _counted(rows)[0]


def cancel_batch(connection: Connection, batch: Row[Any]) -> None:
    """Cancel what is in progress; what came into the index of it leaves again."""
    rows = connection.execute(
        select(attachments).where(
            attachments.c.store == batch.store, in_batch(batch.id), attachments.c.status == IN_PROGRESS
        )
    ).all()
    for row in rows:
        connection.execute(update(attachments).where(attachments.c.number == row.number).values(status=CANCELLED))
        _remove_from_index(connection, row.source, row.file_id)
    if rows:
        connection.execute(update(batches).where(batches.c.id == batch.id).values(cancelled=True))


def _remove_from_index(connection: Connection, source: str, file_id: str | None) -> int:
    revision = next_revision(connection)
    connection.execute(insert(removals).values(revision=revision, source=source, file_id=file_id))
    return revision


def _counted(rows: Sequence[Any]) -> tuple[dict[str, int], int]:
    found = dict.fromkeys(STATUSES, 0)
    size = 0
    for status, count, total in rows:
        found[status] = count
        if status == COMPLETED:
            size = int(total or 0)
    return {**found, "total": sum(found.values())}, size
