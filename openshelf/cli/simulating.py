"""``simulate``: rehearse on past tickets before going live."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configs.errors import ConfigError
from openshelf.cli.printing import console, counted, duration, json_option, money, print_json, styled, table
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from evaluation.simulate.knowledge import Knowledge
    from evaluation.simulate.result import Simulation
    from evaluation.simulate.ticket import Export
    from openshelf.shelf import Shelf

_GAPS = 8
_OURS = re.compile(r"shelf-[0-9a-f]{24}")


@command(
    "simulate",
    examples=[
        "openshelf simulate tickets.jsonl --knowledge articles.jsonl",
        "openshelf simulate tickets.jsonl --knowledge articles.jsonl --with-tickets --step 1d",
        "openshelf simulate --last 500   # solved tickets on the shelf, articles by their stamps",
        "openshelf simulate tickets.jsonl --threshold 0.5   # again: nothing is asked twice",
        "openshelf simulate tickets.jsonl --judge gpt-5-mini --max-cost 2.00",
    ],
    exits={
        0: "done",
        1: "failed; one sentence on stderr says why",
        130: "stopped by Ctrl-C; tickets that are done are kept, running it again goes on",
    },
)
@click.argument("tickets", metavar="[TICKETS.jsonl]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--knowledge",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="JSON Lines of article versions with `valid_from`. Default: the shelf's documents, by their own stamps.",
)
@click.option(
    "--with-tickets", is_flag=True, help="With --knowledge: solved tickets are knowledge once they are solved."
)
@click.option(
    "--step",
    default="0s",
    metavar="TIME",
    show_default="before every ticket",
    help="With --knowledge: how often the shelf is synced, for example 1d for every night.",
)
@click.option("--source", "sources", multiple=True, help="Without TICKETS: only tickets of this source; repeatable.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the N newest tickets.")
@click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    metavar="X",
    help="Evidence below which a ticket is handed over. Default: the shelf's.",
)
@click.option(
    "--model", is_flag=True, help="Let answer.model write the answers. Default: extracts, which cost nothing."
)
@click.option("--judge", metavar="MODEL", help="Let a model judge every answer. Default: measured offline.")
@click.option("--max-cost", type=click.FloatRange(min=0), metavar="X", help="Most that --model and --judge may cost.")
@click.option("--min-gap", type=click.IntRange(min=1), default=2, show_default=True, help="Tickets that make a gap.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where results and what is done so far are kept. Default: .openshelf-simulate/NAME beside the configuration.",
)
@click.option("--fresh", is_flag=True, help="Forget what is done so far.")
@json_option
@click.pass_obj
def simulate(
    app: App,
    tickets: Path | None,
    knowledge: Path | None,
    with_tickets: bool,
    step: str,
    sources: tuple[str, ...],
    last: int | None,
    threshold: float | None,
    model: bool,
    judge: str | None,
    max_cost: float | None,
    min_gap: int,
    out: Path | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Rehearse on past tickets before going live.

    Every solved ticket is asked again in time order, with only the knowledge that existed before it, and the answer is
    compared with the agent's: right, wrong, or handed over to a person. Then: what each threshold would give, costs,
    and the articles to write next. Your shelf is only read; articles from a file are indexed in a shelf of their own.
    """
    from evaluation.simulate.simulate import Rehearsing
    from evaluation.simulate.simulate import simulate as rehearse

    if knowledge is None and (with_tickets or step != "0s"):
        raise click.UsageError("--with-tickets and --step go with --knowledge.")
    if tickets is not None and sources:
        raise click.UsageError("--source goes with the tickets on the shelf, not with a file.")
    options = Rehearsing(threshold=threshold, model=model, judge=judge, max_cost=max_cost, at_least=min_gap)
    every = _step(step)
    with app.shelf() as shelf:
        folder = out or shelf.loaded.base_dir / ".openshelf-simulate" / (tickets.stem if tickets else "shelf")
        export = _export(shelf, tickets, sources, last)
        about = _about(shelf, knowledge, with_tickets=with_tickets, step=step, export=export)
        if fresh:
            (folder / "journal.jsonl").unlink(missing_ok=True)
        opened = _open(shelf, folder, export, knowledge, with_tickets=with_tickets, every=every)
        app.when_interrupted = "Tickets that are done are kept; run the same command to go on."
        try:
            with _progress(app) as report:
                result = rehearse(
                    opened, export, folder, options=options, name=folder.name, about=about, progress=report
                )
        finally:
            opened.close()
        written = _write(app, result, folder)
    if as_json:
        from evaluation.simulate.writing import plain

        print_json(app, plain(result))
        return
    _show(app, result, written)


def _step(step: str) -> timedelta:
    from configs.schema import seconds

    try:
        return timedelta(seconds=seconds(step))
    except ValueError as error:
        raise click.UsageError(f"--step: {error}.") from None


def _export(shelf: Shelf, tickets: Path | None, sources: tuple[str, ...], last: int | None) -> Export:
    if tickets is not None:
        from evaluation.simulate.reading import read_tickets

        export = read_tickets(tickets)
    else:
        from evaluation.simulate.live import tickets_on

        for name in sources:
            shelf.source(name)
        export = tickets_on(shelf, sources)
    return export if last is None else replace(export, tickets=export.tickets[-last:])


def _about(shelf: Shelf, knowledge: Path | None, *, with_tickets: bool, step: str, export: Export) -> dict[str, Any]:
    """What the results depend on besides the tickets; secrets and the threshold are not among it."""
    from connectors.version import digest
    from evaluation.simulate.live import generation_of
    from evaluation.simulate.reading import fingerprint
    from openshelf.cli.app import installed_version

    config = shelf.config
    settings = config.model_dump(
        mode="json",
        include={"embedder", "defaults", "retrieval", "context", "answer"},
        exclude={"embedder": {"api_key"}, "answer": {"api_key", "no_answer_threshold", "timeout"}},
    )
    indexed = {name: source.model_dump(mode="json", exclude={"options"}) for name, source in config.sources.items()}
    known = f"shelf:{generation_of(shelf)}" if knowledge is None else fingerprint(knowledge)
    return {
        "version": installed_version(),
        "configuration": digest([settings, indexed, shelf.embedders.fingerprint]),
        "knowledge": known,
        "with_tickets": with_tickets,
        "step": step,
        "first": export.tickets[0].id if with_tickets else None,
    }


def _open(
    shelf: Shelf, folder: Path, export: Export, knowledge: Path | None, *, with_tickets: bool, every: timedelta
) -> Knowledge:
    from evaluation.simulate.live import Live

    if knowledge is None:
        return Live(shelf)
    from connectors.version import digest
    from evaluation.simulate.reading import fingerprint, read_versions
    from evaluation.simulate.timeline import Timeline

    versions = read_versions(knowledge)
    # A shelf follows one history: its cursor means nothing in another.
    name = f"shelf-{digest([fingerprint(knowledge), export.fingerprint, len(export.tickets), with_tickets])}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.iterdir():
        if _OURS.fullmatch(old.name) and old.name != name:
            shutil.rmtree(old)
    return Timeline(
        shelf.loaded,
        type(shelf),
        versions,
        folder / name,
        tickets=export.tickets if with_tickets else (),
        step=every,
    )


def _write(app: App, result: Simulation, folder: Path) -> list[Path]:
    from evaluation.reports import simulation_report
    from evaluation.simulate.writing import as_json, as_markdown

    texts = {
        "simulation.json": as_json(result),
        "simulation.md": as_markdown(result),
        "simulation.html": simulation_report(result),
    }
    for name, text in texts.items():
        try:
            (folder / name).write_text(app.redact(text), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{folder / name} cannot be written: {error.strerror}.") from None
    return [folder / name for name in texts]


@contextmanager
def _progress(app: App) -> Iterator[Callable[[str, int, int], None] | None]:
    """A line that moves: what is done, of how much, and the time left."""
    if not app.shows_progress:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from evaluation.simulate.simulate import timer

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("Reading", total=None)
        state: dict[str, Any] = {"what": "", "left": None}

        def report(what: str, done: int, of: int) -> None:
            if what != state["what"]:
                state.update(what=what, left=timer())
            left = state["left"](done, of)
            text = what if left is None else f"{what} · {duration(left)} left"
            progress.update(task, description=text, completed=done, total=of)

        yield report


def _show(app: App, result: Simulation, written: list[Path]) -> None:
    from evaluation.simulate.writing import LEGEND, interval, percent

    out = console()
    first, final = result.tickets[0].asked, result.tickets[-1].asked
    out.print(
        styled(
            f"{counted(len(result.tickets), 'ticket')} from {first:%Y-%m-%d} to {final:%Y-%m-%d}, each with what was "
            f"known before it; threshold of evidence {result.threshold:.2f}",
            "bold",
        )
    )
    made = table("", "tickets", "share", "95% interval", right=("tickets", "share"))
    for rate in (*result.rates, *result.quality):
        made.add_row(rate.name, f"{rate.count:,} of {rate.n:,}", percent(rate), interval(rate))
    out.print(made)
    out.print(styled(LEGEND, "dim"), soft_wrap=True)
    out.print()
    points = table("threshold", "answered", "wrong of them", "95% interval", right=("answered", "wrong of them"))
    step = max(1, len(result.curve) // 8)
    for place, point in enumerate(result.curve):
        if place % step == 0 or point.chosen:
            mark = " ←" if point.chosen else ""
            points.add_row(
                f"{point.threshold:.2f}{mark}", percent(point.answered), percent(point.errors), interval(point.errors)
            )
    out.print(points)
    _show_costs(result)
    _show_gaps(result)
    for note in result.notes:
        out.print(styled(note, "dim"), soft_wrap=True)
    for path in written:
        app.say(f"Wrote {path}")


def _show_costs(result: Simulation) -> None:
    costs, latency = result.costs, result.latency
    parts = [f"cost per ticket {money(costs.per_ticket, costs.currency)}"]
    if costs.estimate_per_ticket is not None:
        parts.append(f"with {costs.model} about {money(costs.estimate_per_ticket, costs.currency)}")
        parts.append(f"{money(costs.estimate_per_month, costs.currency)} a month")
    if costs.tickets_per_month is not None:
        parts.append(f"{costs.tickets_per_month:,.0f} tickets a month")
    parts.append(f"answers took {latency.p50:.2f} s (median), {latency.p95:.2f} s (95th percentile)")
    console().print(styled(" · ".join(parts)), soft_wrap=True)


def _show_gaps(result: Simulation) -> None:
    out = console()
    out.print()
    if not result.gaps:
        out.print(styled("No gaps: no two tickets on one subject went unanswered.", "bold"))
        return
    out.print(styled("What the knowledge base does not answer, by volume", "bold"))
    made = table("tickets", "", "about", "for example", right=("tickets",), wide=("for example",))
    for gap in result.gaps[:_GAPS]:
        kind = gap.kind if gap.open else f"{gap.kind}, closed since"
        made.add_row(str(gap.volume), kind, styled(gap.label), styled(" ".join(gap.examples[0].question.split())[:120]))
    out.print(made)
    if len(result.gaps) > _GAPS:
        out.print(styled(f"… and {len(result.gaps) - _GAPS} more in the report", "dim"))
