"""``status`` and ``costs``: what is on the shelf, how the last runs went, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from openshelf.cli.printing import console, counted, indented, json_option, moment, money, print_json, styled, table
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from ingest.status import FailureInfo, SourceStatus
    from retrieval.spend import By, SpendLine

_STATES = {"ready": "green", "rebuilding": "yellow", "never synced": "dim"}
_OUTCOMES = {"clean": "green", "failures": "yellow", "failed": "bold red"}


@command("status", examples=["openshelf status", "openshelf status --failures", "openshelf status --json"])
@click.option("--failures", is_flag=True, help="Name every document that failed, where and why.")
@json_option
@click.pass_obj
def status(app: App, failures: bool, as_json: bool) -> None:
    """Show each source: what it holds, how its last sync ended.

    A failed document is tried again by each sync; `--failures` says which and why.
    """
    with app.shelf() as shelf:
        sources = shelf.status()
        folder = shelf.folder
    if as_json:
        print_json(app, {"path": folder, "sources": sources})
        return
    out = console()
    if not sources:
        out.print(styled("No source is configured.", "yellow"))
        return
    out.print(_status_table(sources))
    if any(source.can_roll_back for source in sources):
        out.print(styled("↺ openshelf rollback SOURCE swaps the former index back in.", "dim"))
    failed = sum(len(source.failures) for source in sources)
    if failures:
        for source in sources:
            for failure in source.failures:
                out.print()
                out.print(_failed_document(source.name, failure))
                out.print(indented(_failure(app, failure)))
    elif failed:
        out.print(styled(f"\n{counted(failed, 'failed document')}: openshelf status --failures", "yellow"))
    for source in sources:
        if source.last_run is not None and source.last_run.error:
            out.print(styled(f"\n{source.name}: {app.redact(source.last_run.error)}", "red"))


def _status_table(sources: Sequence[SourceStatus]) -> Table:
    made = table(
        "Source", "Type", "State", "Documents", "Chunks", "Failed", "Last sync", "Outcome", "Index",
        right=("Documents", "Chunks", "Failed"), wide=("Source",),
    )  # fmt: skip
    for source in sources:
        run = source.last_run
        outcome = (run.outcome or "") if run is not None and run.finished is not None else ""
        made.add_row(
            styled(source.name, "bold"),
            styled(source.type),
            styled(source.state, _STATES.get(source.state, "dim")),
            styled(f"{source.documents:,}"),
            styled(f"{source.chunks:,}"),
            styled(f"{len(source.failures):,}" if source.failures else "·", "red" if source.failures else "dim"),
            styled(moment(run.started) if run else "never", "" if run else "dim"),
            styled(outcome or ("not finished" if run else ""), _OUTCOMES.get(outcome, "dim")),
            styled((source.fingerprint or "")[:8] + (" ↺" if source.can_roll_back else ""), "dim"),
        )
    return made


def _failed_document(source: str, failure: FailureInfo) -> Text:
    text = styled(f"{source}  ", "bold")
    text.append_text(styled(failure.title or failure.document_id))
    if failure.title and failure.title != failure.document_id:
        text.append_text(styled(f"  {failure.document_id}", "dim"))
    return text


def _failure(app: App, failure: FailureInfo) -> Text:
    text = styled(f"{failure.url}\n" if failure.url else "", "blue")
    text.append_text(styled(f"{failure.step} failed: {app.redact(failure.error)}\n", "red"))
    times = f"{failure.times} times since" if failure.times > 1 else "once,"
    return text.append_text(styled(f"{times} {moment(failure.first)}", "dim"))


@command(
    "costs",
    examples=["openshelf costs", "openshelf costs --by model", "openshelf costs --by conversation --json"],
)
@click.option(
    "--by",
    type=click.Choice(["day", "source", "conversation", "model"]),
    default="day",
    show_default=True,
    help="What each line adds up.",
)
@json_option
@click.pass_obj
def costs(app: App, by: str, as_json: bool) -> None:
    """Show what calls of paid models cost.

    Every call of an API is in the ledger with its tokens. Prices and caps are set under `costs` in the YAML; days are
    in UTC.
    """
    with app.shelf() as shelf:
        lines = shelf.costs(by=cast("By", by))
    if as_json:
        print_json(app, {"by": by, "lines": lines})
        return
    out = console()
    if not lines:
        out.print("No paid call was made yet.")
        return
    out.print(_costs_table(by, lines))
    unpriced = sum(line.unpriced for line in lines)
    if unpriced:
        missing = f"\n{counted(unpriced, 'call')} of a model without a price are not counted: set costs.prices."
        out.print(styled(missing, "yellow"))


def _costs_table(by: str, lines: Sequence[SpendLine]) -> Table:
    numbers = ("Calls", "Tokens in", "of it cached", "Tokens out", "Cost")
    made = table(by.capitalize(), *numbers, right=numbers)
    for line in lines:
        made.add_row(
            styled(line.key or "(none)", "" if line.key else "dim"),
            f"{line.calls:,}",
            f"{line.input_tokens:,}",
            f"{line.cached_tokens:,}",
            f"{line.output_tokens:,}",
            money(line.cost, line.currency),
        )
    if len(lines) > 1:
        for currency in sorted({line.currency for line in lines}):
            mine = [line for line in lines if line.currency == currency]
            made.add_section()
            made.add_row(
                styled("Total", "bold"),
                f"{sum(line.calls for line in mine):,}",
                f"{sum(line.input_tokens for line in mine):,}",
                f"{sum(line.cached_tokens for line in mine):,}",
                f"{sum(line.output_tokens for line in mine):,}",
                money(sum(line.cost for line in mine), currency),
            )
    return made
