"""A response while it is being written: numbered events, items in their places, the object itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, TypeAlias

from openshelf.server.responses.items import Item, new_id
from openshelf.server.responses.request import ResponseRequest

Event: TypeAlias = dict[str, Any]

_ECHOED = (
    "model",
    "temperature",
    "top_p",
    "top_logprobs",
    "max_output_tokens",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "truncation",
    "service_tier",
    "prompt_cache_key",
)
"""What the upstream knows better than the request: defaults filled in, aliases resolved."""


class Draft:
    """One response; used once.

    Args:
        model: as the request has it, or the shelf's.
        resumed: the response as it was queued by a server that has ended.
    """

    def __init__(self, request: ResponseRequest, model: str, resumed: Mapping[str, Any] | None = None) -> None:
        self.id = str(resumed["id"]) if resumed else new_id("resp")
        self.begun = False
        self.queued = False
        self._echoed = False
        self.output: dict[int, Item] = {}
        self._ids: set[str] = set()
        self._events, self._places = count(), count()
        conversation = request.conversation_id
        self._fields: Item = {
            "id": self.id,
            "object": "response",
            "created_at": resumed["created_at"] if resumed else int(time.time()),
            "status": "in_progress",
            "background": request.background is True,
            "error": None,
            "incomplete_details": None,
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "max_tool_calls": request.max_tool_calls,
            "model": model,
            "output": [],
            "parallel_tool_calls": request.parallel_tool_calls is not False,
            "previous_response_id": request.previous_response_id,
            "reasoning": request.reasoning or {"effort": None, "summary": None},
            "store": request.store is not False,
            "temperature": 1.0 if request.temperature is None else request.temperature,
            "text": {"format": {"type": "text"}, **(request.text or {})},
            "tool_choice": request.tool_choice or "auto",
            "tools": request.tools or [],
            "top_p": 1.0 if request.top_p is None else request.top_p,
            "truncation": request.truncation or "disabled",
            "metadata": request.metadata or {},
            **({"conversation": {"id": conversation}} if conversation is not None else {}),
        }

    def event(self, kind: str, **fields: Any) -> Event:
        """The next event."""
        return {"type": kind, **fields, "sequence_number": next(self._events)}

    def queue(self) -> Iterator[Event]:
        """The first two events of a response that is made in the background."""
        self.queued = True
        yield self.event("response.created", response=self.whole("queued"))
        yield self.event("response.queued", response=self.whole("queued"))

    def begin(self, echo: Mapping[str, Any] | None = None) -> Iterator[Event]:
        """The first two events, or that a queued response is in progress; nothing the second time.

        Args:
            echo: the upstream's own response.
        """
        if echo is not None and not self._echoed:
            self._echoed = True
            self._fields |= {key: echo[key] for key in _ECHOED if echo.get(key) is not None}
        if self.begun:
            return
        self.begun = True
        if not self.queued:
            yield self.event("response.created", response=self.whole("in_progress"))
        yield self.event("response.in_progress", response=self.whole("in_progress"))

    def place(self) -> int:
        """The index of the next output item."""
        return next(self._places)

    def own_id(self, prefix: str, wanted: object = None) -> str:
        """``wanted`` where it is an id that no item of this response has, else a fresh one."""
        free = isinstance(wanted, str) and wanted != "" and wanted not in self._ids
        key = str(wanted) if free else new_id(prefix)
        self._ids.add(key)
        return key

    def added(self, index: int, item: Item) -> Event:
        """An item begins."""
        return self.event("response.output_item.added", output_index=index, item=item)

    def done(self, index: int, item: Item) -> Event:
        """An item is whole."""
        self.output[index] = item
        return self.event("response.output_item.done", output_index=index, item=item)

    def whole(self, status: str, **fields: Any) -> Item:
        """The response object with the items that are whole."""
        return {**self._fields, "status": status, "output": [self.output[n] for n in sorted(self.output)], **fields}
