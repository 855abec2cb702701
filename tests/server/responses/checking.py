"""Hold everything that the server says against OpenAI's document, while it is said."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.retrieval import openai_schema

_SCHEMAS = (
    (r"POST /v1/responses", "Response"),
    (r"GET /v1/responses/[^/]+", "Response"),
    (r"POST /v1/responses/input_tokens", "TokenCountsResource"),
    (r"POST /v1/responses/[^/]+/cancel", "Response"),
    (r"GET /v1/responses/[^/]+/input_items", "ResponseItemList"),
    (r"(POST|GET) /v1/conversations(/[^/]+)?", "ConversationResource"),
    (r"DELETE /v1/conversations/[^/]+", "DeletedConversationResource"),
    (r"(POST|GET) /v1/conversations/[^/]+/items", "ConversationItemList"),
    (r"GET /v1/conversations/[^/]+/items/[^/]+", "ConversationItem"),
    (r"DELETE /v1/conversations/[^/]+/items/[^/]+", "ConversationResource"),
)


class Checked:
    """An application around another; what is wrong is in ``problems`` before the client has it."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self.problems: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        answer = _Answer(f"{scope['method']} {scope['path']}", self.problems)
        if after := parse_qs(scope["query_string"].decode()).get("starting_after", ["-1"])[0]:
            answer.events = int(after) + 1 if after.lstrip("-").isdecimal() else 0

        async def checked(message: Message) -> None:
            answer.take(message)
            await send(message)

        await self._inner(scope, receive, checked)


class _Answer:
    def __init__(self, request: str, problems: list[str]) -> None:
        self.request, self.problems = request, problems
        self.status, self.stream, self.body, self.events = 0, False, b"", 0

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kinds = [value for name, value in message["headers"] if name == b"content-type"]
            self.stream = any(kind.startswith(b"text/event-stream") for kind in kinds)
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if self.stream:
                *whole, self.body = self.body.split(b"\n\n")
                for event in whole:
                    self._event(event.decode())
            elif not message.get("more_body") and self.body:
                self._whole(json.loads(self.body))

    def _event(self, lines: str) -> None:
        name, data = lines.split("\n")
        event = json.loads(data.removeprefix("data: "))
        if name != f"event: {event['type']}":
            self.problems.append(f"{name} is not {event['type']}")
        if event["sequence_number"] != self.events:
            self.problems.append(f"event {self.events} has number {event['sequence_number']}")
        self.events += 1
        self._note(openai_schema.event_problem(event))

    def _whole(self, value: Any) -> None:
        if self.status >= 400:
            self._note(openai_schema.problem("ErrorResponse", value))
            return
        for pattern, schema in _SCHEMAS:
            if re.fullmatch(pattern, self.request):
                self._note(openai_schema.problem(schema, value))

    def _note(self, problem: str | None) -> None:
        # `$recursiveRef`, which nested filters are described with, is no word of the JSON Schema that the document
        # says it is written in: any filter inside a filter is one of two things there.
        if problem and "$recursiveRef" not in problem:
            self.problems.append(f"{self.request}: {problem}")
