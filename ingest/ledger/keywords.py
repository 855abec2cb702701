"""The keyword index: BM25, in the ledger's own transaction.

A reader of the ledger's snapshot finds exactly the chunks of that snapshot. SQLite's FTS5 ranks by the same formula,
but it reads every term's postings twice, cannot be narrowed to some builds, and took 25 ms for common words at 50,000
chunks; here they are arrays that numpy adds up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from ingest.ledger import postings
from ingest.ledger.postings import Postings
from ingest.ledger.terms import query_terms, terms

PREFIX_WEIGHT, BODY_WEIGHT = 1.0, 1.0
K1, B = 1.2, 0.75
_COMMON = 1e-6  # of a term that more than half of the chunks have: it says nothing, and still finds
_SPARE = (1, 2, 16)  # matches looked at for each one wanted: mostly all may be seen

Visible = Callable[[Sequence[int]], Collection[int]]
"""Which of some ``chunks.rowid`` may be found."""


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """A chunk to index: ``chunks.rowid``, its contextual prefix, its shown text, its document's language."""

    rowid: int
    prefix: str
    body: str
    language: str | None


def add(connection: Connection, build: int, rows: Iterable[KeywordRow]) -> None:
    """Index chunks of a build. Their rowids ascend and are new to the index."""
    postings.add(
        connection,
        build,
        ((row.rowid, Counter(terms(row.prefix, row.language)), Counter(terms(row.body, row.language))) for row in rows),
    )


def search(
    connection: Connection,
    query: str,
    k: int,
    *,
    builds: Sequence[int],
    languages: Sequence[str | None],
    visible: Visible | None = None,
    prefix_weight: float = PREFIX_WEIGHT,
    body_weight: float = BODY_WEIGHT,
) -> list[tuple[int, float]]:
    """The ``k`` best chunks as (``chunks.rowid``, BM25), best first; chunks with none of the terms are left out.

    BM25 is Robertson's with k1 1.2 and b 0.75, over prefix and body as one field whose parts may be weighted; the
    statistics are those of ``builds``.

    Args:
        query: any text.
        builds: only their chunks are found.
        languages: of the shelf's documents; the query is stemmed in each.
        visible: asked for the best matches first, until ``k`` may be found. Chunks that are no longer in the ledger
            may be among them. ``None``: all may.
    """
    asked = query_terms(query, languages)
    chunks, length = postings.statistics(connection, builds)
    if not asked or not chunks:
        return []
    found = postings.read(connection, builds, asked)
    numbers, scores = _added(
        [
            (entries["chunk"], _bm25(entries, chunks, length / chunks, prefix_weight, body_weight))
            for entries in found.values()
        ]
    )
    if visible is None:
        return _ranked(numbers, scores, k)
    for spare in _SPARE:
        best = _ranked(numbers, scores, k * spare)
        seen = visible([number for number, _ in best])
        survivors = [(number, score) for number, score in best if number in seen]
        if len(survivors) >= k or len(best) < k * spare:
            return survivors[:k]
    seen = visible(numbers.tolist())
    through = np.isin(numbers, np.fromiter(seen, np.int64), assume_unique=True)
    return _ranked(numbers[through], scores[through], k)


def matched(asked: Sequence[str], body: str, language: str | None) -> tuple[str, ...]:
    """The query's terms, stemmed in the text's ``language``, that ``body`` has; in the query's order.

    Args:
        asked: ``query_terms(query, languages, stems=[language])``.
    """
    there = set(terms(body, language))
    return tuple(
        term
        for term in asked
        if (any(other.startswith(term[:-1]) for other in there) if term.endswith("*") else term in there)
    )


def _bm25(
    entries: Postings, chunks: int, average: float, prefix_weight: float, body_weight: float
) -> NDArray[np.float64]:
    """Each posting's share of its chunk's score."""
    frequency = len(entries)
    rarity = max(float(np.log((chunks - frequency + 0.5) / (frequency + 0.5))), _COMMON)
    count = prefix_weight * entries["prefix"] + body_weight * entries["body"]
    normal = K1 * (1 - B + (B / average) * entries["length"])
    return np.asarray(rarity * (K1 + 1) * count / (count + normal), np.float64)


def _added(
    lists: Sequence[tuple[NDArray[np.uint32], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The chunks of any list, ascending, and the sums of their scores."""
    if not lists:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    numbers = np.concatenate([chunk for chunk, _ in lists]).astype(np.int64)
    scores = np.concatenate([score for _, score in lists])
    low, high = int(numbers.min()), int(numbers.max())
    if high - low > 16 * len(numbers) + 100_000:  # few, far apart
        distinct, which = np.unique(numbers, return_inverse=True)
        return distinct, np.bincount(which, weights=scores).astype(np.float64)
    sums = np.bincount(numbers - low, weights=scores).astype(np.float64)
    there = np.flatnonzero(sums)
    return there + low, sums[there]


def _ranked(numbers: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> list[tuple[int, float]]:
    """The ``k`` highest, best first; of equal ones the older chunk."""
    if len(numbers) > 4 * k:
        edge = np.partition(scores, len(scores) - k)[len(scores) - k]
        among = np.flatnonzero(scores >= edge)
        numbers, scores = numbers[among], scores[among]
    order = np.lexsort((numbers, -scores))[:k]
    return list(zip(numbers[order].tolist(), scores[order].tolist(), strict=True))
