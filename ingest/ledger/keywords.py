"""The keyword index: BM25 by SQLite FTS5, in the ledger's own transaction.

Everything that knows FTS5 is here. Another engine has to offer the same five functions, and what a transaction
promises: a reader of the ledger's snapshot finds exactly the chunks of that snapshot.

Terms are made in Python (``terms``) and stored as they are; FTS5 only splits at blanks. The table keeps them, which
costs about as much as the text: a contentless table cannot delete before SQLite 3.43, and Debian 12 ships 3.40.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, bindparam, column, literal_column, select, table, text

from ingest.ledger.tables import builds, chunks, documents
from ingest.ledger.terms import query_terms, terms

PREFIX_WEIGHT, BODY_WEIGHT = 1.0, 1.0

_keywords = table("keywords", column("rowid"), column("prefix"), column("body"), column("rank"))
_SPARE = (2, 16)  # unfiltered matches read for each one wanted: mostly a few do; last comes the slow exact query


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """A chunk to index: ``chunks.rowid``, its contextual prefix, its shown text, its document's language."""

    rowid: int
    prefix: str
    body: str
    language: str | None


def create(connection: Connection) -> None:
    """Make the index if it is not there."""
    connection.execute(
        text(
            "CREATE VIRTUAL TABLE IF NOT EXISTS keywords USING fts5(prefix, body, "
            "tokenize = \"unicode61 remove_diacritics 0 categories 'L* M* N* P* S* Co'\")"
        )
    )


def add(connection: Connection, rows: Iterable[KeywordRow]) -> None:
    """Index chunks. Their rowids must be new to the index."""
    values = [
        {
            "rowid": row.rowid,
            "prefix": " ".join(terms(row.prefix, row.language)),
            "body": " ".join(terms(row.body, row.language)),
        }
        for row in rows
    ]
    if values:
        connection.execute(
            text("INSERT INTO keywords (rowid, prefix, body) VALUES (:rowid, :prefix, :body)"),
            values,
        )


def remove(connection: Connection, rowids: Sequence[int]) -> None:
    """Take chunks out; those that are not there are ignored."""
    if rowids:
        connection.execute(text("DELETE FROM keywords WHERE rowid = :rowid"), [{"rowid": rowid} for rowid in rowids])


def search(
    connection: Connection,
    query: str,
    k: int,
    *,
    languages: Sequence[str | None],
    restrict: ColumnElement[bool] | None = None,
    prefix_weight: float = PREFIX_WEIGHT,
    body_weight: float = BODY_WEIGHT,
) -> list[tuple[int, float]]:
    """The ``k`` best chunks as (``chunks.rowid``, BM25), best first; chunks with none of the terms are left out.

    Args:
        query: any text; FTS5's own syntax has no effect.
        languages: of the shelf's documents; the query is stemmed in each.
        restrict: a condition over ``chunks``, ``documents`` and ``builds``.
    """
    expression = _expression(query_terms(query, languages))
    if not expression:
        return []
    values = {"query": expression, "bm25": f"bm25({float(prefix_weight)}, {float(body_weight)})"}
    if restrict is None:
        return _rows(connection, values, k)
    # FTS5 ranks without a join ten times as fast as with one, and mostly everything is visible.
    for spare in _SPARE:
        best = _rows(connection, values, k * spare)
        rowids = [rowid for rowid, _ in best]
        visible: set[int] = set(connection.scalars(_visible(restrict, rowids)))
        survivors = [(rowid, score) for rowid, score in best if rowid in visible]
        if len(survivors) >= k or len(best) < k * spare:
            return survivors[:k]
    exact = (
        select(_keywords.c.rowid, _keywords.c.rank)
        .where(*_matches())
        .where(_keywords.c.rowid.in_(_visible(restrict)))
        .order_by(_keywords.c.rank)
        .limit(k)
    )
    return [(int(rowid), -float(rank)) for rowid, rank in connection.execute(exact, values)]


def matched(query: str, body: str, language: str | None, languages: Sequence[str | None]) -> tuple[str, ...]:
    """The query's terms, stemmed in the text's ``language``, that ``body`` has; in the query's order.

    Args:
        languages: of the shelf's documents, which decide what is a stop word.
    """
    there = set(terms(body, language))
    return tuple(
        term
        for term in query_terms(query, languages, stems=[language])
        if (any(other.startswith(term[:-1]) for other in there) if term.endswith("*") else term in there)
    )


def _expression(words: Sequence[str]) -> str:
    # Quoted, so that nothing in them is syntax; a term never holds a quote.
    return " OR ".join(f'"{word[:-1]}"*' if word.endswith("*") else f'"{word}"' for word in words)


def _matches() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    name: ColumnElement[str] = literal_column("keywords")
    return name.op("MATCH")(bindparam("query")), _keywords.c.rank.op("MATCH")(bindparam("bm25"))


def _rows(connection: Connection, values: dict[str, str], k: int) -> list[tuple[int, float]]:
    statement = select(_keywords.c.rowid, _keywords.c.rank).where(*_matches()).order_by(_keywords.c.rank).limit(k)
    return [(int(rowid), -float(rank)) for rowid, rank in connection.execute(statement, values).all()]


def _visible(restrict: ColumnElement[bool], rowids: Sequence[int] | None = None) -> Select[tuple[int]]:
    joined = (
        select(chunks.c.rowid)
        .join(documents, documents.c.rowid == chunks.c.document)
        .join(builds, builds.c.id == chunks.c.build)
        .where(restrict)
    )
    return joined if rowids is None else joined.where(chunks.c.rowid.in_(rowids))
