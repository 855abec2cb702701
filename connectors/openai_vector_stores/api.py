"""How OpenAI's vector stores and files are asked: pages, the chunks of a file, its bytes, and what refusals mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from configs.errors import AuthError, ConnectorError, CursorError
from connectors.credentials import FixedHeader
from connectors.http import HttpClient
from connectors.openai_vector_stores.options import VectorStoresOptions
from connectors.replies import Again, Reply
from connectors.retry import shared_budget
from connectors.trail import Trail

PAGE = 100
"""Entries of a list in one answer; the vendor's most ("List vector store files", limit)."""

KEYS = "platform.openai.com › API keys"
"""Where keys and their permissions are."""

_DOWNLOADS = 3
_DOWNLOAD = re.compile(r"(?<!/vector_stores)/files/[^/]+/content$")
_GRANT = f"A restricted key needs `Vector stores: Read` and `Files: Read` ({KEYS})."


class NotDownloadable(ConnectorError):
    """OpenAI does not give the bytes of a file; ``whole_purpose``: of none with that purpose."""

    def __init__(self, message: str, *, status: int, whole_purpose: bool) -> None:
        super().__init__(message, status=status)
        self.whole_purpose = whole_purpose


class Api:
    """The API of one key, to be used as a context manager."""

    def __init__(self, options: VectorStoresOptions) -> None:
        self._base = options.base_url
        self._headers: dict[str, str] = {}
        if options.organization:
            self._headers["OpenAI-Organization"] = options.organization
        if options.project:
            self._headers["OpenAI-Project"] = options.project
        account = f"{options.base_url} {options.organization or ''} {options.project or ''}"
        self._client = HttpClient(
            self._base,
            credentials=FixedHeader.bearer(options.api_key),
            judge=judged,
            timeout=options.timeout,
            max_bytes=options.max_bytes,
            budget=shared_budget(account, options.requests_per_minute),
            allow_private=options.allow_private_network,
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def stores(self) -> Iterator[dict[str, Any]]:
        """Every vector store of the project, the oldest first.

        Raises:
            ConnectorError: the list cannot be read.
        """
        for page in self._pages("/vector_stores"):
            yield from page

    def files(self, store: str) -> Iterator[list[dict[str, Any]]]:
        """The files of a store, page by page, the oldest first: what is attached meanwhile comes last.

        Raises:
            ConnectorError: the list broke off; ``status`` 404 also where the page's first file was just detached.
        """
        return self._pages(f"/vector_stores/{_part(store)}/files")

    def has_store(self, store: str) -> bool:
        """Whether the store is there.

        Raises:
            ConnectorError: that cannot be learned.
        """
        return self._there(f"/vector_stores/{_part(store)}")

    def has_file(self, store: str, file: str) -> bool:
        """Whether the file is attached to the store.

        Raises:
            ConnectorError: that cannot be learned.
        """
        return self._there(f"/vector_stores/{_part(store)}/files/{_part(file)}")

    def about(self, file: str) -> dict[str, Any]:
        """The uploaded file's name, size and purpose; empty where it was deleted and is attached all the same.

        Raises:
            ConnectorError: it cannot be read.
        """
        try:
            return self._get(f"/files/{_part(file)}")
        except ConnectorError as error:
            if error.status == 404:
                return {}
            raise

    def chunks(self, store: str, file: str) -> Iterator[str]:
        """The text of a file as the store keeps it, chunk by chunk.

        Raises:
            ConnectorError: it cannot be read to its end.
        """
        path = f"/vector_stores/{_part(store)}/files/{_part(file)}/content"
        trail = Trail(f"the content of {file}")
        page: str | None = None
        while True:
            trail.step(page)
            answer = self._get(path, {} if page is None else {"page": page})
            for part in _data(answer, path):
                if isinstance(part.get("text"), str):
                    yield part["text"]
            if not answer.get("has_more"):
                return
            page = answer.get("next_page")
            if not isinstance(page, str) or not page:
                raise CursorError(f"OpenAI says that {path} has more pages and does not say where.")

    def original(self, file: str, size: int) -> bytes:
        """The bytes that were uploaded, ``size`` of them.

        Raises:
            NotDownloadable: OpenAI does not give them.
            ConnectorError: any other failure, or what came is not as long as the file.
        """
        path = f"/files/{_part(file)}/content"
        for _ in range(_DOWNLOADS):
            content = self._client.get_bytes(f"{self._base}{path}", headers=self._headers).content
            # A page of a proxy or half a file has another length.
            if len(content) == size:
                return content
        raise ConnectorError(
            f"The download of {file} has {len(content):,} bytes where the file has {size:,}.",
            hint="If it stays so, set `originals: false` to read the chunks instead.",
        )

    def _pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        trail = Trail(f"OpenAI's {path}")
        after: str | None = None
        while True:
            trail.step(after)
            asked: dict[str, str | int] = {"limit": PAGE, "order": "asc"}
            if after is not None:
                asked["after"] = after
            answer = self._get(path, asked)
            items = _data(answer, path)
            if not all(isinstance(item.get("id"), str) and item["id"] for item in items):
                raise ConnectorError(f"OpenAI's answer to {path} has an entry without an id.")
            yield items
            if not answer.get("has_more"):
                return
            if not items:
                raise CursorError(f"OpenAI says that {path} has more pages and does not say where.")
            after = items[-1]["id"]

    def _there(self, path: str) -> bool:
        try:
            self._get(path)
        except ConnectorError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _get(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        answer = self._client.get_json(f"{self._base}{path}", params=params, headers=self._headers)
        if not isinstance(answer, dict):
            raise ConnectorError(f"OpenAI's answer to {path} is no object.")
        return answer


def judged(reply: Reply) -> Again | ConnectorError | None:
    """OpenAI's refusals in words a person can act on ("Error codes"); the rest is the client's own to judge."""
    if reply.status < 400:
        return None
    code, message = _error(reply.body)
    if reply.status in (401, 403) and "scope" in message:
        names = re.findall(r"api\.[a-z_.]+", message)
        missing = f" It lacks {', '.join(names)}." if names else ""
        return AuthError(
            f"The API key may not read {reply.url} (status {reply.status}).{missing}", hint=_GRANT, status=403
        )
    if reply.status == 401:
        return AuthError(
            f"OpenAI does not accept the API key (status 401 at {reply.url}).",
            hint=f"Make one in {KEYS}; `organization` and `project` must be its own.",
            status=401,
        )
    if reply.status in (400, 403, 404) and _DOWNLOAD.search(urlsplit(reply.url).path):
        return NotDownloadable(
            f"OpenAI does not give {reply.url} (status {reply.status}).",
            status=reply.status,
            whole_purpose="purpose" in message,
        )
    if reply.status == 403:
        return AuthError(f"OpenAI refuses access to {reply.url} (status 403).", hint=_GRANT, status=403)
    if reply.status == 429:
        if code == "insufficient_quota":
            return ConnectorError(
                "The OpenAI account has no credit left (insufficient_quota).",
                hint="See platform.openai.com › Billing.",
                status=429,
            )
        wait = reply.headers.get("retry-after-ms", "")
        return Again(float(wait) / 1000 if wait.isascii() and wait.isdigit() else None)
    return None


def _error(body: Any) -> tuple[str, str]:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code") or ""), str(error.get("message") or "")


def _data(answer: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    items = answer.get("data")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ConnectorError(f"OpenAI's answer to {path} has no list.")
    return items


def _part(name: str) -> str:
    return quote(name, safe="")
