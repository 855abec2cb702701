"""Holds a connector to its contract while its changes stream by, so that a faulty one stops and loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from configs.errors import ConnectorError, CursorError
from connectors.contract import Change, Checkpoint, Complete, Cursor, Delete, Failed, Skipped, Upsert

MAX_ID = 1000
"""Characters in a document's id."""

MAX_CONTENT = 512 * 1024 * 1024
"""Bytes of one document; a connector's own limit is lower, this one protects the process."""


def checked(
    changes: Iterable[Change], source: str, cursor: Cursor | None, *, max_content: int = MAX_CONTENT
) -> Iterator[Change]:
    """Pass ``changes`` on, and stop at the first that breaks the contract.

    Args:
        changes: what ``Connector.changes(cursor)`` returns.
        source: the source's name, for messages.
        cursor: where the run started. The first checkpoint may repeat it (an overlap window that held
            nothing new); after that a cursor that was seen in this run may not come back behind an ``Upsert``.

    Raises:
        CursorError: the cursor stands still or goes in a circle, so the run would never end.
        ConnectorError: any other breach: an id that is empty or too long, a document without a version or
            too large, anything but a checkpoint after ``Complete``, a ``Complete`` that leaves out a
            document of the same run, a cursor that is not JSON.
    """
    seen = set() if cursor is None else {_digest(cursor, source)}
    alive: set[str] = set()
    checkpoints, upserts, complete = 0, 0, False
    start = set(seen)
    for change in changes:
        if complete and not isinstance(change, Checkpoint):
            raise ConnectorError(
                f"Source {source!r} went on with {type(change).__name__} after its listing was complete."
            )
        match change:
            case Upsert(document):
                _check_id(document.id, source)
                if not document.version:
                    raise ConnectorError(f"Source {source!r} gave document {document.id!r} no version.")
                if len(document.content) > max_content:
                    raise ConnectorError(
                        f"Source {source!r}: document {document.id!r} has {len(document.content):,} bytes, "
                        f"more than the {max_content:,} that one document may have.",
                        hint="Exclude or split it.",
                    )
                alive.add(document.id)
                upserts += 1
            case Delete(id=name) | Skipped(id=name):
                _check_id(name, source)
                alive.discard(name)
            case Failed(id=name):
                _check_id(name, source)
            case Checkpoint(cursor=state):
                digest = _digest(state, source)
                repeats_start = checkpoints == 0 and digest in start
                if upserts and digest in seen and not repeats_start:
                    raise CursorError(
                        f"Source {source!r} delivers documents but its cursor does not advance: the run would not end.",
                        hint="What was committed stays. Report this to the connector's author.",
                    )
                seen.add(digest)
                checkpoints, upserts = checkpoints + 1, 0
            case Complete(ids):
                lost = alive - ids
                if lost:
                    raise ConnectorError(
                        f"Source {source!r} delivered {min(lost)!r} and then left it out of its complete listing.",
                        hint="Nothing was deleted.",
                    )
                complete = True
        yield change


def _check_id(name: str, source: str) -> None:
    if not name:
        raise ConnectorError(f"Source {source!r} gave a document without an id.")
    if len(name) > MAX_ID:
        raise ConnectorError(
            f"Source {source!r} gave an id of {len(name):,} characters, at most {MAX_ID:,} are allowed: {name[:60]!r}…"
        )


def _digest(cursor: Cursor, source: str) -> bytes:
    # A digest and not the cursor itself: a connector may change and yield the same dict again.
    try:
        text = json.dumps(cursor, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ConnectorError(f"Source {source!r} gave a cursor that is not JSON: {error}.") from error
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
