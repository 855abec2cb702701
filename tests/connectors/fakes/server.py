"""A vendor's API as a real server: subclasses keep state and answer; this one breaks, remembers and checks."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """What was asked. ``path`` is decoded nowhere; ``query`` has every value of every key."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def one(self, key: str, default: str | None = None) -> str | None:
        """The first value of a query parameter."""
        return self.query.get(key, [default])[0]

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode()).items()}


@dataclass
class Response:
    """An answer: ``json`` or ``body``."""

    status: int = 200
    json: Any = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if self.json is None else json.dumps(self.json).encode()


@dataclass(frozen=True)
class Fault:
    """How an answer goes wrong.

    kind: ``busy`` (429 with ``retry_after``), ``error`` (``status``), ``reset`` (the connection breaks before a
    byte), ``cut`` (it breaks in the middle), ``truncated`` (half the JSON, well framed), ``html`` (a page with
    status 200), ``hang`` (``seconds`` before the answer), ``expired`` (401).
    """

    kind: str
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    path: str = ""
    """Only for requests whose path contains this."""


PASSING = (
    Fault("busy", retry_after="0"),
    Fault("busy"),
    Fault("busy", retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
    Fault("busy", retry_after="soon"),
    Fault("error", 500),
    Fault("error", 502),
    Fault("error", 503, retry_after="0"),
    Fault("reset"),
    Fault("cut"),
    Fault("truncated"),
    Fault("html"),
)
"""Faults that a client gets over by asking again."""


class Fake:
    """Start of a vendor. Subclasses answer in ``answer`` (called under ``lock``) and check in ``problem``.

    Attributes:
        asked: every request, in order.
        problems: what broke the vendor's contract; tests end with an empty list.
    """

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.problems: list[str] = []
        self.lock = threading.RLock()
        self._next: list[Fault] = []
        self._chaos: tuple[random.Random, float, tuple[Fault, ...]] | None = None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                fake._handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # resets are on purpose
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def answer(self, request: Request) -> Response:
        raise NotImplementedError

    def problem(self, request: Request, response: Response) -> str | None:
        """What breaks the vendor's contract: the request or the fake's own answer. Not asked about faults."""
        return None

    def authorised(self, request: Request) -> bool:
        """Whether the request's credentials hold; a fault ``expired`` is a 401 in any case."""
        return True

    def refusal(self, request: Request, status: int) -> Response:
        """The vendor's own body for a refused or busy request."""
        return Response(status, json={"error": "refused"})

    def break_next(self, *faults: Fault) -> None:
        """Let the next requests (that match ``path``) go wrong, one fault each, in this order."""
        with self.lock:
            self._next += faults

    def chaos(self, rng: random.Random, probability: float, faults: tuple[Fault, ...] = PASSING) -> None:
        """From now on each request goes wrong with ``probability``."""
        with self.lock:
            self._chaos = (rng, probability, faults)

    def calm(self) -> None:
        """No more faults."""
        with self.lock:
            self._chaos, self._next = None, []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close, and see that a test that went well asked for nothing that the vendor does not have."""
        self.close()
        if kind is None:
            assert not self.problems, self.problems[:3]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paths(self, part: str = "") -> list[str]:
        """The paths asked for so far that contain ``part``."""
        return [request.path for request in self.asked if part in request.path]

    def _fault(self, request: Request) -> Fault | None:
        for position, fault in enumerate(self._next):
            if fault.path in request.path:
                return self._next.pop(position)
        if self._chaos and self._chaos[0].random() < self._chaos[1]:
            return self._chaos[0].choice(self._chaos[2])
        return None

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(handler.command, parts.path, query, headers, handler.rfile.read(length))
        with self.lock:
            self.asked.append(request)
            fault = self._fault(request)
            response = self._response(request, fault)
        if fault and fault.kind == "hang":
            time.sleep(fault.seconds)
        self._send(handler, response, fault)

    def _response(self, request: Request, fault: Fault | None) -> Response:
        kind = fault.kind if fault else ""
        if fault and kind == "busy":
            response = self.refusal(request, 429)
            response.headers |= {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            return response
        if fault and kind == "error":
            headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            return Response(fault.status, body=b"<html>upstream is down</html>", headers=headers)
        if kind == "html":
            return Response(200, body=b"<html><body>Sign in</body></html>", headers={"Content-Type": "text/html"})
        if kind == "expired" or not self.authorised(request):
            return self.refusal(request, 401)
        try:
            response = self.answer(request)
            problem = self.problem(request, response)
        except Exception as error:
            problem, response = f"the fake failed: {error!r}", Response(599)
        if problem:
            self.problems.append(f"{request.method} {request.path}?{request.query}: {problem}")
        return response

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, response: Response, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        handler.close_connection = kind in ("reset", "cut")
        if kind == "reset":
            # Linger 0: the other side sees a reset and not an orderly end.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            return
        content = response.content()
        if kind == "truncated":
            content = content[: len(content) // 2]
        handler.send_response(response.status)
        headers = {"Content-Type": "application/json", **response.headers, "Content-Length": str(len(content))}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        try:
            handler.wfile.write(content[: len(content) // 2] if kind == "cut" else content)
        except OSError:
            handler.close_connection = True
