"""The ``openshelf`` command.

    app         the group: global options, and where each command lives
    teaching    commands whose help shows examples and exit codes
    state       what a command gets: configuration, console, logging
    running     from ``sys.argv`` to an exit code: errors, signals, broken pipes

One file for each group of commands. None of them imports a heavy package before its command runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: in place of ``sys.argv[1:]``.
    """
    import sys

    from openshelf.cli.running import run

    sys.exit(run(arguments))
