"""Run syncs on time, as a long-running service: APScheduler does the waiting, the ledger remembers.

One job for each source with a schedule: no overlap with itself, jitter, one catch-up run after a downtime in
which at least one run was due, and a graceful stop that lets the running syncs finish their batch.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from configs.errors import ConfigError
from configs.schema import Schedule, Source, seconds
from ingest.ledger import Ledger
from ingest.ledger.tables import runs

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

log = logging.getLogger("openshelf.schedule")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY = re.compile(r"^(\d+)(?:-(\d+))?(?:/(\d+))?$")


def trigger(schedule: Schedule) -> BaseTrigger:
    """The APScheduler trigger for a schedule.

    Raises:
        ConfigError: the cron expression or the time zone is not one.
    """
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    jitter = int(seconds(schedule.jitter)) or None
    if schedule.every is not None:
        return IntervalTrigger(seconds=max(1, int(seconds(schedule.every))), timezone="UTC", jitter=jitter)
    try:
        cron = CronTrigger.from_crontab(_with_weekday_names(schedule.cron or ""), timezone=schedule.timezone)
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"The schedule {schedule.cron!r} ({schedule.timezone}) is not valid: {error}.",
            hint="Five fields: minute hour day month weekday, for example '0 3 * * *'.",
        ) from error
    cron.jitter = jitter
    return cron


def _with_weekday_names(expression: str) -> str:
    """``expression`` with the numbers of its weekdays as names: cron's 0 and 7 are Sunday, APScheduler's 0 Monday."""
    fields = expression.split()
    if len(fields) == 5:
        fields[4] = ",".join(_WEEKDAY.sub(_names, part) for part in fields[4].split(","))
    return " ".join(fields)


def _names(match: re.Match[str]) -> str:
    first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
    if max(first, last) > 7 or first > last or not step:
        raise ValueError(f"{match[0]} is no weekday (0 to 7, 0 and 7 are Sunday)")
    return ",".join(_DAYS[day % 7] for day in range(first, last + 1, step))


def missed(schedule: Schedule, last: datetime | None, now: datetime) -> bool:
    """Whether a run was due after ``last`` and at or before ``now`` (never run counts as due)."""
    if last is None:
        return True
    if schedule.every is not None:
        return now - last >= timedelta(seconds=seconds(schedule.every))
    due = trigger(schedule.model_copy(update={"jitter": "0s"})).get_next_fire_time(None, last + timedelta(seconds=1))
    return due is not None and due <= now


class Scheduler:
    """Syncs sources when they are due, until ``stop``."""

    def __init__(self, sources: Iterable[Source], ledger: Ledger, sync: Callable[[str], object]) -> None:
        self._sources = {source.name: source for source in sources if source.schedule and source.enabled}
        if not self._sources:
            raise ConfigError(
                "No source has a schedule.", hint="Add `schedule: {every: 1h}` under `defaults:` or under a source."
            )
        self._ledger = ledger
        self._sync = sync
        self._stopped = threading.Event()

    def run(self) -> None:
        """Block until ``stop`` is called; syncs that are running then are finished first."""
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(max_workers=4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        now = datetime.now(UTC)
        for name, source in self._sources.items():
            if source.schedule is None:
                continue
            options: dict[str, Any] = {}
            if missed(source.schedule, self._last_finished(name), now):
                log.info("%s: a run was due, starting now", name)
                options["next_run_time"] = now
            job = scheduler.add_job(
                self._run_one, trigger(source.schedule), args=[name], id=name, name=f"sync {name}", **options
            )
            log.debug("%s: %s", name, job.trigger)
        scheduler.start()
        for job in scheduler.get_jobs():
            log.info("%s: next run %s", job.id, job.next_run_time)
        try:
            self._stopped.wait()
        finally:
            log.info("Stopping; running syncs finish first.")
            scheduler.shutdown(wait=True)

    def stop(self) -> None:
        """Ask ``run`` to return. Safe to call from a signal handler."""
        self._stopped.set()

    def _run_one(self, name: str) -> None:
        try:
            self._sync(name)
        except Exception:  # a scheduled service outlives one bad run, and says so
            log.exception("%s: the sync failed", name)

    def _last_finished(self, source: str) -> datetime | None:
        with self._ledger.reading() as connection:
            at = connection.execute(select(func.max(runs.c.finished)).where(runs.c.source == source)).scalar()
        return None if at is None else datetime.fromtimestamp(at, UTC)
