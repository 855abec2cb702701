"""What every vector store promises. A store is a projection of the ledger: nothing in it is the only copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ingest.embed.contract import Vectors
from ingest.filters import Filter

Flat = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A found vector: the chunk's id and its cosine similarity, -1 to 1."""

    id: str
    score: float


@runtime_checkable
class VectorStore(Protocol):
    """Named collections of (id, vector, flat metadata). Safe to call from many threads.

    Every method raises ``StoreError``; ``StoreBroken`` when the data is damaged or gone.
    """

    def create(self, collection: str, dimensions: int) -> None:
        """Make the collection if it is not there (cosine distance)."""
        ...

    def upsert(self, collection: str, ids: Sequence[str], vectors: Vectors, metadata: Sequence[Flat]) -> None:
        """Write vectors; an id that is there is overwritten. Any number: batches are the store's concern."""
        ...

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Remove ids; those that are not there are ignored."""
        ...

    def query(self, collection: str, vector: Vectors, k: int, where: Filter | None = None) -> list[Neighbour]:
        """The ``k`` nearest, best first. ``where`` narrows the search where the store can express it; the
        ledger checks every hit again, so a store may return more than ``where`` allows, never less."""
        ...

    def ids(self, collection: str) -> Iterator[str]:
        """All ids of a collection."""
        ...

    def count(self, collection: str) -> int:
        """Number of vectors."""
        ...

    def drop(self, collection: str) -> None:
        """Remove a collection; one that is not there is ignored."""
        ...

    def collections(self) -> list[str]:
        """Names of all collections, on a shared server those of other shelves too."""
        ...

    def wipe(self, collections: Sequence[str] = ()) -> None:
        """Remove everything, damaged data included, so that the ledger can write it again.

        Of a server that others use as well, only ``collections``."""
        ...

    def close(self) -> None:
        """Release connections and locks."""
        ...
