"""OpenAI's vector stores and files as a server: attach, detach, expire, restrict; each answer checked by the spec."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.connectors.fakes.openapi import OpenApi
from tests.connectors.fakes.server import Fake, Request, Response

SPEC = "openai/openapi.json.gz"
KEY = "sk-proj-secret-key"
_TOKENS = re.compile(r"\s*\S+|\s+\Z")


@dataclass
class File:
    """An uploaded file: it never changes."""

    id: str
    filename: str
    content: bytes
    purpose: str = "assistants"
    created_at: int = 0
    size: int | None = None
    """What the vendor says of its size, where that is wrong."""


@dataclass
class Attached:
    """A file in a store. ``text``: what was parsed; ``chunks`` where it was not cut by words."""

    file: str
    created_at: int
    number: int
    text: str
    attributes: dict[str, Any] | None = None
    status: str = "completed"
    last_error: dict[str, str] | None = None
    strategy: dict[str, Any] | None = None
    chunks: list[str] | None = None


@dataclass
class Store:
    """A vector store."""

    id: str
    name: str
    created_at: int
    status: str = "completed"
    files: dict[str, Attached] = field(default_factory=dict)


class Stores(Fake):
    """The vendor.

    Attributes:
        scopes: what the key may; take one away.
        page: chunks in one answer of a file's content.
        meanwhile: called once after the next page of files was made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.base = f"{self.url}/v1"
        self.stores: dict[str, Store] = {}
        self.files: dict[str, File] = {}
        self.scopes = {"api.vector_stores.read", "api.files.read"}
        self.missing_status = 403
        self.page = 3
        self.meanwhile: Any = None
        self._clock = 0
        self._spec = OpenApi(SPEC, prefix="/v1") if OpenApi.here(SPEC) else None

    def now(self) -> int:
        """The vendor's clock: three changes share a second."""
        self._clock += 1
        return 1_760_000_000 + self._clock // 3

    def store(self, name: str, number: str | None = None) -> Store:
        with self.lock:
            store = Store(number or f"vs_{len(self.stores)}", name, self.now())
            self.stores[store.id] = store
            return store

    def upload(self, number: str, filename: str, content: bytes, purpose: str = "assistants") -> File:
        with self.lock:
            return self.files.setdefault(number, File(number, filename, content, purpose, self.now()))

    def attach(self, store: Store, file: str, text: str | None = None, **more: Any) -> Attached:
        with self.lock:
            now = self.now()
            text = self.files[file].content.decode("utf-8", "replace") if text is None else text
            store.files[file] = Attached(file, now, self._clock, text, **more)
            return store.files[file]

    def detach(self, store: Store, file: str) -> None:
        with self.lock:
            del store.files[file]

    def authorised(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {KEY}"

    def refusal(self, request: Request, status: int) -> Response:
        if status == 401:
            return _error(401, "Incorrect API key provided: sk-proj-****-key.", "invalid_api_key")
        return _error(429, "Rate limit reached. Please try again in 1s.", "rate_limit_exceeded")

    def answer(self, request: Request) -> Response:
        parts = [unquote(part) for part in request.path.removeprefix("/v1/").split("/")]
        needed = "api.vector_stores.read" if parts[0] == "vector_stores" else "api.files.read"
        if needed not in self.scopes:
            return _error(
                self.missing_status,
                f"You have insufficient permissions for this operation. Missing scopes: {needed}. Check that you "
                "have the correct role in your organization (Reader, Writer, Owner) and project (Member, Owner), "
                "and if you're using a restricted API key, that it has the necessary scopes.",
            )
        match parts:
            case ["vector_stores"]:
                return self._list(request, [(s.created_at, 0, _store(s)) for s in self.stores.values()])
            case ["files", file, *rest] if file in self.files:
                return self._file(self.files[file], rest)
            case ["vector_stores", name, *rest] if name in self.stores:
                return self._in_store(request, self.stores[name], rest)
        return _error(404, f"No such object: {parts[-1]}")

    def _in_store(self, request: Request, store: Store, rest: list[str]) -> Response:
        match rest:
            case []:
                return Response(json=_store(store))
            case ["files"]:
                entries = [(one.created_at, one.number, _entry(store, one)) for one in store.files.values()]
                response = self._list(request, entries)
                if self.meanwhile is not None and response.status == 200:
                    act, self.meanwhile = self.meanwhile, None
                    response = copy.deepcopy(response)
                    act()
                return response
            case ["files", file] if file in store.files:
                return Response(json=_entry(store, store.files[file]))
            case ["files", file, "content"] if file in store.files:
                return self._content(request, store.files[file])
        return _error(404, f"No file found with id '{rest[-1]}' in vector store '{store.id}'.")

    def _file(self, file: File, rest: list[str]) -> Response:
        if rest == ["content"]:
            if file.purpose == "assistants":
                return _error(400, f"Not allowed to download files of purpose: {file.purpose}")
            return Response(body=file.content, headers={"Content-Type": "application/octet-stream"})
        about = {"id": file.id, "object": "file", "created_at": file.created_at, "filename": file.filename}
        size = len(file.content) if file.size is None else file.size
        return Response(json={**about, "bytes": size, "purpose": file.purpose, "status": "processed"})

    def _content(self, request: Request, one: Attached) -> Response:
        chunks = one.chunks if one.chunks is not None else cut(one.text, one.strategy)
        start = int((request.one("page") or "page_0").removeprefix("page_"))
        end = start + self.page
        more = end < len(chunks)
        data = [{"type": "text", "text": text} for text in chunks[start:end]]
        page = {"object": "vector_store.file_content.page", "data": data, "has_more": more}
        return Response(json={**page, "next_page": f"page_{end}" if more else None})

    def _list(self, request: Request, entries: list[tuple[int, int, dict[str, Any]]]) -> Response:
        entries.sort(key=lambda entry: entry[:2], reverse=request.one("order", "desc") == "desc")
        items = [item for *_, item in entries]
        limit = int(request.one("limit") or 20)
        if not 1 <= limit <= 100:
            return _error(400, f"Invalid 'limit': {limit}.")
        if wanted := request.one("filter"):
            items = [item for item in items if item["status"] == wanted]
        after = request.one("after")
        if after is not None:
            ids = [item["id"] for item in items]
            if after not in ids:
                return _error(404, f"No such object: {after}")
            items = items[ids.index(after) + 1 :]
        page = items[:limit]
        ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
        return Response(json={"object": "list", "data": page, **ends, "has_more": len(items) > limit})

    def problem(self, request: Request, response: Response) -> str | None:
        if self._spec is None:
            return None
        request, response = copy.copy(request), copy.copy(response)
        if request.path.endswith("/content") and response.json is not None:
            # The document has `next_page` in the answer and forgets the parameter that it is sent back in.
            request.query = {key: values for key, values in request.query.items() if key != "page"}
        if response.status == 200 and isinstance(response.json, dict) and response.json.get("object") == "list":
            # The document wants the ids of an empty page to be text; the vendor sends null.
            response.json = {key: "" if value is None else value for key, value in response.json.items()}
        return self._spec.problem(request, response)


def cut(text: str, strategy: dict[str, Any] | None) -> list[str]:
    """``text`` in windows of words, as the vendor does with tokens."""
    static = (strategy or {}).get("static", {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400})
    size, shared = static["max_chunk_size_tokens"], static["chunk_overlap_tokens"]
    return windows(_TOKENS.findall(text), size, shared)


def windows(tokens: list[str], size: int, shared: int) -> list[str]:
    """Windows of ``size`` tokens that share ``shared``; the last one ends with the text."""
    chunks, start = [], 0
    while start < len(tokens):
        chunks.append("".join(tokens[start : start + size]))
        if start + size >= len(tokens):
            break
        start += size - shared
    return chunks


def _store(store: Store) -> dict[str, Any]:
    counts = dict.fromkeys(("in_progress", "completed", "failed", "cancelled"), 0)
    for one in store.files.values():
        counts[one.status] += 1
    return {
        "id": store.id,
        "object": "vector_store",
        "created_at": store.created_at,
        "name": store.name,
        "usage_bytes": sum(len(one.text) for one in store.files.values()),
        "file_counts": {**counts, "total": len(store.files)},
        "status": store.status,
        "expires_at": None,
        "last_active_at": store.created_at,
        "metadata": {},
    }


def _entry(store: Store, one: Attached) -> dict[str, Any]:
    static = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}
    return {
        "id": one.file,
        "object": "vector_store.file",
        "created_at": one.created_at,
        "usage_bytes": len(one.text),
        "vector_store_id": store.id,
        "status": one.status,
        "last_error": one.last_error,
        "chunking_strategy": one.strategy or {"type": "static", "static": static},
        "attributes": one.attributes,
    }


def _error(status: int, message: str, code: str | None = None) -> Response:
    return Response(
        status, json={"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    )
