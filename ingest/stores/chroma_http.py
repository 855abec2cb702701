"""Chroma over its HTTP API v2 (1.5; its own description is at ``/openapi.json`` of any server).

Spoken with ``httpx`` rather than through the ``chromadb`` package, whose import takes a second: as long as a whole
search may take in a new process.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import numpy as np

from configs.errors import StoreBroken, StoreError
from ingest.embed.contract import Vectors
from ingest.filters import Filter
from ingest.stores.chroma_filter import where as chroma_where
from ingest.stores.chroma_server import Server
from ingest.stores.contract import Flat, Neighbour

BATCH = 1000
"""Vectors in one request; Chroma's own limit is 5,461."""

_PAGE = 5000
_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


class ChromaHttp:
    """A ``VectorStore`` on a Chroma server."""

    def __init__(self, server: Server, token: str | None = None) -> None:
        self._server = server
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No proxy and no .netrc of the environment: vectors go where the YAML says.
        self._http = httpx.Client(timeout=httpx.Timeout(120.0, connect=10.0), headers=headers, trust_env=False)
        self._ids: dict[str, str] = {}
        self._lock = threading.Lock()
        self._base64: bool | None = None

    def create(self, collection: str, dimensions: int) -> None:
        """Make the collection if it is not there."""
        body = {"name": collection, "get_or_create": True, "configuration": {"hnsw": {"space": "cosine"}}}
        found = self._call("POST", "", body)
        if found.get("dimension") not in (None, dimensions):
            raise StoreBroken(f"Collection {collection} holds vectors of {found['dimension']} numbers.")
        self._remember(collection, found["id"])

    def upsert(self, collection: str, ids: Sequence[str], vectors: Vectors, metadata: Sequence[Flat]) -> None:
        """Write vectors, ``BATCH`` in a request."""
        for start in range(0, len(ids), BATCH):
            rows = slice(start, start + BATCH)
            body = {
                "ids": list(ids[rows]),
                "embeddings": self._encoded(vectors[rows]),
                "metadatas": [dict(flat) or None for flat in metadata[rows]],
            }
            self._in(collection, "POST", "/upsert", body)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove ids."""
        for start in range(0, len(ids), BATCH):
            self._in(collection, "POST", "/delete", {"ids": list(ids[start : start + BATCH])})

    def query(self, collection: str, vector: Vectors, k: int, where: Filter | None = None) -> list[Neighbour]:
        """The ``k`` nearest by cosine similarity."""
        body: dict[str, Any] = {"query_embeddings": [vector.tolist()], "n_results": k, "include": ["distances"]}
        narrowed = None if where is None else chroma_where(where)
        if narrowed is not None:
            body["where"] = narrowed
        found = self._in(collection, "POST", "/query", body)
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [Neighbour(name, 1.0 - float(distance)) for name, distance in pairs]

    def ids(self, collection: str) -> Iterator[str]:
        """All ids, a page at a time."""
        offset = 0
        while True:
            body = {"include": [], "limit": _PAGE, "offset": offset}
            page = self._in(collection, "POST", "/get", body)["ids"]
            yield from page
            if len(page) < _PAGE:
                return
            offset += _PAGE

    def count(self, collection: str) -> int:
        """Number of vectors."""
        return int(self._in(collection, "GET", "/count"))

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        self._call("DELETE", f"/{collection}", missing_ok=True)
        with self._lock:
            self._ids.pop(collection, None)

    def collections(self) -> list[str]:
        """Names of all collections on the server."""
        names: list[str] = []
        while True:
            page = self._call("GET", f"?limit={_PAGE}&offset={len(names)}")
            names += [str(one["name"]) for one in page]
            if len(page) < _PAGE:
                return names

    def wipe(self, collections: Sequence[str] = ()) -> None:
        """Remove the data of the shelf's own server; of another's only ``collections``."""
        if self._server.own:
            self._server.wipe()
        for name in () if self._server.own else collections:
            self.drop(name)
        with self._lock:
            self._ids.clear()

    def close(self) -> None:
        """Release connections; the shelf's own server stops when nobody uses it any more."""
        self._http.close()
        self._server.close()

    def _encoded(self, vectors: Vectors) -> list[Any]:
        if self._base64 is None:
            checks = self._request("GET", "/api/v2/pre-flight-checks", None)
            self._base64 = checks.is_success and bool(checks.json().get("supports_base64_encoding"))
        if self._base64:  # four bytes a number, and no number parsed
            return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]
        numbers: list[Any] = np.asarray(vectors, dtype=np.float64).tolist()
        return numbers

    def _in(self, collection: str, method: str, path: str, body: Any = None) -> Any:
        """A call in a collection. Its number is looked up once more when it is not known (any longer)."""
        with self._lock:
            known = self._ids.get(collection)
        if known is not None:
            answer = self._request(method, f"{_COLLECTIONS}/{known}{path}", body)
            if answer.status_code != 404:
                return self._read(answer)
        fresh = self._call("GET", f"/{collection}")["id"]
        self._remember(collection, fresh)
        return self._read(self._request(method, f"{_COLLECTIONS}/{fresh}{path}", body))

    def _remember(self, collection: str, number: str) -> None:
        with self._lock:
            self._ids[collection] = number

    def _call(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        answer = self._request(method, f"{_COLLECTIONS}{path}", body)
        return None if missing_ok and answer.status_code == 404 else self._read(answer)

    def _request(self, method: str, path: str, body: Any) -> httpx.Response:
        url = self._server.url()
        try:
            return self._http.request(method, url + path, json=body)
        except (httpx.TransportError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not self._http.is_closed:
                raise
            if not self._server.own or self._http.is_closed:
                raise self._unreachable(url, error) from error
        # The shelf's server went away (stopped, killed, wiped by a repair). Every call here may be made twice.
        url = self._server.url(failed=url)
        try:
            return self._http.request(method, url + path, json=body)
        except httpx.TransportError as error:
            raise self._unreachable(url, error) from error

    def _unreachable(self, url: str, error: Exception) -> StoreError:
        if self._http.is_closed:
            return StoreError("This shelf has been closed.", hint="Open it again.")
        return StoreError(
            f"The Chroma server at {url} does not answer: {type(error).__name__}: {error}".rstrip(": ") + ".",
            hint="Start it again, or check store.url.",
        )

    def _read(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json()
        try:
            said = answer.json()
            message = f"{said['error']}: {said['message']}"
        except (ValueError, KeyError, TypeError):
            message = f"HTTP {answer.status_code}"
        if answer.status_code == 404 or (answer.status_code >= 500 and self._server.own):
            raise StoreBroken(f"Chroma cannot read its data ({message}).", hint="Run `openshelf doctor --repair`.")
        if answer.status_code in (401, 403):
            raise StoreError(f"The Chroma server refuses access ({message}).", hint="Check store.token.")
        raise StoreError(f"Chroma refuses the request ({message}).")
