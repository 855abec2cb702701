"""Uploaded files: their rows, and what they look like in an answer."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select

from openshelf.server.attaching import detach
from openshelf.server.blobs import Blobs, Upload
from openshelf.server.contract import Caller
from openshelf.server.errors import not_found
from openshelf.server.tables import attachments, files, new_id


def add(
    connection: Connection,
    blobs: Blobs,
    upload: Upload,
    *,
    filename: str,
    purpose: str,
    expires_at: float | None,
    owner: str,
) -> str:
    """Keep an upload as a file; its id."""
    blobs.keep(upload)
    name = new_id("file-")
    connection.execute(
        insert(files).values(
            id=name,
            created=time.time(),
            bytes=upload.size,
            filename=filename,
            purpose=purpose,
            digest=upload.digest,
            expires_at=expires_at,
            owner=owner,
        )
    )
    return name


def seen(caller: Caller) -> ColumnElement[bool]:
    """The condition that a file is there for the caller.

    A key for some stores sees what it uploaded itself, and what is in those stores.
    """
    alive = or_(files.c.expires_at.is_(None), files.c.expires_at > time.time())
    if caller.stores is None:
        return alive
    attached = select(attachments.c.file_id).where(attachments.c.store.in_(caller.stores))
    return alive & or_(files.c.owner == caller.name, files.c.id.in_(attached))


def find(connection: Connection, name: str, caller: Caller) -> Row[Any]:
    """A file's row.

    Raises:
        ApiError: there is none that the caller may see (404).
    """
    row = connection.execute(select(files).where(files.c.id == name, seen(caller))).first()
    if row is None:
        raise not_found("file", name, param="file_id")
    return row


def remove(connection: Connection, blobs: Blobs, row: Row[Any]) -> None:
    """Remove a file: out of every store, and its bytes where no other file has the same."""
    for attachment in connection.execute(select(attachments).where(attachments.c.file_id == row.id)).all():
        detach(connection, attachment)
    connection.execute(delete(files).where(files.c.id == row.id))
    if not is_kept(connection, row.digest):
        blobs.remove(row.digest)


def is_kept(connection: Connection, digest: str) -> bool:
    """Whether a file has this content."""
    return connection.execute(select(files.c.id).where(files.c.digest == digest)).first() is not None


def shown(row: Row[Any]) -> dict[str, Any]:
    """The object of OpenAI's API."""
    answer = {
        "id": row.id,
        "object": "file",
        "bytes": row.bytes,
        "created_at": int(row.created),
        "filename": row.filename,
        "purpose": row.purpose,
        "status": "processed",
    }
    return answer if row.expires_at is None else {**answer, "expires_at": int(row.expires_at)}
