"""Uploads in parts: what was announced, the parts that came, and the file that they become."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ingest.ledger import Ledger
from openshelf.server import uploads as whole
from openshelf.server.blobs import Blobs, Readable
from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError, not_found
from openshelf.server.joined import Joined
from openshelf.server.tables import files, new_id, parts, uploads

PENDING, COMPLETED, CANCELLED, EXPIRED = "pending", "completed", "cancelled", "expired"
LIFE = 3600.0
"""Seconds that an upload has from its creation, as with OpenAI."""

MOST_PARTS, MOST_PENDING = 1000, 1000
"""Of one upload, and pending uploads of one key."""

MOST_FILES_WAITING = 8
"""The parts of all pending uploads of one key may be as large as so many of the largest files."""

_REMEMBERED = 86_400.0  # seconds that a row is kept behind its expiry, to say what became of it


class Parts:
    """Uploads in parts over a ledger. Every method blocks; rows are durable, parts are files on disk."""

    def __init__(self, ledger: Ledger, blobs: Blobs) -> None:
        self._ledger = ledger
        self._blobs = blobs

    def create(
        self, caller: Caller, *, filename: str, purpose: str, mime_type: str, size: int, file_seconds: int | None
    ) -> dict[str, Any]:
        """Announce a file of ``size`` bytes.

        Args:
            file_seconds: after which the file expires, once there is one.

        Raises:
            ApiError: it is larger than a file may be, or too many are pending (400).
        """
        if size > self._blobs.max_bytes:
            raise ApiError(
                400,
                f"The file is larger than the {self._blobs.max_bytes:,} bytes that this server takes "
                "(server.max_file_bytes).",
                code="file_too_large",
                param="bytes",
            )
        now, name = time.time(), new_id("upload_")
        with self._ledger.writing() as connection:
            pending = select(func.count()).where(
                uploads.c.owner == caller.name, uploads.c.status == PENDING, uploads.c.expires_at > now
            )
            if (connection.execute(pending).scalar() or 0) >= MOST_PENDING:
                raise ApiError(
                    400,
                    f"This key has {MOST_PENDING:,} pending uploads. Complete or cancel some.",
                    code="too_many_uploads",
                )
            connection.execute(
                insert(uploads).values(
                    id=name,
                    created=now,
                    expires_at=now + LIFE,
                    filename=filename,
                    purpose=purpose,
                    mime_type=mime_type,
                    bytes=size,
                    file_seconds=file_seconds,
                    owner=caller.name,
                    status=PENDING,
                )
            )
            return _shown(connection, _find(connection, name, caller))

    def expect(self, caller: Caller, upload_id: str) -> None:
        """See that the upload takes parts, before any is read.

        Raises:
            ApiError: there is none of the caller's (404), or it is not pending (400).
        """
        with self._ledger.reading() as connection:
            _pending(connection, upload_id, caller)

    def add(self, caller: Caller, upload_id: str, source: Readable) -> dict[str, Any]:
        """Keep a part.

        Raises:
            ApiError: as ``expect``; it is empty (400), too large (413), or too much together with the others (400).
        """
        received = self._blobs.receive(source, part=True)
        try:
            with self._ledger.writing() as connection:
                row = _pending(connection, upload_id, caller)
                self._refuse_too_much(connection, row, received.size)
                made, now = new_id("part_"), time.time()
                self._blobs.keep_part(received, made)
                connection.execute(insert(parts).values(id=made, upload=upload_id, created=now, bytes=received.size))
        finally:
            self._blobs.discard(received)
        return {"id": made, "object": "upload.part", "created_at": int(now), "upload_id": upload_id}

    def complete(self, caller: Caller, upload_id: str, part_ids: Sequence[str], md5: str | None) -> dict[str, Any]:
        """Make the file of the parts, in this order. Once more with the same parts gives the same answer.

        Raises:
            ApiError: as ``expect``; a part is unknown, or the bytes are not as many or not those that were
                announced (400). The upload stays as it was.
        """
        with self._ledger.reading() as connection:
            row = _find(connection, upload_id, caller)
            if row.status == COMPLETED and row.part_ids == list(part_ids):
                return _shown(connection, row)
            _refuse_unless_pending(row)
            _check(connection, row, part_ids)
        hashed = hashlib.md5(usedforsecurity=False)
        try:
            with Joined([self._blobs.part(name) for name in part_ids], hashed.update) as joined:
                received = self._blobs.receive(joined)
        except FileNotFoundError:
            self.expect(caller, upload_id)  # cancelled or expired meanwhile
            raise ApiError(500, "The content of a part is no longer there.", code="content_missing") from None
        try:
            if md5 is not None and hashed.hexdigest() != md5.lower():
                raise ApiError(
                    400,
                    f"The parts have the MD5 {hashed.hexdigest()}, not {md5.lower()}. The upload is still pending.",
                    code="checksum_mismatch",
                    param="md5",
                )
            with self._ledger.writing() as connection:
                row = _pending(connection, upload_id, caller)
                seconds = row.file_seconds
                file_id = whole.add(
                    connection,
                    self._blobs,
                    received,
                    filename=row.filename,
                    purpose=row.purpose,
                    expires_at=None if seconds is None else time.time() + seconds,
                    owner=caller.name,
                )
                left = _end(connection, upload_id, status=COMPLETED, file_id=file_id, part_ids=list(part_ids))
                answer = _shown(connection, _find(connection, upload_id, caller))
        finally:
            self._blobs.discard(received)
        self._remove(left)
        return answer

    def cancel(self, caller: Caller, upload_id: str) -> dict[str, Any]:
        """Give the upload up, and its parts. Once more changes nothing.

        Raises:
            ApiError: there is none of the caller's (404), or it is complete or expired (400).
        """
        left: list[str] = []
        with self._ledger.writing() as connection:
            row = _find(connection, upload_id, caller)
            if row.status != CANCELLED:
                _refuse_unless_pending(row)
                left = _end(connection, upload_id, status=CANCELLED)
            answer = _shown(connection, _find(connection, upload_id, caller))
        self._remove(left)
        return answer

    def expire(self) -> None:
        """End the uploads whose hour is over, and forget those that ended long ago."""
        now = time.time()
        with self._ledger.reading() as connection:
            over = uploads.c.expires_at < now
            due = list(connection.execute(select(uploads.c.id).where(uploads.c.status == PENDING, over)).scalars())
            old = select(uploads.c.id).where(uploads.c.expires_at < now - _REMEMBERED).limit(1)
            forget = connection.execute(old).first() is not None
        for name in due:
            with self._ledger.writing() as connection:
                # Completed meanwhile: a request may begin in the hour and end behind it.
                status = connection.execute(select(uploads.c.status).where(uploads.c.id == name)).scalar()
                left = _end(connection, name, status=EXPIRED) if status == PENDING else []
            self._remove(left)
        if forget:
            with self._ledger.writing() as connection:
                connection.execute(
                    delete(uploads).where(uploads.c.expires_at < now - _REMEMBERED, uploads.c.status != PENDING)
                )

    def remove_left_over(self) -> None:
        """Remove parts on disk that no upload has: a server was killed between its two steps."""
        for name in self._blobs.parts():
            # Parts get their name while the database is being written, so none is on its way in here.
            with self._ledger.writing() as connection:
                if connection.execute(select(parts.c.id).where(parts.c.id == name)).first() is None:
                    self._blobs.remove_part(name)

    def _refuse_too_much(self, connection: Connection, row: Row[Any], size: int) -> None:
        count, held = connection.execute(
            select(func.count(), func.coalesce(func.sum(parts.c.bytes), 0)).where(parts.c.upload == row.id)
        ).one()
        if count >= MOST_PARTS:
            raise ApiError(
                400,
                f"An upload has {MOST_PARTS:,} parts at most. Make them larger.",
                code="too_many_parts",
                param="data",
            )
        # Twice: a part whose answer was lost comes once more.
        if held + size > 2 * row.bytes:
            raise ApiError(
                400,
                f"The parts are larger than twice the {row.bytes:,} bytes that were announced.",
                code="too_many_bytes",
                param="data",
            )
        waiting = connection.execute(
            select(func.coalesce(func.sum(parts.c.bytes), 0))
            .join(uploads, uploads.c.id == parts.c.upload)
            .where(uploads.c.owner == row.owner)
        ).scalar_one()
        most = MOST_FILES_WAITING * self._blobs.max_bytes
        if waiting + size > most:
            raise ApiError(
                400,
                f"The parts of this key's pending uploads would be more than {most:,} bytes. Complete or cancel some.",
                code="too_many_bytes",
                param="data",
            )

    def _remove(self, names: Sequence[str]) -> None:
        for name in names:
            self._blobs.remove_part(name)


def _find(connection: Connection, name: str, caller: Caller) -> Row[Any]:
    row = connection.execute(select(uploads).where(uploads.c.id == name, uploads.c.owner == caller.name)).first()
    if row is None:
        raise not_found("upload", name, param="upload_id")
    return row


def _pending(connection: Connection, name: str, caller: Caller) -> Row[Any]:
    row = _find(connection, name, caller)
    _refuse_unless_pending(row)
    return row


def _refuse_unless_pending(row: Row[Any]) -> None:
    status = EXPIRED if row.status == PENDING and row.expires_at <= time.time() else row.status
    if status != PENDING:
        raise ApiError(400, f"Upload '{row.id}' is {status}.", code=f"upload_{status}", param="upload_id")


def _check(connection: Connection, row: Row[Any], part_ids: Sequence[str]) -> None:
    rows = connection.execute(select(parts.c.id, parts.c.bytes).where(parts.c.upload == row.id))
    sizes: dict[str, int] = {row.id: row.bytes for row in rows}
    seen: set[str] = set()
    for n, name in enumerate(part_ids):
        if name not in sizes or name in seen:
            said = "is named twice" if name in seen else f"is not of upload '{row.id}'"
            raise ApiError(400, f"Part '{name}' {said}.", code="invalid_part", param=f"part_ids[{n}]")
        seen.add(name)
    total = sum(sizes[name] for name in part_ids)
    if total != row.bytes:
        raise ApiError(
            400,
            f"The parts have {total:,} bytes; {row.bytes:,} were announced. The upload is still pending.",
            code="bytes_mismatch",
            param="part_ids",
        )


def _end(connection: Connection, name: str, **values: Any) -> list[str]:
    """Give an upload its last status; the parts whose bytes can go once this is written."""
    connection.execute(update(uploads).where(uploads.c.id == name).values(**values))
    left = list(connection.execute(select(parts.c.id).where(parts.c.upload == name)).scalars())
    connection.execute(delete(parts).where(parts.c.upload == name))
    return left


def _shown(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    """The object of OpenAI's API."""
    answer = {
        "id": row.id,
        "object": "upload",
        "created_at": int(row.created),
        "expires_at": int(row.expires_at),
        "filename": row.filename,
        "bytes": row.bytes,
        "purpose": row.purpose,
        "status": row.status,
    }
    if row.status == COMPLETED:
        file = connection.execute(select(files).where(files.c.id == row.file_id)).first()
        answer["file"] = None if file is None else whole.shown(file)
    return answer
