"""Confluence Data Center: REST v1 all the way, paged by ``start``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from configs.errors import ConnectorError
from connectors.confluence.api import File, Level, Lists, Node, Page, Space, moment
from connectors.confluence.v1 import V1, chunks, quoted
from connectors.http import HttpClient

_ZONES = timedelta(hours=24)
"""CQL reads times in the time zone of the account, which is not known; none is further from UTC."""
_IDS = 50
_SPACES = 50


class Server:
    """See ``Api``.

    Attributes:
        holes: entries of listings that could not be read even by themselves.
    """

    def __init__(self, client: HttpClient, root: str) -> None:
        self._client = client
        self._lists = Lists(client, root)
        self.holes: list[str] = []
        self._v1 = V1(
            self._lists,
            "/rest/api",
            identity=_person,
            group_key="name",
            members_path="/group/{group}/member",
        )

    def spaces(self) -> Iterator[Space]:
        """See ``Api``. Archived spaces are not in this list."""
        query = {"status": "current", "start": "0"}
        for entry in self._lists.entries("Confluence's spaces", "/rest/api/space", query):
            key = str(entry["key"])
            archived = str(entry.get("status") or "").lower() == "archived"
            yield Space(key, key, str(entry.get("name") or key), entry.get("type") == "personal", archived)

    def listing(self, kind: str, spaces: Sequence[Space]) -> Iterator[Node]:
        """See ``Api``. What is deleted meanwhile moves the rest up by one: see ``still_there``."""
        for space in spaces:
            query = {
                "spaceKey": space.key,
                "type": kind,
                "status": "current",
                "expand": "version,ancestors,space",
                "start": "0",
            }
            what = f"the {kind}s of space {space.key}"
            for entry in self._lists.entries(what, "/rest/api/content", query, holes=self.holes):
                yield _node(entry, kind)

    def newest(self, kind: str, spaces: Sequence[Space], since: datetime) -> Iterator[Node]:
        """See ``Api``. CQL knows minutes, not seconds."""
        edge = (since - _ZONES).strftime("%Y-%m-%d %H:%M")
        for part in chunks(spaces, _SPACES):
            keys = ", ".join(quoted(space.key) for space in part)
            query = {
                "cql": f'space in ({keys}) and type = {kind} and lastmodified >= "{edge}" order by lastmodified desc',
                "expand": "version,ancestors,space",
                "start": "0",
            }
            for entry in self._v1.search(f"changed {kind}s", query):
                yield _node(entry, kind)

    def still_there(self, kind: str, ids: Sequence[str]) -> Iterator[Node]:
        """See ``Api``."""
        for name in ids:
            try:
                found = self.node(name, kind)
            except ConnectorError as error:
                # Not there, or not for this account, which look the same.
                if error.status in (403, 404):
                    continue
                raise
            if found.current:
                yield found

    def node(self, name: str, kind: str) -> Node:
        """See ``Api``."""
        url = f"{self._lists.root}/rest/api/content/{name}"
        return _node(self._client.get_json(url, params={"expand": "version,ancestors,space"}), kind)

    def titled(self, title: str, space: Space) -> Iterator[Node]:
        """See ``Api``."""
        query = {"spaceKey": space.key, "title": title, "expand": "version,ancestors,space", "start": "0"}
        for entry in self._lists.entries("pages of one title", "/rest/api/content", query):
            yield _node(entry, "page")

    def page(self, node: Node) -> Page:
        """See ``Api``."""
        entry = self._one(node, "body.storage,version,ancestors,space,metadata.labels,history")
        body = (entry.get("body") or {}).get("storage") or {}
        if not isinstance(body.get("value"), str):
            raise ConnectorError("Confluence answered without the page's text.")
        labels = (entry.get("metadata") or {}).get("labels") or {}
        names = [str(label["name"]) for label in labels.get("results") or []]
        if (labels.get("_links") or {}).get("next") or len(names) >= int(labels.get("limit") or 200):
            path = f"/rest/api/content/{node.id}/label"
            names = [str(label["name"]) for label in self._lists.entries("a page's labels", path, {"start": "0"})]
        history = entry.get("history") or {}
        return Page(
            _node(entry, node.kind),
            body["value"],
            tuple(sorted(set(names))),
            _person(history.get("createdBy") or {}),
            moment(history.get("createdDate")),
            str((entry.get("_links") or {}).get("webui") or f"/pages/viewpage.action?pageId={node.id}"),
        )

    def rendered(self, node: Node) -> str:
        """See ``Api``."""
        body = (self._one(node, "body.export_view").get("body") or {}).get("export_view") or {}
        if not isinstance(body.get("value"), str):
            raise ConnectorError("Confluence answered without the page's text.")
        return str(body["value"])

    def restriction(self, name: str) -> Level:
        """See ``Api``."""
        return self._v1.restriction(name)

    def restricted(self, spaces: Sequence[Space]) -> dict[str, Level | None]:
        """See ``Api``."""
        return self._v1.restricted("page, blogpost", spaces)

    def members(self, group: str) -> frozenset[str]:
        """See ``Api``."""
        return self._v1.members(group)

    def files(self, node: Node) -> Iterator[File]:
        """See ``Api``."""
        path = f"/rest/api/content/{node.id}/child/attachment"
        query = {"expand": "version,history,extensions", "start": "0"}
        for entry in self._lists.entries("a page's attachments", path, query):
            extensions, version = entry.get("extensions") or {}, entry.get("version") or {}
            links = entry.get("_links") or {}
            yield File(
                str(entry["id"]),
                str(entry.get("title") or entry["id"]),
                str(extensions.get("mediaType") or (entry.get("metadata") or {}).get("mediaType") or ""),
                int(extensions.get("fileSize") or 0),
                int(version.get("number") or 0),
                _person(version.get("by") or {}),
                moment((entry.get("history") or {}).get("createdDate") or version.get("when")),
                str(links.get("webui") or ""),
                str(links["download"]),
            )

    def content(self, file: File) -> bytes:
        """See ``Api``."""
        return self._client.get_bytes(f"{self._lists.root}/{file.download.lstrip('/')}").content

    def _one(self, node: Node, expand: str) -> dict[str, Any]:
        answer = self._client.get_json(f"{self._lists.root}/rest/api/content/{node.id}", params={"expand": expand})
        if not isinstance(answer, dict):
            raise ConnectorError("Confluence answered without the page.")
        return answer


def _person(entry: dict[str, Any]) -> str:
    return str(entry.get("username") or entry.get("userKey") or "")


def _node(entry: Any, kind: str) -> Node:
    try:
        version = entry.get("version") or {}
        ancestors = entry.get("ancestors") or []
        return Node(
            str(entry["id"]),
            kind,
            str(entry.get("title") or ""),
            str((entry.get("space") or {}).get("key") or ""),
            int(version.get("number") or 0),
            moment(version.get("when")).astimezone(UTC),
            str(ancestors[-1]["id"]) if ancestors else None,
            str(ancestors[-1].get("type") or "page") if ancestors else "page",
            entry.get("status") == "current",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConnectorError(f"Confluence described a {kind} in a way that cannot be read ({error}).") from None
