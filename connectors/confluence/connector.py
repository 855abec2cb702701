"""Source type ``confluence``: pages, blog posts and attachments of Confluence Cloud or Data Center.

How a run finds what changed is said in ``run``, who may read a page in ``restrictions``, and
what becomes of its text in ``storage``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from configs.errors import ConnectorError
from connectors.confluence import check as confluence_check
from connectors.confluence.api import Api, client_of
from connectors.confluence.cloud import Cloud
from connectors.confluence.known import Known
from connectors.confluence.options import ConfluenceOptions
from connectors.confluence.run import Run
from connectors.confluence.server import Server
from connectors.contract import Change, Connector, Cursor, Reachability
from connectors.http import HttpClient


class Confluence:
    """Reads one source of Confluence. Its cursor is described in ``known``."""

    def __init__(self, name: str, options: ConfluenceOptions) -> None:
        self.name = name
        self.options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """See ``Connector``.

        Raises:
            AuthError: the credentials do not hold, lack a scope, or see no space at all.
            ConnectorError: Confluence cannot be read; what was yielded stays valid.
        """
        with client_of(self.options) as client:
            known = Known(cursor, self.options.scope())
            run = Run(self.options, self._api(client), known)
            try:
                yield from run.changes()
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ConnectorError(
                    f"{self.options.url} answered in a way that cannot be read ({type(error).__name__}: {error}).",
                    hint="Check url and edition.",
                ) from error

    def check(self) -> Reachability:
        """Try credentials, spaces and scopes; names what is missing and where it is granted."""
        with client_of(self.options) as client:
            return confluence_check.check(self.options, self._api(client))

    def _api(self, client: HttpClient) -> Api:
        root = self.options.root
        return Cloud(client, root) if self.options.edition == "cloud" else Server(client, root)


class _ConfluenceType:
    options = ConfluenceOptions

    def build(self, name: str, options: ConfluenceOptions, *, base_dir: Path) -> Connector:
        return Confluence(name, options)


connector = _ConfluenceType()
