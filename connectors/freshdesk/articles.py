"""Reads the published articles of a knowledge base, folder by folder, with their translations.

Freshdesk does not say which articles changed, and its lists have the texts, so each run lists every folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from configs.errors import AuthError, ConnectorError
from connectors.contract import (
    Change,
    Checkpoint,
    Complete,
    Cursor,
    Delete,
    Expected,
    Failed,
    MetaValue,
    Skipped,
    SourceDocument,
    Upsert,
)
from connectors.freshdesk.api import Api
from connectors.freshdesk.options import FreshdeskOptions
from connectors.freshdesk.solutions import Folder, article, articles, is_there, read_folders
from connectors.front_matter import two_letters
from connectors.times import time_of
from connectors.version import digest, version_of

_PUBLISHED = 2
_STAMPED = ("title", "description", "status", "tags", "type", "folder_id", "created_at", "updated_at", "hierarchy")


class Articles:
    """Reads the articles; its cursor has a stamp of each one that was delivered, about 40 bytes."""

    def __init__(self, options: FreshdeskOptions) -> None:
        self._options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield the articles that changed, and then the complete listing.

        Raises:
            ConnectorError: categories, folders or lists cannot be read.
        """
        scope = self._options.scope()
        stamps = cursor["stamps"] if cursor and cursor.get("scope") == scope else {}
        with Api(self._options) as api:
            yield from _Run(api, self._options, scope, stamps).changes()


class _Run:
    def __init__(self, api: Api, options: FreshdeskOptions, scope: str, stamps: Mapping[str, str]) -> None:
        self._api = api
        self._options = options
        self._scope = scope
        self._stamps = dict(stamps)
        self._first = not stamps
        self._seen: set[str] = set()
        self._tags = {tag.casefold() for tag in options.tags}

    def changes(self) -> Iterator[Change]:
        folders = read_folders(self._api, self._options)
        if self._first:
            yield Expected(sum(folder.articles for folder in folders.values()))
        for folder in folders.values():
            for language in (None, *self._options.languages):
                for page in self._pages(folder, language):
                    news = False
                    for item in page:
                        for change in self._article(folder, language, item):
                            news = True
                            yield change
                    if news:
                        yield self._checkpoint()
        yield from self._unmet(folders)
        self._stamps = {name: stamp for name, stamp in self._stamps.items() if name in self._seen}
        # Before the deletions: what comes back after them must not count as delivered.
        yield self._checkpoint()
        yield Complete(frozenset(self._seen))

    def _pages(self, folder: Folder, language: str | None) -> Iterator[list[dict[str, Any]]]:
        try:
            yield from articles(self._api, folder, language)
        except ConnectorError as error:
            if error.status == 404 and not is_there(self._api, folder):
                return  # deleted since the folders were listed
            if language is not None and error.status in (400, 404):
                raise ConnectorError(
                    f"Freshdesk has no articles in {language!r} (status {error.status}).",
                    hint="Take it out of `languages`, or add it in Admin › Account › Manage languages.",
                    status=error.status,
                ) from error
            raise

    def _unmet(self, folders: Mapping[int, Folder]) -> Iterator[Change]:
        """Ask for what was delivered once and is in no list now: it may have been moved while they were read."""
        for name in [name for name in self._stamps if name not in self._seen]:
            _, number, *language = name.split(":")
            try:
                item = article(self._api, number, language[0] if language else None)
            except ConnectorError as error:
                if error.status not in (403, 404):
                    raise
                item = {}
            folder = folders.get(item.get("folder_id", 0))
            if folder is None:
                # Gone, or where nobody knows who may see it.
                self._stamps.pop(name)
                yield Delete(name)
            else:
                yield from self._article(folder, language[0] if language else None, item)

    def _article(self, folder: Folder, language: str | None, item: Mapping[str, Any]) -> Iterator[Change]:
        name = f"article:{item['id']}" if language is None else f"article:{item['id']}:{language}"
        title, url = str(item.get("title") or "").strip(), self._url(item, language)
        reason = self._reason(item)
        about = digest([[item.get(key) for key in _STAMPED], folder.path, folder.category])[:12]
        who = digest(None if folder.readers is None else sorted(folder.readers))[:6]
        if reason is None and self._stamps.get(name) == f"{about}-{who}":
            self._seen.add(name)
            return
        before = self._stamps.pop(name, None)
        self._seen.discard(name)
        if reason is not None:
            yield Skipped(name, reason, title or None, url)
            return
        self._seen.add(name)
        try:
            whole = item if isinstance(item.get("description"), str) else article(self._api, str(item["id"]), language)
        except AuthError:
            # No longer to be seen: it must not stay.
            self._seen.discard(name)
            yield Delete(name)
        except ConnectorError as error:
            if error.status == 404:
                self._seen.discard(name)
                yield Delete(name)
            else:
                if before is not None and not before.endswith(f"-{who}"):
                    yield Delete(name)  # a failure keeps the old version, and others may see that one
                yield Failed(name, str(error), title=title or None, url=url)
        else:
            self._stamps[name] = f"{about}-{who}"
            yield Upsert(_document(name, folder, language, whole, title or f"Article {item['id']}", url))

    def _reason(self, item: Mapping[str, Any]) -> str | None:
        if item.get("status") != _PUBLISHED:
            return "draft"
        text = item.get("description")
        if isinstance(text, str) and not text.strip():
            return "empty"
        if self._tags and self._tags.isdisjoint(str(tag).casefold() for tag in item.get("tags") or []):
            return "other tags"
        return None

    def _url(self, item: Mapping[str, Any], language: str | None) -> str:
        within = f"/{language}" if language else ""
        return f"{self._options.url}{within}/support/solutions/articles/{item['id']}"

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint({"scope": self._scope, "stamps": dict(self._stamps)})


def _document(
    name: str, folder: Folder, language: str | None, item: Mapping[str, Any], title: str, url: str
) -> SourceDocument:
    content = str(item.get("description") or "").encode("utf-8", "replace")
    code = two_letters(language or _language(item))
    metadata: dict[str, MetaValue] = {
        "article_id": str(item["id"]),
        "category": folder.category,
        "folder": folder.path[-1],
        "folders": list(folder.path),
        "tags": sorted(str(tag) for tag in item.get("tags") or []),
    }
    for key in ("created_at", "updated_at"):
        if (moment := time_of(item.get(key))) is not None:
            metadata[key] = moment
    return SourceDocument(
        name,
        content,
        "text/html",
        title,
        version_of(content, title=title, url=url, metadata=metadata, readers=folder.readers, language=code),
        url=url,
        metadata=metadata,
        readers=folder.readers,
        language=code,
    )


def _language(item: Mapping[str, Any]) -> Any:
    """The account's own language, which the places above an article are named in."""
    hierarchy = item.get("hierarchy")
    first = hierarchy[0] if isinstance(hierarchy, list) and hierarchy else None
    data = first.get("data") if isinstance(first, dict) else None
    return data.get("language") if isinstance(data, dict) else None
