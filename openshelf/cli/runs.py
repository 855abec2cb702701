"""How runs of a sync ended: the table, the JSON, the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openshelf.cli.printing import console, counted, duration, print_json, styled, table
from openshelf.cli.running import sentence

if TYPE_CHECKING:
    from ingest.report import Report
    from openshelf.cli.state import App

CLEAN, FAILED, FAILURES = 0, 1, 3
_STYLES = {"clean": "green", "failures": "yellow", "failed": "bold red"}


@dataclass(frozen=True, slots=True)
class Finished:
    """One source's run and how long it took."""

    report: Report
    seconds: float


def code_of(finished: Sequence[Finished]) -> int:
    """0 clean, 1 where a source failed, 3 where only documents did."""
    outcomes = {item.report.outcome for item in finished}
    return FAILED if "failed" in outcomes else FAILURES if "failures" in outcomes else CLEAN


def show_runs(app: App, finished: Sequence[Finished], pruned: Sequence[str] = (), *, as_json: bool) -> None:
    """Print the runs: a table or JSON on stdout, what went wrong on stderr.

    Args:
        pruned: sources that were dropped because the configuration no longer has them.
    """
    if as_json:
        outcome = {CLEAN: "clean", FAILED: "failed", FAILURES: "failures"}[code_of(finished)]
        print_json(app, {"outcome": outcome, "sources": [_plain(item) for item in finished], "pruned": pruned})
    elif finished:
        console().print(_table(finished))
    else:
        app.say("No source is enabled, so there is nothing to sync.")
    for name in pruned:
        app.say(f"{name} is no longer in the configuration; what it had was dropped.")
    for item in finished:
        if item.report.error is not None:
            text = sentence(item.report.error).removeprefix("Error: ")
            named = "" if item.report.source in text.splitlines()[0] else f"{item.report.source}: "
            app.complain(f"Error: {named}{text}")
    for item in finished:
        if item.report.counts.reasons:
            reasons = ", ".join(f"{why} {count:,}" for why, count in item.report.counts.reasons.most_common())
            app.say(f"{item.report.source} skipped: {reasons}.")
    failed = sum(item.report.counts.failed for item in finished)
    if failed:
        app.say(f"{counted(failed, 'document')} failed; the next sync tries again. See: openshelf status --failures")


def _plain(item: Finished) -> dict[str, object]:
    report = item.report
    return {
        "source": report.source,
        "outcome": report.outcome,
        "rebuilt": report.rebuilt,
        "seconds": round(item.seconds, 3),
        "counts": report.counts.as_dict(),
        "error": None if report.error is None else str(report.error),
    }


def _table(finished: Sequence[Finished]) -> object:
    numbers = ("Written", "Unchanged", "Skipped", "Deleted", "Failed", "Chunks", "Embedded", "Cached", "Time")
    made = table("Source", "Outcome", *numbers, right=numbers, wide=("Source",))
    for item in finished:
        report, counts = item.report, item.report.counts
        shown = report.outcome
        if report.rebuilt:
            shown = "rebuilt" if shown == "clean" else f"{shown}, rebuilt"
        outcome = styled(shown, _STYLES.get(report.outcome, ""))
        made.add_row(
            styled(report.source),
            outcome,
            *(
                styled(f"{value:,}" if value else "·", "" if value else "dim")
                for value in (counts.upserted, counts.unchanged, counts.skipped, counts.deleted)
            ),
            styled(f"{counts.failed:,}" if counts.failed else "·", "red" if counts.failed else "dim"),
            *(
                styled(f"{value:,}" if value else "·", "" if value else "dim")
                for value in (counts.chunks, counts.embedded, counts.cached)
            ),
            styled(duration(item.seconds)),
        )
    return made
