"""The HTTP client that connectors share: retries, a rate budget, limits, and no way into the own network.

A try fails and is repeated on a busy or broken server (429, 5xx), a time-out, a connection that breaks off, JSON
that is cut or is a page of HTML, and on whatever the vendor's ``Judge`` says. A token that ran out is fetched anew.

Proxies from the environment are not used: a proxy would resolve names behind the address guard's back.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from configs.errors import AuthError, ConnectorError
from connectors.addresses import Resolver, resolve
from connectors.credentials import Credentials
from connectors.outgoing import Gate, Params, Request, shown, trust
from connectors.replies import Again, Judge, Reply, read_error, read_json
from connectors.retry import RETRIED, RateBudget, pause, retry_after

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")
_REDIRECTS = 5
_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
_ERROR_BYTES = 65_536

MAX_WAIT = 60.0
"""Most seconds between two tries, whatever the server asks for, where a client has no limit of its own."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back. ``not_modified``: the caller's copy is still right and there is no content."""

    content: bytes
    size: int
    media_type: str
    etag: str | None
    last_modified: str | None
    not_modified: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""


class _Retry(Exception):
    """A try that may succeed later; ``asked``: seconds the server wants."""

    def __init__(self, error: ConnectorError, asked: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.asked = asked


class HttpClient:
    """Asks one service. Safe to use from many threads; close it or use it as a context manager.

    Args:
        base_url: what relative URLs start from.
        allowed_hosts: hosts (or patterns such as ``*.example.com``) that may be asked, redirects included;
            the host of ``base_url`` is among them.
        auth: sent to the first host of a request only, never along a redirect to another.
        credentials: the same, and asked for new ones when the first host answers with 401.
        judge: the vendor's own rules, asked before the client's (see ``Judge``).
        timeout: seconds for connecting and for each read.
        max_bytes: larger (decompressed) answers are an error.
        attempts: tries for one request.
        max_wait: most seconds between two tries, whatever ``Retry-After`` says; default ``MAX_WAIT``.
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
        credentials: Credentials | None = None,
        judge: Judge | None = None,
        timeout: float = 30.0,
        max_bytes: int = 100_000_000,
        attempts: int = 5,
        max_wait: float | None = None,
        budget: RateBudget | None = None,
        allow_private: bool = False,
        resolver: Resolver = resolve,
    ) -> None:
        import httpx

        hosts = list(allowed_hosts)
        if base_url is not None:
            hosts.append(urlsplit(base_url).hostname or "")
        self._base = base_url
        self._auth = auth
        self._credentials = credentials
        self._judge = judge
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._max_wait = MAX_WAIT if max_wait is None else max_wait
        self._budget = budget
        self._gate = Gate(hosts, allow_private=allow_private, resolver=resolver)
        self._client = httpx.Client(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            verify=trust(),
            headers={"User-Agent": "openshelf", "Accept-Encoding": "gzip, deflate"},
        )

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get_json(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        budget: RateBudget | None = None,
    ) -> Any:
        """GET and parse JSON.

        Args:
            budget: of this kind of request, beside the client's own.

        Raises:
            ConnectorError: see ``download``, or the answer is no JSON after all tries.
        """
        return self._ask_json(Request("GET", self._absolute(url), params, dict(headers or {})), budget)

    def post_json(
        self,
        url: str,
        body: Any,
        *,
        form: bool = False,
        headers: Mapping[str, str] | None = None,
        budget: RateBudget | None = None,
    ) -> Any:
        """POST ``body`` as JSON (``form``: as a form) and parse the JSON answer; only for what may be repeated.

        Raises:
            ConnectorError: see ``get_json``.
        """
        sent = {"data": body} if form else {"json": body}
        return self._ask_json(Request("POST", self._absolute(url), None, dict(headers or {}), sent), budget)

    def get_bytes(
        self,
        url: str,
        *,
        params: Params | None = None,
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
        params: Params | None = None,
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
        sent = dict(headers or {})
        if etag:
            sent["If-None-Match"] = etag
        if last_modified:
            sent["If-Modified-Since"] = last_modified
        request = Request("GET", self._absolute(url), params, sent)
        return self._repeated(lambda: self._follow(request, sink), sink)

    def _ask_json(self, request: Request, budget: RateBudget | None) -> Any:
        request.headers.setdefault("Accept", "application/json")
        sink = io.BytesIO()

        def once() -> Any:
            if budget:
                time.sleep(budget.take())
            fetched = self._follow(request, sink)
            try:
                value = read_json(sink.getvalue())
            except ValueError:
                kind = fetched.media_type or "no media type"
                raise _Retry(ConnectorError(f"{shown(request.url)} did not answer with JSON ({kind}).")) from None
            self._judged(Reply(shown(request.url), 200, fetched.headers, value))
            return value

        return self._repeated(once, sink, budget)

    def _repeated(self, once: Callable[[], _T], sink: IO[bytes], budget: RateBudget | None = None) -> _T:
        import stamina

        tries = 0

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, _Retry):
                return False
            seconds = pause(error.asked, tries, self._max_wait)
            for shared in (self._budget, budget):
                if shared and error.asked is not None:
                    shared.hold(seconds)
            return seconds

        try:
            for attempt in stamina.retry_context(on=wait, attempts=self._attempts, timeout=None):
                with attempt:
                    tries += 1
                    sink.seek(0)
                    sink.truncate()
                    return once()
        except _Retry as error:
            raise ConnectorError(
                f"{error.error.message.rstrip('.')}, after {tries} tries.",
                hint=error.error.hint or "Try again later.",
                status=error.error.status,
            ) from error.__cause__
        raise AssertionError("unreachable: the loop returns or raises")

    def _follow(self, request: Request, sink: IO[bytes]) -> Fetched:
        first, url, renewed = urlsplit(request.url).netloc, request.url, False
        redirects = 0
        while redirects <= _REDIRECTS:
            parts = urlsplit(url)
            own = parts.netloc == first
            sent = dict(self._credentials.headers()) if self._credentials and own else {}
            try:
                answer = self._once(request if redirects == 0 else request.redirected(url), sink, sent, own=own)
            except AuthError as error:
                if error.status != 401 or renewed or not sent or not self._credentials:
                    raise
                renewed = True
                if not self._credentials.refresh(sent):
                    raise
                continue
            if isinstance(answer, Fetched):
                return answer
            redirects += 1
            url = urljoin(url, answer)
            if request.method != "GET":
                raise ConnectorError(f"{shown(url)}: a redirect of a {request.method} was refused.")
            if parts.scheme == "https" and urlsplit(url).scheme != "https":
                raise ConnectorError(f"{shown(url)}: a redirect from https to http was refused.")
        raise ConnectorError(f"{shown(url)}: more than {_REDIRECTS} redirects.")

    def _once(self, asked: Request, sink: IO[bytes], credentials: dict[str, str], *, own: bool) -> Fetched | str:
        import httpx

        url = asked.url
        request = self._gate.pinned(self._client, asked, credentials)
        if self._budget:
            time.sleep(self._budget.take())
        try:
            response = self._client.send(request, stream=True, auth=self._auth if own else None)
            try:
                if response.status_code in _REDIRECT_CODES and "location" in response.headers:
                    return response.headers["location"]
                sink.seek(0)
                sink.truncate()
                return self._read(response, url, sink)
            finally:
                response.close()
        except httpx.DecodingError:
            raise ConnectorError(f"{shown(url)}: the answer's compression is damaged.") from None
        except httpx.TransportError as error:
            # The class alone: the text of an error can hold the URL and with it a token.
            problem = ConnectorError(f"{shown(url)} cannot be reached or broke off ({type(error).__name__}).")
            raise _Retry(problem) from None

    def _read(self, response: httpx.Response, url: str, sink: IO[bytes]) -> Fetched:
        status, headers = response.status_code, response.headers
        if status in (200, 304):
            size = 0
            for piece in response.iter_bytes(65536):
                size += len(piece)
                if size > self._max_bytes:
                    raise ConnectorError(
                        f"{shown(url)} answered with more than {self._max_bytes:,} bytes.", hint="Raise max_bytes."
                    )
                sink.write(piece)
            media_type = headers.get("content-type", "").split(";")[0].strip().lower()
            seen = {name.lower(): value for name, value in headers.items()}
            return Fetched(
                b"", size, media_type, headers.get("etag"), headers.get("last-modified"), status == 304, seen
            )
        body = b""
        for piece in response.iter_bytes(_ERROR_BYTES):
            body += piece
            if len(body) >= _ERROR_BYTES:
                break
        self._judged(Reply(shown(url), status, _by_name(headers), read_error(body[:_ERROR_BYTES])))
        if status in (401, 403):
            raise AuthError(
                f"{shown(url)} refused access (status {status}).", hint="Check the credentials.", status=status
            )
        problem = ConnectorError(f"{shown(url)} answered with status {status}.", status=status)
        if status in RETRIED:
            raise _Retry(problem, retry_after(headers.get("retry-after"), datetime.now(UTC)))
        raise problem

    def _judged(self, reply: Reply) -> None:
        verdict = self._judge(reply) if self._judge else None
        if isinstance(verdict, Again):
            why = verdict.reason or f"answered with status {reply.status}"
            asked = verdict.after
            if asked is None:
                asked = retry_after(reply.headers.get("retry-after"), datetime.now(UTC))
            raise _Retry(ConnectorError(f"{reply.url} {why}.", status=reply.status), asked)
        if verdict is not None:
            raise verdict

    def _absolute(self, url: str) -> str:
        return urljoin(self._base, url) if self._base else url


def _by_name(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
