"""A small app around the router, and the official clients that talk to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from openai import AsyncOpenAI, OpenAI
from starlette.exceptions import HTTPException

from openshelf import Shelf
from openshelf.server.contract import Caller, Ranking, StoreHit
from openshelf.server.errors import ApiError, not_found
from openshelf.server.responses import router
from tests.server.responses.checking import Checked

KEY = "sk-upstream-0123456789abcdef"
PRICES = {"gpt-5-mini": {"input": 1.0, "cached_input": 0.1, "output": 10.0}}
STORE = "vs_kb"


class StoreSearch:
    """``SearchStores`` over a real shelf: ``vs_kb`` is its source ``kb``; ``vs_none`` has nothing in it."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.asked: list[dict[str, Any]] = []

    def __call__(
        self,
        caller: Caller,
        store_ids: Sequence[str],
        queries: Sequence[str],
        *,
        filters: Mapping[str, Any] | None = None,
        max_num_results: int = 10,
        ranking: Ranking = Ranking(),  # noqa: B008 - as in the contract
    ) -> list[StoreHit]:
        known = {STORE, "vs_none"} if caller.stores is None else caller.stores
        for name in store_ids:
            if name not in known:
                raise not_found("vector_store", name, param="tools[0].vector_store_ids")
        asked = {"stores": list(store_ids), "queries": list(queries), "filters": filters, "most": max_num_results}
        self.asked.append({**asked, "ranking": ranking})
        best = {}
        for query in queries if STORE in store_ids else ():
            for hit in self.shelf.search(query, top_k=max_num_results, filters=filters, groups=caller.groups):
                if hit.chunk_id not in best or best[hit.chunk_id].score < hit.score:
                    best[hit.chunk_id] = hit
        hits = sorted(best.values(), key=lambda hit: -hit.score)[:max_num_results]
        return [
            StoreHit(
                STORE, f"file-{hit.document_id}", hit.document_id, {"thing": str(hit.metadata["thing"])}, hit.score, hit
            )
            for hit in hits
            if hit.score >= ranking.score_threshold
        ]


@dataclass(frozen=True)
class House:
    """A running server; ``problems`` are where it left OpenAI's document."""

    url: str
    shelf: Shelf
    search: Any
    problems: list[str]

    def client(self, key: str = "loopback") -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def async_client(self, key: str = "loopback") -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def http(self, key: str = "loopback") -> httpx.Client:
        """For what the official client cannot say."""
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=f"{self.url}/v1", headers=headers, trust_env=False, timeout=30)


def who(request: Request) -> Caller:
    """The key is the caller's name; after a dot the scope it has instead of both, after another the store."""
    name, *rest = request.headers["authorization"].removeprefix("Bearer ").split(".")
    scopes: Any = frozenset(rest[:1] or ("read", "write"))
    return Caller(name, scopes, stores=frozenset(rest[1:]) or None)


def app(shelf: Shelf, search: Any, **options: Any) -> FastAPI:
    """The router alone, with its errors answered."""
    made = FastAPI()
    made.include_router(router(shelf, search, who, **options))

    @made.exception_handler(ApiError)
    async def _error(_request: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.envelope(), error.status)

    @made.exception_handler(HTTPException)
    async def _unknown(_request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(ApiError(error.status_code, str(error.detail)).envelope(), error.status_code)

    return made


@contextmanager
def serving(shelf: Shelf, search: Any, **options: Any) -> Iterator[House]:
    """Serve in a thread, on a free port; ``options`` are the router's."""
    checked = Checked(app(shelf, search, **options))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(checked, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        # The listening socket takes connections from now on; they wait until the server is up.
        yield House(f"http://127.0.0.1:{listener.getsockname()[1]}", shelf, search, checked.problems)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()
