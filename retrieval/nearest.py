"""The vector list: nearest neighbours from the store, each checked against the ledger.

A store may return what the ledger no longer knows (stale vectors), does not know yet (a flip in progress) or hides
from this viewer. When that leaves too few, larger pages are asked for, and at last the ledger's own copy of the
vectors is searched exactly; so a filter that few chunks pass costs time, never hits.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection

from configs.errors import StoreBroken
from ingest.embed.contract import Vectors
from ingest.filters import Filter
from ingest.ledger.builds import Build
from ingest.ledger.tables import chunks
from ingest.ledger.where import ALL_GROUPS, Groups, among
from ingest.metadata import store_filter
from ingest.stores.contract import Neighbour, VectorStore
from retrieval.view import Candidate, View, candidates, similarities

_LARGEST = 8  # pages grow to this many times the first one


@dataclass(slots=True)
class Page:
    """Neighbours found in one build so far; ``full``: there may be more."""

    build: Build
    where: Filter | None
    found: list[Neighbour]
    full: bool


@dataclass(frozen=True, slots=True)
class Nearest:
    """One embedder's builds, the query's vector, and the first page of each build."""

    builds: Sequence[Build]
    vector: Vectors
    pages: list[Page]


def first_pages(
    store: VectorStore,
    view: View,
    of: Sequence[Build],
    vector: Vectors,
    k: int,
    filter: Filter | None,
    groups: Groups,
) -> Nearest:
    """Ask the store for ``k`` neighbours in each build that the filter leaves possible.

    Raises:
        StoreBroken: the store has lost vectors.
    """
    pages = []
    for build in of:
        viewer: Collection[str] | None = None
        if groups is not ALL_GROUPS and build.id in view.restricted:
            viewer = groups or frozenset()
        where = store_filter(filter, viewer, source=build.source)
        if where is False:
            continue
        page = Page(build, None if where is True else where, [], full=True)
        _fetch(store, page, vector, k)
        expected = min(k, view.counts[build.id])
        if page.where is None and 2 * len(page.found) < expected:
            # Chroma gives what is left, without a word, when a file of its index was lost.
            raise StoreBroken(f"Collection {build.collection} finds {len(page.found)} of {expected} neighbours.")
        pages.append(page)
    return Nearest(of, vector, pages)


def surviving(
    connection: Connection,
    store: VectorStore,
    nearest: Nearest,
    restrict: ColumnElement[bool],
    k: int,
    enough: int,
) -> tuple[dict[int, float], dict[int, Candidate]]:
    """The ``k`` nearest chunks that ``restrict`` lets through: similarity and candidate by ``chunks.rowid``.

    Args:
        enough: of one build's neighbours; with fewer, the search in it goes on while it may find more.
    """
    size = k
    while True:
        scores = {neighbour.id: neighbour.score for page in nearest.pages for neighbour in page.found}
        ordered = sorted(scores, key=lambda name: (-scores[name], name))
        known = candidates(connection, restrict, among(chunks.c.id, ordered[:k]))
        if len(known) < k:
            known += candidates(connection, restrict, among(chunks.c.id, ordered[k:])) if ordered[k:] else []
        seen: dict[int, int] = {}
        for candidate in known:
            seen[candidate.build] = seen.get(candidate.build, 0) + 1
        short = [page for page in nearest.pages if page.full and seen.get(page.build.id, 0) < enough]
        if not short or len(known) == k:
            known.sort(key=lambda candidate: (-scores[candidate.id], candidate.rowid))
            return {one.rowid: scores[one.id] for one in known[:k]}, {one.rowid: one for one in known}
        size *= 2
        if size > k * _LARGEST:
            return exact(connection, nearest, restrict, k)
        for page in short:
            _fetch(store, page, nearest.vector, size)


def exact(
    connection: Connection, nearest: Nearest, restrict: ColumnElement[bool], k: int | None
) -> tuple[dict[int, float], dict[int, Candidate]]:
    """``surviving`` without the store: every chunk that ``restrict`` lets through is compared; ``k=None`` keeps all."""
    scored: list[tuple[float, int, Candidate]] = []
    for page, similarity in similarities(connection, restrict, nearest.builds, nearest.vector):
        new = ((float(score), -candidate.rowid, candidate) for candidate, score in zip(page, similarity, strict=True))
        scored = [*scored, *new] if k is None else heapq.nlargest(k, [*scored, *new], key=lambda item: item[:2])
    scored.sort(key=lambda item: item[:2], reverse=True)
    return {c.rowid: score for score, _, c in scored}, {c.rowid: c for _, _, c in scored}


def _fetch(store: VectorStore, page: Page, vector: Vectors, k: int) -> None:
    page.found = store.query(page.build.collection, vector, k, page.where)
    page.full = len(page.found) >= k
