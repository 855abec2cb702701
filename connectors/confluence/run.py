"""One run over a source of Confluence.

A run *looks*: it lists the tree without texts and searches for restrictions, which shows new versions, moves, renamed
ancestors, deletions and changed restrictions, and reads the pages that these concern. Every ``sweep_every`` all pages
are read instead, for labels and attachments, which show nowhere else. Between two looks
(``restrictions_every``) a run only *walks* back over the newest versions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from configs.errors import AuthError, ConnectorError
from connectors.confluence.api import Api, Node, Space
from connectors.confluence.includes import Includes
from connectors.confluence.known import Known
from connectors.confluence.options import ConfluenceOptions
from connectors.confluence.pages import Pages
from connectors.confluence.restrictions import Restrictions
from connectors.confluence.server import Server
from connectors.confluence.tree import Tree, place_of
from connectors.contract import Change, Checkpoint, Complete, Expected, Failed

CHECKPOINT = 100
"""Pages between two checkpoints; more of a large source, whose cursor is long."""

OVERLAP = timedelta(minutes=10)
"""How far behind the newest change that was read a walk goes: lists lag, and shift while they are read."""


class Run:
    """See the module."""

    def __init__(self, options: ConfluenceOptions, api: Api, known: Known) -> None:
        self._options = options
        self._api = api
        self._known = known
        self._kinds = ("page", "blogpost") if options.blogposts else ("page",)
        self._spaces: dict[str, Space] = {}
        self._tree = Tree(api)
        self._restrictions = Restrictions(api, known.levels, known.moved)
        self._includes = Includes(options, api, self._tree, self._restrictions, self._spaces, known.includes)
        self._pages = Pages(options, api, known, self._tree, self._restrictions, self._spaces, self._includes)
        self._since_checkpoint = 0
        self._done: set[str] = set()

    def changes(self) -> Iterator[Change]:
        """See ``Connector``."""
        now = time.time()
        self._spaces |= {space.id: space for space in spaces_in_scope(self._options, self._api)}
        sweep = _elapsed(self._known.swept, now, self._options.sweep_seconds)
        if sweep:
            self._known.all_due()
            self._known.swept = now
        if not sweep and not _elapsed(self._known.looked, now, self._options.restrictions_seconds):
            yield from self._walk()
            if not self._restrictions.moved:
                yield Checkpoint(self._known.cursor)
                return
        yield from self._look(now, sweep=sweep)

    def _walk(self) -> Iterator[Change]:
        """Read what has a new version, and what failed or was not reached before."""
        known, seen = self._known, self._known.seen
        edge = datetime.fromisoformat(seen) - OVERLAP if seen else datetime.fromtimestamp(0, UTC)
        newest = edge
        for kind in self._kinds:
            for node in self._api.newest(kind, list(self._spaces.values()), edge):
                newest = max(newest, node.modified)
                self._tree.add(node)
                if known.number(node.id) != node.number:
                    yield from self._read(node)
            waiting = [name for name, its_kind in known.pages() if its_kind == kind and not known.number(name)]
            there = {node.id: node for node in self._api.still_there(kind, waiting)}
            for name in waiting:
                if name in there and there[name].space in self._spaces:
                    yield from self._read(there[name])
                else:
                    yield from self._pages.gone(name)
        known.seen = newest.isoformat()

    def _look(self, now: float, *, sweep: bool) -> Iterator[Change]:
        known, tree = self._known, self._tree
        tree.listed.clear()
        for kind in self._kinds:
            for node in self._api.listing(kind, list(self._spaces.values())):
                if node.current and node.space in self._spaces:
                    tree.add(node, listed=True)
        yield from self._missing()
        due = self._due()
        if self._options.restrictions == "enforce":
            self._restrictions.forget(tree.__contains__)
            if not sweep:
                self._search_restrictions()
                due |= self._below_moved()
        yield Expected(len(due))
        seen = max((node.modified for node in tree.listed.values()), default=None)
        while due:
            for node in list(tree.listed.values()):
                if node.id in due and node.id not in self._done:
                    yield from self._read(node)
            # A restriction above pages that nothing else concerned may have been found changed.
            due = self._below_moved()
        holes = self._api.holes if isinstance(self._api, Server) else []
        for hole in holes:
            yield Failed(hole, "Confluence cannot list this entry, not even by itself.")
        known.looked = now
        known.seen = seen.isoformat() if seen else known.seen
        if not holes:
            yield Complete(known.ids())
        yield Checkpoint(known.cursor)

    def _missing(self) -> Iterator[Change]:
        """What was there and is not in the listing: asked for by itself, since a listing shifts while it is read."""
        for kind in ("page", "blogpost"):
            missing = [name for name, its in self._known.pages() if its == kind and name not in self._tree.listed]
            there = {}
            if missing and kind in self._kinds:
                there = {node.id: node for node in self._api.still_there(kind, missing)}
            for name in missing:
                if name in there and there[name].current and there[name].space in self._spaces:
                    self._tree.add(there[name], listed=True)
                else:
                    yield from self._pages.gone(name)

    def _due(self) -> set[str]:
        """Listed pages that are new, have another version or another place, or failed before."""
        due = set[str]()
        for node in self._tree.listed.values():
            try:
                place = place_of(node, self._tree.above(node))
            except ConnectorError as error:
                if error.status == 401:
                    raise
                place = ""  # reading it says what is wrong
            if self._known.number(node.id) == node.number and self._known.place(node.id) == place:
                continue
            self._mark(node.id, due)
        for name in list(self._includes.concerned(due, self._tree.listed)):
            self._mark(name, due)
        return due

    def _search_restrictions(self) -> None:
        others = list(self._tree.others())
        try:
            found = self._api.restricted(list(self._spaces.values()))
        except ConnectorError as error:
            if error.status == 401:
                raise
            self._restrictions.look_again(others)
            return
        self._restrictions.look_through(found, others)

    def _below_moved(self) -> set[str]:
        """Listed pages at or below a place whose restriction has changed; they are due from now on.

        Those that were read in this run are not among them: they were read with the same restrictions.
        """
        moved, due = self._restrictions.moved, set[str]()
        if not moved:
            return due
        for node in self._tree.listed.values():
            if node.id in self._done:
                continue
            try:
                concerned = node.id in moved or any(one.id in moved for one in self._tree.above(node))
            except ConnectorError:
                concerned = True
            if concerned:
                self._mark(node.id, due)
        for name in list(self._includes.concerned(due, self._tree.listed)):
            if name not in self._done:
                self._mark(name, due)
        moved.clear()
        return due

    def _mark(self, name: str, due: set[str]) -> None:
        due.add(name)
        if name in self._known:
            self._known.due(name)

    def _read(self, node: Node) -> Iterator[Change]:
        self._done.add(node.id)
        yield from self._pages.read(node)
        self._since_checkpoint += 1
        if self._since_checkpoint >= max(CHECKPOINT, len(self._known) // 100):
            self._since_checkpoint = 0
            yield Checkpoint(self._known.cursor)


def spaces_in_scope(options: ConfluenceOptions, api: Api) -> list[Space]:
    """The spaces that the settings want and the account sees.

    Raises:
        AuthError: it sees none of them: in all likelihood a lost permission, not a wish to delete everything.
    """
    found = []
    for space in api.spaces():
        named = space.key in options.spaces
        if space.archived or space.key in options.exclude_spaces or (options.spaces and not named):
            continue
        if space.personal and not named and not options.personal_spaces:
            continue
        found.append(space)
    if not found:
        wanted = f"None of the spaces {', '.join(options.spaces)} is" if options.spaces else "No space is"
        raise AuthError(
            f"{wanted} visible to this account at {options.url}.",
            hint="Give the account the permission View in Space settings › Space permissions, and check `spaces`.",
        )
    return found


def _elapsed(last: float, now: float, every: float) -> bool:
    # A clock that was set back must not put it off.
    return now - last >= every or last > now
