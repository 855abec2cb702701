"""``tune``: try other settings on the synced shelf, and write the best configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openshelf.cli.printing import console, counted, duration, json_option, jsonable, print_json, styled, table
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from evaluation.tune.bench import Step
    from evaluation.tune.result import StudyResult, Trial
    from evaluation.tune.settings import TuneFile
    from openshelf.shelf import Shelf

_ROWS = 10
_WORSE = 5


@command(
    "tune",
    examples=[
        "openshelf tune tune.yaml",
        "openshelf tune tune.yaml --write winner.yaml",
        "openshelf tune tune.yaml --fresh       # the documents have changed: copy the shelf again",
        "openshelf tune configs/tune.yaml --sync    # sync the shelf first",
    ],
    exits={
        0: "done, or stopped at a budget: running it again goes on",
        1: "failed; one sentence on stderr says why",
        130: "stopped by Ctrl-C; finished configurations are kept, running it again goes on",
    },
)
@click.argument("tune_file", metavar="TUNE.yaml", type=click.Path(path_type=Path))
@click.option(
    "--study",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the study lives. Default: .openshelf-tune/NAME beside TUNE.yaml.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the reports go. Default: the study's folder.",
)
@click.option(
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the winner here, beside the configuration. Default: winner.yaml there.",
)
@click.option("--fresh", is_flag=True, help="Forget earlier results and copy the shelf again; embeddings are kept.")
@click.option("--sync", "sync_first", is_flag=True, help="Bring the shelf up to date first.")
@json_option
@click.pass_obj
def tune(
    app: App,
    tune_file: Path,
    study: Path | None,
    out: Path | None,
    write: Path | None,
    fresh: bool,
    sync_first: bool,
    as_json: bool,
) -> None:
    """Try other settings, and write the best of them.

    TUNE.yaml names the gold questions and the knobs: any key of the configuration with the values to try. No source
    is asked, and your shelf stays as it is: the parsed texts on it are cut and embedded again in the study's own
    folder, each text once. The winner is checked on questions that took no part in choosing it.
    """
    from evaluation.tune.settings import read_tune
    from evaluation.tune.study import run_study
    from evaluation.tune.winner import check_target

    file = read_tune(tune_file)
    if app.config is not None:
        file = replace(file, given=app.config.resolve())
    app.config = file.config
    target = write or file.config.with_name("winner.yaml")
    folder = study or file.path.parent / ".openshelf-tune" / file.path.stem
    with app.shelf() as shelf:
        check_target(target, file.config)
        if sync_first:
            from openshelf.cli.syncing import sync_before

            sync_before(app, shelf, doing="tuning")
        shelf.close()
        app.when_interrupted = "Finished configurations are kept; run the same command to go on."
        with _progress(app) as watch:
            result = run_study(file, folder, type(shelf), fresh=fresh, watch=watch)
        winner = None if result.winner == result.base else _write_winner(app, result, file, shelf, target)
        written = [] if winner is None else [winner]
        written += _write(app, result, folder, out or folder, winner)
    if as_json:
        print_json(app, _plain(result))
        return
    _show(app, result, written)


def _write(app: App, result: StudyResult, study: Path, folder: Path, winner: Path | None) -> list[Path]:
    """The reports: JSON, Markdown, HTML.

    Args:
        study: has the copy of the shelf that the gold was looked up in.
        winner: the winner's file, where there is one.
    """
    from evaluation.reports import gold_texts, tune_report
    from evaluation.snapshot import opened
    from evaluation.tune.markdown import markdown

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in (
        ("result.json", json.dumps(jsonable(_plain(result)), indent=2, ensure_ascii=False) + "\n"),
        ("report.md", markdown(result)),
    ):
        (folder / name).write_text(app.redact(text), encoding="utf-8")
        written.append(folder / name)
    with opened(study / "snapshot") as ledger:
        texts = None if result.gold is None else gold_texts(ledger, result.gold)
    html = tune_report(result, texts, None if winner is None else app.redact(winner.read_text(encoding="utf-8")))
    (folder / "report.html").write_text(app.redact(html), encoding="utf-8")
    return [*written, folder / "report.html"]


def _plain(result: StudyResult) -> StudyResult:
    # The runs with all their hits are in the HTML; they would be most of the JSON.
    return replace(result, gold=None, base_run=None, winner_run=None)


def _write_winner(app: App, result: StudyResult, file: TuneFile, shelf: Shelf, target: Path) -> Path:
    from evaluation.tune.knobs import read_knobs
    from evaluation.tune.winner import write_winner

    sources = dict.fromkeys(shelf.config.sources)
    winner = result.trial(result.winner)
    turned = [knob for knob in read_knobs(file, sources) if knob.name in winner.knobs]
    changes = {knob.path: winner.knobs[knob.name] for knob in sorted(turned, key=lambda knob: len(knob.path))}
    header = (
        f"from {file.config.name} by {file.path.name} ({result.manifest['made']}), trial {result.winner}.\n"
        f"{result.verdict}\n"
        f"Changed: {winner.label}. {target.stem}.manifest.json says with which data and versions."
    )
    write_winner(target, file.config, shelf.loaded, changes, app.redact(header))
    manifest = target.with_name(f"{target.stem}.manifest.json")
    manifest.write_text(app.redact(json.dumps(result.manifest, indent=2, ensure_ascii=False)) + "\n", encoding="utf-8")
    return target


@contextmanager
def _progress(app: App) -> Iterator[Callable[[Step], None] | None]:
    """A line that moves: configurations done of all, what is going on, and the time left."""
    if not app.shows_progress:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def watch(step: Step) -> None:
            left = "" if step.seconds_left is None else f" · {duration(step.seconds_left)} left"
            label = step.label if len(step.label) <= 60 else f"{step.label[:59]}…"
            text = str(styled(f"{label} · {step.doing}{left}"))
            progress.update(task, completed=step.done, total=step.total, description=text)

        yield watch


def _show(app: App, result: StudyResult, written: list[Path]) -> None:
    out = console()
    out.print(styled(result.verdict, "bold"))
    out.print(
        styled(
            f"{counted(len(result.trials), 'configuration')}, {result.cases['tuning']} questions to tune on, "
            f"{result.cases['held-out']} held out; limits: {', '.join(result.limits) or 'none'}; {result.state}.",
            "dim",
        )
    )
    shown = result.trials[:_ROWS]
    rest = [result.trial(number) for number in (*result.front, result.base) if result.trial(number) not in shown]
    out.print(_board(result, [*shown, *dict.fromkeys(one.number for one in rest)]))
    if len(result.trials) > _ROWS:
        out.print(styled(f"… and {len(result.trials) - _ROWS:,} more in the report", "dim"))
    if result.skipped:
        for reason, count in result.skipped.items():
            out.print(styled(f"skipped {count:,}: {reason}", "dim"))
    _show_knobs(result)
    if result.worse:
        out.print(styled(f"{counted(len(result.worse), 'question')} got worse, for example", "bold"))
        for one in result.worse[:_WORSE]:
            out.print(styled(f"  {one.before:.0%} → {one.after:.0%}  {one.question}"))
    for note in result.notes:
        app.warn(note)
    for path in written:
        app.say(f"Wrote {path}")


def _board(result: StudyResult, rows: list[Trial | int]) -> object:
    from evaluation.tune.result import TOKENS
    from evaluation.tune.wording import amount

    made = table(
        "#", *result.measures, "tokens", "chunks", "", "configuration",
        right=("#", *result.measures, "tokens", "chunks"), wide=("configuration",),
    )  # fmt: skip
    for row in rows:
        trial = result.trial(row) if isinstance(row, int) else row
        remarks = [
            word
            for word, holds in (
                ("winner", trial.number == result.winner),
                ("base", trial.number == result.base),
                ("front", trial.number in result.front),
                ("failed", trial.state == "failed"),
                ("beyond a limit", trial.state == "done" and not trial.meets),
            )
            if holds
        ]
        made.add_row(
            str(trial.number),
            *(amount(name, trial.means[name]) if name in trial.means else "" for name in result.measures),
            amount(TOKENS, trial.means[TOKENS]) if TOKENS in trial.means else "",
            f"{trial.chunks:,}" if trial.chunks else "",
            ", ".join(remarks),
            styled(trial.label if trial.reason is None else f"{trial.label}: {trial.reason}"),
        )
    return made


def _show_knobs(result: StudyResult) -> None:
    from evaluation.tune.wording import between, gap

    measure = result.measures[0]
    made = table("knob", "value", "effect", "95% interval", "pairs", right=("effect", "pairs"), wide=("value",))
    for knob in result.knobs:
        for value in knob.values:
            if value.effect is None or value.low is None or value.high is None:
                if value.reference:
                    made.add_row(knob.knob, styled(value.label), "·", "reference", "")
                continue
            interval = between(measure, value.low, value.high)
            made.add_row(knob.knob, styled(value.label), gap(measure, value.effect), interval, str(value.pairs))
    if made.row_count:
        console().print(made)
