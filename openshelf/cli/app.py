"""The ``openshelf`` group: which commands there are and where each lives."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import click

from openshelf.cli import global_options
from openshelf.cli.teaching import LazyGroup

ROOMS = {
    "Set up": {
        "init": "openshelf.cli.setting_up:init",
        "check": "openshelf.cli.setting_up:check",
        "chunks": "openshelf.cli.chunks:chunks",
    },
    "Fill the shelf": {
        "plan": "openshelf.cli.planning:plan",
        "sync": "openshelf.cli.syncing:sync",
        "schedule": "openshelf.cli.scheduling:schedule",
        "rebuild": "openshelf.cli.rebuilding:rebuild",
        "rollback": "openshelf.cli.rebuilding:rollback",
    },
    "Ask": {
        "search": "openshelf.cli.searching:search",
        "explain": "openshelf.cli.searching:explain",
        "ask": "openshelf.cli.asking:ask",
        "chat": "openshelf.cli.chatting:chat",
    },
    "Measure": {
        "eval": "openshelf.cli.evaluating:evaluate",
        "tune": "openshelf.cli.tuning:tune",
        "simulate": "openshelf.cli.simulating:simulate",
    },
    "Serve": {
        "serve": "openshelf.cli.serving:serve",
        "keys": "openshelf.cli.keys:keys",
        "migrate": "openshelf.cli.migrating:migrate",
    },
    "Look after it": {
        "status": "openshelf.cli.looking:status",
        "inspect": "openshelf.cli.inspecting:inspect",
        "costs": "openshelf.cli.looking:costs",
        "doctor": "openshelf.cli.setting_up:doctor",
    },
}


def installed_version() -> str:
    """The installed version of Openshelf."""
    try:
        return version("openshelf")
    except PackageNotFoundError:
        return "(not installed)"


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"openshelf {installed_version()}")
        ctx.exit()


app = LazyGroup(
    "openshelf",
    rooms=ROOMS,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    help=(
        "Documents in, grounded answers out, every step in the open.\n\n"
        "A first session: openshelf init, then openshelf check, openshelf sync, and "
        'openshelf ask "your question". Each command explains itself with --help.'
    ),
    epilog="Global options may also follow the command. Data goes to stdout, everything else to stderr.",
    params=[
        *global_options.options(repeated=False),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        ),
    ],
)
