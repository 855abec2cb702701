"""Source type ``zendesk``: articles of help centres, or solved tickets as conversations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from connectors.contract import Change, Connector, Cursor, Reachability
from connectors.zendesk.articles import Articles
from connectors.zendesk.check import check
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.tickets import Tickets


class Zendesk:
    """Reads one ``zendesk`` source."""

    def __init__(self, name: str, options: ZendeskOptions) -> None:
        self.name = name
        self.options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield what changed since ``cursor``; see ``Articles`` and ``Tickets``.

        Raises:
            AuthError: the credentials are refused, or lack a scope or role.
            ConnectorError: the account cannot be read.
            MissingExtra: ``redact`` needs a package that is not installed.
        """
        kind = Articles if self.options.content == "articles" else Tickets
        yield from kind(self.options).changes(cursor)

    def check(self) -> Reachability:
        """See ``connectors.zendesk.check``."""
        return check(self.options)


class _ZendeskType:
    options = ZendeskOptions

    def build(self, name: str, options: ZendeskOptions, *, base_dir: Path) -> Connector:
        return Zendesk(name, options)


connector = _ZendeskType()
