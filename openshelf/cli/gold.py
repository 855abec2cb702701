"""``eval import`` and ``eval from-tickets``: gold for the evaluation, from what a team already has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click

from configs.errors import ConfigError, MissingExtra
from openshelf.cli.gold_output import SOME, counts, finish, may_write, out_options, warn
from openshelf.cli.printing import counted, json_option
from openshelf.cli.state import App
from openshelf.cli.teaching import command

FORMATS = ("auto", "csv", "jsonl", "beir", "chunking-evaluation")
_EXITS = {
    0: "done",
    1: "failed; one sentence on stderr says why",
    SOME: "done, but some records could not be used; stderr names them",
}


@command(
    "import",
    examples=[
        "openshelf eval import questions.csv --out gold.yaml",
        "openshelf eval import faq.csv --column question=Frage --column quote=Stelle --source faq --out gold.yaml",
        "openshelf eval import beir-folder/ --source articles --document '{id}.md' --out gold.jsonl",
        "openshelf eval import questions.csv --look-up --out gold.yaml    # compare with the shelf",
    ],
    exits=_EXITS,
)
@click.argument("path", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option("--format", "layout", type=click.Choice(FORMATS), default="auto", show_default=True, help="Its layout.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=NAME",
    help="Which column (or JSON key) is the question, answer, document, quote, source, tags, language, id, ...; "
    "repeatable. Usual names are known.",
)
@click.option("--source", metavar="NAME", help="The source of documents that name none.")
@click.option(
    "--document",
    metavar="TEMPLATE",
    help="A document's id on the shelf, made of the one in the file, e.g. '{id}.md'.",
)
@click.option("--language", metavar="CODE", help="The language of questions that name none.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Add a tag to every question; repeatable.")
@click.option("--delimiter", metavar="CHARACTER", help="Between a table's cells. Default: found out.")
@click.option("--encoding", metavar="NAME", help="Of a table. Default: found out.")
@click.option("--split", default="test", show_default=True, help="Of a BEIR folder: qrels/SPLIT.tsv.")
@click.option("--judged", is_flag=True, help="BEIR: a question with judgements is answerable, whatever it says itself.")
@click.option(
    "--look-up",
    is_flag=True,
    help="Look every document and quote up on the shelf: addresses become ids, titles become comments.",
)
@out_options
@json_option
@click.pass_obj
def import_gold(
    app: App,
    path: Path,
    layout: Any,
    columns: tuple[str, ...],
    source: str | None,
    document: str | None,
    language: str | None,
    tags: tuple[str, ...],
    delimiter: str | None,
    encoding: str | None,
    split: str,
    judged: bool,
    look_up: bool,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Make a gold file of questions in CSV, JSONL, BEIR or chunking_evaluation layout.

    A record that cannot be used is named by its line, and the others are kept. Rows with the same question become one
    question with several places.
    """
    may_write(out, force=force, as_json=as_json)
    from evaluation.gold.importing import Importing, import_from

    if document is not None and "{id}" not in document:
        raise click.UsageError("--document needs {id} in it, such as '{id}.md'.")
    options = Importing(
        columns=_columns(columns),
        source=source,
        document=document,
        language=language,
        tags=tags,
        delimiter=_delimiter(delimiter),
        encoding=encoding,
        split=split,
        judged=judged,
    )
    imported = import_from(path, layout, options)
    proposals, problems = imported.proposals, []
    if look_up and proposals:
        from evaluation.gold.importing.lookup import looked_up

        with app.shelf() as shelf:
            found = looked_up(proposals, shelf.ledger)
        proposals, problems = found.proposals, [str(one) for one in [*found.anchored.problems, *found.anchored.notes]]
    bad = [str(one) for one in imported.bad]
    warn(app, bad, "record")
    warn(app, problems, "place")
    for note in imported.notes:
        app.say(note)
    summary = {
        "format": imported.layout,
        "questions": len(proposals),
        **counts(proposals),
        "bad": bad,
        "not_on_the_shelf": problems,
        "notes": imported.notes,
    }
    heading = [f"Imported from {path.name}. docs/gold.md has the layout."]
    return finish(app, proposals, summary, out, heading, as_json=as_json, failed=bool(bad))


@command(
    "from-tickets",
    examples=[
        "openshelf eval from-tickets --out gold.yaml",
        "openshelf eval from-tickets --source zendesk --since 2026-01-01 --only-linked --out gold.csv",
        "openshelf eval from-tickets --export tickets.jsonl --limit 200 --out gold.yaml",
    ],
    exits=_EXITS,
)
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Tickets of this source only; repeatable.")
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Tickets of a .jsonl or .json file (or a folder of them) instead of those on the shelf.",
)
@click.option("--since", metavar="DATE", help="Asked on this day or later.")
@click.option("--until", metavar="DATE", help="Asked before this day.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The newest N questions.")
@click.option("--only-linked", is_flag=True, help="Only tickets whose answer links an article on the shelf.")
@click.option("--answered-only", is_flag=True, help="Only tickets that an agent answered.")
@click.option("--no-suggestions", is_flag=True, help="Do not search for an article where a ticket links none.")
@click.option(
    "--with-own-ticket",
    is_flag=True,
    help="Let a question find the very ticket it comes from. Default: a filter keeps it out.",
)
@click.option(
    "--keep-personal-data",
    is_flag=True,
    help="Leave mail addresses, phone, card and account numbers in the texts.",
)
@out_options
@json_option
@click.pass_obj
def from_tickets(
    app: App,
    sources: tuple[str, ...],
    export: Path | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    only_linked: bool,
    answered_only: bool,
    no_suggestions: bool,
    with_own_ticket: bool,
    keep_personal_data: bool,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Make a gold file of solved tickets, for a person to review.

    The customer's words are the question, the articles that the agent linked the gold. Quoted mail, signatures and
    personal data are taken out (names of people are not found), equal questions are merged. Where nothing is linked,
    the best article for the agent's answer is a suggestion, which evaluation ignores until somebody moves it to
    `expect`. Set `review: no` to strike a question.
    """
    may_write(out, force=force, as_json=as_json)
    if export is not None and sources:
        raise click.UsageError("--source is for tickets on the shelf, --export for those in a file.")
    from evaluation.gold.importing.collecting import Collector, Importing
    from evaluation.gold.tickets import Articles, Wanted, exported, propose, shelved
    from evaluation.gold.tickets.suggesting import suggester

    redact = _redactor(keep=keep_personal_data)
    wanted = Wanted(
        _moment(since, "--since"), _moment(until, "--until"), limit, only_linked, answered_only, not with_own_ticket
    )
    collector = Collector("tickets", Importing())
    with app.shelf() as shelf:
        for name in sources:
            shelf.source(name)
        articles = Articles(shelf.ledger)
        tickets = shelved(shelf.ledger, sources) if export is None else exported(export, collector)
        with _progress(app) as progress:
            made = propose(
                tickets,
                articles,
                redact,
                wanted=wanted,
                suggest=None if no_suggestions else suggester(shelf, articles),
                progress=progress,
            )
    if not made.read and not collector.bad:
        raise ConfigError(
            "There are no tickets" + (" on the shelf." if export is None else f" in {export.name}."),
            hint="Sync a source of tickets, or name an export with --export FILE. docs/gold.md has its layout.",
        )
    bad = [*map(str, collector.bad), *made.bad]
    warn(app, bad, "ticket")
    if made.left_out:
        app.say(f"Of {counted(made.read, 'ticket')} left out: {_shares(made.left_out)}.")
    summary = {
        "tickets": made.read,
        "questions": len(made.proposals),
        "suggested": sum(bool(one.suggested) for one in made.proposals),
        **counts(made.proposals),
        "left_out": dict(made.left_out),
        "bad": bad,
    }
    heading = [
        "Questions from solved tickets, for review: `review: no` strikes one, `yes` approves it.",
        "`suggested` is ignored until you move it to `expect`. Names of people were not looked for: take them out.",
        "A question that nothing on the shelf answers gets `answerable: false`.",
    ]
    return finish(app, made.proposals, summary, out, heading, as_json=as_json, failed=bool(bad))


def _shares(left_out: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.most_common())


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    columns = {}
    for pair in pairs:
        field, equals, name = pair.partition("=")
        if not equals or not field.strip() or not name:
            raise click.UsageError(f"--column {pair!r} is not FIELD=NAME.")
        columns[field.strip()] = name
    return columns


def _delimiter(text: str | None) -> str | None:
    named = {"tab": "\t", "\\t": "\t"}.get(text or "", text)
    if named is not None and (len(named) != 1 or named in '\r\n"'):
        raise click.UsageError('--delimiter is one character, such as ";" or tab.')
    return named


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    from evaluation.gold.tickets.solved import moment

    found = moment(text) if re.match(r"\d{4}-", text) else None
    if found is None:
        raise click.UsageError(f"{option} {text!r} is no date such as 2026-01-31.")
    return found


def _redactor(*, keep: bool) -> Callable[[str], str]:
    """What takes personal data out of a text.

    Raises:
        MissingExtra: Presidio is not installed, and nobody said that the data may stay.
    """
    from connectors.personal_data import PersonalData, PersonalKind

    if keep:
        return str
    try:
        return PersonalData(get_args(PersonalKind)).redact
    except MissingExtra as error:
        error.hint = f"{error.hint} To leave the data in the file: --keep-personal-data."
        raise


@contextmanager
def _progress(app: App) -> Iterator[Callable[[int], None] | None]:
    if not app.shows_progress:
        yield None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from openshelf.cli.printing import console

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading tickets", total=None)
        yield lambda read: progress.update(task, description=f"{read:,} tickets read")
