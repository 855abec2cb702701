"""Whether a ``shopify`` source can be read: its token, the app's access scopes, a first page of everything."""

from __future__ import annotations

from configs.errors import OpenshelfError
from connectors.contract import Reachability
from connectors.shopify.crawl import read_shop
from connectors.shopify.graphql import GRANT, Graph
from connectors.shopify.options import ShopifyOptions
from connectors.shopify.queries import LOCALES, SCOPES, Queries

NEEDED = {
    "products": ("read_products",),
    "collections": ("read_products",),
    "pages": ("read_content", "read_online_store_pages"),
    "articles": ("read_content", "read_online_store_pages"),
    "policies": ("read_legal_policies",),
    "locales": ("read_locales", "read_markets_home"),
}
"""Access scopes, any one of which is enough ("Shopify API access scopes")."""


def missing_scopes(options: ShopifyOptions, granted: set[str]) -> list[str]:
    """What the app lacks for ``options``, each with what it is for."""
    found: dict[str, list[str]] = {}
    for content in [*options.content, *(["locales"] if options.locales else [])]:
        needed = NEEDED[content]
        # The right to write brings the right to read.
        if not any(scope in granted or scope.replace("read_", "write_", 1) in granted for scope in needed):
            found.setdefault(" or ".join(needed), []).append(content)
    return [f"{scopes} (for {', '.join(contents)})" for scopes, contents in found.items()]


def check(options: ShopifyOptions) -> Reachability:
    """Try everything that a run needs, once. Never raises for bad input."""
    try:
        with Graph(options) as graph:
            scopes = graph.ask(SCOPES)["currentAppInstallation"]["accessScopes"]
            lacking = missing_scopes(options, {scope["handle"] for scope in scopes})
            if lacking:
                return Reachability(False, f"The app lacks the access scope {'; '.join(lacking)}.", GRANT)
            return _read(graph, options)
    except OpenshelfError as error:
        return Reachability(False, error.message, error.hint)
    except (KeyError, TypeError, ValueError) as error:
        return Reachability(False, f"Shopify's answer is not as expected ({type(error).__name__}).", "Check `shop`.")


def _read(graph: Graph, options: ShopifyOptions) -> Reachability:
    shop, queries = read_shop(graph, options)
    if options.locales:
        known = {one["locale"]: one["published"] for one in graph.ask(LOCALES)["shopLocales"]}
        for locale in options.locales:
            if not known.get(locale):
                problem = "is not published" if locale in known else "is not among the shop's languages"
                return Reachability(
                    False,
                    f"The language {locale} {problem}.",
                    f"Publish it in the admin (Settings › Languages). There are: {', '.join(sorted(known))}.",
                )
    for content in options.content:
        _first(graph, queries, content)
    return Reachability(True, f"{shop.name} ({shop.url}): {', '.join(options.content)} can be read.")


def _first(graph: Graph, queries: Queries, content: str) -> None:
    if content == "policies":
        graph.ask(queries.policies())
    else:
        graph.ask(queries.listing(content), {"first": 1, "sort": "ID"})
