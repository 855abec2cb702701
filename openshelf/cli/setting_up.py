"""``init``, ``check`` and ``doctor``: a configuration to start from, and whether everything is as it should be."""

from __future__ import annotations

from pathlib import Path

import click

from configs.errors import ConfigError
from openshelf.cli.printing import json_option, print_json
from openshelf.cli.state import DEFAULT_CONFIG, App
from openshelf.cli.teaching import FAILED, command

FINDINGS = {0: "nothing is wrong (there may be warnings)", 1: "something is wrong, or could not be looked at"}


@command(
    "init",
    examples=["openshelf init", "openshelf init support/openshelf.yaml", "openshelf init --force"],
    exits={**FAILED, 0: "the file is written"},
)
@click.argument("path", type=click.Path(path_type=Path), default=Path(DEFAULT_CONFIG))
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@json_option
@click.pass_obj
def init(app: App, path: Path, force: bool, as_json: bool) -> None:
    """Write a commented configuration to start from.

    PATH is the file, or a folder for an openshelf.yaml in it. A file that is there is never overwritten without
    --force.
    """
    from configs.template import template

    target = path / DEFAULT_CONFIG if path.is_dir() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise ConfigError(f"{target} is there already.", hint="Use --force to overwrite it.") from None
    if as_json:
        print_json(app, {"path": target.resolve()})
        return
    named = "" if target == Path(DEFAULT_CONFIG) else f" -c {target}"
    click.echo(f"Wrote {target}. Say there what your sources are, then:\n")
    for line, why in (
        (f"openshelf{named} check", "is everything right, before anything is spent"),
        (f"openshelf{named} plan", "what a sync would do"),
        (f"openshelf{named} sync", "fill the shelf"),
        (f'openshelf{named} ask "your question"', "get an answer with its sources"),
    ):
        click.echo(f"  {line:<44} {why}")


@command(
    "check",
    examples=["openshelf check", "openshelf check --offline", "openshelf check --json"],
    exits=FINDINGS,
)
@click.option("--offline", is_flag=True, help="Do not ask any server whether it can be reached.")
@json_option
@click.pass_obj
def check(app: App, offline: bool, as_json: bool) -> int:
    """Validate everything before anything is spent.

    Keys and values of the YAML, secrets, sources, models and stores: each is tried, nothing is indexed or spent.
    """
    from openshelf.cli.findings import show_findings

    with app.shelf() as shelf:
        return show_findings(app, shelf.check(online=not offline), as_json=as_json)


@command(
    "doctor",
    examples=["openshelf doctor", "openshelf doctor --repair"],
    exits=FINDINGS,
)
@click.option("--repair", is_flag=True, help="Mend what can be mended from the ledger; no embedder is called.")
@json_option
@click.pass_obj
def doctor(app: App, repair: bool, as_json: bool) -> int:
    """Look for damage in the shelf, and repair it.

    Compares the vector store with the ledger, which is the truth.
    """
    from openshelf.cli.findings import show_findings

    with app.shelf() as shelf:
        return show_findings(app, shelf.doctor(repair=repair), as_json=as_json)
