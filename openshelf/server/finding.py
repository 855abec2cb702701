"""Search in vector stores: the shelf's own search, restricted to the stores' sources and the caller's filters."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from configs.schema import Retrieval
from ingest import repair
from openshelf.server import stores
from openshelf.server.attached import file_of
from openshelf.server.attaching import CANCELLED, with_files
from openshelf.server.contract import Caller, Ranking, StoreHit
from openshelf.server.filters import check, translated
from openshelf.server.remembering import Remembered
from openshelf.server.tables import attachments
from openshelf.server.yaml_stores import YamlStores, as_attributes, file_id
from openshelf.shelf import Shelf
from retrieval.hit import Hit
from retrieval.search import Searcher


class Finding:
    """Implements ``SearchStores`` over a shelf. Safe from many threads."""

    def __init__(self, shelf: Shelf, yaml: YamlStores) -> None:
        self._shelf = shelf
        self._yaml = yaml
        self._remembered = Remembered()
        # The shelf's own searcher knows only the YAML's sources.
        self._searcher = Searcher(
            shelf.ledger,
            shelf.store,
            shelf.embedders.of,
            shelf.config.retrieval,
            repair=lambda: repair.heal(shelf.ledger, shelf.store),
            sources=None,
        )

    def __call__(
        self,
        caller: Caller,
        store_ids: Sequence[str],
        queries: Sequence[str],
        *,
        filters: Mapping[str, Any] | None = None,
        max_num_results: int = 10,
        ranking: Ranking = Ranking(),  # noqa: B008 - immutable
        rerank: bool = True,
    ) -> list[StoreHit]:
        """Hits for any of ``queries``, best first. See ``SearchStores``.

        Args:
            rerank: whether a reranker that the shelf has may run.
        """
        sources = self._sources(caller, store_ids)
        if not sources:
            return []
        where = self._where(sources, filters)
        overrides: dict[str, Any] = {}
        if ranking.keyword_weight is not None:
            overrides["keyword_weight"] = ranking.keyword_weight
        if ranking.vector_weight is not None:
            overrides["vector_weight"] = ranking.vector_weight
        if not rerank:
            overrides["reranker"] = None
        generation = self._shelf.ledger.generation()
        depends = (json.dumps(where, sort_keys=True), caller.groups, max_num_results, tuple(sorted(overrides.items())))
        best: dict[str, Hit] = {}
        for query in dict.fromkeys(queries):
            search = functools.partial(
                self._searcher.search, query, top_k=max_num_results, filters=where, groups=caller.groups, **overrides
            )
            for hit in self._remembered.get(generation, (query, *depends), search):
                if hit.chunk_id not in best or hit.score > best[hit.chunk_id].score:
                    best[hit.chunk_id] = hit
        most = _most(self._searcher.options(None, overrides))
        hits = sorted(best.values(), key=lambda hit: -hit.score)
        named = self._named(sources, hits[:max_num_results], most)
        return [hit for hit in named if hit.score >= ranking.score_threshold]

    def _sources(self, caller: Caller, store_ids: Sequence[str]) -> dict[str, str]:
        """The ledger's sources to search, each with its store's id."""
        found: dict[str, str] = {}
        tired: list[str] = []
        with self._shelf.ledger.reading() as connection:
            for store in dict.fromkeys(store_ids):
                stores.permit(caller, store)
                if (source := self._yaml.source(store)) is not None:
                    found[source] = store
                    continue
                row = stores.usable(connection, store)
                if stores.due_for_touch(row):
                    tired.append(store)
                found |= dict.fromkeys(stores.sources_of(connection, store), store)
        if tired:
            with self._shelf.ledger.writing() as connection:
                for store in tired:
                    stores.touch(connection, store)
        return found

    def _where(self, sources: Mapping[str, str], filters: Mapping[str, Any] | None) -> dict[str, Any]:
        uploaded = [source for source, store in sources.items() if self._yaml.source(store) is None]
        parts: list[Mapping[str, Any]] = [{"type": "in", "key": "source", "value": list(sources)}]
        if filters is not None:
            check(filters)  # as it came, so that an error names what was sent
            parts.append(translated(filters, uploaded, both=len(uploaded) < len(sources)))
        return {"type": "and", "filters": parts}

    def _named(self, sources: Mapping[str, str], hits: Sequence[Hit], most: float) -> list[StoreHit]:
        """The hits with their files; a file that was detached a moment ago is left out."""
        wanted = {file_of(hit.document_id) for hit in hits if self._yaml.source(sources[hit.source]) is None}
        rows = {}
        if wanted:
            with self._shelf.ledger.reading() as connection:
                statement = with_files().where(
                    attachments.c.store.in_(set(sources.values())),
                    attachments.c.file_id.in_(wanted),
                    attachments.c.status != CANCELLED,
                )
                rows = {(row.source, row.file_id): row for row in connection.execute(statement)}
        named = []
        for hit in hits:
            score = float(hit.score) if hit.why.reranked is not None else float(hit.score) / most
            score = min(1.0, max(0.0, score))
            store = sources[hit.source]
            if self._yaml.source(store) is not None:
                name = hit.title or hit.document_id
                identity = file_id(hit.source, hit.document_id)
                named.append(StoreHit(store, identity, name, as_attributes(hit.metadata), score, hit))
            elif (row := rows.get((hit.source, file_of(hit.document_id)))) is not None:
                named.append(StoreHit(store, row.file_id, row.filename, row.attributes, score, hit))
        return named


def _most(options: Retrieval) -> float:
    """The highest fused score that a hit can have: reciprocal ranks are small numbers."""
    if options.fusion == "convex":
        return 1.0
    return (options.keyword_weight + options.vector_weight) / (options.rrf_k + 1)
