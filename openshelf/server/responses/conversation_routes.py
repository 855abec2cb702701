"""``/v1/conversations`` and their items."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from openshelf.server.responses import plumbing
from openshelf.server.responses.conversations import Conversations
from openshelf.server.responses.items import Item, kept, listed
from openshelf.server.responses.request import Metadata, RawItem, checked, schema_of

MAX_ITEMS = 20
_Result = TypeVar("_Result")


class NewConversation(BaseModel):
    """The body of ``POST /v1/conversations``."""

    model_config = ConfigDict(strict=True)

    metadata: Metadata | None = None
    items: list[RawItem] | None = Field(None, max_length=MAX_ITEMS)


class ChangedConversation(BaseModel):
    """The body of ``POST /v1/conversations/{id}``."""

    model_config = ConfigDict(strict=True)

    metadata: Metadata | None


class NewItems(BaseModel):
    """The body of ``POST /v1/conversations/{id}/items``."""

    model_config = ConfigDict(strict=True)

    items: list[RawItem] = Field(max_length=MAX_ITEMS)


class ConversationRoutes:
    """The handlers of conversations.

    Args:
        who: tells who sent a request, or raises.
    """

    def __init__(self, conversations: Conversations, who: plumbing.WhoAsks) -> None:
        self._kept, self._who = conversations, who

    def add_to(self, router: APIRouter) -> None:
        """Register the handlers."""
        add, every = router.add_api_route, "/v1/conversations"
        one, items = f"{every}/{{conversation_id}}", f"{every}/{{conversation_id}}/items"
        item = f"{items}/{{item_id}}"
        add(every, self.create, methods=["POST"], summary="Begin a conversation", openapi_extra=_body(NewConversation))
        add(one, self.read, methods=["GET"], summary="Read a conversation")
        add(one, self.change, methods=["POST"], summary="Change metadata", openapi_extra=_body(ChangedConversation))
        add(one, self.delete, methods=["DELETE"], summary="Delete a conversation")
        add(items, self.add_items, methods=["POST"], summary="Add items", openapi_extra=_body(NewItems))
        add(items, self.list_items, methods=["GET"], summary="List items")
        add(item, self.read_item, methods=["GET"], summary="Read an item")
        add(item, self.delete_item, methods=["DELETE"], summary="Delete an item")

    async def create(self, request: Request) -> Response:
        """Begin a conversation, with up to 20 items."""
        caller = await plumbing.reader(self._who, request)
        raw = await request.body()
        body = checked(NewConversation, await plumbing.body_of(request) if raw else {})
        given = kept(body.items, param="items")
        return JSONResponse(await _threaded(self._kept.create, caller, body.metadata or {}, given))

    async def read(self, request: Request, conversation_id: str) -> Response:
        """A conversation without its items."""
        caller = await plumbing.reader(self._who, request)
        return JSONResponse(await _threaded(self._kept.get, caller, conversation_id))

    async def change(self, request: Request, conversation_id: str) -> Response:
        """Put other metadata in the place of what is there."""
        caller = await plumbing.reader(self._who, request)
        body = checked(ChangedConversation, await plumbing.body_of(request))
        return JSONResponse(await _threaded(self._kept.change, caller, conversation_id, body.metadata or {}))

    async def delete(self, request: Request, conversation_id: str) -> Response:
        """Forget a conversation and its items; responses made in it stay."""
        caller = await plumbing.reader(self._who, request)
        await _threaded(self._kept.delete, caller, conversation_id)
        return JSONResponse({"id": conversation_id, "object": "conversation.deleted", "deleted": True})

    async def add_items(self, request: Request, conversation_id: str) -> Response:
        """Append up to 20 items."""
        caller = await plumbing.reader(self._who, request)
        body = checked(NewItems, await plumbing.body_of(request))
        given = kept(body.items, param="items")
        added: list[Item] = await _threaded(self._kept.add, caller, conversation_id, given)
        return JSONResponse(plumbing.as_list([listed(item, plumbing.include_of(request)) for item in added]))

    async def list_items(self, request: Request, conversation_id: str) -> Response:
        """A page of the items, the newest first unless ``order`` says otherwise."""
        caller = await plumbing.reader(self._who, request)
        found: list[Item] = await _threaded(self._kept.items, caller, conversation_id)
        return JSONResponse(plumbing.page(found, request))

    async def read_item(self, request: Request, conversation_id: str, item_id: str) -> Response:
        """One item."""
        caller = await plumbing.reader(self._who, request)
        found: Item = await _threaded(self._kept.item, caller, conversation_id, item_id)
        return JSONResponse(listed(found, plumbing.include_of(request)))

    async def delete_item(self, request: Request, conversation_id: str, item_id: str) -> Response:
        """Forget one item."""
        caller = await plumbing.reader(self._who, request)
        return JSONResponse(await _threaded(self._kept.remove, caller, conversation_id, item_id))


async def _threaded(call: Callable[..., _Result], *arguments: Any) -> _Result:
    return await anyio.to_thread.run_sync(partial(call, *arguments))


def _body(kind: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": schema_of(kind)}}}}
