"""The keyword index's storage: for each term, the chunks that have it, in segments that never change.

A flip writes one segment; when eight of a size follow each other they are merged into one, so a build of n chunks has
about 8·log₈ n of them, and each posting is written log₈ n times. Chunks that have gone stay in their segment until it
is merged or a fifth of it is gone: whoever searches checks its hits against the ledger anyway.

Everything happens in the caller's transaction. Numbers of chunks and of segments are never used twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice, pairwise

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select, text, update

from configs.errors import LedgerError
from ingest.ledger.tables import chunks, postings, segments

POSTING = np.dtype([("chunk", "<u4"), ("length", "<u2"), ("prefix", "u1"), ("body", "u1")])
"""``chunks.rowid``, terms in the whole chunk, and how often the term is in its prefix and in its body."""

Postings = NDArray[np.void]
_FAN, _SMALLEST = 8, 64
_ROWS = 1000  # terms read and written together
_GONE = 5  # a segment is written again when one in so many of its chunks has gone


def add(connection: Connection, build: int, rows: Iterable[tuple[int, Counter[str], Counter[str]]]) -> None:
    """Write a segment: chunk number, terms of its prefix, terms of its body. Numbers ascend."""
    found: dict[str, list[tuple[int, int, int, int]]] = {}
    numbers: list[int] = []
    total = 0
    for number, prefix, body in rows:
        length = prefix.total() + body.total()
        numbers.append(number)
        total += length
        for term in prefix.keys() | body.keys():
            found.setdefault(term, []).append(
                (number, min(length, 0xFFFF), min(prefix[term], 0xFF), min(body[term], 0xFF))
            )
    if not numbers:
        return
    if numbers[-1] > 0xFFFF_FFFF:
        raise LedgerError("This shelf has numbered more than 4,294,967,295 chunks.", hint="Start a new shelf.")
    segment = _new(connection, build, numbers[0], numbers[-1], len(numbers), total)
    _write(connection, segment, ((term, np.array(entries, POSTING)) for term, entries in sorted(found.items())))


def remove(connection: Connection, numbers: Sequence[int]) -> None:
    """Note that chunks are going. They have to be in the ledger still; those of no segment are ignored."""
    counted = connection.execute(
        text(
            "SELECT s.id, count(*) AS going FROM json_each(:numbers) AS n JOIN chunks AS c ON c.rowid = n.value "
            "JOIN segments AS s ON s.build = c.build AND n.value BETWEEN s.first AND s.last GROUP BY s.id"
        ),
        {"numbers": json.dumps(list(numbers))},
    ).all()
    for row in counted:
        connection.execute(update(segments).where(segments.c.id == row.id).values(gone=segments.c.gone + row.going))


def statistics(connection: Connection, builds: Sequence[int]) -> tuple[int, int]:
    """(Chunks, terms in all of them) of the builds' segments, those included that have gone since."""
    size, length = connection.execute(_SUMS, {"builds": json.dumps(list(builds))}).one()
    return int(size), int(length)


def read(connection: Connection, builds: Sequence[int], terms: Sequence[str]) -> dict[str, Postings]:
    """The postings of each term that the builds have; a term that ends in ``*`` stands for all that begin with it."""
    found: dict[str, list[bytes]] = {}
    exact = [term for term in terms if not term.endswith("*")]
    for term, data in connection.execute(_EXACT, {"builds": json.dumps(list(builds)), "terms": json.dumps(exact)}):
        found.setdefault(term, []).append(data)
    for term in terms:
        if term.endswith("*"):
            bounds = {"builds": json.dumps(list(builds)), "low": term[:-1], "high": term[:-1] + "\U0010ffff"}
            rows = connection.execute(_STARTING, bounds).all()
            if rows:
                found[term] = [_summed(np.frombuffer(b"".join(data for (data,) in rows), POSTING)).tobytes()]
    return {term: np.frombuffer(b"".join(pieces), POSTING) for term, pieces in found.items()}


_SUMS = text(
    "SELECT coalesce(sum(size), 0), coalesce(sum(length), 0) FROM segments "
    "WHERE build IN (SELECT value FROM json_each(:builds))"
)
_FROM = (
    "FROM segments AS s JOIN postings AS p ON p.segment = s.id WHERE s.build IN (SELECT value FROM json_each(:builds)) "
)
_EXACT = text(f"SELECT p.term, p.data {_FROM} AND p.term IN (SELECT value FROM json_each(:terms))")
_STARTING = text(f"SELECT p.data {_FROM} AND p.term >= :low AND p.term < :high")


def _summed(entries: Postings) -> Postings:
    """One entry a chunk, for several terms' postings."""
    numbers, first, which = np.unique(entries["chunk"], return_index=True, return_inverse=True)
    summed = entries[first].copy()
    for field in ("prefix", "body"):
        counts = np.bincount(which, weights=entries[field], minlength=len(numbers))
        summed[field] = np.minimum(counts, 0xFF).astype(np.uint8)
    return summed


def _new(connection: Connection, build: int, first: int, last: int, size: int, length: int) -> int:
    made = connection.execute(
        insert(segments).values(build=build, first=first, last=last, size=size, length=length, gone=0)
    )
    return int(made.inserted_primary_key[0]) if made.inserted_primary_key else 0


def _write(connection: Connection, segment: int, entries: Iterable[tuple[str, Postings]]) -> None:
    rows = ({"segment": segment, "term": term, "data": data.tobytes()} for term, data in entries if len(data))
    while some := list(islice(rows, _ROWS)):
        connection.execute(insert(postings), some)


def tidy(connection: Connection, build: int) -> None:
    """Merge the last segments where eight of a size follow each other, and write those again that lost many chunks."""
    rows = connection.execute(select(segments).where(segments.c.build == build).order_by(segments.c.first)).all()
    tiers = [_tier(row.size) for row in rows]
    for tier in sorted(set(tiers)):
        start = len(rows)
        while start and tiers[start - 1] <= tier:
            start -= 1
        if len(rows) - start >= _FAN:
            _merge(connection, build, [row.id for row in rows[start:]])
            rows = rows[:start]
            break
    for row in rows:
        if row.gone * _GONE > row.size:
            _merge(connection, build, [row.id])


def _tier(size: int) -> int:
    tier = 0
    while size > _SMALLEST * _FAN**tier:
        tier += 1
    return tier


def _merge(connection: Connection, build: int, olds: Sequence[int]) -> None:
    """Write neighbouring segments as one, without the chunks that have gone."""
    rows = connection.execute(select(segments).where(segments.c.id.in_(olds)).order_by(segments.c.first)).all()
    first, last = rows[0].first, rows[-1].last
    assert all(one.last < other.first for one, other in pairwise(rows))  # noqa: S101 - what `remove` relies on
    there = select(chunks.c.rowid).where(chunks.c.build == build, chunks.c.rowid.between(first, last))
    alive = np.fromiter(connection.scalars(there.order_by(chunks.c.rowid)), np.uint32)
    whole = len(alive) == sum(row.size for row in rows)
    lengths = np.zeros(len(alive), np.int64)  # each posting has its chunk's

    def kept() -> Iterator[tuple[str, Postings]]:
        for term, data in _terms(connection, olds):
            living = data if whole else data[np.isin(data["chunk"], alive, assume_unique=True)]
            lengths[np.searchsorted(alive, living["chunk"])] = living["length"]
            yield term, living

    if len(alive):
        made = _new(connection, build, first, last, len(alive), 0)
        _write(connection, made, kept())
        connection.execute(update(segments).where(segments.c.id == made).values(length=int(lengths.sum())))
    connection.execute(delete(segments).where(segments.c.id.in_(olds)))  # their postings go along


def _terms(connection: Connection, of: Sequence[int]) -> Iterator[tuple[str, Postings]]:
    """The terms of neighbouring segments in order, each with all its postings; a few rows of each in memory."""
    streaming = connection.execution_options(yield_per=_ROWS)
    ordered = [
        streaming.execute(
            select(postings.c.term, postings.c.data).where(postings.c.segment == one).order_by(postings.c.term)
        )
        for one in of
    ]
    # Of the same term the earlier segment comes first: `merge` is stable.
    for term, group in groupby(merge(*ordered, key=lambda row: str(row.term)), key=lambda row: str(row.term)):
        yield term, np.frombuffer(b"".join(row.data for row in group), POSTING)
