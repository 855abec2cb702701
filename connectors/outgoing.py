"""One outgoing request: what is asked, and that it goes to a checked address and nowhere else."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from configs.errors import ConnectorError
from connectors.addresses import Resolver, host_allowed, is_loopback, safe_address

if TYPE_CHECKING:
    import ssl

    import httpx

Params: TypeAlias = Mapping[str, str | int | Sequence[str]]
"""A query string; a sequence repeats its key."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. ``params`` replace a query that ``url`` has."""

    method: str
    url: str
    params: Params | None
    headers: dict[str, str]
    body: Mapping[str, Any] = field(default_factory=dict)

    def redirected(self, url: str) -> Request:
        """The same at another place."""
        return replace(self, url=url, params=None)


class Gate:
    """Lets requests out to ``hosts`` alone (see ``safe_address`` for what an address must be)."""

    def __init__(self, hosts: Sequence[str], *, allow_private: bool, resolver: Resolver) -> None:
        self._hosts = hosts
        self._allow_private = allow_private
        self._resolver = resolver

    def pinned(self, client: httpx.Client, asked: Request, credentials: Mapping[str, str]) -> httpx.Request:
        """A request to the checked address, with the name kept for ``Host`` and the certificate.

        Raises:
            ConnectorError: it would go elsewhere, or unencrypted.
        """
        url = asked.url
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("https", "http") or not host:
            raise ConnectorError(f"{shown(url)} is no https address.")
        if not host_allowed(host, self._hosts):
            raise ConnectorError(
                f"The host {host} is not one that this source may ask; nothing was sent there.",
                hint=f"Allowed: {', '.join(self._hosts)}.",
            )
        if parts.scheme == "http" and not is_loopback(host):
            raise ConnectorError(f"{shown(url)} is not encrypted.", hint="Use https; http is for this machine only.")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = safe_address(
            host, port, configured=self._hosts, allow_private=self._allow_private, resolver=self._resolver
        )
        request = client.build_request(
            asked.method, url, params=asked.params, headers={**asked.headers, **credentials}, **asked.body
        )
        request.url = request.url.copy_with(host=address)
        request.extensions = {**request.extensions, "sni_hostname": host}
        return request


@functools.cache
def trust() -> ssl.SSLContext:
    """The certificates, read once: that costs more than a short crawl."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def shown(url: str) -> str:
    """``url`` without what could be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
