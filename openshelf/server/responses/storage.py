"""Responses in the ledger's file: kept, found by whoever made them, followed back, deleted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, select

from ingest.ledger import Ledger
from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError, not_found
from openshelf.server.responses.items import Item
from openshelf.server.responses.tables import metadata, responses

LOOPBACK = "loopback"
"""The name of callers that need no key: they may read everything."""


class Responses:
    """The stored responses of a shelf. Safe from many threads and processes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        with ledger.writing() as connection:
            metadata.create_all(connection)

    def save(self, caller: Caller, response: Item, given: Sequence[Item]) -> None:
        """Keep ``response`` with the items that it was asked with."""
        with self._ledger.writing() as connection:
            connection.execute(
                responses.insert().values(
                    id=response["id"],
                    owner=caller.name,
                    created=time.time(),
                    previous=response["previous_response_id"],
                    input=list(given),
                    body=response,
                )
            )

    def get(self, caller: Caller, key: str) -> tuple[Item, list[Item]]:
        """The response and the items that it was asked with.

        Raises:
            ApiError: 404, there is none, or another key made it.
        """
        with self._ledger.reading() as connection:
            row = connection.execute(
                select(responses.c.body, responses.c.input).where(responses.c.id == key, mine(responses, caller))
            ).first()
        if row is None:
            raise not_found("response", key)
        return dict(row.body), list(row.input)

    def delete(self, caller: Caller, key: str) -> None:
        """Forget a response.

        Raises:
            ApiError: 404, as ``get``.
        """
        with self._ledger.writing() as connection:
            found = connection.execute(responses.delete().where(responses.c.id == key, mine(responses, caller)))
        if not found.rowcount:
            raise not_found("response", key)

    def history(self, caller: Caller, key: str) -> list[Item]:
        """All items up to and including response ``key``, oldest first. Of what was deleted before it, and of what
        came before that, there is nothing.

        Raises:
            ApiError: 404, ``key`` itself is unknown; 400, it is still being made.
        """
        turns: list[list[Item]] = []
        seen: set[str] = set()
        following: Any = key
        with self._ledger.reading() as connection:
            while following is not None and following not in seen:
                seen.add(following)
                row = connection.execute(
                    select(responses.c.body, responses.c.input, responses.c.previous).where(
                        responses.c.id == following, mine(responses, caller)
                    )
                ).first()
                if row is None:
                    break
                if row.body["status"] in ("queued", "in_progress"):
                    raise ApiError(
                        400,
                        f"The response '{following}' is still being made. Wait for its end, then go on from it.",
                        code="invalid_value",
                        param="previous_response_id",
                    )
                turns.append([*row.input, *row.body["output"]])
                following = row.previous
        if not turns:
            raise not_found("response", key, param="previous_response_id")
        return [item for turn in reversed(turns) for item in turn]


def mine(table: Table, caller: Caller) -> ColumnElement[bool]:
    """What ``caller`` may see of a table with owners."""
    return table.c.owner.is_not(None) if caller.name == LOOPBACK else table.c.owner == caller.name
