"""How each source stands: what is on the shelf, how its last run ended, what failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, select

from configs.schema import Source
from configs.sources import OVER_HTTP
from ingest.ledger import Ledger, builds
from ingest.ledger.tables import failures as failure_rows
from ingest.ledger.tables import runs as run_rows
from ingest.ledger.tables import sources as source_rows

State: TypeAlias = Literal[
    "never synced", "ready", "rebuilding", "disabled", "made over HTTP", "not in the configuration"
]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run. Times are epoch seconds (UTC); ``finished`` is ``None`` while it runs or after a kill."""

    started: float
    finished: float | None
    outcome: str | None
    counts: Mapping[str, Any]
    error: str | None


@dataclass(frozen=True, slots=True)
class FailureInfo:
    """A document that is not (or not in its newest version) on the shelf, and why."""

    document_id: str
    title: str | None
    url: str | None
    step: str
    error: str
    first: float
    last: float
    times: int


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source's state.

    Attributes:
        documents, chunks: in the build that search reads.
        fingerprint: of that build; ``None`` before the first sync.
        can_roll_back: whether a retired build can be swapped back.
    """

    name: str
    type: str
    enabled: bool
    state: State
    documents: int = 0
    chunks: int = 0
    fingerprint: str | None = None
    can_roll_back: bool = False
    last_run: RunInfo | None = None
    failures: list[FailureInfo] = field(default_factory=list)


def read_status(ledger: Ledger, sources: Iterable[Source]) -> list[SourceStatus]:
    """Every configured source, then those that only the ledger knows."""
    configured = {source.name: source for source in sources}
    with ledger.reading() as connection:
        known = connection.execute(select(source_rows.c.name)).scalars().all()
        names = [*configured, *sorted(set(known) - configured.keys())]
        return [_status(connection, name, configured.get(name)) for name in names]


def _status(connection: Connection, name: str, source: Source | None) -> SourceStatus:
    active = builds.find(connection, name, builds.ACTIVE)
    building = builds.find(connection, name, builds.BUILDING)
    state: State = "ready" if active else "never synced"
    if source is None and name.startswith(OVER_HTTP):
        state = "made over HTTP"
    elif source is None:
        state = "not in the configuration"
    elif not source.enabled:
        state = "disabled"
    elif building is not None:
        state = "rebuilding"
    return SourceStatus(
        name=name,
        type=source.type if source else "",
        enabled=source is not None and source.enabled,
        state=state,
        documents=builds.document_count(connection, active) if active else 0,
        chunks=builds.chunk_count(connection, active) if active else 0,
        fingerprint=active.fingerprint if active else None,
        can_roll_back=builds.find(connection, name, builds.RETIRED) is not None,
        last_run=_last_run(connection, name),
        failures=_failures(connection, name),
    )


def _last_run(connection: Connection, name: str) -> RunInfo | None:
    row = connection.execute(
        select(run_rows).where(run_rows.c.source == name).order_by(run_rows.c.id.desc()).limit(1)
    ).first()
    return None if row is None else RunInfo(row.started, row.finished, row.outcome, row.counts, row.error)


def _failures(connection: Connection, name: str) -> list[FailureInfo]:
    f = failure_rows.c
    columns = (f.document_id, f.title, f.url, f.step, f.error, f.first, f.last, f.times)
    rows = connection.execute(select(*columns).where(f.source == name).order_by(f.document_id))
    return [FailureInfo(**row._mapping) for row in rows]
