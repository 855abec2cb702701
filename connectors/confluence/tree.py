"""Where pages hang: what is above a page, asked for once in a run."""

from __future__ import annotations

from collections.abc import Iterator

from configs.errors import ConnectorError
from connectors.confluence.api import Api, Node
from connectors.version import digest

_DEEPEST = 200


class Tree:
    """Places by id. Kept without texts, so that a hundred thousand pages fit into memory."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._nodes: dict[str, Node] = {}
        self.listed: dict[str, Node] = {}
        """Pages and blog posts of this run's listing."""

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def add(self, node: Node, *, listed: bool = False) -> None:
        """Note what was read; the newer of two versions wins."""
        old = self._nodes.get(node.id)
        if old is None or node.number >= old.number:
            self._nodes[node.id] = node
        if listed:
            self.listed[node.id] = self._nodes[node.id]

    def above(self, node: Node) -> list[Node]:
        """The ancestors of ``node``, the topmost first.

        Raises:
            ConnectorError: one of them cannot be read, so it is not known who may read ``node``.
        """
        chain: list[Node] = []
        seen = {node.id}
        place = node
        while place.parent:
            if place.parent in seen or len(chain) > _DEEPEST:
                raise ConnectorError(f"The ancestors of page {node.id} go in a circle.")
            seen.add(place.parent)
            if place.parent not in self._nodes:
                self.add(self._api.node(place.parent, place.parent_kind))
            place = self._nodes[place.parent]
            chain.append(place)
        return chain[::-1]

    def others(self) -> Iterator[str]:
        """Ids of what has pages below it and is in no listing, nor found by a search: folders, archived pages…"""
        return (name for name in self._nodes if name not in self.listed)


def place_of(node: Node, above: list[Node]) -> str:
    """A digest of where ``node`` is: its space, its title, and its ancestors with theirs."""
    return digest([node.space, node.title, [[one.id, one.title] for one in above]])[:8]
