"""Who gets in: this machine, with the token. The operator's view shows what no viewer may see.

A program on this machine that has no token is refused, and so is a web page that makes a browser ask:

* the address is loopback, by its name and its port, so a name that was bound again to 127.0.0.1 (DNS rebinding) is not;
* a request that another origin started is refused by ``Origin`` and ``Sec-Fetch-Site``;
* the token of the address is exchanged for a cookie that scripts cannot read and other sites cannot send.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.addresses import is_loopback
from openshelf.inspector.rendering import render

PATH = "/inspect"
_TOKEN = "token"  # noqa: S105 - the parameter's name
_SAFE = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Key:
    """What opens the inspector of one server.

    Attributes:
        token: for the address that its owner is shown; good while the server runs.
        session: what the cookie holds instead.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self.session = secrets.token_urlsafe(32)
        self._lock = threading.Lock()
        self._tickets: set[str] = set()

    def ticket(self) -> str:
        """A token that is good once: a browser is started with its address among its arguments, which others on this
        machine can read."""
        made = secrets.token_urlsafe(32)
        with self._lock:
            self._tickets.add(made)
        return made

    def fits(self, token: str) -> bool:
        """Whether ``token`` opens; a ticket is used up by that."""
        if _same(token, self.token):
            return True
        with self._lock:
            for ticket in self._tickets:
                if _same(token, ticket):
                    self._tickets.discard(ticket)
                    return True
        return False


class Door:
    """ASGI middleware around the inspector: lets in, refuses, and sends the same headers with every answer."""

    def __init__(self, app: ASGIApp, key: Key) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        request = Request(scope)
        answer: ASGIApp = self._answer(request) or self._app
        await answer(scope, receive, guarded)

    def _answer(self, request: Request) -> Response | None:
        """What is sent instead of the page, if anything."""
        if not _addressed(request) or not _started_here(request):
            return _refused(
                "This page opens only in a browser on this machine, by its address: paste it; do not follow a link."
            )
        if request.method not in _SAFE:
            return _refused("The inspector only shows; it changes nothing.", 405)
        token = request.query_params.get(_TOKEN)
        name = cookie_name(request)
        if token is not None:
            if not self._key.fits(token):
                return _refused("The token in this address is of another run of the inspector.")
            rest = [(key, value) for key, value in parse_qsl(request.url.query, True) if key != _TOKEN]
            path = request.url.path
            answer = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, 303)
            answer.set_cookie(name, self._key.session, path=PATH, httponly=True, samesite="strict")
            return answer
        if not _same(request.cookies.get(name, ""), self._key.session):
            return _refused("This browser has not been let in by the inspector that runs now.")
        return None


def cookie_name(request: Request) -> str:
    """The cookie's name. Cookies do not tell ports apart, so the name does."""
    return f"openshelf-inspect-{_port(request)}"


def _addressed(request: Request) -> bool:
    """Whether the request was sent to this machine by a name that is always its own, at our port."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}")
        return is_loopback(host.hostname or "") and (host.port or 80) == _port(request)
    except ValueError:
        return False


def _started_here(request: Request) -> bool:
    """Whether no other page made the browser ask."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{request.headers.get('host', '')}":
        return False
    # A browser names what started a request. "none" is the person: an address typed, opened or bookmarked.
    return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _port(request: Request) -> int:
    server = request.scope.get("server")
    return int(server[1]) if server and server[1] else 80


def _refused(why: str, status: int = 403) -> Response:
    return render("refused.html", status, title="Not let in", why=why)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
