"""Writes gold files from the command line: where to, what was taken, what could not be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configs.errors import ConfigError
from openshelf.cli.printing import counted, print_json
from openshelf.cli.state import App

if TYPE_CHECKING:
    from evaluation.gold.writing import Proposal

SOME = 3
"""Exit code: done, but some records could not be used."""

_SHOWN = 100
_WORDS = {
    "quoted": "with quotes",
    "documents_only": "with documents only",
    "unanswerable": "without an answer",
    "no_place": "that say no place",
    "suggested": "with a suggestion",
}


def out_options(function: Any) -> Any:
    """``--out`` and ``--force``."""
    for option in (
        click.option("--force", is_flag=True, help="Write over a FILE that is there."),
        click.option(
            "--out",
            "-o",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="A .yaml, .csv or .jsonl file to write. Default: YAML on stdout.",
        ),
    ):
        function = option(function)
    return function


def may_write(out: Path | None, *, force: bool, as_json: bool) -> None:
    """See that the questions have a place to go, before anything is read.

    Raises:
        UsageError: they have none, or a file of no known ending.
        ConfigError: a file is there already.
    """
    if out is None and as_json:
        raise click.UsageError("--json prints the summary, so it needs --out FILE for the questions.")
    if out is not None and out.suffix.lower() not in (".yaml", ".yml", ".csv", ".tsv", ".jsonl", ".ndjson"):
        raise click.UsageError(f"--out {out.name} must end in .yaml, .csv or .jsonl.")
    if out is not None and out.exists() and not force:
        raise ConfigError(f"{out} is there already.", hint="Its review would be lost: choose another name, or --force.")


def finish(
    app: App,
    proposals: Sequence[Proposal],
    summary: dict[str, Any],
    out: Path | None,
    heading: Sequence[str],
    *,
    as_json: bool,
    failed: bool,
) -> int:
    """Write the questions and say what they are; the exit code."""
    from evaluation.gold.writing import text_of, write_gold

    if out is not None:
        write_gold(out, proposals, heading=heading)
    else:
        click.echo(text_of(".yaml", proposals, "The list on stdout", heading=heading).decode(), nl=False)
    if as_json:
        print_json(app, {**summary, "out": out})
    else:
        parts = [f"{counted(summary['questions'], 'question')}" + (f" in {out}" if out is not None else "")]
        parts += [f"{summary[key]:,} {words}" for key, words in _WORDS.items() if summary.get(key)]
        app.say("; ".join(parts) + ".")
    return SOME if failed else 0


def counts(proposals: Sequence[Proposal]) -> dict[str, int]:
    """How many questions have which kind of gold."""
    cases = [one.case for one in proposals]
    return {
        "quoted": sum(bool(case.passages) for case in cases),
        "documents_only": sum(bool(case.documents) and not case.passages for case in cases),
        "unanswerable": sum(not case.answerable for case in cases),
        "no_place": sum(case.answerable and not case.passages and not case.documents for case in cases),
    }


def warn(app: App, lines: Sequence[str], what: str) -> None:
    """Each line on stderr, up to a screenful or two, and how many more there are."""
    for line in lines[:_SHOWN]:
        app.warn(line)
    if len(lines) > _SHOWN:
        app.warn(f"{counted(len(lines) - _SHOWN, f'more {what}')} like that; --json lists all.")
