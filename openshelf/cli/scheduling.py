"""``schedule``: sync on time, as a service."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

import click

from openshelf.cli.state import App
from openshelf.cli.teaching import command

log = logging.getLogger("openshelf.schedule")


@command(
    "schedule",
    examples=["openshelf schedule", "openshelf --log json schedule", "openshelf schedule faq products"],
    exits={0: "stopped by SIGTERM or Ctrl-C, running syncs were finished", 1: "could not start: no source is due ever"},
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.pass_obj
def schedule(app: App, sources: tuple[str, ...]) -> None:
    """Sync sources on time until it is stopped.

    Each source's `schedule` says when. No source runs beside itself, and what was due while the service was down is
    caught up once. SIGTERM or Ctrl-C lets running syncs finish; a second one ends at once.
    """
    from ingest.schedule import Scheduler
    from openshelf.cli.running import sentence
    from openshelf.cli.syncing import sync_one

    with app.shelf(service=True) as shelf:

        def run_one(name: str) -> None:
            report = sync_one(shelf, name).report
            if report.error is not None:
                log.error("%s: %s", name, sentence(report.error).removeprefix("Error: "))
            elif report.counts.failed:
                log.warning("%s: %d failed: openshelf status --failures", name, report.counts.failed)

        scheduler = Scheduler(shelf.enabled_sources(sources or None), shelf.ledger, run_one)
        asked: list[int] = []

        def stop(number: int, _frame: FrameType | None) -> None:
            if asked:
                # Asked twice: what is committed stays whole whatever happens now.
                sys.exit(128 + number)
            asked.append(number)
            scheduler.stop()

        previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            scheduler.run()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        log.info("Stopped.")
