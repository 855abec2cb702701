"""OpenAI's responses and conversations over the shelf."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from starlette.requests import Request

from openshelf.server.contract import Caller, SearchStores
from openshelf.server.responses.background import Background
from openshelf.server.responses.conversation_routes import ConversationRoutes
from openshelf.server.responses.conversations import Conversations
from openshelf.server.responses.course import House
from openshelf.server.responses.jobs import Jobs
from openshelf.server.responses.presence import Presence
from openshelf.server.responses.routes import ResponseRoutes
from openshelf.server.responses.storage import Responses
from openshelf.server.responses.upstream import Upstream

if TYPE_CHECKING:
    from openshelf.parts import Parts

__all__ = ["router"]


def router(
    shelf: Parts,
    search: SearchStores,
    caller: Callable[[Request], Caller],
    *,
    most: int = 256,
    patience: float = 20.0,
) -> APIRouter:
    """``/v1/responses`` and ``/v1/conversations``.

    Args:
        search: searches vector stores; the ids come from requests, never from a model.
        caller: tells who sent a request, or raises; may block.
        most: responses that are made in the background at the same time.
        patience: seconds that these have when the server stops.
    """
    upstream = Upstream(shelf.answerer)
    conversations = Conversations(shelf.ledger)
    kept = Responses(shelf.ledger)
    house = House(shelf.answerer, search, shelf.spend, kept, conversations, Jobs(shelf.ledger), shelf.ledger)
    background = Background(house, upstream, Presence(shelf.ledger.folder), most=most, patience=patience)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            await background.start()
            yield
        finally:
            await background.stop()
            await upstream.close()

    made = APIRouter(lifespan=lifespan)
    ResponseRoutes(house, upstream, background, caller).add_to(made)
    ConversationRoutes(conversations, caller).add_to(made)
    return made
