"""What only Confluence's REST v1 has, on Cloud as well: restrictions, members of groups, search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from configs.errors import ConnectorError
from connectors.confluence.api import Level, Lists, Space, user_name

_NAMES = 100
"""Names of a restriction in one answer, for each of users and groups."""

_FOUND = 100
"""Contents in one answer of a search."""

_QUERY_SPACES = 50
"""Spaces in one query, so that its address stays short."""


class V1:
    """Calls below ``prefix``.

    Args:
        prefix: ``/wiki/rest/api`` on Cloud, ``/rest/api`` on Data Center.
        identity: the part of a person's entry that names them.
        group_key: the part of a group's entry that its members are asked for with.
        members_path: where those are, with ``{group}`` in it.
    """

    def __init__(
        self,
        lists: Lists,
        prefix: str,
        *,
        identity: Callable[[dict[str, Any]], str],
        group_key: str,
        members_path: str,
    ) -> None:
        self._lists = lists
        self.prefix = prefix
        self._identity = identity
        self._group_key = group_key
        self._members_path = members_path

    def restriction(self, name: str) -> Level:
        """All names of the content's own read restriction ("Get restrictions for operation")."""
        users: set[str] = set()
        groups: dict[str, str] = {}
        start = 0
        while True:
            answer = self._lists.client.get_json(
                f"{self._lists.root}{self.prefix}/content/{name}/restriction/byOperation/read",
                params={"expand": "restrictions.user,restrictions.group", "start": start, "limit": _NAMES},
            )
            level = self._level(answer)
            users |= level.users
            groups |= level.groups
            # The server may give fewer than were asked for, and then says so; both lists are paged together.
            lists = _lists(answer)
            if all(_ends(one) for one in lists):
                return Level(frozenset(users), groups)
            start += min(int(one.get("limit") or _NAMES) for one in lists if not _ends(one))

    def restricted(self, kinds: str, spaces: Sequence[Space]) -> dict[str, Level | None]:
        """Contents with a read restriction, by a search that shows restrictions ("Search content by CQL")."""
        found: dict[str, Level | None] = {}
        for part in chunks(spaces, _QUERY_SPACES):
            keys = ", ".join(quoted(space.key) for space in part)
            expand = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"
            query = {"cql": f"space in ({keys}) and type in ({kinds}) order by created", "expand": expand}
            for entry in self.search("Confluence's restrictions", query):
                answer = (entry.get("restrictions") or {}).get("read") or {}
                level = self._level(answer)
                if not level.open:
                    found[str(entry.get("id"))] = level if all(_ends(one) for one in _lists(answer)) else None
        return found

    def search(self, what: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        """What a CQL query finds."""
        return self._lists.entries(what, f"{self.prefix}/content/search", query, size=_FOUND)

    def members(self, group: str) -> frozenset[str]:
        """People in a group, by what ``group_key`` says of it."""
        from urllib.parse import quote

        path = self.prefix + self._members_path.format(group=quote(group, safe=""))
        people = self._lists.entries("a group's members", path, {"start": "0"}, size=200)
        return frozenset(user_name(self._identity(person)) for person in people)

    def _level(self, answer: Any) -> Level:
        users, groups = (one.get("results") or [] for one in _lists(answer))
        # A group that was deleted may still be named; nobody is in it.
        named = {str(group["name"]): str(group.get(self._group_key) or group["name"]) for group in groups}
        return Level(frozenset(user_name(self._identity(user)) for user in users), named)


def _lists(answer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    restrictions = answer.get("restrictions") if isinstance(answer, dict) else None
    users, groups = (
        (restrictions.get("user"), restrictions.get("group")) if isinstance(restrictions, dict) else (None, None)
    )
    if not isinstance(users, dict) or not isinstance(groups, dict):
        # Without both lists it is not known who may read; an absent one is not an empty one.
        raise ConnectorError("Confluence answered without the restrictions that were asked for.")
    return users, groups


def _ends(names: dict[str, Any]) -> bool:
    return len(names.get("results") or []) < max(1, int(names.get("limit") or _NAMES))


def quoted(text: str) -> str:
    """``text`` as a string of CQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """``items`` in parts of at most ``size``."""
    return (items[start : start + size] for start in range(0, len(items), size))
