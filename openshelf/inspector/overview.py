"""The first page: how each source stands, when it is synced next, and what failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from configs.schema import Schedule, seconds
from ingest.schedule import missed, trigger
from ingest.status import RunInfo, SourceStatus
from openshelf.inspector.rendering import render
from openshelf.shelf import Shelf

_MOST_FAILURES = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """A source, and when it is due.

    Attributes:
        next: epoch seconds; ``None`` without a schedule.
        due: whether a run is due now.
        error: how the last run failed, secrets masked.
    """

    status: SourceStatus
    next: float | None
    due: bool
    schedule: str
    error: str | None


def page(shelf: Shelf, _request: Request) -> Response:
    """``/inspect/``."""
    redact = shelf.loaded.redactor.redact
    standings = []
    for status in shelf.status():
        source = shelf.config.sources.get(status.name)
        schedule = source.schedule if source is not None and source.enabled else None
        run = status.last_run
        at, due = _next(schedule, run)
        error = redact(run.error) if run is not None and run.error else None
        standings.append(Standing(status, at, due, _words(schedule), error))
    failures = [(one.status.name, failure) for one in standings for failure in one.status.failures]
    return render(
        "overview.html",
        title="Sources",
        here="overview",
        config=str(shelf.loaded.path),
        folder=str(shelf.folder),
        embedder=shelf.config.embedder.model,
        standings=standings,
        documents=sum(one.status.documents for one in standings),
        chunks=sum(one.status.chunks for one in standings),
        failures=[(name, failure, redact(failure.error)) for name, failure in failures[:_MOST_FAILURES]],
        failed=len(failures),
    )


def _next(schedule: Schedule | None, run: RunInfo | None) -> tuple[float | None, bool]:
    """When the next run is due by the schedule (without its jitter), and whether it is already."""
    if schedule is None:
        return None, False
    now = datetime.now(UTC)
    last = None if run is None or run.finished is None else datetime.fromtimestamp(run.finished, UTC)
    if missed(schedule, last, now):
        return now.timestamp(), True
    if schedule.every is not None and last is not None:
        return last.timestamp() + seconds(schedule.every), False
    due = trigger(schedule.model_copy(update={"jitter": "0s"})).get_next_fire_time(None, now)
    return (None if due is None else due.timestamp()), False


def _words(schedule: Schedule | None) -> str:
    if schedule is None:
        return ""
    return f"every {schedule.every}" if schedule.every else f"{schedule.cron} ({schedule.timezone})"
