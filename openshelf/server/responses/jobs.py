"""Responses that are made in the background, in the ledger's file: who makes them, how far they are, their events."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from ingest.ledger import Ledger
from ingest.ledger.where import Everyone
from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError, not_found
from openshelf.server.responses.draft import Event
from openshelf.server.responses.items import Item
from openshelf.server.responses.storage import mine
from openshelf.server.responses.tables import background, background_events, responses

ACTIVE = ("queued", "in_progress")


@dataclass(frozen=True, slots=True)
class Job:
    """A response that no living server makes.

    Attributes:
        server: who made it.
        request: the body of its request, where it was not begun.
        response, given: as it was kept, and what it was asked with.
        next: the number of its next event.
    """

    id: str
    server: str
    status: str
    streamed: bool
    caller: Caller
    request: Any
    response: Item
    given: list[Item]
    next: int


class Jobs:
    """The background responses of a shelf. Safe from many threads and processes. (``Responses`` makes the tables.)"""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(
        self,
        caller: Caller,
        server: str,
        request: Mapping[str, Any],
        given: Sequence[Item],
        events: Sequence[Event],
        *,
        streamed: bool,
    ) -> None:
        """Queue one.

        Args:
            request: the body, from which another server can make it.
            events: the first ones; the response is in them.
        """
        response = events[-1]["response"]
        key = response["id"]
        with self._ledger.writing() as connection:
            connection.execute(
                insert(responses).values(
                    id=key,
                    owner=caller.name,
                    created=time.time(),
                    previous=response["previous_response_id"],
                    input=list(given),
                    body=response,
                )
            )
            connection.execute(
                insert(background).values(
                    id=key,
                    server=server,
                    status="queued",
                    streamed=streamed,
                    caller=_rights(caller),
                    request=dict(request),
                )
            )
            if streamed:
                _append(connection, key, events)

    def begin(self, key: str, response: Item) -> bool:
        """Note that it is begun, which another server does not do again; false where it was cancelled or deleted."""
        return self._change(key, response, ("queued",), request=None)

    def finish(self, response: Item) -> bool:
        """Keep it as it was made; false where it was cancelled or deleted."""
        return self._change(response["id"], response, ACTIVE)

    def amend(self, response: Item) -> None:
        """Put what there was of a cancelled response in its place."""
        self._change(response["id"], response, ("cancelled",))

    def cancel(self, caller: Caller, key: str) -> Item:
        """Cancel one that is not over; the response as it is then.

        Raises:
            ApiError: 404, there is none, or another key made it; 400, it was not made in the background.
        """
        with self._ledger.writing() as connection:
            body = connection.execute(
                select(responses.c.body).where(responses.c.id == key, mine(responses, caller))
            ).scalar()
            if body is None:
                raise not_found("response", key)
            if not body.get("background"):
                raise ApiError(
                    400,
                    "Cannot cancel a synchronous response: only those made with background: true can be cancelled.",
                    code="invalid_value",
                    param="response_id",
                )
            if body["status"] in ACTIVE:
                body = {**body, "status": "cancelled"}
                _change(connection, key, body, ACTIVE, request=None)
            return dict(body)

    def gone(self, keys: Collection[str]) -> set[str]:
        """Which of ``keys`` were cancelled or deleted."""
        wanted = select(background.c.id).where(background.c.id.in_(keys), background.c.status != "cancelled")
        with self._ledger.reading() as connection:
            return set(keys) - set(connection.execute(wanted).scalars())

    def append(self, key: str, events: Sequence[Event], *, end: bool = False) -> None:
        """Keep events of a streamed one.

        Args:
            end: nothing follows.
        """
        with self._ledger.writing() as connection:
            row = connection.execute(select(background.c.streamed).where(background.c.id == key)).first()
            if row is None:
                return  # deleted
            if events and row.streamed:
                _append(connection, key, events)
            if end:
                connection.execute(update(background).where(background.c.id == key).values(ended=time.time()))

    def streamed(self, key: str) -> bool:
        """Whether its events are there."""
        with self._ledger.reading() as connection:
            return bool(connection.execute(select(background.c.streamed).where(background.c.id == key)).scalar())

    def events(self, key: str, after: int) -> tuple[list[Event], bool]:
        """Events with numbers greater than ``after``, and whether nothing will follow them."""
        with self._ledger.reading() as connection:
            job = connection.execute(select(background.c.ended).where(background.c.id == key)).first()
            rows = connection.execute(
                select(background_events.c.events)
                .where(background_events.c.response == key, background_events.c.last > after)
                .order_by(background_events.c.last)
            )
            found = [event for row in rows for event in row.events if event["sequence_number"] > after]
        return found, job is None or job.ended is not None

    def open(self) -> set[str]:
        """The servers that have something to end."""
        with self._ledger.reading() as connection:
            rows = connection.execute(select(background.c.server).where(background.c.ended.is_(None)).distinct())
            return set(rows.scalars())

    def of(self, server: str) -> list[Job]:
        """What ``server`` has not ended, oldest first."""
        with self._ledger.reading() as connection:
            rows = connection.execute(
                select(background, responses.c.owner, responses.c.body, responses.c.input)
                .join(responses, responses.c.id == background.c.id)
                .where(background.c.server == server, background.c.ended.is_(None))
                .order_by(responses.c.created)
            ).all()
            return [
                Job(
                    id=row.id,
                    server=server,
                    status=row.status,
                    streamed=row.streamed,
                    caller=_caller(row.owner, row.caller),
                    request=row.request,
                    response=dict(row.body),
                    given=list(row.input),
                    next=_next(connection, row.id),
                )
                for row in rows
            ]

    def take(self, job: Job, server: str) -> bool:
        """Take over what a dead server had queued; false where another was faster."""
        with self._ledger.writing() as connection:
            taken = connection.execute(
                update(background)
                .where(background.c.id == job.id, background.c.server == job.server, background.c.ended.is_(None))
                .values(server=server)
            )
        return taken.rowcount == 1

    def purge(self, before: float) -> None:
        """Forget the events of what ended before; the responses stay."""
        with self._ledger.writing() as connection:
            connection.execute(delete(background).where(background.c.ended < before))

    def _change(self, key: str, response: Item, states: Sequence[str], **values: Any) -> bool:
        with self._ledger.writing() as connection:
            return _change(connection, key, response, states, **values)


def _change(connection: Connection, key: str, response: Item, states: Sequence[str], **values: Any) -> bool:
    changed = connection.execute(
        update(background)
        .where(background.c.id == key, background.c.status.in_(states))
        .values(status=response["status"], **values)
    )
    if changed.rowcount:
        connection.execute(update(responses).where(responses.c.id == key).values(body=response))
    return changed.rowcount == 1


def _append(connection: Connection, key: str, events: Sequence[Event]) -> None:
    connection.execute(
        insert(background_events).values(response=key, last=events[-1]["sequence_number"], events=list(events))
    )


def _next(connection: Connection, key: str) -> int:
    last = select(func.max(background_events.c.last)).where(background_events.c.response == key)
    found = connection.execute(last).scalar()
    return 0 if found is None else int(found) + 1


def _rights(caller: Caller) -> dict[str, Any]:
    groups = caller.groups
    return {
        "scopes": sorted(caller.scopes),
        "stores": None if caller.stores is None else sorted(caller.stores),
        "groups": sorted(groups) if isinstance(groups, frozenset) else groups and groups.value,
    }


def _caller(name: str, rights: Mapping[str, Any]) -> Caller:
    stores, groups = rights["stores"], rights["groups"]
    return Caller(
        name,
        frozenset(rights["scopes"]),
        None if stores is None else frozenset(stores),
        frozenset(groups) if isinstance(groups, list) else groups and Everyone(groups),
    )
