"""Who may read an item of Drive, by its permissions. Where that cannot be learned, nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from configs.errors import ConnectorError
from connectors.google_drive.errors import of_all
from connectors.times import time_of

Permission = Mapping[str, Any]
Audience = tuple[frozenset[str] | None, float | None]
"""The readers, and the moment (seconds) at which the first of their permissions runs out."""


class Readers:
    """Reads permissions during one run.

    Args:
        ask: ``permissions.list`` of an item.
        link_means_public: whether "anyone with the link" counts as being allowed to find it.
        now: seconds; permissions that ended before are left out.
    """

    def __init__(self, ask: Callable[[str], list[dict[str, Any]]], *, link_means_public: bool, now: float) -> None:
        self._ask = ask
        self._link = link_means_public
        self._now = now
        self._inherited: dict[tuple[str, frozenset[str]], Audience] = {}

    def of(self, item: Mapping[str, Any]) -> Audience:
        """The audience of one item.

        Items of My Drive carry their permissions where the account may share them. Items of shared drives only
        carry ids, so theirs are asked for: once for all items of a folder that have no permission of their own.

        Raises:
            ConnectorError: the request failed for a reason that may pass.
        """
        limited = bool(item.get("inheritedPermissionsDisabled"))
        if not item.get("driveId"):
            given = item.get("permissions")
            return self.audience(given, limited) if given else (frozenset(), None)
        ids, parents = item.get("permissionIds"), item.get("parents") or []
        plain = item.get("hasAugmentedPermissions") is False and not limited and ids and len(parents) == 1
        key = (str(parents[0]), frozenset(map(str, ids))) if plain and ids else None
        if key is not None and key in self._inherited:
            return self._inherited[key]
        try:
            found = self.audience(self._ask(str(item["id"])), limited)
        except ConnectorError as error:
            if of_all(error) or error.status not in (403, 404):
                raise
            return frozenset(), None
        if key is not None:
            self._inherited[key] = found
        return found

    def audience(self, permissions: Iterable[Permission], limited: bool) -> Audience:
        """Names of groups for ``permissions``; ``limited``: inherited ones do not count."""
        names: set[str] = set()
        public, expires = False, list[float]()
        for one in permissions:
            until = _moment(one.get("expirationTime"))
            if one.get("deleted") or one.get("view") or (until is not None and until <= self._now):
                continue
            if limited and _only_inherited(one):
                continue
            kind, findable = one.get("type"), one.get("allowFileDiscovery") is True or self._link
            if kind == "anyone":
                public = public or findable
                continue
            if kind == "domain" and not findable:
                continue
            who = one.get("domain") if kind == "domain" else one.get("emailAddress")
            if kind in ("user", "group", "domain") and isinstance(who, str) and who:
                names.add(f"google-{kind}:{who.lower()}")
                if until is not None:
                    expires.append(until)
        return (None if public else frozenset(names)), min(expires, default=None)


def access_mark(item: Mapping[str, Any]) -> list[Any]:
    """What of a folder's resource changes when its permissions do: JSON-ready, in a fixed order."""
    permissions = sorted(
        [str(one.get(key)) for key in ("id", "type", "expirationTime", "deleted", "view", "allowFileDiscovery")]
        for one in item.get("permissions") or []
    )
    ids = sorted(map(str, item.get("permissionIds") or []))
    return [permissions, ids, bool(item.get("inheritedPermissionsDisabled")), bool(item.get("hasAugmentedPermissions"))]


def _only_inherited(permission: Permission) -> bool:
    details = permission.get("permissionDetails") or []
    if permission.get("role") in ("owner", "organizer"):
        return False
    return not details or all(one.get("inherited") is not False for one in details)


def _moment(text: Any) -> float | None:
    if not isinstance(text, str):
        return None
    found = time_of(text)
    return 0.0 if found is None else found.timestamp()  # a time that cannot be read has passed
