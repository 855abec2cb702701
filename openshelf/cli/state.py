"""What every command gets: where the configuration is, how to print, and the opened shelf."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configs.errors import ConfigError

if TYPE_CHECKING:
    from openshelf.shelf import Shelf

DEFAULT_CONFIG = "openshelf.yaml"


@dataclass
class App:
    """The global options, and what follows from them.

    Attributes:
        when_interrupted: a sentence for the user, should the command be stopped now.
    """

    config: Path | None = None
    log: str = "text"
    verbose: int = 0
    quiet: bool = False
    when_interrupted: str = ""
    _redactors: list[Any] = field(default_factory=list, repr=False)

    def config_path(self) -> Path:
        """The configuration to use.

        Raises:
            ConfigError: there is none; says how to get one.
        """
        named = self.config or (Path(os.environ["OPENSHELF_CONFIG"]) if os.environ.get("OPENSHELF_CONFIG") else None)
        if named is not None:
            return named
        if Path(DEFAULT_CONFIG).exists():
            return Path(DEFAULT_CONFIG)
        raise ConfigError(
            f"There is no {DEFAULT_CONFIG} in {Path.cwd()}.",
            hint="Write one with `openshelf init`, or name one with --config FILE or $OPENSHELF_CONFIG.",
        )

    @contextmanager
    def shelf(self, *, service: bool = False, needed: bool = True) -> Iterator[Shelf]:
        """The opened shelf; logging is set up and knows the secrets.

        Args:
            service: a long-running command: says what it does without being asked.
            needed: without a configuration fail; otherwise go on with the defaults and no source.
        """
        from openshelf.cli.logs import configure_logs, mask_logs

        configure_logs(style=self.log, verbose=self.verbose, quiet=self.quiet, service=service)
        try:
            path = self.config_path()
        except ConfigError:
            if needed:
                raise
            path = None
        from openshelf.shelf import Shelf

        with Shelf.open(path if path is not None else {}) as shelf:
            self._redactors.append(shelf.loaded.redactor)
            mask_logs(shelf.loaded.redactor)
            if path is not None:
                for warning in shelf.loaded.warnings:
                    self.warn(warning)
            yield shelf

    def redact(self, text: str) -> str:
        """``text`` with the secrets of every configuration that was opened masked."""
        for redactor in self._redactors:
            text = redactor.redact(text)
        return text

    def warn(self, text: str) -> None:
        """A sentence on stderr, unless ``--quiet``; a log line with ``--log json``."""
        if self.quiet:
            return
        if self.log == "json":
            import logging

            logging.getLogger("openshelf.config").warning("%s", text)
        else:
            click.secho(self.redact(f"Warning: {text}"), fg="yellow", err=True)

    def complain(self, text: str, error: BaseException | None = None) -> None:
        """What went wrong, on stderr; with ``--log json`` a log line like the others.

        Args:
            error: its stack trace is added with ``-vv``.
        """
        trace = error if self.verbose >= 2 else None
        if self.log == "json":
            import logging

            from openshelf.cli.logs import configure_logs, logs_are_configured

            if not logs_are_configured():
                configure_logs(style=self.log, verbose=self.verbose, quiet=self.quiet)
            message = " ".join(text.removeprefix("Error: ").split())
            logging.getLogger("openshelf").error("%s", self.redact(message), exc_info=trace)
            return
        click.echo(self.redact(text), err=True)
        if trace is not None:
            click.echo(self.redact("".join(traceback.format_exception(trace))), err=True)

    def say(self, text: str) -> None:
        """A remark on stderr for a person, unless ``--quiet`` or ``--log json``."""
        if not self.quiet and self.log != "json":
            click.echo(self.redact(text), err=True)

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar makes sense: a person looks at stderr."""
        return not self.quiet and self.log == "text" and sys.stderr.isatty()
