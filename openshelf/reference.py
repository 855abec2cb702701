"""Writes the pages of ``docs/`` that are made from the code, so that they cannot drift from it.

``python -m openshelf.reference`` writes ``docs/cli.md``, ``docs/configuration.md`` and ``docs/connectors/options.md``;
with ``--check`` it writes nothing and fails, naming the page, where one is not what it would write.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from configs.reference import render as render_configuration
from connectors.reference import render as render_options
from openshelf.cli.app import app

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH = 100
_INTRODUCTION = """\
# The command line

`openshelf COMMAND --help` prints what stands here; the page is written from it by `python -m openshelf.reference`.

- Data goes to stdout; progress, warnings, logs and errors go to stderr. `--json` prints one JSON document and nothing
  else on stdout, so that it can be piped.
- The configuration is `--config FILE`, else `$OPENSHELF_CONFIG`, else `./openshelf.yaml`.
- Global options may stand before the command or after it.
- An error is one sentence and a next step. `-vv` adds the stack trace. Secrets are masked everywhere.
- Colours only on a terminal; `NO_COLOR` turns them off there too.
"""


def render_command_line() -> str:
    """``docs/cli.md``: the help of each command at 100 columns."""
    settings = {**app.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    root = click.Context(app, info_name="openshelf", **settings)
    parts = [_INTRODUCTION, _block("openshelf", app.get_help(root))]
    for name in app.list_commands(root):
        command = app.get_command(root, name)
        if command is not None:
            context = click.Context(command, info_name=name, parent=root, terminal_width=WIDTH, max_content_width=WIDTH)
            parts.append(_block(f"openshelf {name}", command.get_help(context)))
    return "\n".join(parts)


PAGES = {
    "cli.md": render_command_line,
    "configuration.md": render_configuration,
    "connectors/options.md": render_options,
}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` compare them; the exit code."""
    unknown = [argument for argument in arguments if argument != "--check"]
    if unknown:
        click.echo(f"Unknown argument {unknown[0]!r}. Usage: python -m openshelf.reference [--check]", err=True)
        return 2
    drifted = []
    for name, render in PAGES.items():
        page, text = DOCS / name, render()
        if "--check" in arguments:
            if not page.exists() or page.read_text(encoding="utf-8") != text:
                drifted.append(f"docs/{name}")
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            click.echo(f"Wrote docs/{name}.")
    for name in drifted:
        click.echo(f"{name} has drifted from the code. Write it again: python -m openshelf.reference", err=True)
    return 1 if drifted else 0


def _block(heading: str, text: str) -> str:
    return f"## {heading}\n\n```text\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
