"""A real server on 127.0.0.1 that speaks ``POST /v1/embeddings`` as a test scripts it."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


def vector_of(text: str, dimensions: int) -> list[float]:
    """A vector that only its text decides, not of length 1."""
    digest = hashlib.shake_128(text.encode()).digest(dimensions)
    return [byte / 64.0 - 2.0 for byte in digest]


def whole(asked: dict[str, Any], *, tokens: int | None = None) -> dict[str, Any]:
    """The right answer to a request, its vectors in backward order."""
    made = []
    for index, text in enumerate(asked["input"]):
        vector: Any = vector_of(text, asked.get("dimensions", 8))
        if asked.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        made.append({"object": "embedding", "index": index, "embedding": vector})
    count = sum(len(text.split()) for text in asked["input"]) if tokens is None else tokens
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": made[::-1], "model": asked["model"], "usage": usage}


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """``body`` as JSON; underscores in header names are dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(body).encode()


def refusal(status: int, message: str, **headers: str) -> Answer:
    """An error as OpenAI words it."""
    return answer({"error": {"message": message, "type": "x", "code": None, "param": None}}, status, **headers)


@dataclass
class Asked:
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class EmbeddingsServer:
    """``script``: answers (or functions of the request's body) for the first requests; then right ones."""

    script: list[Answer | Callable[[dict[str, Any]], Answer]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = json.loads(raw)
                with server._lock:
                    server.asked.append(Asked({k.lower(): v for k, v in self.headers.items()}, body))
                    step = server.script.pop(0) if server.script else lambda body: answer(whole(body))
                status, headers, content = step(body) if callable(step) else step
                if self.path != "/v1/embeddings":
                    status, headers, content = refusal(404, "no such path")
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
