"""Source type ``freshdesk``: solution articles, or resolved tickets as conversations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from connectors.contract import Change, Connector, Cursor, Reachability
from connectors.freshdesk.articles import Articles
from connectors.freshdesk.check import check
from connectors.freshdesk.options import FreshdeskOptions
from connectors.freshdesk.tickets import Tickets


class Freshdesk:
    """Reads one ``freshdesk`` source."""

    def __init__(self, name: str, options: FreshdeskOptions) -> None:
        self.name = name
        self.options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield what changed since ``cursor``; see ``Articles`` and ``Tickets``.

        Raises:
            AuthError: the key is refused, or its agent lacks a role.
            ConnectorError: the account cannot be read.
            MissingExtra: ``redact`` needs a package that is not installed.
        """
        kind = Articles if self.options.content == "articles" else Tickets
        yield from kind(self.options).changes(cursor)

    def check(self) -> Reachability:
        """See ``connectors.freshdesk.check``."""
        return check(self.options)


class _FreshdeskType:
    options = FreshdeskOptions

    def build(self, name: str, options: FreshdeskOptions, *, base_dir: Path) -> Connector:
        return Freshdesk(name, options)


connector = _FreshdeskType()
