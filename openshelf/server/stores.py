"""Vector stores made over HTTP: their rows, what they look like in an answer, and who may use them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from configs.sources import OVER_HTTP
from openshelf.server.attaching import IN_PROGRESS, counts, empty_store
from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError, not_found
from openshelf.server.tables import attachments, new_id, stores

_DAY = 86_400
_TOUCH = 60.0  # seconds in which a store's activity is not noted again: a search should not wait for the disk


def create(
    connection: Connection,
    *,
    name: str | None,
    description: str | None,
    metadata: Mapping[str, str] | None,
    expires_days: int | None,
) -> str:
    """A new vector store; its id."""
    store, now = new_id(OVER_HTTP), time.time()
    connection.execute(
        insert(stores).values(
            id=store,
            created=now,
            name=name or "",
            description=description,
            metadata=None if metadata is None else dict(metadata),
            expires_days=expires_days,
            last_active=now,
            expired=False,
        )
    )
    return store


def find(connection: Connection, store: str) -> Row[Any] | None:
    """A store's row."""
    return connection.execute(select(stores).where(stores.c.id == store)).first()


def usable(connection: Connection, store: str) -> Row[Any]:
    """A store that files can be attached to and found in.

    Raises:
        ApiError: it is unknown (404) or has expired (400).
    """
    row = find(connection, store)
    if row is None:
        raise not_found("vector_store", store, param="vector_store_id")
    if has_expired(row):
        raise ApiError(400, f"Vector store '{store}' has expired.", code="vector_store_expired")
    return row


def permit(caller: Caller, store: str) -> None:
    """See that the caller's key is good for a store.

    Raises:
        ApiError: it is not (404: a key does not learn which stores there are beside its own).
    """
    if caller.stores is not None and store not in caller.stores:
        raise not_found("vector_store", store, param="vector_store_id")


def expires_at(row: Row[Any]) -> float | None:
    """When a store expires, if it does."""
    return None if row.expires_days is None else row.last_active + row.expires_days * _DAY


def has_expired(row: Row[Any]) -> bool:
    """Whether a store's time is over."""
    at = expires_at(row)
    return bool(row.expired) or (at is not None and at < time.time())


def touch(connection: Connection, store: str) -> None:
    """Note that a store was used now."""
    connection.execute(update(stores).where(stores.c.id == store).values(last_active=time.time()))


def due_for_touch(row: Row[Any]) -> bool:
    """Whether the activity noted for a store is old enough to be noted again."""
    return bool(time.time() - row.last_active > _TOUCH)


def remove(connection: Connection, store: str) -> None:
    """Remove a store; its files stay."""
    empty_store(connection, store)
    connection.execute(delete(stores).where(stores.c.id == store))


def expire(connection: Connection) -> bool:
    """Empty the stores whose time is over; whether there was one. The store itself stays, as expired."""
    rows = connection.execute(select(stores).where(stores.c.expires_days.is_not(None), ~stores.c.expired)).all()
    gone = [row.id for row in rows if has_expired(row)]
    for store in gone:
        empty_store(connection, store)
        connection.execute(update(stores).where(stores.c.id == store).values(expired=True))
    return bool(gone)


def shown(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    """The object of OpenAI's API."""
    found, size = counts(connection, row.id)
    at = expires_at(row)
    status = "expired" if has_expired(row) else IN_PROGRESS if found[IN_PROGRESS] else "completed"
    answer: dict[str, Any] = {
        "id": row.id,
        "object": "vector_store",
        "created_at": int(row.created),
        "name": row.name,
        "usage_bytes": size,
        "file_counts": found,
        "status": status,
        "expires_at": None if at is None else int(at),
        "last_active_at": int(row.last_active),
        "metadata": row.metadata,
    }
    if row.expires_days is not None:
        answer["expires_after"] = {"anchor": "last_active_at", "days": row.expires_days}
    if row.description is not None:
        answer["description"] = row.description
    return answer


def sources_of(connection: Connection, store: str) -> list[str]:
    """The ledger's sources that a store's files are indexed in."""
    statement = select(attachments.c.source).where(attachments.c.store == store).distinct()
    return sorted(connection.execute(statement).scalars())
