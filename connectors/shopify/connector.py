"""Source type ``shopify``: what a shop tells its customers: products, collections, pages, blog articles, policies.

Read over the GraphQL Admin API. Products, pages and articles are asked for by their time of change, collections and
policies are read whole each time, and deletions come from the shop's events. Now and then (``sweep_every``)
everything is read again, because much of what a customer sees changes without a new time of change.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from configs.errors import ConnectorError
from connectors.contract import Change, Connector, Cursor, Reachability
from connectors.shopify.check import check
from connectors.shopify.crawl import Crawl
from connectors.shopify.graphql import Graph
from connectors.shopify.options import ShopifyOptions
from connectors.shopify.state import State


class Shopify:
    """Reads one ``shopify`` source; its cursor is described in ``state``."""

    def __init__(self, name: str, options: ShopifyOptions) -> None:
        self.name = name
        self.options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield everything at first and when a sweep is due, else what changed.

        Raises:
            AuthError: the token is refused or an access scope is missing.
            ConnectorError: Shopify cannot be read; what was yielded stays valid.
        """
        state = State(cursor, self.options.scope())
        with Graph(self.options) as graph:
            try:
                yield from Crawl(graph, self.options, state).changes()
            except (KeyError, TypeError, IndexError, AttributeError) as error:
                raise ConnectorError(
                    f"An answer of Shopify's is not as its schema says ({type(error).__name__}).",
                    hint="Try again later; if it stays so, report it.",
                ) from error

    def check(self) -> Reachability:
        """Try token, access scopes and a first page of everything."""
        return check(self.options)


class _ShopifyType:
    options = ShopifyOptions

    def build(self, name: str, options: ShopifyOptions, *, base_dir: Path) -> Connector:
        return Shopify(name, options)


connector = _ShopifyType()
