"""Commands that teach: every help text ends with examples and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from openshelf.cli import global_options

BROKEN_PIPE = 141
"""What a shell reports for a program that SIGPIPE ended."""
SUCCESS = {0: "done"}
FAILED = {0: "done", 1: "failed; one sentence on stderr says why"}
USAGE = {2: "the command line itself is wrong"}

Decorated = Callable[[Callable[..., Any]], "TeachingCommand"]


class TeachingCommand(click.Command):
    """A command with examples and exit codes in its help.

    The global options may stand after it too: ``openshelf sync --config shelf.yaml``.
    """

    def __init__(
        self, *args: Any, examples: Sequence[str] = (), exits: Mapping[int, str] = SUCCESS, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.exits = {**exits, **USAGE}
        self.params += global_options.options(repeated=True)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Options, then what a reader wants next."""
        super().format_options(ctx, formatter)
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in sorted(self.exits.items())])


def command(name: str, *, examples: Sequence[str], exits: Mapping[int, str] = FAILED) -> Decorated:
    """``click.command`` for a ``TeachingCommand``."""
    return click.command(name, cls=TeachingCommand, examples=examples, exits=exits)


class LazyGroup(click.Group):
    """A group that imports a command's file when the command is asked for.

    Args:
        rooms: section of the help → command → ``module:attribute``.
    """

    def __init__(self, *args: Any, rooms: Mapping[str, Mapping[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rooms = rooms

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader who has gone (``| head``) ends it in silence."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # click would make it an error of its own.
            raise click.exceptions.Exit(BROKEN_PIPE) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one meets them."""
        return [name for commands in self.rooms.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or ``None`` where there is none of that name."""
        for commands in self.rooms.values():
            if cmd_name in commands:
                module, attribute = commands[cmd_name].split(":")
                found: click.Command = getattr(import_module(module), attribute)
                return found
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands by section, each with its first sentence."""
        width = max(len(name) for name in self.list_commands(ctx))
        for title, names in self.rooms.items():
            rows = []
            for name in names:
                found = self.get_command(ctx, name)
                if found is not None:
                    rows.append((name.ljust(width), found.get_short_help_str(formatter.width - width - 6)))
            with formatter.section(title):
                formatter.write_dl(rows)
