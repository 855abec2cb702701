"""Options of the whole command line. They may stand before a command's name or after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openshelf.cli.state import App


def options(*, repeated: bool) -> list[click.Parameter]:
    """The global options.

    Args:
        repeated: as seen by a command: hidden there, and without effect where they are not given.
    """
    made: list[click.Parameter] = [
        click.Option(
            ["--config", "-c"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The YAML file. Default: $OPENSHELF_CONFIG, then ./openshelf.yaml.",
        ),
        click.Option(
            ["--log"],
            type=click.Choice(["text", "json"]),
            help="How log lines on stderr look: for a person, or JSON lines.",
        ),
        click.Option(["--verbose", "-v"], count=True, help="Say more on stderr; -vv adds stack traces."),
        click.Option(["--quiet", "-q"], is_flag=True, help="No progress, no warnings, no logs below errors."),
    ]
    for option in made:
        if isinstance(option, click.Option):
            option.callback = _remember
            option.expose_value = False
            option.hidden = repeated
    return made


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    app = ctx.ensure_object(App)
    if value is None or value is False or value == 0:
        return
    if param.name == "verbose":
        app.verbose += value
    else:
        setattr(app, str(param.name), value)
