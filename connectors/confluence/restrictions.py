"""Who may read a page: everybody whom each restricted level from the page up to the top of its space names.

Confluence inherits "view" restrictions: a person must be named (alone or by a group) at every level that has any
("Page restrictions", Confluence's documentation). Readers of a document are one set of names of which any is enough,
so several levels must become one set, and in doubt a name is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from configs.errors import ConnectorError
from connectors.confluence.api import Api, Level, group_name, passing
from connectors.version import digest

_OPEN = Level()


class Restrictions:
    """Restrictions of one run, each read once.

    Args:
        seen: digests of restricted levels by id, from the cursor; kept up to date.
        moved: gets the ids whose restriction differs from that; the reader empties it. It is part of the cursor, so
            that a run that is stopped in between does not forget what hangs below.
    """

    def __init__(self, api: Api, seen: dict[str, str], moved: set[str]) -> None:
        self._api = api
        self._seen = seen
        self._levels: dict[str, Level] = {}
        self._members: dict[str, frozenset[str]] = {}
        self.moved = moved

    def level(self, name: str) -> Level:
        """The restriction of one place.

        Raises:
            ConnectorError: it cannot be read.
        """
        found = self._levels.get(name)
        if found is None:
            found = self._api.restriction(name)
            self._levels[name] = _OPEN if found.open else found
            self._note(name, found)
        return found

    def readers(self, ids: Iterable[str]) -> frozenset[str] | None:
        """Who may read what hangs below all of ``ids``, itself among them; ``None``: everybody.

        Raises:
            ConnectorError: a restriction cannot be read, or a group could not be looked into this time.
        """
        return effective([self.level(name) for name in ids], self.people)

    def people(self, group: str) -> frozenset[str]:
        """Members of a group, by the value of ``Level.groups``; nobody where the account may not look into it."""
        found = self._members.get(group)
        if found is None:
            try:
                found = self._api.members(group)
            except ConnectorError as error:
                if passing(error) or error.status == 401:
                    raise
                found = frozenset()
            self._members[group] = found
        return found

    def look_through(self, found: dict[str, Level | None], others: Iterable[str]) -> None:
        """Compare what a search says of restrictions with what is known; where they differ, ``moved`` gets the id.

        Args:
            found: restricted content; ``None``: ask for it by itself.
            others: places that a search does not tell about.
        """
        direct = set(others)
        for name in sorted(self._seen.keys() | found.keys() | direct):
            level = found.get(name)
            if level is None or name in direct or _digest(level) != self._seen.get(name, ""):
                # The search index lags, and long lists are cut in it: the direct way decides.
                self._look(name)

    def look_again(self, others: Iterable[str]) -> None:
        """The same for what is known to be restricted, where no search is to be had."""
        for name in sorted({*self._seen, *others}):
            self._look(name)

    def forget(self, kept: Callable[[str], bool]) -> None:
        """Drop what is known of places that are no longer there."""
        for name in [name for name in self._seen if not kept(name)]:
            del self._seen[name]

    def _look(self, name: str) -> None:
        try:
            self.level(name)
        except ConnectorError as error:
            if error.status == 401:
                raise
            # What hangs below is read again, and that says what is wrong.
            self.moved.add(name)

    def _note(self, name: str, level: Level) -> None:
        now = _digest(level)
        if now != self._seen.get(name, ""):
            self.moved.add(name)
        if now:
            self._seen[name] = now
        else:
            self._seen.pop(name, None)


def effective(levels: Sequence[Level], members: Callable[[str], frozenset[str]]) -> frozenset[str] | None:
    """One set of names, any of which is enough, out of levels that must all be satisfied.

    A single level is taken as it is. Of several, the groups that every level names stay groups; others are named as
    persons: the people of each level and its groups' members, as far as they are in all levels.
    """
    closed = [level for level in levels if not level.open]
    if not closed:
        return None
    if all(level.names == closed[0].names for level in closed):
        return closed[0].names
    # A member of a group that every level names is let in by that group, so only the others are looked at one by one.
    shared = set.intersection(*(set(level.groups) for level in closed))
    people: frozenset[str] | None = None
    for level in closed:
        here = level.users.union(*(members(key) for name, key in level.groups.items() if name not in shared))
        people = here if people is None else people & here
    return frozenset(map(group_name, shared)) | (people or frozenset())


def _digest(level: Level) -> str:
    return "" if level.open else digest(sorted(level.names))[:12]
