"""Who may do what: the key of a request, its scopes, and how many requests it may send."""

from __future__ import annotations

import threading
import time
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from configs.errors import ConfigError
from configs.server import Server
from connectors.addresses import is_loopback
from ingest.ledger import Ledger
from openshelf.server import keys
from openshelf.server.contract import Caller, Scope
from openshelf.server.errors import ApiError

LOOPBACK = Caller(keys.LOOPBACK, frozenset(keys.SCOPES))


class Access:
    """Finds the caller of a request.

    Without any key a server on loopback lets everybody on this machine in, and sees to it that no web page can use a
    browser to get in too: the request's host has to be this machine, and so has its origin. As soon as a key was
    made, every request needs one.
    """

    def __init__(self, ledger: Ledger, settings: Server, *, loopback: bool) -> None:
        self._ledger = ledger
        self._loopback = loopback
        self._rate = Rate(settings.requests_per_minute)

    def caller(self, request: Request) -> Caller:
        """Who sent ``request``. Blocks: it reads the keys.

        Raises:
            ApiError: the key is missing or wrong (401), a web page is asking (403), or it asks too often (429).
        """
        known: Caller | None = getattr(request.state, "caller", None)
        if known is None:
            known = self._caller(request)
            self._rate.take(known.name)
            request.state.caller = known
        return known

    def _caller(self, request: Request) -> Caller:
        with self._ledger.reading() as connection:
            if self._loopback and not keys.exist(connection):
                _no_web_page(request)
                return LOOPBACK
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            found = keys.caller(connection, token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            said = "Incorrect API key provided." if token else "You didn't provide an API key."
            raise ApiError(
                401,
                f"{said} Send it as 'Authorization: Bearer osk-...'; `openshelf keys create` makes one.",
                code="invalid_api_key",
            )
        return found


class Rate:
    """A bucket of requests for each name, which fills again evenly within a minute. Safe from many threads."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> None:
        """Take one.

        Raises:
            ApiError: none is left (429), with the seconds until there is one.
        """
        if not self._per_minute:
            return
        now = time.monotonic()
        with self._lock:
            left, at = self._buckets.get(name, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - at) * self._per_minute / 60)
            if left >= 1:
                self._buckets[name] = (left - 1, now)
                return
            self._buckets[name] = (left, now)
        wait = (1 - left) * 60 / self._per_minute
        raise ApiError(
            429,
            f"Rate limit reached: {self._per_minute:,} requests a minute for each key (server.requests_per_minute).",
            code="rate_limit_exceeded",
            retry_after=wait,
        )


def may(request: Request, scope: Scope) -> Caller:
    """The caller, who has ``scope``.

    Raises:
        ApiError: as ``Access.caller``, or the key lacks the scope (403).
    """
    caller: Caller = request.app.state.services.access.caller(request)
    if scope not in caller.scopes:
        raise ApiError(
            403,
            f"The key '{caller.name}' has no scope '{scope}', which this needs.",
            code="insufficient_permissions",
        )
    return caller


def _reads(request: Request) -> Caller:
    return may(request, "read")


def _writes(request: Request) -> Caller:
    return may(request, "write")


Reader = Annotated[Caller, Depends(_reads)]
Writer = Annotated[Caller, Depends(_writes)]


def refuse_open_door(ledger: Ledger, host: str) -> None:
    """See that a server beyond loopback has keys.

    Raises:
        ConfigError: it has none in force.
    """
    if is_loopback(host):
        return
    with ledger.reading() as connection:
        if any(key.revoked is None for key in keys.every(connection)):
            return
    raise ConfigError(
        f"The server would listen on {host}, where others can reach it, and there is no key.",
        hint="Make one with `openshelf keys create NAME`, or listen on 127.0.0.1.",
    )


def _no_web_page(request: Request) -> None:
    host: Any = urlsplit(f"//{request.headers.get('host', '')}").hostname
    origin = request.headers.get("origin")
    if not is_loopback(host or "") or (origin and not is_loopback(urlsplit(origin).hostname or "")):
        raise ApiError(
            403,
            "Without keys this server answers only programs on this machine that address it as such.",
            code="loopback_only",
        )
