"""Confluence Cloud: REST v2, and v1 where v2 has no counterpart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from configs.errors import ConnectorError
from connectors.confluence.api import File, Level, Lists, Node, Page, Space, moment
from connectors.confluence.v1 import V1, chunks
from connectors.http import HttpClient

_V2 = "/wiki/api/v2"
_PLACES = {
    "page": "pages",
    "blogpost": "blogposts",
    "folder": "folders",
    "whiteboard": "whiteboards",
    "database": "databases",
    "embed": "embeds",
}
_SPACES = 100
"""Spaces that one list may be asked for."""
_IDS = 100
"""Ids that one list may be asked for; 250 are allowed, and an address has its limits."""


class Cloud:
    """See ``Api``."""

    def __init__(self, client: HttpClient, root: str) -> None:
        self._client = client
        self._lists = Lists(client, root)
        self._v1 = V1(
            self._lists,
            "/wiki/rest/api",
            identity=lambda person: str(person.get("accountId") or person.get("publicName") or ""),
            group_key="id",
            members_path="/group/{group}/membersByGroupId",
        )

    def spaces(self) -> Iterator[Space]:
        """See ``Api``."""
        for entry in self._lists.entries("Confluence's spaces", f"{_V2}/spaces", {}):
            yield Space(
                str(entry["id"]),
                str(entry["key"]),
                str(entry.get("name") or entry["key"]),
                personal=entry.get("type") == "personal",
                archived=entry.get("status") == "archived",
            )

    def listing(self, kind: str, spaces: Sequence[Space]) -> Iterator[Node]:
        """See ``Api``. By id: what is created meanwhile comes last."""
        return self._nodes(kind, spaces, "id")

    def newest(self, kind: str, spaces: Sequence[Space], since: datetime) -> Iterator[Node]:
        """See ``Api``. v2 cannot ask for changes since a time, so this walks back until then."""
        for part in chunks(spaces, _SPACES):
            for node in self._nodes(kind, part, "-modified-date"):
                if node.modified < since:
                    break
                yield node

    def still_there(self, kind: str, ids: Sequence[str]) -> Iterator[Node]:
        """See ``Api``."""
        for part in chunks(ids, _IDS):
            query = {"id": ",".join(part), "status": "current"}
            for entry in self._lists.entries("Confluence's pages", f"{_V2}/{_PLACES[kind]}", query):
                yield _node(entry, kind)

    def node(self, name: str, kind: str) -> Node:
        """See ``Api``."""
        place = _PLACES.get(kind)
        if place is None:
            raise ConnectorError(f"There is no way to read a {kind}.", status=404)
        return _node(self._client.get_json(f"{self._lists.root}{_V2}/{place}/{name}"), kind)

    def titled(self, title: str, space: Space) -> Iterator[Node]:
        """See ``Api``."""
        query = {"title": title, "space-id": space.id, "status": "current"}
        for entry in self._lists.entries("pages of one title", f"{_V2}/pages", query):
            yield _node(entry, "page")

    def page(self, node: Node) -> Page:
        """See ``Api``."""
        entry = self._one(node, "storage", {"include-labels": "true"})
        labels = entry.get("labels") or {}
        names = [str(label["name"]) for label in labels.get("results") or []]
        if (labels.get("meta") or {}).get("hasMore"):
            path = f"{_V2}/{_PLACES[node.kind]}/{node.id}/labels"
            names = [str(label["name"]) for label in self._lists.entries("a page's labels", path, {})]
        body = (entry.get("body") or {}).get("storage") or {}
        if not isinstance(body.get("value"), str):
            raise ConnectorError("Confluence answered without the page's text.")
        return Page(
            _node(entry, node.kind),
            body["value"],
            tuple(sorted(set(names))),
            str(entry.get("authorId") or ""),
            moment(entry.get("createdAt")),
            str((entry.get("_links") or {}).get("webui") or f"/pages/viewpage.action?pageId={node.id}"),
        )

    def rendered(self, node: Node) -> str:
        """See ``Api``."""
        body = (self._one(node, "export_view", {}).get("body") or {}).get("export_view") or {}
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
        path = f"{_V2}/{_PLACES[node.kind]}/{node.id}/attachments"
        for entry in self._lists.entries("a page's attachments", path, {"status": "current"}):
            version = entry.get("version") or {}
            yield File(
                str(entry["id"]),
                str(entry.get("title") or entry["id"]),
                str(entry.get("mediaType") or ""),
                int(entry.get("fileSize") or 0),
                int(version.get("number") or 0),
                str(version.get("authorId") or ""),
                moment(entry.get("createdAt")),
                str(entry.get("webuiLink") or (entry.get("_links") or {}).get("webui") or ""),
                f"/wiki/rest/api/content/{node.id}/child/attachment/{entry['id']}/download",
            )

    def content(self, file: File) -> bytes:
        """See ``Api``. The answer leads to another host, which gets no credentials."""
        return self._client.get_bytes(self._lists.root + file.download).content

    def _nodes(self, kind: str, spaces: Sequence[Space], order: str) -> Iterator[Node]:
        for part in chunks(spaces, _SPACES):
            query = {"space-id": ",".join(space.id for space in part), "status": "current", "sort": order}
            for entry in self._lists.entries(f"Confluence's {_PLACES[kind]}", f"{_V2}/{_PLACES[kind]}", query):
                yield _node(entry, kind)

    def _one(self, node: Node, form: str, more: dict[str, str]) -> dict[str, Any]:
        answer = self._client.get_json(
            f"{self._lists.root}{_V2}/{_PLACES[node.kind]}/{node.id}", params={"body-format": form, **more}
        )
        if not isinstance(answer, dict):
            raise ConnectorError("Confluence answered without the page.")
        return answer


def _node(entry: Any, kind: str) -> Node:
    try:
        version = entry.get("version") or {}
        parent = entry.get("parentId")
        return Node(
            str(entry["id"]),
            kind,
            str(entry.get("title") or ""),
            str(entry.get("spaceId") or ""),
            int(version.get("number") or 0),
            moment(version.get("createdAt") or entry.get("createdAt")),
            str(parent) if parent else None,
            str(entry.get("parentType") or "page"),
            entry.get("status") == "current",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConnectorError(f"Confluence described a {kind} in a way that cannot be read ({error}).") from None
