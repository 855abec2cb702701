"""Watches a server: every answer against OpenAI's own document, where that is there."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import parse_qs

from tests.connectors.fakes.openapi import OpenApi
from tests.connectors.fakes.server import Request, Response
from tests.retrieval import openai_schema

_NAME = "openai/openapi.json.gz"
_OURS = ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")


class Watched:
    """ASGI middleware around the whole application.

    Attributes:
        problems: what OpenAI's document does not allow, in words.
        seen: how many answers were checked.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._document = OpenApi(_NAME, prefix="/v1") if OpenApi.here(_NAME) else None
        self.problems: list[str] = []
        self.seen = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or self._document is None:
            await self._app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, watched)
        headers = {name.decode().lower(): value.decode() for name, value in start.get("headers", [])}
        if "x-request-id" not in headers:
            self.problems.append(f"{scope['path']}: no x-request-id")
        if headers.get("content-type", "").startswith("application/json") and not scope["path"].startswith(_OURS):
            self._check(scope, start["status"], json.loads(bytes(body)))

    def _check(self, scope: Any, status: int, answer: Any) -> None:
        self.seen += 1
        where = f"{scope['method']} {scope['path']} {status}"
        if status >= 400:
            problem = openai_schema.problem("ErrorResponse", answer)
        elif scope["path"].endswith("/chunks"):
            return  # beyond OpenAI's API
        else:
            query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
            request = Request(scope["method"], scope["path"], query, {}, b"")
            assert self._document is not None
            problem = self._document.problem(request, Response(status, json=_as_theirs(answer)))
        if problem:
            self.problems.append(f"{where}: {problem}")


def _as_theirs(answer: Any) -> Any:
    """An answer without what the document is wrong about, and without what is ours on request."""
    answer = copy.deepcopy(answer)
    if isinstance(answer, dict) and answer.get("object") == "list" and not answer["data"]:
        # The document makes both a text also where nothing is in the list; the API itself sends null.
        answer["first_id"] = answer["last_id"] = ""
    if isinstance(answer, dict) and answer.get("object") == "vector_store.search_results.page":
        for item in answer["data"]:
            item.pop("explanation", None)
    return answer
