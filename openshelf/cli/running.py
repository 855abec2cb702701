"""From arguments to an exit code: bad input is one sentence, an interrupt is clean, a broken pipe is silent."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import click

from configs.errors import OpenshelfError
from openshelf.cli.logs import quiet_dependencies, reset_logs
from openshelf.cli.state import App
from openshelf.cli.teaching import BROKEN_PIPE

INTERRUPTED = 130


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    from openshelf.cli.app import app as group

    quiet_dependencies()
    _survive_odd_terminals()
    # Signals can only be caught in the main thread; elsewhere they are the embedding program's.
    previous = signal.signal(signal.SIGTERM, _terminated) if _in_main_thread() else None
    app = App()
    try:
        result = group.main(
            list(arguments) if arguments is not None else None, "openshelf", standalone_mode=False, obj=app
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        app.complain(f"Interrupted. {app.when_interrupted}".rstrip(), error)
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more; the interpreter's own flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OpenshelfError as error:
        app.complain(sentence(error), error)
        return 1
    except Exception as error:  # noqa: BLE001 - the last line before the user
        app.complain(_unexpected(error), error)
        return 1
    finally:
        reset_logs()
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def sentence(error: OpenshelfError) -> str:
    """What the user reads: the message, and the next step below it."""
    lines = error.message.strip().splitlines() or [type(error).__name__]
    if len(lines) > 1:
        lines = [f"{len(lines)} problems.", *(f"  {line}" for line in lines)]
    return "\n".join([f"Error: {lines[0]}", *lines[1:], *([f"  {error.hint}"] if error.hint else [])])


def _unexpected(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f" {error.filename}:" if error.filename else ""
        return f"Error:{where} {error.strerror}."
    text = " ".join(str(error).split())
    return (
        f"Error: something went wrong that Openshelf does not expect: {type(error).__name__}: {text[:300]}\n"
        "  Run it again with -vv to see where, and please report it."
    )


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    # A second one ends the process at once.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _survive_odd_terminals() -> None:
    # A terminal or a pipe that is not UTF-8 gets "?" for what it cannot show, not a stack trace.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
