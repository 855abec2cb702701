"""Chroma inside this process: for one program alone, or where no server may be started."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import portalocker

from configs.errors import StoreBroken, StoreError
from ingest.embed.contract import Vectors
from ingest.filters import Filter
from ingest.stores.chroma_filter import where as chroma_where
from ingest.stores.chroma_process import DATA, OWNER_LOCK
from ingest.stores.contract import Flat, Neighbour

T = TypeVar("T")
_BATCH = 5000
_PAGE = 5000


class EmbeddedChroma:
    """A ``VectorStore`` in a folder that this process owns until ``close``.

    Raises:
        StoreError: another process owns the folder; names it.
        StoreBroken: the data cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._lock = threading.Lock()
        self._owner = self._own()
        self._client: Any = None

    def create(self, collection: str, dimensions: int) -> None:
        """Make the collection if it is not there."""
        self._run(lambda client: client.get_or_create_collection(collection, **_SETTINGS))

    def upsert(self, collection: str, ids: Sequence[str], vectors: Vectors, metadata: Sequence[Flat]) -> None:
        """Write vectors, at most 5,000 at once."""

        def write(found: Any) -> None:
            for start in range(0, len(ids), _BATCH):
                rows = slice(start, start + _BATCH)
                flat = [dict(one) or None for one in metadata[rows]]
                found.upsert(ids=list(ids[rows]), embeddings=vectors[rows], metadatas=flat)

        self._in(collection, write)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove ids."""

        def remove(found: Any) -> None:
            for start in range(0, len(ids), _BATCH):
                found.delete(ids=list(ids[start : start + _BATCH]))

        self._in(collection, remove)

    def query(self, collection: str, vector: Vectors, k: int, where: Filter | None = None) -> list[Neighbour]:
        """The ``k`` nearest by cosine similarity."""
        narrowed = None if where is None else chroma_where(where)
        found = self._in(
            collection,
            lambda one: one.query(query_embeddings=[vector], n_results=k, include=["distances"], where=narrowed),
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [Neighbour(name, 1.0 - float(distance)) for name, distance in pairs]

    def ids(self, collection: str) -> Iterator[str]:
        """All ids, a page at a time."""
        for offset in count(0, _PAGE):
            page = self._in(collection, partial(_page, offset=offset))
            yield from page
            if len(page) < _PAGE:
                return

    def count(self, collection: str) -> int:
        """Number of vectors."""
        return int(self._in(collection, lambda found: found.count()))

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        from chromadb.errors import NotFoundError

        def drop(client: Any) -> None:
            try:
                client.delete_collection(collection)
            except NotFoundError:
                return

        self._run(drop)

    def collections(self) -> list[str]:
        """Names of all collections."""
        return [str(found.name) for found in self._run(lambda client: client.list_collections())]

    def wipe(self, collections: Sequence[str] = ()) -> None:
        """Remove all data."""
        with self._lock:
            self._release()
            shutil.rmtree(self._folder / DATA, ignore_errors=True)

    def close(self) -> None:
        """Release the data and the folder's lock."""
        with self._lock:
            self._release()
            self._owner.close()

    def _own(self) -> Any:
        (self._folder / "locks").mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / OWNER_LOCK
        handle = path.open("a+", encoding="utf-8")
        try:
            portalocker.lock(handle, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.LockException:
            handle.close()
            try:
                holder = json.loads(path.read_text(encoding="utf-8"))
                who = f"process {holder['pid']} ({holder['kind']})"
            except (OSError, ValueError, KeyError):
                who = "another process"
            raise StoreError(
                f"The vectors of {self._folder} are open in {who}, and `store.mode: embedded` does not share.",
                hint="Stop it, wait until its server has stopped by itself, or use `mode: auto`.",
            ) from None
        handle.seek(0)
        handle.truncate()
        json.dump({"pid": os.getpid(), "kind": "embedded"}, handle)
        handle.flush()
        return handle

    def _release(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self) -> Any:
        with self._lock:
            if self._owner.closed:
                raise StoreError("This shelf has been closed.", hint="Open it again.")
            if self._client is None:
                import chromadb
                from chromadb.config import Settings

                settings = Settings(anonymized_telemetry=False)
                self._client = chromadb.PersistentClient(str(self._folder / DATA), settings=settings)
            return self._client

    def _in(self, collection: str, action: Callable[[Any], T]) -> T:
        return self._run(lambda client: action(client.get_collection(collection, embedding_function=None)))

    def _run(self, action: Callable[[Any], T]) -> T:
        try:
            return action(self._opened())
        except (StoreError, KeyboardInterrupt):
            raise
        except Exception as error:
            # Chroma's bindings raise many types for damaged data (InternalError, NotFoundError, RuntimeError...).
            from chromadb.errors import InvalidArgumentError, InvalidDimensionException

            if isinstance(error, InvalidArgumentError | InvalidDimensionException | ValueError | TypeError):
                raise StoreError(f"Chroma refuses the request ({type(error).__name__}: {error}).") from error
            raise StoreBroken(
                f"Chroma cannot read its data in {self._folder / DATA} ({type(error).__name__}: {error}).",
                hint="Run `openshelf doctor --repair`.",
            ) from error


_SETTINGS: dict[str, Any] = {"configuration": {"hnsw": {"space": "cosine"}}, "embedding_function": None}


def _page(collection: Any, *, offset: int) -> list[str]:
    return list(collection.get(include=[], limit=_PAGE, offset=offset)["ids"])
