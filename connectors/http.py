"""The HTTP client that connectors share: retries, a rate budget, limits, and no way into the own network.

Proxies from the environment are not used: a proxy would resolve names behind the address guard's back.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from configs.errors import AuthError, ConnectorError
from connectors.addresses import Resolver, host_allowed, is_loopback, resolve, safe_address
from connectors.retry import RETRIED, RateBudget, pause, retry_after

if TYPE_CHECKING:
    import httpx

_REDIRECTS = 5
_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back. ``not_modified``: the caller's copy is still right and there is no content."""

    content: bytes
    size: int
    media_type: str
    etag: str | None
    last_modified: str | None
    not_modified: bool = False


class _Retry(Exception):
    """A try that may succeed later; ``asked``: seconds the server wants."""

    def __init__(self, error: ConnectorError, asked: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.asked = asked


class HttpClient:
    """GETs from one service. Safe to use from many threads; close it or use it as a context manager.

    Args:
        base_url: what relative URLs start from.
        allowed_hosts: hosts (or patterns such as ``*.example.com``) that may be asked, redirects included;
            the host of ``base_url`` is among them.
        auth: sent to the first host of a request only, never along a redirect to another.
        timeout: seconds for connecting and for each read.
        max_bytes: larger (decompressed) answers are an error.
        attempts: tries for one request.
        max_wait: most seconds between two tries, whatever ``Retry-After`` says.
        budget: shared between clients of the same account.
        allow_private: let configured host names lead to private addresses (an intranet).
        resolver: host and port to addresses; the system's by default.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        allowed_hosts: Iterable[str] = (),
        auth: httpx.Auth | None = None,
        timeout: float = 30.0,
        max_bytes: int = 100_000_000,
        attempts: int = 5,
        max_wait: float = 60.0,
        budget: RateBudget | None = None,
        allow_private: bool = False,
        resolver: Resolver = resolve,
    ) -> None:
        import httpx

        hosts = list(allowed_hosts)
        if base_url is not None:
            hosts.append(urlsplit(base_url).hostname or "")
        self._base = base_url
        self._hosts = hosts
        self._auth = auth
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._max_wait = max_wait
        self._budget = budget
        self._allow_private = allow_private
        self._resolver = resolver
        self._client = httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "openshelf", "Accept-Encoding": "gzip, deflate"},
        )

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get_json(self, url: str, *, params: Mapping[str, str | int] | None = None) -> Any:
        """GET and parse JSON.

        Raises:
            ConnectorError: see ``download``, or the answer is no JSON.
        """
        fetched = self.get_bytes(url, params=params, headers={"Accept": "application/json"})
        try:
            return json.loads(fetched.content)
        except (ValueError, RecursionError):
            raise ConnectorError(f"{_shown(self._absolute(url))} did not answer with JSON.") from None

    def get_bytes(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Fetched:
        """GET into memory; see ``download``."""
        sink = io.BytesIO()
        fetched = self.download(url, sink, params=params, headers=headers, etag=etag, last_modified=last_modified)
        return replace(fetched, content=sink.getvalue())

    def download(
        self,
        url: str,
        sink: IO[bytes],
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> Fetched:
        """GET into ``sink`` (emptied before each try); ``Fetched.content`` stays empty.

        Args:
            etag, last_modified: of the copy the caller has, from an earlier ``Fetched``.

        Raises:
            AuthError: status 401 or 403.
            ConnectorError: any other failure, after the retries that make sense. Messages show neither
                query strings nor credentials.
        """
        import stamina

        sent = dict(headers or {})
        if etag:
            sent["If-None-Match"] = etag
        if last_modified:
            sent["If-Modified-Since"] = last_modified
        tries = 0

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, _Retry):
                return False
            seconds = pause(error.asked, tries, self._max_wait)
            if self._budget and error.asked is not None:
                self._budget.hold(seconds)
            return seconds

        try:
            for attempt in stamina.retry_context(on=wait, attempts=self._attempts, timeout=None):
                with attempt:
                    tries += 1
                    sink.seek(0)
                    sink.truncate()
                    return self._follow(self._absolute(url), sink, params, sent)
        except _Retry as error:
            raise ConnectorError(
                f"{error.error.message.rstrip('.')}, after {tries} tries.", hint="Try again later."
            ) from error.__cause__
        raise AssertionError("unreachable: the loop returns or raises")

    def _follow(
        self, url: str, sink: IO[bytes], params: Mapping[str, str | int] | None, headers: dict[str, str]
    ) -> Fetched:
        first = urlsplit(url).netloc
        for _ in range(_REDIRECTS + 1):
            parts = urlsplit(url)
            answer = self._once(url, sink, params, headers, send_auth=parts.netloc == first)
            if isinstance(answer, Fetched):
                return answer
            url, params = urljoin(url, answer), None
            if parts.scheme == "https" and urlsplit(url).scheme != "https":
                raise ConnectorError(f"{_shown(url)}: a redirect from https to http was refused.")
        raise ConnectorError(f"{_shown(url)}: more than {_REDIRECTS} redirects.")

    def _once(
        self,
        url: str,
        sink: IO[bytes],
        params: Mapping[str, str | int] | None,
        headers: dict[str, str],
        *,
        send_auth: bool,
    ) -> Fetched | str:
        import httpx

        request = self._pinned(url, params, headers)
        if self._budget:
            time.sleep(self._budget.take())
        auth = self._auth if send_auth else None
        try:
            response = self._client.send(request, stream=True, auth=auth)
            try:
                if response.status_code in _REDIRECT_CODES and "location" in response.headers:
                    return response.headers["location"]
                return self._read(response, url, sink)
            finally:
                response.close()
        except httpx.DecodingError:
            raise ConnectorError(f"{_shown(url)}: the answer's compression is damaged.") from None
        except httpx.TransportError as error:
            # The class alone: the text of an error can hold the URL and with it a token.
            problem = ConnectorError(f"{_shown(url)} cannot be reached or broke off ({type(error).__name__}).")
            raise _Retry(problem) from None

    def _pinned(self, url: str, params: Mapping[str, str | int] | None, headers: dict[str, str]) -> httpx.Request:
        """A request to the checked address, with the name kept for ``Host`` and the certificate."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("https", "http") or not host:
            raise ConnectorError(f"{_shown(url)} is no https address.")
        if not host_allowed(host, self._hosts):
            raise ConnectorError(
                f"The host {host} is not one that this source may ask; nothing was sent there.",
                hint=f"Allowed: {', '.join(self._hosts)}.",
            )
        if parts.scheme == "http" and not is_loopback(host):
            raise ConnectorError(f"{_shown(url)} is not encrypted.", hint="Use https; http is for this machine only.")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = safe_address(
            host, port, configured=self._hosts, allow_private=self._allow_private, resolver=self._resolver
        )
        request = self._client.build_request("GET", url, params=params, headers=headers)
        request.url = request.url.copy_with(host=address)
        request.extensions = {**request.extensions, "sni_hostname": host}
        return request

    def _read(self, response: httpx.Response, url: str, sink: IO[bytes]) -> Fetched:
        status, headers = response.status_code, response.headers
        if status in (200, 304):
            size = 0
            for piece in response.iter_bytes(65536):
                size += len(piece)
                if size > self._max_bytes:
                    raise ConnectorError(
                        f"{_shown(url)} answered with more than {self._max_bytes:,} bytes.", hint="Raise max_bytes."
                    )
                sink.write(piece)
            media_type = headers.get("content-type", "").split(";")[0].strip().lower()
            return Fetched(b"", size, media_type, headers.get("etag"), headers.get("last-modified"), status == 304)
        if status in (401, 403):
            raise AuthError(f"{_shown(url)} refused access (status {status}).", hint="Check the credentials.")
        problem = ConnectorError(f"{_shown(url)} answered with status {status}.")
        if status in RETRIED:
            raise _Retry(problem, retry_after(headers.get("retry-after"), datetime.now(UTC)))
        raise problem

    def _absolute(self, url: str) -> str:
        return urljoin(self._base, url) if self._base else url


def _shown(url: str) -> str:
    """``url`` without what could be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
