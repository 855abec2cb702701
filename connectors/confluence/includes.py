"""Which pages a page includes, and whether its readers may read them.

Confluence renders a page with the account's eyes, and what is included includes other pages in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.confluence.api import Api, Node, Space
from connectors.confluence.options import ConfluenceOptions
from connectors.confluence.restrictions import Restrictions
from connectors.confluence.storage import StorageError, storage_html
from connectors.confluence.tree import Tree

_MOST = 50
"""Pages that one page may include, those of included pages among them; with more, none is shown."""


class Includes:
    """See the module.

    Args:
        spaces: by id, those in scope.
        shown: ids of included pages by the id of the page that includes them; kept up to date, and part of the
            cursor: where one of them changes, so does the page.
    """

    def __init__(
        self,
        options: ConfluenceOptions,
        api: Api,
        tree: Tree,
        restrictions: Restrictions,
        spaces: Mapping[str, Space],
        shown: dict[str, list[str]],
    ) -> None:
        self._enforced = options.restrictions == "enforce"
        self._api = api
        self._tree = tree
        self._restrictions = restrictions
        self._spaces = spaces
        self._shown = shown

    def may_show(self, page: Node, included: frozenset[tuple[str, str]], readers: frozenset[str] | None) -> bool:
        """Whether everybody of ``readers`` may read all that ``page`` includes (space keys and titles).

        What cannot be found, or lies in a space that is not read, counts as secret.

        Raises:
            ConnectorError: it cannot be found out this time.
        """
        found: dict[str, Node] = {}
        waiting = [(title, self._space(key, page.space)) for key, title in sorted(included)]
        allowed = True
        while waiting:
            title, space = waiting.pop()
            targets = list(self._api.titled(title, space)) if title and space else []
            allowed &= bool(targets) and len(found) <= _MOST
            for target in targets if len(found) <= _MOST else ():
                if target.id in found or target.id == page.id:
                    continue
                found[target.id] = target
                allowed &= not self._enforced or self._readable(target, readers)
                more = self._included(target)
                allowed &= more is not None
                waiting += [(name, self._space(key, target.space)) for key, name in sorted(more or ())]
        self._shown[page.id] = sorted(found)
        return allowed

    def concerned(self, changed: set[str], listed: Mapping[str, Node]) -> Iterator[str]:
        """Pages that include one of those that changed, or one that is no longer listed."""
        for name, targets in self._shown.items():
            if any(target in changed or target not in listed for target in targets):
                yield name

    def _space(self, key: str, own: str) -> Space | None:
        if not key:
            return self._spaces.get(own)
        return next((space for space in self._spaces.values() if space.key == key), None)

    def _readable(self, target: Node, readers: frozenset[str] | None) -> bool:
        chain = [*self._tree.above(target), target]
        theirs = self._restrictions.readers(one.id for one in chain)
        return theirs is None or (readers is not None and readers <= theirs)

    def _included(self, target: Node) -> frozenset[tuple[str, str]] | None:
        try:
            return storage_html(self._api.page(target).storage).included
        except StorageError:
            return None
