"""A real web server on 127.0.0.1 that answers as a test tells it and remembers what it was asked."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """One answer. ``cut``: announce this many bytes more than are sent, then close the connection."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    conditional: bool = False
    cut: int = 0


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    status: int


class Web:
    """Serves each path's answers in turn, the last one for good."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer]] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def serve(self, path: str, *answers: Answer) -> None:
        self._answers[path] = list(answers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        answers = self._answers.get(request.path.split("?")[0], [Answer(404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        headers, status, body = dict(answer.headers), answer.status, answer.body
        if answer.conditional:
            headers["ETag"] = f'"{hashlib.md5(body).hexdigest()}"'
            if request.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
        self.asked.append(Asked(request.path, dict(request.headers), status))
        request.send_response(status)
        headers.setdefault("Content-Length", str(len(body) + answer.cut))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            request.close_connection = True  # the client had enough
        if answer.cut:
            request.close_connection = True
