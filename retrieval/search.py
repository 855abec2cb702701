"""Search: a keyword list and vector lists, taken from one generation, fused, reranked, thinned and cut."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, and_

from configs.errors import RetrievalError, StoreBroken, StoreError
from configs.schema import Retrieval
from ingest.embed.contract import Embedder, Vectors
from ingest.filters import Filter, parse_filter
from ingest.ledger import Ledger, keywords
from ingest.ledger.builds import Build
from ingest.ledger.ledger import generation
from ingest.ledger.tables import chunks
from ingest.ledger.where import Groups, among, clause
from ingest.metadata import store_filter
from ingest.stores.contract import VectorStore
from retrieval.fusion import convex, ranks, rrf
from retrieval.hit import Hit
from retrieval.load import Place, load_hits, passages
from retrieval.nearest import Nearest, first_pages, surviving
from retrieval.pick import Pick, pick
from retrieval.rerank import rerank
from retrieval.view import Candidate, View, active, candidates, embedder_key, read_view, vectors

MAX_QUERY = 8000  # characters; what follows is a document, not a question
_TRIES = 3
_QUESTIONS = 1024  # whose vectors are kept, 1.5 KB each for 384 dimensions
_BM25_MINIMUM, _COSINE_MINIMUM = 0.0, None


@dataclass(frozen=True, slots=True)
class Trace:
    """A search with everything that led to its hits, keyed by ``chunks.rowid``.

    Attributes:
        builds: ids of those that the filter leaves possible; keyword statistics are theirs.
        vectors: one list for each embedder in use.
        dropped: why a fused candidate is not among the hits.
    """

    query: str
    options: Retrieval
    view: View
    restrict: ColumnElement[bool]
    builds: tuple[int, ...]
    keywords: Mapping[int, float]
    vectors: tuple[Mapping[int, float], ...]
    fused: Mapping[int, float]
    dropped: Mapping[int, str]
    hits: list[Hit] = field(default_factory=list)


class Searcher:
    """Searches the active builds of a ledger. Safe from many threads, and beside a sync in another process.

    Args:
        embedder_of: the embedder for a build's stored embedder settings.
        repair: called once when the store turns out to be damaged, before trying again.
        sources: only these are searched; ``None``: every source that the ledger has.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: VectorStore,
        embedder_of: Callable[[Mapping[str, Any]], Embedder],
        settings: Retrieval,
        *,
        repair: Callable[[], object] | None = None,
        sources: Collection[str] | None = None,
    ) -> None:
        self.ledger = ledger
        self._store = store
        self._embedder_of = embedder_of
        self._settings = settings
        self._repair = repair
        self._sources = None if sources is None else frozenset(sources)
        self._view: View | None = None
        self._lock = threading.Lock()
        # A question that is asked again is not embedded (and paid for) again.
        self._query_vector = lru_cache(_QUESTIONS)(self._embed_query)

    def search(
        self,
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Groups = None,
        **overrides: Any,
    ) -> list[Hit]:
        """The chunks that answer ``query``, best first.

        Args:
            query: a question or some words; what goes beyond 8,000 characters is left out, and each hit's ``why``
                says so.
            top_k: most hits; the settings' by default.
            filters: a filter in any spelling that ``parse_filter`` reads.
            groups: the viewer's; ``None`` sees only unrestricted documents, ``ALL_GROUPS`` everything.
            overrides: other keys of ``retrieval``, for this search only.

        Raises:
            RetrievalError: the query is empty, or an override is wrong.
            FilterError: the filter is malformed.
            StoreError: the vector store cannot be read, and repairing it did not help.
            EmbedError: the embedder or the reranker cannot be loaded.
        """
        return self.trace(query, top_k=top_k, filters=filters, groups=groups, **overrides).hits

    def trace(
        self,
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Groups = None,
        **overrides: Any,
    ) -> Trace:
        """``search`` with its intermediate results; same arguments."""
        text = query.strip()
        if not text:
            raise RetrievalError("The query is empty.", hint="Ask a question or give some words to look for.")
        notes = () if len(text) <= MAX_QUERY else (f"query cut to its first {MAX_QUERY} characters",)
        text = text[:MAX_QUERY]
        options = self.options(top_k, overrides)
        parsed = parse_filter(filters)
        repaired = False
        for _ in range(_TRIES):
            view = self.view()
            try:
                lists = self._ask_store(view, text, options, parsed, groups)
                with self.ledger.reading() as connection:
                    if generation(connection) == view.generation:
                        return self._rank(connection, view, lists, text, options, parsed, groups, notes)
            except StoreError as error:
                # A collection may have been dropped by a swap since the view was read; then just look again.
                if self.ledger.generation() == view.generation:
                    if not isinstance(error, StoreBroken) or self._repair is None or repaired:
                        raise
                    self._repair()
                    repaired = True
        # A busy writer: hold one snapshot while asking the store. Flips during that moment may cost a neighbour
        # whose vector has just been removed, but what comes back is one generation.
        with self.ledger.reading() as connection:
            view = read_view(connection, self._sources)
            lists = self._ask_store(view, text, options, parsed, groups)
            return self._rank(connection, view, lists, text, options, parsed, groups, notes)

    def options(self, top_k: int | None, overrides: Mapping[str, Any]) -> Retrieval:
        """The settings with one search's overrides.

        Raises:
            RetrievalError: an override is unknown or out of bounds.
        """
        changed = {**overrides, **({} if top_k is None else {"top_k": top_k})}
        if not changed:
            return self._settings
        try:
            return Retrieval.model_validate({**self._settings.model_dump(), **changed})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the options"
            raise RetrievalError(
                f"{where} of this search is wrong: {first['msg']}.",
                hint=f"A search takes {', '.join(Retrieval.model_fields)}.",
            ) from None

    def view(self) -> View:
        """What is searchable now; read again only when the generation has changed."""
        with self.ledger.reading() as connection:
            now = generation(connection)
            with self._lock:
                if self._view is not None and self._view.generation == now:
                    return self._view
            view = read_view(connection, self._sources)
        with self._lock:
            self._view = view
        return view

    def embedder(self, stored: Mapping[str, Any]) -> Embedder:
        """The embedder for a build's stored settings."""
        return self._embedder_of(stored)

    def _embed_query(self, embedder: str, query: str) -> Vectors:
        return self._embedder_of(json.loads(embedder)).embed_query(query)

    def _ask_store(
        self, view: View, query: str, options: Retrieval, filter: Filter | None, groups: Groups
    ) -> list[Nearest]:
        if options.vector_weight == 0:
            return []
        by_embedder: dict[str, list[Any]] = {}
        for build in view.builds:
            if _possible(build, filter):
                by_embedder.setdefault(embedder_key(build), []).append(build)
        return [
            first_pages(
                self._store,
                view,
                same,
                self._query_vector(key, query),
                options.candidates,
                filter,
                groups,
            )
            for key, same in by_embedder.items()
        ]

    def _rank(
        self,
        connection: Connection,
        view: View,
        lists: list[Nearest],
        query: str,
        options: Retrieval,
        filter: Filter | None,
        groups: Groups,
        notes: tuple[str, ...],
    ) -> Trace:
        restrict = and_(active(view), clause(filter, groups))
        possible = tuple(build.id for build in view.builds if _possible(build, filter))
        found: dict[int, Candidate] = {}
        by_keyword: dict[int, float] = {}

        def visible(rowids: Sequence[int]) -> Collection[int]:
            found.update((one.rowid, one) for one in candidates(connection, restrict, among(chunks.c.rowid, rowids)))
            return found.keys()

        if options.keyword_weight:
            ranked = keywords.search(
                connection,
                query,
                options.candidates,
                builds=possible,
                languages=view.languages,
                visible=visible,
            )
            by_keyword = dict(ranked)
        by_vector: list[dict[int, float]] = []
        enough = min(options.candidates, max(options.top_k, options.candidates // 2))
        for nearest in lists:
            scores, known = surviving(connection, self._store, nearest, restrict, options.candidates, enough)
            by_vector.append(scores)
            found |= known
        places = _places(by_keyword, by_vector)
        fused = _fuse(by_keyword, by_vector, options)
        picked = self._pick(connection, query, found, fused, options)
        hits = load_hits(connection, view, query, picked.chosen, places, notes)
        return Trace(
            query, options, view, restrict, possible, by_keyword, tuple(by_vector), fused, picked.dropped, hits
        )

    def _pick(
        self,
        connection: Connection,
        query: str,
        found: Mapping[int, Candidate],
        fused: Mapping[int, float],
        options: Retrieval,
    ) -> Pick:
        ordered = sorted(fused, key=lambda rowid: (-fused[rowid], rowid))
        reranked: dict[int, float] | None = None
        if options.reranker is not None and ordered:
            best = ordered[: max(options.reranker.candidates, options.top_k)]
            texts = passages(connection, best)
            reranked = dict(
                zip(best, rerank(options.reranker.model, query, [texts[rowid] for rowid in best]), strict=True)
            )
        return pick(
            [found[rowid] for rowid in ordered],
            fused,
            reranked,
            options,
            lambda rowids: vectors(connection, rowids),
        )


def _possible(build: Build, filter: Filter | None) -> bool:
    """Whether the filter leaves anything of a build; its source may rule it out."""
    return store_filter(filter, None, source=build.source) is not False


def _places(by_keyword: Mapping[int, float], by_vector: list[dict[int, float]]) -> dict[int, Place]:
    keyword_ranks = ranks(by_keyword)
    vector_places = {rowid: (rank, scores[rowid]) for scores in by_vector for rowid, rank in ranks(scores).items()}
    return {
        rowid: Place(keyword_ranks.get(rowid), by_keyword.get(rowid), *vector_places.get(rowid, (None, None)))
        for rowid in keyword_ranks.keys() | vector_places.keys()
    }


def _fuse(by_keyword: Mapping[int, float], by_vector: list[dict[int, float]], options: Retrieval) -> dict[int, float]:
    lists: list[Mapping[int, float]] = [by_keyword, *by_vector]
    weights = [options.keyword_weight, *(options.vector_weight for _ in by_vector)]
    if options.fusion == "rrf":
        return rrf(lists, weights, options.rrf_k)
    return convex(lists, weights, [_BM25_MINIMUM, *(_COSINE_MINIMUM for _ in by_vector)])
