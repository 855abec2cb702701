"""The upstream of these tests: the Responses server of ``tests.retrieval``, used again by every test, which can be
waited for when its client hangs up, and can say what OpenAI's own tools say."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.retrieval import server
from tests.retrieval.wire import Says


@dataclass(frozen=True)
class Stalls:
    """``says`` without its end: after ``events`` nothing comes until the client hangs up or ``go`` is set."""

    says: Says
    events: int
    go: threading.Event


class Provider(server.Provider):
    """See the module.

    Attributes:
        hung_up: a client closed its connection while an answer stalled.
    """

    def __init__(self) -> None:
        self.hung_up = threading.Event()
        super().__init__()
        report = self._server.handle_error

        def handle_error(request: Any, address: Any) -> None:
            if not isinstance(sys.exc_info()[1], OSError):  # a client that has gone is what is tested
                report(request, address)

        self._server.handle_error = handle_error  # type: ignore[method-assign]

    def forget(self) -> None:
        """Begin again, for the next test."""
        self.requests.clear()
        self.problems.clear()
        self.script()
        self.asked.clear()
        self.hung_up.clear()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was asked, in order."""
        return [request.body for request in self.requests]

    def _stream(self, http: BaseHTTPRequestHandler, script: Any, body: dict[str, Any], number: int) -> None:
        if not isinstance(script, Stalls):
            super()._stream(http, script, body, number)
            return
        events: Sequence[dict[str, Any]] = server.wire.events(script.says, body, number)
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream; charset=utf-8")
        http.send_header("Transfer-Encoding", "chunked")
        http.end_headers()
        for n, event in enumerate(events):
            if n == script.events and not self._goes_on(http, script):
                return
            server._chunk(http, f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")
        http.wfile.write(b"0\r\n\r\n")

    def _goes_on(self, http: BaseHTTPRequestHandler, script: Stalls) -> bool:
        http.connection.settimeout(0.02)
        while not script.go.is_set():
            try:
                if http.connection.recv(1) == b"":
                    self.hung_up.set()
                    http.close_connection = True
                    return False
            except TimeoutError:
                continue
            except OSError:
                self.hung_up.set()
                http.close_connection = True
                return False
        http.connection.settimeout(None)
        return True
