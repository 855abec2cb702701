"""Between HTTP and the rest: who asks, the body, pages of items, streams that end when their reader leaves."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError
from openshelf.server.responses.draft import Event
from openshelf.server.responses.items import Item, listed
from openshelf.server.responses.request import read_json

WhoAsks = Callable[[Request], Caller]
_MOST, _USUAL = 100, 20
_DIGITS = 16
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


async def reader(who: WhoAsks, request: Request) -> Caller:
    """Who sent ``request``, and may read: answers read the shelf, and what is kept of them is their reader's own.

    Raises:
        ApiError: 403, the key has no scope ``read``; what ``who`` raises.
    """
    caller = await anyio.to_thread.run_sync(who, request)
    if "read" not in caller.scopes:
        raise ApiError(
            403,
            f"The key '{caller.name}' has no scope 'read', which this needs.",
            code="insufficient_permissions",
        )
    return caller


async def body_of(request: Request) -> Any:
    """The JSON of the body.

    Raises:
        ApiError: 400, it is none.
    """
    return read_json(await request.body())


def include_of(request: Request) -> list[str]:
    """``include`` of the query, in either spelling."""
    return [*request.query_params.getlist("include"), *request.query_params.getlist("include[]")]


def streamed_after(request: Request) -> int | None:
    """``starting_after`` of a request that wants a kept stream, -1 where it wants all of it; ``None`` where it wants
    the whole.

    Raises:
        ApiError: 400, one of the two is wrong.
    """
    wanted, after = request.query_params.get("stream", "false").lower(), request.query_params.get("starting_after")
    if wanted not in ("true", "false"):
        raise ApiError(400, "stream is true or false.", code="invalid_value", param="stream")
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < _DIGITS):
        raise ApiError(
            400, "starting_after is the sequence_number of an event.", code="invalid_value", param="starting_after"
        )
    if wanted == "true":
        return -1 if after is None else int(after)
    if after is not None:
        raise ApiError(400, "starting_after needs stream=true.", code="invalid_value", param="starting_after")
    return None


def page(items: Sequence[Item], request: Request) -> Item:
    """A slice of ``items`` (oldest first), by ``after``, ``limit`` and ``order`` of the query.

    Raises:
        ApiError: 400, one of them is wrong.
    """
    asked = request.query_params
    order, after = asked.get("order", "desc"), asked.get("after")
    if order not in ("asc", "desc"):
        raise ApiError(400, "order is asc or desc.", code="invalid_value", param="order")
    try:
        limit = int(asked.get("limit", str(_USUAL)))
    except ValueError:
        limit = 0
    if not 1 <= limit <= _MOST:
        raise ApiError(400, f"limit is a number from 1 to {_MOST}.", code="invalid_value", param="limit")
    found = list(items) if order == "asc" else list(reversed(items))
    if after is not None:
        places = [n for n, item in enumerate(found) if item.get("id") == after]
        if not places:
            raise ApiError(400, f"There is no item {after!r} in this list.", code="invalid_value", param="after")
        found = found[places[0] + 1 :]
    return as_list([listed(item, include_of(request)) for item in found[:limit]], has_more=len(found) > limit)


def as_list(items: Sequence[Item], *, has_more: bool = False) -> Item:
    """A list object. OpenAI's document has the ids of an empty list as texts too."""
    first, last = (items[0]["id"], items[-1]["id"]) if items else ("", "")
    return {"object": "list", "data": list(items), "first_id": first, "last_id": last, "has_more": has_more}


class EventStream(StreamingResponse):
    """Server-sent events. When the client goes away, the events' source is closed at once.

    What comes without a wait in between goes out in one piece: to write each event by itself is most of the work where
    many streams run.
    """

    def __init__(self, events: AsyncGenerator[Event, None], first: Event | None = None) -> None:
        super().__init__(
            (),  # see stream_response
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
        self._events = events
        self._ready = [] if first is None else [_line(first)]
        self._more = anyio.Event()
        self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events, then close their source however that ended."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._events.aclose()

    async def stream_response(self, send: Send) -> None:
        """Send what there is, again and again until the end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with anyio.create_task_group() as group:
            group.start_soon(self._gather)
            while self._ready or not self._ended:
                if self._ready:
                    lines, self._ready = self._ready, []
                    await send({"type": "http.response.body", "body": b"".join(lines), "more_body": True})
                else:
                    await self._more.wait()
                    self._more = anyio.Event()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _gather(self) -> None:
        try:
            async for event in self._events:
                self._ready.append(_line(event))
                self._more.set()
        finally:
            self._ended = True
            self._more.set()


async def last_event(events: AsyncGenerator[Event, None], request: Request) -> Event | None:
    """Read ``events`` to their end: the last one; ``None`` where the client went away before."""
    last: Event | None = None
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_cancel_when_gone, request, group.cancel_scope)
        try:
            async for event in events:
                last = event
        except Exception as error:  # noqa: BLE001 - raised below: the group would wrap it
            failure = error
        finally:
            with anyio.CancelScope(shield=True):
                await events.aclose()
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return last


async def _cancel_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _line(event: Event) -> bytes:
    # Half a character, which no UTF-8 has, is replaced.
    return f"event: {event['type']}\ndata: {_ENCODE(event)}\n\n".encode("utf-8", "replace")
