"""The knowledge base of an account: its categories and folders, who may see each, and the articles of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configs.errors import ConnectorError
from connectors.freshdesk.api import Api
from connectors.freshdesk.options import FreshdeskOptions

USERS = "freshdesk-users"
"""Contacts who are logged in."""

AGENTS = "freshdesk-agents"
BOTS = "freshdesk-bots"

_ROOT = "/api/v2/solutions"
_DEEPEST = 20
_CHOSEN = {
    4: ("company_ids", "freshdesk-company"),
    6: ("contact_segment_ids", "freshdesk-contact-segment"),
    7: ("company_segment_ids", "freshdesk-company-segment"),
}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder and where it is.

    Attributes:
        path: names of the folders above it and its own.
        line: their ids.
        readers: who may see it and all folders above it.
        articles: how many it has.
    """

    id: int
    path: tuple[str, ...]
    line: tuple[int, ...]
    category_id: int
    category: str
    readers: frozenset[str] | None
    articles: int = 0


def read_folders(api: Api, options: FreshdeskOptions) -> dict[int, Folder]:
    """The folders in scope, by id.

    Raises:
        ConnectorError: they cannot be read, or one that the options name is not there.
    """
    categories = {one["id"]: str(one.get("name") or "") for one in api.all(f"{_ROOT}/categories")}
    folders: dict[int, Folder] = {}
    for number, name in categories.items():
        roots = list(api.all(f"{_ROOT}/categories/{number}/folders"))
        _walk(api, roots, None, number, name, folders)
    wanted = _ids(options.categories, categories, "category")
    within = _ids(options.folders, {one.id: one.path[-1] for one in folders.values()}, "folder")
    return {
        number: folder
        for number, folder in folders.items()
        if (not wanted or folder.category_id in wanted) and (not within or not within.isdisjoint(folder.line))
    }


def articles(api: Api, folder: Folder, language: str | None = None) -> Iterator[list[dict[str, Any]]]:
    """The articles of a folder page by page, or their translations ("List a Folder's Solution Articles").

    Raises:
        ConnectorError: the list broke off.
    """
    path = f"{_ROOT}/folders/{folder.id}/articles"
    return api.pages(path if language is None else f"{path}/{language}")


def is_there(api: Api, folder: Folder) -> bool:
    """Whether the folder is still there.

    Raises:
        ConnectorError: that cannot be learned.
    """
    try:
        api.get(f"{_ROOT}/folders/{folder.id}")
    except ConnectorError as error:
        if error.status == 404:
            return False
        raise
    return True


def article(api: Api, number: str, language: str | None = None) -> dict[str, Any]:
    """One article or translation.

    Raises:
        ConnectorError: ``status`` 404 where it is not there.
    """
    path = f"{_ROOT}/articles/{number}"
    return api.get(path if language is None else f"{path}/{language}")


def readers_of(folder: Mapping[str, Any]) -> frozenset[str] | None:
    """Who may see a folder by its own setting ("Solution Folder Properties"); nobody where that is not known."""
    visibility = folder.get("visibility")
    if visibility == 1:
        return None
    if visibility in _CHOSEN:
        key, group = _CHOSEN[visibility]
        return frozenset(f"{group}:{number}" for number in folder.get(key) or [])
    named = {2: USERS, 3: AGENTS, 5: BOTS}.get(visibility) if isinstance(visibility, int) else None
    return frozenset({named}) if named else frozenset()


def narrowed(above: frozenset[str] | None, own: frozenset[str] | None) -> frozenset[str] | None:
    """Who may see a folder inside another: who may see both. In doubt nobody."""
    if above is None or above == own:
        return own
    if own is None:
        return above
    if AGENTS in (above | own):
        # Agents see every folder.
        return frozenset({AGENTS}) if above and own else frozenset()
    if above == {USERS}:
        return own
    return above if own == {USERS} else above & own


def _walk(
    api: Api,
    found: Sequence[Mapping[str, Any]],
    above: Folder | None,
    category_id: int,
    category: str,
    folders: dict[int, Folder],
) -> None:
    for one in found:
        # A list of a category's folders may hold deeper ones; those come with their parent.
        parent = one.get("parent_folder_id")
        if one["id"] in folders or (parent is not None and (above is None or parent != above.id)):
            continue
        own = readers_of(one)
        folder = Folder(
            one["id"],
            (*(above.path if above else ()), str(one.get("name") or "")),
            (*(above.line if above else ()), one["id"]),
            category_id,
            category,
            narrowed(above.readers, own) if above else own,
            one["articles_count"] if isinstance(one.get("articles_count"), int) else 0,
        )
        if len(folder.line) > _DEEPEST:
            raise ConnectorError(f"Freshdesk's folder {folder.id} is more than {_DEEPEST} folders deep.")
        folders[folder.id] = folder
        if one.get("sub_folders_count") != 0:
            _walk(api, list(api.all(f"{_ROOT}/folders/{folder.id}/subfolders")), folder, category_id, category, folders)


def _ids(wanted: Sequence[str | int], names: Mapping[int, str], kind: str) -> set[int]:
    """The ids of things given by name or id.

    Raises:
        ConnectorError: one is not there.
    """
    found: set[int] = set()
    for one in wanted:
        matches = {number for number, name in names.items() if one == number or str(one) in (name, str(number))}
        if not matches:
            some = ", ".join(sorted(repr(name) for name in names.values())[:10])
            raise ConnectorError(f"Freshdesk has no {kind} {one!r}.", hint=f"There are {some or 'none'}.")
        found |= matches
    return found
