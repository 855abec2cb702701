"""``sync``: bring the shelf up to date, once."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from openshelf.cli.printing import counted, json_option
from openshelf.cli.runs import Finished, code_of, show_runs
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from openshelf.cli.progress import Progressing
    from openshelf.shelf import Shelf

SYNC_EXITS = {
    0: "every source is up to date",
    1: "a source could not be synced; the others were",
    3: "finished, but some documents failed: openshelf status --failures names them",
    130: "stopped by Ctrl-C or SIGTERM; what was committed stays, the next sync goes on from there",
}
log = logging.getLogger("openshelf.sync")


@command(
    "sync",
    examples=[
        "openshelf sync",
        "openshelf sync faq products",
        "openshelf --log json sync            # for cron, systemd, Kubernetes, Airflow",
        "openshelf sync tickets --allow-mass-delete",
    ],
    exits=SYNC_EXITS,
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--allow-mass-delete",
    is_flag=True,
    help="Go on where more than sync.max_delete_share of a source would be deleted.",
)
@click.option("--rebuild", is_flag=True, help="Index everything again, beside the live index.")
@click.option("--prune", is_flag=True, help="Also drop what the configuration no longer has as a source.")
@json_option
@click.pass_obj
def sync(app: App, sources: tuple[str, ...], allow_mass_delete: bool, rebuild: bool, prune: bool, as_json: bool) -> int:
    """Bring the shelf up to date with its sources.

    Only what changed is read, embedded and written. Without SOURCE: all that are enabled, one after the other.
    """
    with app.shelf() as shelf:
        finished = sync_sources(app, shelf, sources, allow_mass_delete=allow_mass_delete, rebuild=rebuild)
        pruned = shelf.prune() if prune else []
    show_runs(app, finished, pruned, as_json=as_json)
    return code_of(finished)


def sync_sources(
    app: App, shelf: Shelf, names: Sequence[str], *, allow_mass_delete: bool = False, rebuild: bool = False
) -> list[Finished]:
    """Sync one source after the other, with progress on a terminal."""
    from openshelf.cli.progress import sync_progress

    sources = [source.name for source in shelf.enabled_sources(names or None)]
    app.when_interrupted = "What was committed stays; the next sync goes on from there."
    finished = []
    with sync_progress(app, sources) as progress:
        for name in sources:
            progress.start(name)
            one = sync_one(shelf, name, allow_mass_delete=allow_mass_delete, rebuild=rebuild, progress=progress)
            progress.finish(name)
            finished.append(one)
    return finished


def sync_before(app: App, shelf: Shelf, *, doing: str) -> None:
    """Sync every source before ``doing`` something with the shelf, which goes on where single documents failed.

    Raises:
        OpenshelfError: a source could not be synced.
    """
    for finished in sync_sources(app, shelf, ()):
        report = finished.report
        if report.error is not None:
            raise report.error
        if report.counts.failed:
            app.warn(f"{report.source}: {counted(report.counts.failed, 'document')} failed; {doing} goes on without.")


def sync_one(
    shelf: Shelf,
    name: str,
    *,
    allow_mass_delete: bool = False,
    rebuild: bool = False,
    progress: Progressing | None = None,
) -> Finished:
    """Sync one source, log how it went, and say it. A source that another process syncs has failed here."""
    from configs.errors import SyncBusy
    from ingest.report import Counts, Report

    def tell(source: str, counts: Counts) -> None:
        log.debug("%s: %d written, %d unchanged, %d failed", source, counts.upserted, counts.unchanged, counts.failed)
        if progress is not None:
            progress.update(source, counts)

    started = time.monotonic()
    log.info("%s: sync starts", name)
    try:
        report = shelf.sync(
            [name],
            allow_mass_delete=allow_mass_delete,
            rebuild=rebuild,
            progress=tell,
        )[0]
    except SyncBusy as error:
        report = Report(name, "failed", Counts(), error)
    done = Finished(report, time.monotonic() - started)
    counts = ", ".join(f"{key} {value}" for key, value in report.counts.numbers.items() if value)
    if report.counts.reasons:
        counts += " (" + ", ".join(f"{why}: {count}" for why, count in report.counts.reasons.most_common()) + ")"
    log.info("%s: %s in %.1f s; %s", name, report.outcome, done.seconds, counts or "nothing to do")
    return done
