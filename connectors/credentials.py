"""What proves to a vendor who is asking: a fixed header, or a token that runs out and is fetched again."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import SecretStr

_EARLY = 60.0
"""Seconds before its end at which a token is fetched anew."""


class Credentials(Protocol):
    """Headers for a request; safe to use from many threads."""

    def headers(self) -> Mapping[str, str]:
        """The headers to send now; may fetch a token.

        Raises:
            ConnectorError: no token can be had.
        """
        ...

    def refresh(self, refused: Mapping[str, str]) -> bool:
        """The vendor refused these headers (401). Returns whether other ones can be tried."""
        ...


class FixedHeader:
    """One header that never changes: an API key, a personal access token, a user and password."""

    def __init__(self, name: str, value: SecretStr) -> None:
        self._name = name
        self._value = value

    @classmethod
    def bearer(cls, token: SecretStr) -> FixedHeader:
        """``Authorization: Bearer <token>``."""
        return cls("Authorization", SecretStr(f"Bearer {token.get_secret_value()}"))

    @classmethod
    def basic(cls, user: str, password: SecretStr) -> FixedHeader:
        """``Authorization: Basic …`` (RFC 7617)."""
        pair = f"{user}:{password.get_secret_value()}".encode()
        return cls("Authorization", SecretStr(f"Basic {base64.b64encode(pair).decode('ascii')}"))

    def headers(self) -> Mapping[str, str]:
        """See ``Credentials``."""
        return {self._name: self._value.get_secret_value()}

    def refresh(self, refused: Mapping[str, str]) -> bool:
        """Never: there is only this one."""
        return False


class FetchedToken:
    """A token that ``fetch`` gets, kept until shortly before it runs out; one thread at a time fetches.

    Args:
        fetch: returns the token and the seconds it lives (``None``: until it is refused).
        header: the header it is sent in.
        scheme: what stands before it in the header.
    """

    def __init__(
        self, fetch: Callable[[], tuple[str, float | None]], *, header: str = "Authorization", scheme: str = "Bearer "
    ) -> None:
        self._fetch = fetch
        self._header = header
        self._scheme = scheme
        self._lock = threading.Lock()
        self._token: SecretStr | None = None
        self._until = 0.0

    def headers(self) -> Mapping[str, str]:
        """See ``Credentials``."""
        with self._lock:
            if self._token is None or time.monotonic() > self._until:
                token, seconds = self._fetch()
                self._token = SecretStr(token)
                self._until = float("inf") if seconds is None else time.monotonic() + max(0.0, seconds - _EARLY)
            return {self._header: self._scheme + self._token.get_secret_value()}

    def refresh(self, refused: Mapping[str, str]) -> bool:
        """Forget the token unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and refused.get(self._header, "").endswith(self._token.get_secret_value()):
                self._token = None
        return True
