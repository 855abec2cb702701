"""What the rooms of the server tell each other: who asks, and what a search of vector stores gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ingest.ledger.where import Groups
from retrieval.hit import Hit

Scope = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        name: the key's name; ``loopback`` where none is needed.
        scopes: what it may do; ``write`` does not imply ``read``.
        stores: ids of the vector stores it may use; ``None`` is all.
        groups: what it may see of restricted documents.
    """

    name: str
    scopes: frozenset[Scope]
    stores: frozenset[str] | None = None
    groups: Groups = None


@dataclass(frozen=True, slots=True)
class StoreHit:
    """A chunk found in a vector store.

    Attributes:
        store_id: the store of the request that it was found in.
        file_id: the file as OpenAI's API names it; of a YAML source's document, ``doc_`` and a hash of its id.
        attributes: at most 16 keys, as OpenAI's API has them.
        score: 0 to 1, higher is better.
    """

    store_id: str
    file_id: str
    filename: str
    attributes: Mapping[str, str | float | bool]
    score: float
    hit: Hit


@dataclass(frozen=True, slots=True)
class Ranking:
    """How to rank: ``ranking_options`` of a request.

    Attributes:
        keyword_weight, vector_weight: ``hybrid_search``'s ``text_weight`` and ``embedding_weight``; ``None``: the
            shelf's own.
        score_threshold: hits below are left out.
    """

    keyword_weight: float | None = None
    vector_weight: float | None = None
    score_threshold: float = 0.0


class SearchStores(Protocol):
    """Searches vector stores on behalf of a caller; blocks."""

    def __call__(
        self,
        caller: Caller,
        store_ids: Sequence[str],
        queries: Sequence[str],
        *,
        filters: Mapping[str, Any] | None = None,
        max_num_results: int = 10,
        ranking: Ranking = Ranking(),
    ) -> list[StoreHit]:
        """Hits for any of ``queries``, best first. Without queries only the stores and the filter are checked.

        Args:
            filters: OpenAI's comparison and compound filters, as they came.

        Raises:
            ApiError: a store is unknown or not the caller's (404), or the filter is malformed (400).
            OpenshelfError: the search failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of a list, as OpenAI's API pages: ``after``, ``before``, ``order``, ``limit``."""

    data: list[dict[str, Any]] = field(default_factory=list)
    has_more: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The list object of OpenAI's API."""
        return {
            "object": "list",
            "data": self.data,
            "first_id": self.data[0]["id"] if self.data else None,
            "last_id": self.data[-1]["id"] if self.data else None,
            "has_more": self.has_more,
        }
