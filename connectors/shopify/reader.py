"""Reads nodes from Shopify in pages that it can afford, and brings along what a page cuts off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from configs.errors import AuthError, ConnectorError
from connectors.shopify.graphql import Graph, TooCostly
from connectors.shopify.queries import Queries
from connectors.trail import Trail

PAGE = {"products": 20, "collections": 50, "pages": 50, "articles": 50}
"""Nodes asked for at once, with everything in them; halved where that costs too many points."""

IDS = 250
"""The same for listings of ids: the most that Shopify gives ("Paginating results with GraphQL")."""

BROKEN = "broken"
"""Key of a node that cannot be read: what Shopify said."""

_CHILDREN = ("variants", "metafields", "collections")


class Reader:
    """Listings of one shop."""

    def __init__(self, graph: Graph, queries: Queries) -> None:
        self._graph = graph
        self._queries = queries
        self._sizes = dict(PAGE)

    def page(
        self, content: str, *, after: str | None = None, query: str | None = None, sort: str = "ID"
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Nodes, and the cursor of the next page.

        Where Shopify cannot answer for a page, its nodes are read one by one; one that cannot be read then is only its
        ``id``, ``updatedAt`` and ``BROKEN``.

        Raises:
            ConnectorError: see ``Graph.ask``.
        """
        variables = {"after": after, "query": query, "sort": sort}
        try:
            found = self._affordable(content, self._queries.listing(content), variables)[content]
        except ConnectorError as error:
            if not _of_one(error):
                raise
            return self._one_by_one(content, variables)
        return list(found["nodes"]), _next(found)

    def by_id(self, content: str, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Each id with its node (see ``page``), ``None`` where there is none any more."""
        position, most = 0, len(ids)
        while position < len(ids):
            asked = ids[position : position + min(most, self._sizes[content])]
            try:
                nodes = self._graph.ask(self._queries.by_id(content), {"ids": list(asked)})["nodes"]
            except TooCostly:
                self._halve(content)
                continue
            except ConnectorError as error:
                if not _of_one(error):
                    raise
                if len(asked) > 1:
                    most = 1
                    continue
                nodes = [{"id": asked[0], BROKEN: error.message}]
            yield from ((gid, node or None) for gid, node in zip(asked, nodes, strict=True))
            position += len(asked)

    def _one_by_one(self, content: str, variables: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        size = self._sizes[content]
        listed = self._graph.ask(self._queries.listing(content, "id updatedAt"), {**variables, "first": size})[content]
        times = {node["id"]: node["updatedAt"] for node in listed["nodes"]}
        nodes = [found for gid in times for _, found in self.by_id(content, [gid]) if found is not None]
        return [{"updatedAt": times[node["id"]], **node} for node in nodes], _next(listed)

    def every(self, query: str, connection: str, variables: Mapping[str, Any], what: str) -> Iterator[dict[str, Any]]:
        """All nodes of a cheap listing."""
        trail, after = Trail(what), None
        while True:
            found = self._graph.ask(query, {**variables, "first": IDS, "after": after})[connection]
            yield from found["nodes"]
            after = _next(found)
            if after is None:
                return
            trail.step(after)

    def whole(self, node: dict[str, Any]) -> dict[str, Any] | None:
        """A product with all its variants, metafields and collections as lists; ``None`` if it is gone meanwhile.

        Raises:
            ConnectorError: a further page of them cannot be read.
        """
        found = {name: [] for name in _CHILDREN} | node
        for name in _CHILDREN:
            first = node.get(name)
            if first is None:
                continue
            children, after = list(first["nodes"]), _next(first)
            trail = Trail(f"the {name} of a product")
            while after is not None:
                trail.step(after)
                product = self._graph.ask(self._queries.children(name), {"id": node["id"], "after": after})["product"]
                if product is None:
                    return None
                children += product[name]["nodes"]
                after = _next(product[name])
            found[name] = children
        return found

    def overview(self, contents: Sequence[str], dated: Sequence[str]) -> tuple[dict[str, int], dict[str, str]]:
        """By content: how much there is, and the latest ``updatedAt`` of ``dated``."""
        found = self._graph.ask(self._queries.overview(contents, dated))
        counts = {}
        for content in contents:
            match found.get(f"{content}_count"):
                case {"count": count}:
                    counts[content] = int(count)
                case {"nodes": blogs}:
                    counts[content] = sum(blog["articlesCount"]["count"] for blog in blogs)
        newest = {content: [node["updatedAt"] for node in found[content]["nodes"]] for content in dated}
        return counts, {content: times[0] for content, times in newest.items() if times and times[0]}

    def _affordable(self, content: str, query: str, variables: Mapping[str, Any]) -> Any:
        while True:
            try:
                return self._graph.ask(query, {**variables, "first": self._sizes[content]})
            except TooCostly:
                self._halve(content)

    def _halve(self, content: str) -> None:
        if self._sizes[content] == 1:
            raise TooCostly(
                f"One of the shop's {content} alone costs more points than Shopify allows for a query.",
                hint="Ask for fewer `locales` or `metafields`.",
            )
        self._sizes[content] //= 2


def _of_one(error: ConnectorError) -> bool:
    """Whether other nodes may be readable: Shopify answered (status 200), and with an error inside."""
    return error.status == 200 and not isinstance(error, AuthError | TooCostly)


def _next(found: Mapping[str, Any]) -> str | None:
    info = found["pageInfo"]
    return info["endCursor"] if info["hasNextPage"] else None
