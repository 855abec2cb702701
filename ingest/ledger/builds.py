"""Builds: one source indexed with one fingerprint. Blue-green: built beside, then swapped in one transaction."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from connectors.contract import Cursor
from ingest.ledger.ledger import next_generation
from ingest.ledger.tables import bodies, builds, chunks, documents, embeddings, sources

ACTIVE, BUILDING, RETIRED = "active", "building", "retired"


@dataclass(frozen=True, slots=True)
class Build:
    """A row of ``builds``.

    Attributes:
        settings: the source's index settings this build was made with.
        embedder: the embedder's settings, without secrets.
        collection: its name in the vector store.
    """

    id: int
    source: str
    fingerprint: str
    parse_fingerprint: str
    settings: Mapping[str, Any]
    embedder: Mapping[str, Any]
    dimensions: int
    collection: str
    state: str
    cursor: Cursor | None


def _build(row: Row[Any]) -> Build:
    values = dict(row._mapping)
    values.pop("created")
    return Build(**values)


def find(connection: Connection, source: str, state: str) -> Build | None:
    """The source's build in that state, if there is one."""
    row = connection.execute(select(builds).where(builds.c.source == source, builds.c.state == state)).first()
    return _build(row) if row else None


def active(connection: Connection) -> list[Build]:
    """All builds that search reads."""
    return [_build(row) for row in connection.execute(select(builds).where(builds.c.state == ACTIVE))]


def every(connection: Connection) -> list[Build]:
    """All builds in any state."""
    return [_build(row) for row in connection.execute(select(builds))]


def start(
    connection: Connection,
    *,
    shelf: str,
    source: str,
    fingerprint: str,
    parse_fingerprint: str,
    settings: Mapping[str, Any],
    embedder: Mapping[str, Any],
    dimensions: int,
    state: str,
    cursor: Cursor | None = None,
) -> Build:
    """Begin a build of ``source``. A first build is active at once; a rebuild waits as ``building``."""
    connection.execute(insert(sources).values(name=source).on_conflict_do_nothing())
    slug = re.sub(r"[^a-zA-Z0-9-]+", "-", source).strip("-")[:40] or "source"
    number = (connection.execute(select(func.max(builds.c.id))).scalar() or 0) + 1
    values = {
        "id": number,
        "source": source,
        "fingerprint": fingerprint,
        "parse_fingerprint": parse_fingerprint,
        "settings": dict(settings),
        "embedder": dict(embedder),
        "dimensions": dimensions,
        "collection": f"os-{shelf}-{slug}-{number}-{fingerprint[:8]}",
        "state": state,
        "cursor": cursor,
    }
    connection.execute(builds.insert().values(created=time.time(), **values))
    return Build(**values)  # type: ignore[arg-type]


def activate(connection: Connection, build: Build) -> None:
    """Swap ``build`` in. The active one retires, and the one retired before is dropped."""
    retired = find(connection, build.source, RETIRED)
    if retired and retired.id != build.id:
        drop(connection, retired)
    _set_state(connection, source=build.source, old=ACTIVE, new=RETIRED)
    connection.execute(update(builds).where(builds.c.id == build.id).values(state=ACTIVE))
    connection.execute(update(sources).where(sources.c.name == build.source).values(rejected=None))
    next_generation(connection)


def swap_back(connection: Connection, source: str) -> tuple[Build, Build] | None:
    """Exchange the active and the retired build; (now active, now retired), or ``None`` without a retired one."""
    old, new = find(connection, source, RETIRED), find(connection, source, ACTIVE)
    if old is None or new is None:
        return None
    connection.execute(update(builds).where(builds.c.id == old.id).values(state=ACTIVE))
    connection.execute(update(builds).where(builds.c.id == new.id).values(state=RETIRED))
    connection.execute(update(sources).where(sources.c.name == source).values(rejected=new.fingerprint))
    next_generation(connection)
    return old, new


def rejected(connection: Connection, source: str) -> str | None:
    """The fingerprint that a rollback turned down, if any."""
    return connection.execute(select(sources.c.rejected).where(sources.c.name == source)).scalar()


def accept(connection: Connection, source: str) -> None:
    """Forget a rollback's rejection."""
    connection.execute(update(sources).where(sources.c.name == source).values(rejected=None))


def drop(connection: Connection, build: Build) -> None:
    """Remove a build with its documents, chunks and keywords. Its collection is left to the sweep."""
    connection.execute(delete(builds).where(builds.c.id == build.id))
    next_generation(connection)


def forget_cursor(connection: Connection, build: Build) -> None:
    """Have the next run read its whole source, unless a cursor is stored before."""
    connection.execute(update(builds).where(builds.c.id == build.id).values(cursor=None))


def collect_garbage(connection: Connection) -> None:
    """Remove bodies and cached embeddings that nothing refers to any more."""
    connection.execute(
        delete(bodies).where(~select(documents.c.rowid).where(documents.c.body == bodies.c.hash).exists())
    )
    connection.execute(
        delete(embeddings).where(~select(chunks.c.rowid).where(chunks.c.embedding == embeddings.c.key).exists())
    )


def document_count(connection: Connection, build: Build) -> int:
    """Documents in the build."""
    return connection.execute(select(func.count()).where(documents.c.build == build.id)).scalar() or 0


def chunk_count(connection: Connection, build: Build) -> int:
    """Chunks in the build, which is also the number of vectors its collection should have."""
    return connection.execute(select(func.count()).where(chunks.c.build == build.id)).scalar() or 0


def _set_state(connection: Connection, *, source: str, old: str, new: str) -> None:
    connection.execute(update(builds).where(builds.c.source == source, builds.c.state == old).values(state=new))
