"""What every request meets first: its id, its size, how many there are at once, and the log of how it ended."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openshelf.server.errors import ApiError, answer

log = logging.getLogger("openshelf.server.requests")

_GOOD_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_UPLOAD = "/v1/files"
_ENVELOPE = 1_000_000  # bytes of a multipart body beside its file
_UNLIMITED = ("/healthz", "/readyz", "/metrics")


class Limits:
    """ASGI middleware. It holds no body: a request is read while it is handled, and cut off where it is too large.

    Args:
        max_file: bytes of an uploaded file.
        max_request: bytes of any other request.
        max_concurrent: requests at the same time.
        observe: told of every request: method, route, status, seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_file: int,
        max_request: int,
        max_concurrent: int,
        observe: Callable[[str, str, int, float], None],
    ) -> None:
        self._app = app
        self._max_file = max_file
        self._max_request = max_request
        self._max_concurrent = max_concurrent
        self._observe = observe
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GOOD_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        counted = scope["path"] not in _UNLIMITED
        try:
            if counted and self._running >= self._max_concurrent:
                await answer(_too_many(self._max_concurrent))(scope, receive, named)
                return
            self._running += counted
            try:
                await self._bounded(scope, receive, named)
            finally:
                self._running -= counted
        finally:
            seconds = time.perf_counter() - started
            self._observe(scope["method"], _route(scope), status, seconds)
            log.debug("%s %r %d %.0f ms %s", scope["method"], scope["path"], status, seconds * 1000, request_id)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = scope["path"] == _UPLOAD
        limit = self._max_file + _ENVELOPE if upload else self._max_request
        error = ApiError(
            413,
            f"The request is larger than the {limit:,} bytes that this server takes "
            f"(server.{'max_file_bytes' if upload else 'max_request_bytes'}).",
            code="request_too_large",
        )
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared) > limit:
            await answer(error)(scope, receive, send)
            return
        read, over, begun = 0, False, False

        async def bounded() -> Message:
            nonlocal read, over
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                over = True
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            if over and not begun:
                return  # whatever the handler makes of the cut, the answer is ours
            begun = True
            await send(message)

        try:
            await self._app(scope, bounded, watched)
        except _TooLarge:
            pass
        except Exception:
            # Logged and answered further in; raised again only for a server that does neither.
            if not begun and not over:
                raise
        if over and not begun:
            await answer(error)(scope, receive, send)


class _TooLarge(Exception):
    pass


def _too_many(most: int) -> ApiError:
    return ApiError(
        429,
        f"The server is busy with {most} requests (server.max_concurrent). Try again in a moment.",
        code="too_many_requests",
        retry_after=1.0,
    )


def _route(scope: Scope) -> str:
    """The route's template: as many as there are routes, whatever is asked for."""
    route = scope.get("route")
    return str(getattr(route, "path_format", None) or getattr(route, "path", None) or "none")
