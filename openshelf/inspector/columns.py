"""A search's trace as columns: each list in its order, and what became of every chunk in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ingest.ledger import Ledger
from ingest.ledger.keywords import matched
from ingest.ledger.terms import query_terms
from openshelf.inspector.reading import Row, read_rows
from retrieval.hit import Hit
from retrieval.search import Trace

SHORT = 15
"""Entries of a list that are shown unless all are asked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A chunk in a list.

    Attributes:
        bar: its score between the lowest (0) and the best (1) that is shown.
        matched: the question's words that it has, stemmed.
        hit: its place among the hits, from 1.
        dropped: why it is no hit.
        places: in the other lists, by their names.
    """

    row: Row
    rank: int
    score: float
    bar: float
    matched: tuple[str, ...]
    hit: int | None
    dropped: str | None
    places: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A list of a search, best first.

    Attributes:
        name: ``keywords``, ``vectors`` or ``fused``.
        total: length of the whole list.
        off: why it is empty by choice.
    """

    name: str
    title: str
    about: str
    entries: list[Entry]
    total: int
    off: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A hit and the chunk that it is (for parent-child: that it was found by)."""

    hit: Hit
    row: Row | None
    place: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A fused candidate that is no hit."""

    row: Row
    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Everything that a search shows.

    Attributes:
        gone: chunks that a sync removed while the page was made.
        whole: whether every list is complete.
    """

    lists: list[Column]
    hits: list[Found]
    dropped: list[Dropped]
    gone: int
    whole: bool


def columns(ledger: Ledger, trace: Trace, *, everything: bool) -> Columns:
    """``trace`` with its chunks' texts.

    Args:
        everything: of every list all, not only the first ``SHORT``.
    """
    keyword = _ordered(trace.keywords)
    # Equal scores: as the search breaks the tie.
    fused = _ordered(dict(sorted(trace.fused.items())))
    vectors = [_ordered(scores) for scores in trace.vectors]
    most = len(fused) if everything else SHORT
    wanted = {rowid for order in (keyword, *vectors, fused) for rowid, _ in order[:most]} | set(trace.dropped)
    hit_ids = {hit.chunk_id for hit in trace.hits}
    survivors = trace.fused.keys() - trace.dropped.keys()
    rows = read_rows(ledger, wanted | survivors)
    by_id = {row.id: row for row in rows.values() if row.id in hit_ids}
    places = {by_id[hit.chunk_id].rowid: place for place, hit in enumerate(trace.hits, 1) if hit.chunk_id in by_id}
    names = ["vectors"] if len(vectors) < 2 else [f"vectors {number}" for number in range(1, len(vectors) + 1)]
    lists = [("keywords", keyword), *zip(names, vectors, strict=False), ("fused", fused)]
    ranks = {name: {rowid: rank for rank, (rowid, _) in enumerate(order, 1)} for name, order in lists}

    def column(name: str, title: str, about: str, order: list[tuple[int, float]], off: str | None = None) -> Column:
        shown = order[:most]
        best, lowest = (shown[0][1], min(0.0, shown[-1][1])) if shown else (0.0, 0.0)
        entries = [
            Entry(
                row=rows[rowid],
                rank=rank,
                score=score,
                bar=(score - lowest) / (best - lowest) if best > lowest else 0.0,
                matched=_matched(trace, rows[rowid]),
                hit=places.get(rowid),
                dropped=trace.dropped.get(rowid),
                places=tuple(
                    (other, ranks[other][rowid]) for other in ranks if other != name and rowid in ranks[other]
                ),
            )
            for rank, (rowid, score) in enumerate(shown, 1)
            if rowid in rows
        ]
        return Column(name, title, about, entries, len(order), off)

    options = trace.options
    rule = f"rrf, k {options.rrf_k}" if options.fusion == "rrf" else "weighted sum of scaled scores"
    made = [
        column("keywords", "Keywords", "BM25", keyword, None if options.keyword_weight else "their weight is 0"),
        *(column(name, name.capitalize(), "cosine", order) for name, order in zip(names, vectors, strict=False)),
    ]
    if not vectors:
        made.append(
            Column("vectors", "Vectors", "cosine", [], 0, None if options.vector_weight else "their weight is 0")
        )
    made.append(column("fused", "Fused", rule, fused))
    return Columns(
        lists=made,
        hits=[Found(hit, by_id.get(hit.chunk_id), place) for place, hit in enumerate(trace.hits, 1)],
        dropped=[
            Dropped(rows[rowid], place, trace.dropped[rowid])
            for place, (rowid, _) in enumerate(fused, 1)
            if rowid in trace.dropped and rowid in rows
        ],
        gone=len((wanted | survivors) - rows.keys()),
        whole=all(len(one.entries) == one.total for one in made),
    )


def _ordered(scores: Mapping[int, float]) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda item: -item[1])


def _matched(trace: Trace, row: Row) -> tuple[str, ...]:
    return matched(_terms(trace.query, trace.view.languages, row.language), row.indexed, row.language)


def _terms(query: str, languages: Iterable[str | None], language: str | None) -> list[str]:
    return query_terms(query, list(languages), stems=[language])
