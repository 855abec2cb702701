"""From what the index has to what the API says of each file: completed, or failed and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select, update

from ingest.ledger import builds, runs
from ingest.ledger.tables import chunks, documents, failures
from openshelf.server.attached import UNSUPPORTED, document_ids, file_of
from openshelf.server.attaching import COMPLETED, FAILED, IN_PROGRESS
from openshelf.server.tables import attachments, removals


@dataclass(slots=True)
class Settled:
    """What got its status just now."""

    completed: int = 0
    failed: int = 0
    revisions: set[int] = field(default_factory=set)


def settle(connection: Connection, source: str) -> Settled:
    """Give the attachments that the index has followed their status, and forget the removals that took place.

    A failure moves from the ledger to its attachment: the ledger would try it again with every run.
    """
    found = Settled()
    done = followed(connection, source)
    failed = _failed_by_file(connection, source)
    rows = connection.execute(
        select(attachments.c.number, attachments.c.file_id, attachments.c.revision).where(
            attachments.c.source == source,
            attachments.c.status == IN_PROGRESS,
            attachments.c.revision <= done,
        )
    ).all()
    for number, file_id, revision in rows:
        values = _verdict(connection, source, file_id, failed.get(file_id, []))
        connection.execute(update(attachments).where(attachments.c.number == number).values(**values, tries=0))
        found.completed += values["status"] == COMPLETED
        found.failed += values["status"] == FAILED
        found.revisions.add(revision)
        runs.clear_failures(connection, source, [one for one, _, _ in failed.get(file_id, [])])
    connection.execute(
        delete(removals).where(
            removals.c.source == source, removals.c.file_id.is_not(None), removals.c.revision <= done
        )
    )
    return found


def followed(connection: Connection, source: str) -> int:
    """The revision up to which the index of ``source`` has followed."""
    build = builds.find(connection, source, builds.ACTIVE)
    return int((build.cursor or {}).get("revision", 0)) if build is not None else 0


def _failed_by_file(connection: Connection, source: str) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    rows = connection.execute(
        select(failures.c.document_id, failures.c.step, failures.c.error)
        .where(failures.c.source == source)
        .order_by(failures.c.document_id)
    )
    for document_id, step, error in rows:
        found.setdefault(file_of(document_id), []).append((document_id, step, error))
    return found


def _verdict(
    connection: Connection, source: str, file_id: str, failed: list[tuple[str, str, str]]
) -> dict[str, object]:
    names = document_ids(connection, source, file_id)
    # One is enough to look at: a file that is several documents is a table, and no row of one is without text.
    searchable = (
        names
        and connection.execute(
            select(chunks.c.rowid)
            .join(documents, documents.c.rowid == chunks.c.document)
            .where(documents.c.document_id == min(names), chunks.c.build == _active(connection, source))
            .limit(1)
        ).first()
    )
    message = None
    if failed:
        message = failed[0][2]
        if len(failed) > 1 or (searchable and failed[0][1] == "row"):
            shown = " ".join(error for _, _, error in failed[:3])
            message = f"{len(failed)} rows cannot be read: {shown}"
    if searchable:
        return {"status": COMPLETED, "error": message, "error_code": "invalid_file" if message else None}
    if not failed:
        return {"status": FAILED, "error": "There is no text in the file.", "error_code": "invalid_file"}
    step = failed[0][1]
    code = (
        "unsupported_file" if step == UNSUPPORTED else "server_error" if step in ("embed", "fetch") else "invalid_file"
    )
    return {"status": FAILED, "error": message, "error_code": code}


def _active(connection: Connection, source: str) -> int:
    build = builds.find(connection, source, builds.ACTIVE)
    return build.id if build is not None else 0
