"""Progress of a sync on a terminal's stderr; nothing at all where nobody looks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from openshelf.cli.printing import console, duration, styled

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ingest.report import Counts
    from openshelf.cli.state import App


class Progressing(Protocol):
    """Told when a source starts, gets on, and ends."""

    def start(self, source: str) -> None:
        """``source`` is next."""

    def update(self, source: str, counts: Counts) -> None:
        """A batch of ``source`` is committed."""

    def finish(self, source: str) -> None:
        """``source`` is done."""


@contextmanager
def sync_progress(app: App, sources: Sequence[str]) -> Iterator[Progressing]:
    """A line that moves while a source is synced, or silence."""
    if not app.shows_progress or not sources:
        yield _Silence()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[source]}", style="bold"),
        BarColumn(bar_width=20),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        yield _Line(progress, len(sources))


class _Silence:
    def start(self, source: str) -> None:
        pass

    def update(self, source: str, counts: Counts) -> None:
        pass

    def finish(self, source: str) -> None:
        pass


class _Line:
    """Sources done of all, and what the current one has done so far; with the time left where it says its size."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        # The bar counts sources; of a single one nobody knows how much is left, so the bar only moves.
        self._task: TaskID = progress.add_task("", total=total if total > 1 else None, source="")
        self._started = time.monotonic()

    def start(self, source: str) -> None:
        self._started = time.monotonic()
        self._progress.update(self._task, source=str(styled(source)), description="reading")

    def update(self, source: str, counts: Counts) -> None:
        spent = max(time.monotonic() - self._started, 0.001)
        rate = counts.embedded / spent
        parts = [f"{counts.upserted:,} written", f"{counts.unchanged:,} unchanged"]
        if counts.skipped:
            parts.append(f"{counts.skipped:,} skipped")
        if counts.failed:
            parts.append(f"{counts.failed:,} failed")
        if counts.embedded:
            parts.append(f"{counts.embedded:,} embedded, {rate:,.0f}/s")
        if counts.expected and counts.fetched:
            left = max(0, counts.expected - counts.fetched) * spent / counts.fetched
            parts.append(f"{counts.fetched:,} of about {counts.expected:,} read, {duration(left)} left")
        self._progress.update(self._task, description=" · ".join(parts))

    def finish(self, source: str) -> None:
        self._progress.advance(self._task)
