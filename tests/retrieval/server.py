"""A real local server for ``POST /v1/responses`` that answers as a test scripts it.

Every request it gets and everything it sends is held against OpenAI's OpenAPI document (``openai_schema``); what
does not fit is in ``problems``, which the ``provider`` fixture asserts to be empty.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.retrieval import openai_schema, wire
from tests.retrieval.wire import Says


@dataclass(frozen=True)
class Refuses:
    """An HTTP error with OpenAI's error body; ``{key}`` in the message echoes the key that was sent."""

    status: int
    message: str = "no"
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Breaks:
    """``says``, but only so many events of its stream; a whole answer breaks in the middle of its body.

    Attributes:
        how: ``cut`` closes the connection, ``end`` ends the stream in good order, ``error`` sends an ``error``
            event, ``garbage`` sends an event that is no JSON, or a page that is no answer, ``foreign`` another API's.
    """

    says: Says
    events: int
    how: str = "cut"


@dataclass(frozen=True)
class Hangs:
    """Nothing is sent until the test ends (after ``events`` of a stream, if any)."""

    says: Says = field(default_factory=Says)
    events: int = 0


Script = Says | Refuses | Breaks | Hangs


@dataclass(frozen=True)
class Request:
    """What came in: headers with names in lower case, ``body`` as JSON."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Provider:
    """The server; answers with each scripted reply in turn."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.asked = threading.Event()  # a request has come in
        self._script: list[Script] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    provider._answer(self)
                except OSError:
                    self.close_connection = True  # the client had enough
                except Exception as error:
                    provider.problems.append(repr(error))
                    raise

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def script(self, *replies: Script) -> None:
        """What to answer from now on, in order."""
        self._script = list(replies)

    @property
    def left(self) -> int:
        """Scripted replies that nobody has asked for yet."""
        return len(self._script)

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
        if _exception[0] is None:
            self.ended_well()

    def ended_well(self) -> None:
        """All that was said must have been valid, and all that was scripted asked for."""
        assert not self.problems
        assert not self.left, f"{self.left} scripted replies were never asked for"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        body = json.loads(http.rfile.read(int(http.headers["Content-Length"])))
        self._note(openai_schema.request_problem(body))
        with self._lock:
            self.requests.append(Request(http.path, {k.lower(): v for k, v in http.headers.items()}, body))
            number = len(self.requests)
            self.asked.set()
            script = self._script.pop(0) if self._script else None
        if script is None or http.path != "/v1/responses":
            self.problems.append(f"request {number} to {http.path} was not expected")
            script = Refuses(404, "not expected")
        if isinstance(script, Refuses):
            self._refuse(http, script)
        elif body.get("stream"):
            self._stream(http, script, body, number)
        else:
            self._whole(http, script, body, number)

    def _refuse(self, http: BaseHTTPRequestHandler, script: Refuses) -> None:
        message = script.message.replace("{key}", http.headers["Authorization"].removeprefix("Bearer "))
        error = {"error": {"message": message, "type": "error", "param": None, "code": script.code}}
        self._note(openai_schema.problem("ErrorResponse", error))
        self._send(http, script.status, json.dumps(error).encode(), script.headers)

    def _whole(self, http: BaseHTTPRequestHandler, script: Script, body: dict[str, Any], number: int) -> None:
        says = script if isinstance(script, Says) else script.says  # type: ignore[union-attr]
        response = wire.whole(says, body, number)
        self._note(openai_schema.problem("Response", response))
        content = json.dumps(response).encode()
        if isinstance(script, Hangs):
            self._closing.wait()
            http.close_connection = True
        elif isinstance(script, Breaks) and script.how == "garbage":
            self._send(http, 200, b"<html>a login page</html>", {"Content-Type": "text/html"})
        elif isinstance(script, Breaks) and script.how == "foreign":
            self._send(http, 200, b'{"choices": [], "output": {"text": "hi"}, "id": 7}')
        elif isinstance(script, Breaks):
            self._send(http, 200, content[: len(content) // 2], {"Content-Length": str(len(content))})
            http.close_connection = True
        else:
            self._send(http, 200, content)

    def _stream(self, http: BaseHTTPRequestHandler, script: Script, body: dict[str, Any], number: int) -> None:
        says = script if isinstance(script, Says) else script.says  # type: ignore[union-attr]
        events: Sequence[dict[str, Any]] = wire.events(says, body, number)
        if not isinstance(script, Says):
            events = events[: script.events]
        if isinstance(script, Breaks) and script.how == "error":
            error = {"type": "error", "code": "server_error", "message": "sorry", "param": None}
            events = [*events, {**error, "sequence_number": len(events)}]
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream; charset=utf-8")
        http.send_header("Transfer-Encoding", "chunked")
        http.end_headers()
        for event in events:
            self._note(openai_schema.event_problem(event))
            _chunk(http, f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")
        if isinstance(script, Hangs):
            self._closing.wait()
        if isinstance(script, Breaks) and script.how == "garbage":
            _chunk(http, "event: response.output_text.delta\ndata: {not json\n\n")
        if isinstance(script, Hangs) or (isinstance(script, Breaks) and script.how == "cut"):
            http.close_connection = True
        else:
            http.wfile.write(b"0\r\n\r\n")

    def _send(
        self, http: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str] | None = None
    ) -> None:
        http.send_response(status)
        every = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        for name, value in every.items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(content)

    def _note(self, problem: str | None) -> None:
        if problem:
            self.problems.append(problem)


def _chunk(http: BaseHTTPRequestHandler, text: str) -> None:
    data = text.encode()
    http.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
    http.wfile.flush()
