"""What search sees at one generation: the active builds, and the rows behind candidate chunks."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from ingest.embed.contract import Vectors
from ingest.ledger import builds as build_rows
from ingest.ledger.builds import Build
from ingest.ledger.ledger import generation
from ingest.ledger.tables import builds, chunks, documents, embeddings
from ingest.ledger.where import among

_PAGE = 2000


@dataclass(frozen=True, slots=True)
class View:
    """The active builds that hold anything, as one generation has them.

    Attributes:
        counts: chunks of each build, by its id.
        languages: of all their documents; ``None`` where one is not known.
        restricted: ids of builds with a document that not everybody may see.
    """

    generation: int
    builds: tuple[Build, ...]
    counts: Mapping[int, int]
    languages: tuple[str | None, ...]
    restricted: frozenset[int]


class Candidate(NamedTuple):
    """The light half of a chunk: enough to rank it. ``rowid`` is ``chunks.rowid``, ``document`` ``documents.rowid``."""

    rowid: int
    id: str
    document: int
    build: int
    parent: tuple[int, int] | None


def read_view(connection: Connection, sources: Collection[str] | None = None) -> View:
    """The view of the connection's snapshot; of ``sources`` alone where they are given."""
    counts: dict[int, int] = dict(
        connection.execute(select(chunks.c.build, func.count()).group_by(chunks.c.build)).all()
    )
    active = tuple(
        build
        for build in build_rows.active(connection)
        if counts.get(build.id) and (sources is None or build.source in sources)
    )
    kinds = connection.execute(
        select(documents.c.build, documents.c.language, func.count(documents.c.readers).label("restricted"))
        .where(documents.c.build.in_([build.id for build in active]))
        .group_by(documents.c.build, documents.c.language)
    ).all()
    return View(
        generation=generation(connection),
        builds=active,
        counts=counts,
        languages=tuple(sorted({row.language for row in kinds}, key=lambda language: language or "")),
        restricted=frozenset(row.build for row in kinds if row.restricted),
    )


def embedder_key(build: Build) -> str:
    """Builds with the same key have vectors that compare."""
    return json.dumps(build.embedder, sort_keys=True)


def active(view: View) -> ColumnElement[bool]:
    """The condition that a row belongs to a build that is active now."""
    return and_(builds.c.state == build_rows.ACTIVE, among(builds.c.id, [build.id for build in view.builds]))


def candidates(
    connection: Connection, restrict: ColumnElement[bool], condition: ColumnElement[bool]
) -> list[Candidate]:
    """The chunks under ``condition`` that ``restrict`` lets through."""
    statement = _joined(
        select(
            chunks.c.rowid, chunks.c.id, chunks.c.document, chunks.c.build, chunks.c.parent_start, chunks.c.parent_end
        )
    ).where(restrict, condition)
    return [_candidate(*row) for row in connection.execute(statement)]


def vectors(connection: Connection, rowids: Collection[int]) -> dict[int, Vectors]:
    """Vectors of chunks by ``chunks.rowid``, from the ledger; shape (dimensions,)."""
    rows = connection.execute(
        select(chunks.c.rowid, embeddings.c.vector)
        .join(embeddings, embeddings.c.key == chunks.c.embedding)
        .where(among(chunks.c.rowid, rowids))
    )
    return {row.rowid: np.frombuffer(row.vector, dtype="<f4") for row in rows}


def similarities(
    connection: Connection, restrict: ColumnElement[bool], of: Sequence[Build], query: Vectors
) -> Iterator[tuple[list[Candidate], Vectors]]:
    """Pages of chunks of the builds ``of`` under ``restrict``, with their exact cosine similarities to ``query``."""
    statement = (
        _joined(
            select(
                chunks.c.rowid,
                chunks.c.id,
                chunks.c.document,
                chunks.c.build,
                chunks.c.parent_start,
                chunks.c.parent_end,
                embeddings.c.vector,
            )
        )
        .join(embeddings, embeddings.c.key == chunks.c.embedding)
        .where(restrict, among(builds.c.id, [build.id for build in of]))
    )
    for page in connection.execution_options(yield_per=_PAGE).execute(statement).partitions(_PAGE):
        matrix = np.frombuffer(b"".join(row.vector for row in page), dtype="<f4").reshape(len(page), -1)
        yield [_candidate(*row[:6]) for row in page], matrix @ query


def _joined(statement: Select[Any]) -> Select[Any]:
    return (
        statement.select_from(chunks)
        .join(documents, documents.c.rowid == chunks.c.document)
        .join(builds, builds.c.id == chunks.c.build)
    )


def _candidate(rowid: int, name: str, document: int, build: int, start: int | None, end: int | None) -> Candidate:
    return Candidate(rowid, name, document, build, None if start is None or end is None else (start, end))
