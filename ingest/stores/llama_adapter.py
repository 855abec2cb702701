"""Any LlamaIndex vector store behind this shelf's interface.

An adapter is a function that makes one LlamaIndex store for one collection. A package registers it as an entry point
of ``openshelf.vector_stores``, and the YAML names it: ``store: {type: llama-index, adapter: NAME, options: {...}}``.

LlamaIndex's interface cannot list or count, and its stores treat a known id differently (Chroma keeps the old text,
Postgres duplicates, Qdrant overwrites). So which ids were written is kept beside, in ``llama-index.sqlite``; an id is
noted before it is written and confirmed after, and one that is known is removed before it is written again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from configs.errors import ConfigError, OpenshelfError, StoreBroken, StoreError
from ingest.embed.contract import Vectors
from ingest.filters import All, AnyOf, Comparison, Filter
from ingest.stores.contract import Flat, Neighbour

if TYPE_CHECKING:
    from llama_index.core.vector_stores.types import BasePydanticVectorStore, MetadataFilters

GROUP = "openshelf.vector_stores"
Adapter: TypeAlias = "Callable[[str, int, Mapping[str, Any], Path], BasePydanticVectorStore]"
"""``adapter(collection, dimensions, options, folder)`` makes or opens the store of one collection."""

T = TypeVar("T")
_BATCH = 500


def adapter(name: str) -> Adapter:
    """The adapter called ``name``: ``simple``, or an entry point.

    Raises:
        ConfigError: there is none, or it cannot be loaded.
    """
    if name == "simple":
        return simple
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise ConfigError(
            f"There is no vector store adapter {name!r}.", hint=f"There are: {', '.join(sorted({'simple', *found}))}."
        )
    try:
        loaded: Adapter = found[name].load()
    except Exception as error:  # a plug-in's import can fail in any way
        raise ConfigError(f"The vector store adapter {name!r} cannot be loaded: {error}.") from error
    return loaded


def simple(collection: str, dimensions: int, options: Mapping[str, Any], folder: Path) -> BasePydanticVectorStore:
    """LlamaIndex's ``SimpleVectorStore``: in memory, saved as JSON after a write. For small shelves in one process."""
    from llama_index.core.vector_stores.simple import SimpleVectorStore

    path = folder / "llama-index" / f"{collection}.json"
    return SimpleVectorStore.from_persist_path(str(path)) if path.exists() else SimpleVectorStore()


class LlamaStore:
    """A ``VectorStore`` made of LlamaIndex stores, one a collection."""

    def __init__(self, make: Adapter, options: Mapping[str, Any], folder: Path) -> None:
        self._make, self._options, self._folder = make, options, folder
        self._stores: dict[str, BasePydanticVectorStore] = {}
        self._lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._beside = sqlite3.connect(folder / "llama-index.sqlite", check_same_thread=False, timeout=60)
        with self._beside:
            self._beside.execute("CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, dimensions INTEGER)")
            self._beside.execute(
                "CREATE TABLE IF NOT EXISTS written (collection TEXT, id TEXT, confirmed INTEGER, "
                "PRIMARY KEY (collection, id)) WITHOUT ROWID"
            )

    def create(self, collection: str, dimensions: int) -> None:
        """Make the collection if it is not there."""
        with self._lock, self._beside:
            self._beside.execute("INSERT OR IGNORE INTO collections VALUES (?, ?)", (collection, dimensions))

    def upsert(self, collection: str, ids: Sequence[str], vectors: Vectors, metadata: Sequence[Flat]) -> None:
        """Write vectors, 500 at once."""
        from llama_index.core.schema import TextNode

        for start in range(0, len(ids), _BATCH):
            rows = range(start, min(start + _BATCH, len(ids)))
            nodes = [
                TextNode(id_=ids[row], text="", embedding=vectors[row].tolist(), metadata=dict(metadata[row]))
                for row in rows
            ]
            names = [ids[row] for row in rows]
            with self._lock:
                store = self._store(collection)
                known = self._known(collection, names)
                if known:
                    self._call(partial(store.delete_nodes, node_ids=known))
                self._note(collection, names, confirmed=0)
                self._call(partial(store.add, nodes))
                self._save(collection, store)
                self._note(collection, names, confirmed=1)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove ids."""
        with self._lock:
            known = self._known(collection, ids)
            if not known:
                return
            store = self._store(collection)
            self._call(partial(store.delete_nodes, node_ids=known))
            self._save(collection, store)
            with self._beside:
                self._beside.executemany(
                    "DELETE FROM written WHERE collection = ? AND id = ?", [(collection, name) for name in known]
                )

    def query(self, collection: str, vector: Vectors, k: int, where: Filter | None = None) -> list[Neighbour]:
        """The ``k`` nearest, with the similarity that the store reports."""
        from llama_index.core.vector_stores.types import VectorStoreQuery

        filters = None if where is None else _filters(where)
        question = VectorStoreQuery(query_embedding=vector.tolist(), similarity_top_k=k, filters=filters)
        with self._lock:
            store = self._store(collection)
            found = self._call(lambda: store.query(question))
        names = found.ids or [node.node_id for node in found.nodes or []]
        scores = found.similarities or [0.0] * len(names)
        return [Neighbour(name, float(score)) for name, score in zip(names, scores, strict=True)]

    def ids(self, collection: str) -> Iterator[str]:
        """All ids that were written."""
        with self._lock:
            self._store(collection)
            rows = self._rows("SELECT id FROM written WHERE collection = ? AND confirmed", collection)
        yield from (str(row[0]) for row in rows)

    def count(self, collection: str) -> int:
        """Number of ids that were written."""
        with self._lock:
            self._store(collection)
            return int(self._rows("SELECT count(*) FROM written WHERE collection = ? AND confirmed", collection)[0][0])

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        with self._lock:
            if not self._rows("SELECT 1 FROM collections WHERE name = ?", collection):
                return
            names = [row[0] for row in self._rows("SELECT id FROM written WHERE collection = ?", collection)]
            store = self._store(collection)
            for start in range(0, len(names), _BATCH):
                page = names[start : start + _BATCH]
                self._call(partial(store.delete_nodes, node_ids=page))
            self._save(collection, store)
            self._stores.pop(collection, None)
            (self._folder / "llama-index" / f"{collection}.json").unlink(missing_ok=True)
            with self._beside:
                self._beside.execute("DELETE FROM written WHERE collection = ?", (collection,))
                self._beside.execute("DELETE FROM collections WHERE name = ?", (collection,))

    def collections(self) -> list[str]:
        """Names of all collections."""
        with self._lock:
            return [str(row[0]) for row in self._rows("SELECT name FROM collections")]

    def wipe(self, collections: Sequence[str] = ()) -> None:
        """Remove every collection."""
        for name in self.collections():
            self.drop(name)

    def close(self) -> None:
        """Release the record of ids."""
        with self._lock:
            self._beside.close()
            self._stores.clear()

    def _store(self, collection: str) -> BasePydanticVectorStore:
        found = self._rows("SELECT dimensions FROM collections WHERE name = ?", collection)
        if not found:
            raise StoreBroken(f"There is no collection {collection}.", hint="Run `openshelf doctor --repair`.")
        if collection not in self._stores:
            self._stores[collection] = self._call(
                lambda: self._make(collection, int(found[0][0]), self._options, self._folder)
            )
        return self._stores[collection]

    def _save(self, collection: str, store: BasePydanticVectorStore) -> None:
        path = self._folder / "llama-index" / f"{collection}.json"
        self._call(lambda: store.persist(str(path)))

    def _known(self, collection: str, ids: Sequence[str]) -> list[str]:
        marked = "SELECT 1 FROM written WHERE collection = ? AND id = ?"
        with closing(self._beside.cursor()) as cursor:
            return [name for name in ids if cursor.execute(marked, (collection, name)).fetchone()]

    def _note(self, collection: str, ids: Sequence[str], *, confirmed: int) -> None:
        with self._beside:
            self._beside.executemany(
                "INSERT OR REPLACE INTO written VALUES (?, ?, ?)", [(collection, name, confirmed) for name in ids]
            )

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._beside.execute(statement, values).fetchall()
        except sqlite3.ProgrammingError as error:
            raise StoreError("This shelf has been closed.", hint="Open it again.") from error

    def _call(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except OpenshelfError:
            raise
        except Exception as error:  # a third party's store can fail in any way
            raise StoreError(f"The LlamaIndex vector store failed ({type(error).__name__}: {error}).") from error


def _filters(filter: Filter) -> MetadataFilters | None:
    """The upper level of ``filter``; what is deeper is left to the ledger, since not every store nests."""
    from llama_index.core.vector_stores.types import FilterCondition, MetadataFilters

    if isinstance(filter, Comparison):
        filter = All((filter,))
    parts = [_one(part) for part in filter.parts if isinstance(part, Comparison)]
    kept = [part for part in parts if part is not None]
    if isinstance(filter, AnyOf):
        whole = len(kept) == len(filter.parts)
        return MetadataFilters(filters=list(kept), condition=FilterCondition.OR) if whole else None
    return MetadataFilters(filters=list(kept), condition=FilterCondition.AND) if kept else None


def _one(comparison: Comparison) -> Any:
    from llama_index.core.vector_stores.types import FilterOperator, MetadataFilter

    symbols = {"eq": "==", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "in": "in"}
    if comparison.operator not in symbols or isinstance(comparison.value, bool):
        return None  # LlamaIndex's filters know no truth values
    value = list(comparison.value) if isinstance(comparison.value, tuple) else comparison.value
    return MetadataFilter(key=comparison.key, value=value, operator=FilterOperator(symbols[comparison.operator]))
