"""The heavy half of a hit, read once the hits are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from ingest.ledger.builds import Build
from ingest.ledger.keywords import matched
from ingest.ledger.tables import bodies, chunks, documents
from ingest.ledger.terms import query_terms
from ingest.ledger.where import among
from ingest.metadata import decode_metadata
from retrieval.hit import Hit, Why
from retrieval.pick import Chosen
from retrieval.view import View


class Place(NamedTuple):
    """A candidate's rank (from 1) and score in both lists."""

    keyword_rank: int | None
    keyword_score: float | None
    vector_rank: int | None
    vector_score: float | None


def load_hits(
    connection: Connection,
    view: View,
    query: str,
    chosen: Sequence[Chosen],
    places: Mapping[int, Place],
    notes: tuple[str, ...],
) -> list[Hit]:
    """Hits in the order of ``chosen``; ``notes`` go on every hit's ``why``."""
    statement = (
        select(
            *(chunks.c[name].label(f"chunk_{name}") for name in ("rowid", "id", "text", "header", "prefix", "page")),
            *(chunks.c[name].label(f"chunk_{name}") for name in ("start", "end", "parent_start", "parent_end")),
            chunks.c.heading_path,
            documents.c.document_id,
            documents.c.title,
            documents.c.url,
            documents.c.language,
            documents.c.metadata.label("flat"),
            documents.c.dates,
            documents.c.body,
        )
        .join(documents, documents.c.rowid == chunks.c.document)
        .where(among(chunks.c.rowid, [one.rowid for one in chosen]))
    )
    rows = {row.chunk_rowid: row for row in connection.execute(statement)}
    parents = {row.body for row in rows.values() if row.chunk_parent_start is not None}
    texts: dict[str, str] = {}
    if parents:
        found = connection.execute(select(bodies.c.hash, bodies.c.text).where(among(bodies.c.hash, sorted(parents))))
        texts = dict(found.all())
    builds = {build.id: build for build in view.builds}
    asked = {
        language: query_terms(query, view.languages, stems=[language])
        for language in {row.language for row in rows.values()}
    }
    return [_hit(rows[one.rowid], builds[one.build], one, places[one.rowid], texts, asked, notes) for one in chosen]


def passages(connection: Connection, rowids: Sequence[int]) -> dict[int, str]:
    """What a reranker reads of each chunk: contextual prefix, repeated header, text."""
    rows = connection.execute(
        select(chunks.c.rowid, chunks.c.prefix, chunks.c.header, chunks.c.text).where(among(chunks.c.rowid, rowids))
    )
    return {row.rowid: "\n".join(part for part in (row.prefix, row.header, row.text) if part) for row in rows}


def _hit(
    row: Row[*tuple[Any, ...]],
    build: Build,
    chosen: Chosen,
    place: Place,
    texts: Mapping[str, str],
    asked: Mapping[str | None, Sequence[str]],
    notes: tuple[str, ...],
) -> Hit:
    indexed = "\n".join(part for part in (row.chunk_prefix, row.chunk_header, row.chunk_text) if part)
    if row.chunk_parent_start is None:
        start, end, header = row.chunk_start, row.chunk_end, row.chunk_header
        text = f"{header}\n{row.chunk_text}" if header else row.chunk_text
    else:
        start, end, header = row.chunk_parent_start, row.chunk_parent_end, None
        text = texts[row.body][start:end]
    return Hit(
        chunk_id=row.chunk_id,
        document_id=row.document_id,
        source=build.source,
        text=text,
        title=row.title,
        url=row.url,
        heading_path=tuple(row.heading_path),
        page=row.chunk_page,
        start=start,
        end=end,
        score=chosen.score,
        why=Why(
            *place,
            fused=chosen.fused,
            reranked=chosen.reranked,
            fingerprint=build.fingerprint,
            chunker=str((build.settings.get("chunker") or {}).get("type", "")),
            matched=matched(asked[row.language], indexed, row.language),
            notes=(*chosen.notes, *notes),
        ),
        header=header,
        language=row.language,
        metadata=decode_metadata(row.flat, row.dates),
    )
