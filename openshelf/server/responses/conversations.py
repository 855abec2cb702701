"""Conversations of the API and their items, in the ledger's file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from ingest.ledger import Ledger
from openshelf.server.contract import Caller
from openshelf.server.errors import not_found
from openshelf.server.responses.items import Item, new_id
from openshelf.server.responses.storage import mine
from openshelf.server.responses.tables import conversations, items


class Conversations:
    """The conversations of a shelf. Safe from many threads and processes. (The tables are made by ``Responses``.)"""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def create(self, caller: Caller, metadata: Mapping[str, str], given: Sequence[Item]) -> Item:
        """Begin one, with its first items."""
        key, now = new_id("conv"), time.time()
        with self._ledger.writing() as connection:
            connection.execute(
                insert(conversations).values(id=key, owner=caller.name, created=now, metadata=dict(metadata))
            )
            _append(connection, key, given)
        return _resource(key, now, metadata)

    def bring(
        self, caller: Caller, key: str, created: float, metadata: Mapping[str, str], given: Sequence[Item]
    ) -> tuple[bool, int]:
        """Begin one that was kept elsewhere, under an id of its own, or add those of its items that it lacks.

        Args:
            created: epoch seconds.

        Returns:
            Whether it is new, and how many items were added.

        Raises:
            ApiError: 404, it is there and another key's.
        """
        with self._ledger.writing() as connection:
            there = connection.execute(select(conversations.c.id).where(conversations.c.id == key)).first()
            if there is None:
                values = {"id": key, "owner": caller.name, "created": created, "metadata": dict(metadata)}
                connection.execute(insert(conversations).values(values))
            else:
                _found(connection, caller, key)
            taken = set(connection.execute(select(items.c.id).where(items.c.conversation == key)).scalars())
            lacking = [item for item in given if item["id"] not in taken]
            _append(connection, key, lacking)
        return there is None, len(lacking)

    def get(self, caller: Caller, key: str) -> Item:
        """The conversation without its items.

        Raises:
            ApiError: 404, there is none, or another key made it; so do all methods below.
        """
        with self._ledger.reading() as connection:
            return _found(connection, caller, key)

    def change(self, caller: Caller, key: str, metadata: Mapping[str, str]) -> Item:
        """Put other metadata in the place of what is there."""
        with self._ledger.writing() as connection:
            resource = _found(connection, caller, key)
            connection.execute(update(conversations).where(conversations.c.id == key).values(metadata=dict(metadata)))
        return {**resource, "metadata": dict(metadata)}

    def delete(self, caller: Caller, key: str) -> None:
        """Forget a conversation and its items."""
        with self._ledger.writing() as connection:
            _found(connection, caller, key)
            connection.execute(delete(items).where(items.c.conversation == key))
            connection.execute(delete(conversations).where(conversations.c.id == key))

    def items(self, caller: Caller, key: str) -> list[Item]:
        """All items, oldest first."""
        with self._ledger.reading() as connection:
            _found(connection, caller, key)
            rows = connection.execute(select(items.c.body).where(items.c.conversation == key).order_by(items.c.place))
            return [dict(row.body) for row in rows]

    def item(self, caller: Caller, key: str, name: str) -> Item:
        """One item."""
        with self._ledger.reading() as connection:
            _found(connection, caller, key)
            row = connection.execute(
                select(items.c.body).where(items.c.conversation == key, items.c.id == name)
            ).first()
        if row is None:
            raise not_found("item", name)
        return dict(row.body)

    def add(self, caller: Caller, key: str, given: Sequence[Item]) -> list[Item]:
        """Append items; as they are kept: one whose id is there already gets a new one."""
        with self._ledger.writing() as connection:
            _found(connection, caller, key)
            return _append(connection, key, given)

    def remove(self, caller: Caller, key: str, name: str) -> Item:
        """Forget one item; the conversation."""
        with self._ledger.writing() as connection:
            resource = _found(connection, caller, key)
            gone = connection.execute(delete(items).where(items.c.conversation == key, items.c.id == name))
        if not gone.rowcount:
            raise not_found("item", name)
        return resource


def _found(connection: Connection, caller: Caller, key: str) -> Item:
    row = connection.execute(
        select(conversations).where(conversations.c.id == key, mine(conversations, caller))
    ).first()
    if row is None:
        raise not_found("conversation", key)
    return _resource(row.id, row.created, row.metadata)


def _append(connection: Connection, key: str, given: Sequence[Item]) -> list[Item]:
    taken = set(connection.execute(select(items.c.id).where(items.c.conversation == key)).scalars())
    added = []
    for item in given:
        if item["id"] in taken:
            item = {**item, "id": new_id(item["id"].split("_")[0])}
        taken.add(item["id"])
        added.append(item)
    if added:
        rows = [{"conversation": key, "id": item["id"], "body": item} for item in added]
        connection.execute(insert(items), rows)
    return added


def _resource(key: str, created: float, metadata: Mapping[str, str]) -> Item:
    return {"id": key, "object": "conversation", "created_at": int(created), "metadata": dict(metadata)}
