"""What ``migrate`` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from openshelf.cli.printing import console, counted, indented, plain, print_json, styled

if TYPE_CHECKING:
    from openshelf.cli.state import App
    from openshelf.migrate.code import Report
    from openshelf.migrate.stores import Account, FoundStore
    from openshelf.migrate.threads import Conversation, Export

_MOST_SHOWN = 20
"""Threads and records that are named one by one; --json names them all."""
_STYLES = {"change": "bold red", "review": "yellow", "keep": "green"}
_WORDS = {"change": "to change", "review": "to look at", "keep": "work unchanged"}


def show_code(report: Report, only: str | None) -> None:
    """Print findings file by file; code that takes the place of another once for each rule."""
    out = console()
    shown: dict[tuple[str, str], str] = {}
    for finding in report.findings:
        if only not in (None, finding.severity):
            continue
        where = f"{finding.path}:{finding.line}"
        heading = styled(where, "bold")
        heading.append(f"  {finding.severity}", style=_STYLES[finding.severity])
        heading.append(f"  {finding.rule}", style="dim")
        out.print(heading, soft_wrap=True)
        out.print(indented(styled(finding.code, "dim")))
        out.print(indented(styled(finding.what + (" (--diff does it)" if finding.rewritten else ""))))
        if not finding.instead:
            continue
        first = shown.setdefault((finding.rule, finding.language), where)
        if first != where:
            out.print(indented(styled(f"→ as at {first}", "italic")))
            continue
        for line in finding.instead.split("\n"):
            out.print(styled(f"    {line}" if line else "", "cyan"), soft_wrap=True)
    if report.findings:
        out.print()
    for severity, count in report.counts.items():
        if count:
            out.print(styled(f"{count:,} {_WORDS[severity]}", _STYLES[severity]))
    out.print(styled(files_read(report)))


def files_read(report: Report) -> str:
    """How many files were read, and how many were left out and why."""
    text = f"{counted(report.files, 'file')} read."
    if report.skipped:
        text += f" Left out: {', '.join(f'{why} {count:,}' for why, count in report.skipped.most_common())}."
    return text if report.findings else f"Nothing uses Assistants, Threads or File Search. {text}"


def show_stores(app: App, found: Sequence[FoundStore], account: Account, *, as_json: bool) -> None:
    """Print the sources for the vector stores that are alive; what to do with them goes to stderr."""
    from openshelf.migrate.stores import yaml_of

    alive = [store for store in found if not store.expired]
    text = yaml_of({store.id: store.name for store in alive}, account) if alive else ""
    if as_json:
        print_json(app, {"stores": found, "yaml": text})
        return
    click.echo(plain(text), nl=False)
    summary = f"{counted(len(alive), 'vector store')} with {counted(sum(store.files for store in alive), 'file')}"
    expired = len(found) - len(alive)
    app.say(f"{summary}; {expired:,} expired, left out." if expired else f"{summary}.")
    if alive:
        app.say("Put the sources into openshelf.yaml, then: openshelf check, openshelf sync.")


def show_export(export: Export, copied: tuple[int, int, int] | None) -> None:
    """Print what a dump becomes: YAML and parameters for assistants, a line for each thread, totals."""
    from openshelf.migrate.stores import Account, written, yaml_of

    for one in export.assistants:
        click.echo(plain(f"# {one.id} {one.name}".rstrip()))
        click.echo(plain(written({"answer": one.answer})), nl=False)
        click.echo("# or in each request: client.responses.create(**parameters, input=...)")
        click.echo(plain(f"parameters = {_literal(one.parameters)}"))
        for note in one.notes:
            click.echo(plain(f"# {note}"))
        click.echo()
    if export.stores:
        click.echo(plain(yaml_of(export.stores, Account())))
    for thread in export.conversations[:_MOST_SHOWN]:
        click.echo(plain(f"{thread.thread} → {thread.id}  {_counts(thread)}"))
    if (more := len(export.conversations) - _MOST_SHOWN) > 0:
        click.echo(f"… {more:,} more")
    for kind, count in export.other.most_common():
        click.echo(plain(f"left out: {count:,} {kind}"))
    if export.conversations:
        total: Counter[str] = Counter()
        for thread in export.conversations:
            total.update(thread.counts)
        click.echo(f"{counted(len(export.conversations), 'thread')}: {_listed(total)}")
    if copied is not None:
        new, there, added = copied
        click.echo(
            f"Copied: {counted(new, 'new conversation')}, {there:,} there already, {counted(added, 'item')} added."
        )
    elif export.conversations:
        click.echo("Nothing was written. --write copies the threads.")


def show_bad(app: App, export: Export) -> None:
    """Name on stderr what could not be read."""
    for bad in export.bad[:_MOST_SHOWN]:
        app.complain(f"{bad.file}:{bad.line}: {bad.why}")
    if (more := len(export.bad) - _MOST_SHOWN) > 0:
        app.complain(f"… {more:,} more; --json names them all.")


def json_of(export: Export, copied: tuple[int, int, int] | None) -> dict[str, Any]:
    """A dump in the new words, as one JSON document."""
    from openshelf.migrate.stores import Account, yaml_of

    return {
        "assistants": export.assistants,
        "conversations": export.conversations,
        "stores": export.stores,
        "sources": yaml_of(export.stores, Account()) if export.stores else "",
        "left_out": export.other,
        "bad": export.bad,
        "copied": None if copied is None else dict(zip(("new", "there", "items"), copied, strict=True)),
    }


@contextmanager
def moving(app: App, what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """A bar that moves with each call, or silence where nobody looks."""
    if not app.shows_progress:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


def _literal(value: Any, depth: int = 0) -> str:
    """``value`` as Python, a key a line."""
    inner, outer = "    " * (depth + 1), "    " * depth
    if isinstance(value, dict) and value:
        rows = [f"{inner}{key!r}: {_literal(one, depth + 1)},\n" for key, one in value.items()]
        return "{\n" + "".join(rows) + outer + "}"
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return "[\n" + "".join(f"{inner}{_literal(one, depth + 1)},\n" for one in value) + outer + "]"
    return repr(value)


def _counts(thread: Conversation) -> str:
    text = _listed(thread.counts)
    return f"{text}; vector stores of its own: {', '.join(thread.stores)}" if thread.stores else text


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in counts.items() if count) or "no messages"
