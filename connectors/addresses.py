"""Which addresses a connector may talk to: guards against a URL or redirect that points into the own network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from configs.errors import ConnectorError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]
"""Host and port to IP addresses; raises ``OSError``."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def resolve(host: str, port: int) -> list[str]:
    """Addresses of ``host`` as the system resolves it, in its order of preference.

    Raises:
        OSError: the name is unknown.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine by itself (``localhost``, ``127.0.0.1``, ``::1``)."""
    if host.lower().rstrip(".") == "localhost":
        return True
    address = _literal(host)
    return address is not None and address.is_loopback


def configured_url(url: str) -> str:
    """``url`` as it may stand in a configuration; for validators of options.

    Raises:
        ValueError: it holds a user or password, is no https address, or http leads away from this machine.
    """
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("write no user or password into the url")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueError("an url starts with https://")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("use https; http is for this machine only")
    return url


def host_allowed(host: str, allowed: Iterable[str]) -> bool:
    """Whether ``host`` equals one of ``allowed`` or matches a pattern such as ``*.googleusercontent.com``."""
    name = host.lower().rstrip(".")
    return any(fnmatchcase(name, pattern.lower().rstrip(".")) for pattern in allowed)


def safe_address(host: str, port: int, *, configured: Iterable[str], allow_private: bool, resolver: Resolver) -> str:
    """One address of ``host`` to connect to; connecting to it and not to the name leaves no second look-up.

    Public addresses pass. Private and loopback ones pass where ``allow_private``, or where the configuration
    itself names that address (or ``localhost``). Link-local addresses, where clouds keep their metadata
    service, and reserved ones never pass.

    Raises:
        ConnectorError: the name is unknown, or one of its addresses is not allowed.
    """
    try:
        found = [ipaddress.ip_address(text.split("%")[0]) for text in resolver(host, port)]
    except (OSError, UnicodeError):
        raise ConnectorError(f"The host {host} cannot be found.", hint="Check its spelling and the network.") from None
    if not found:
        raise ConnectorError(f"The host {host} has no address.")
    named = host.lower() in {name.lower() for name in configured}
    for address in found:
        inner = _unwrapped(address)
        own = named and (is_loopback(host) or _literal(host) is not None)
        if inner.is_link_local or inner.is_multicast or inner.is_unspecified or inner.is_reserved:
            allowed = False
        elif inner.is_loopback:
            allowed = own or (allow_private and named)
        else:
            allowed = inner.is_global or own or (allow_private and named)
        if not allowed:
            raise ConnectorError(
                f"The host {host} leads to {inner}, an address that is not public; nothing was sent there.",
                hint="If the source is inside your own network, set allow_private_network: true.",
            )
    return str(found[0])


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    # IPv4 in IPv6 clothes must not pass as something else.
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address
