"""Confluence, Cloud and Data Center, with the traps that matter to a connector.

Lists are paged by position behind opaque cursors, so they shift when something leaves them. What the account may not
see is taken out after a page was cut, so pages may be short or empty. Moves, labels and restrictions leave the version
as it is. The search index can lag. Three changes share a second.
"""

from __future__ import annotations

import base64
import html
import json
import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlencode

from connectors.confluence.connector import Confluence
from connectors.confluence.options import ConfluenceOptions
from tests.connectors.fakes.openapi import OpenApi
from tests.connectors.fakes.server import Fake, Request, Response

V2, V1 = "confluence/v2.json", "confluence/v1.yaml"
START = datetime(2026, 1, 1, tzinfo=UTC)
MAIL, API_TOKEN, ACCESS_TOKEN, CLOUD_ID = "me@acme.example", "s3cret-api-token", "s3cret-access-token", "11-22"


@dataclass
class File:
    id: str
    name: str
    content: bytes
    media_type: str
    created: datetime
    number: int = 1


@dataclass
class Item:
    """A page, blog post or folder."""

    id: str
    kind: str
    title: str
    body: str
    space: str
    parent: str | None
    created: datetime
    modified: datetime
    number: int = 1
    status: str = "current"
    labels: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    view: str | None = None
    hidden: bool = False


class ConfluenceFake(Fake):
    """See the module.

    Attributes:
        cap: most names of a restriction in one answer, whatever is asked for.
        lacking: parts of paths that the token has no scope for.
        forbidden: parts of paths that answer with 403.
        unindexed: ids that the search does not know (yet).
        on_page: called before each answer; what it returns is answered instead.
        zone: what the Data Center's account adds to UTC.
    """

    def __init__(self, edition: str = "cloud") -> None:
        self.edition = edition
        self.spaces: dict[str, dict[str, str]] = {}
        self.items: dict[str, Item] = {}
        self.members: dict[str, list[str]] = {}
        self.cap = 100
        self.lacking: list[str] = []
        self.forbidden: list[str] = []
        self.unindexed: set[str] = set()
        self.zone = timedelta(hours=-9)
        self.on_page: Any = None
        self._changes = 0
        self._ids = 1000
        self._v2 = OpenApi(V2, prefix="/wiki/api/v2") if OpenApi.here(V2) else None
        self._v1 = OpenApi(V1, prefix="/wiki") if OpenApi.here(V1) else None
        super().__init__()

    # What people do

    def now(self) -> datetime:
        self._changes += 1
        return START + timedelta(seconds=self._changes // 3)

    def new_id(self) -> str:
        self._ids += 7
        return str(self._ids)

    def space(self, key: str, name: str = "", kind: str = "global", status: str = "current") -> str:
        with self.lock:
            name_of = self.new_id()
            self.spaces[name_of] = {
                "id": name_of,
                "key": key,
                "name": name or f"Space {key}",
                "type": kind,
                "status": status,
            }
            return name_of

    def space_id(self, key: str) -> str:
        return next(one["id"] for one in self.spaces.values() if one["key"] == key)

    def create(
        self,
        title: str,
        body: str = "<p>Text.</p>",
        *,
        space: str = "DOC",
        parent: str | None = None,
        kind: str = "page",
    ) -> str:
        with self.lock:
            moment = self.now()
            item = Item(self.new_id(), kind, title, body, self.space_id(space), parent, moment, moment)
            self.items[item.id] = item
            return item.id

    def edit(self, name: str, body: str | None = None, title: str | None = None) -> None:
        with self.lock:
            item = self.items[name]
            item.body = item.body if body is None else body
            item.title = title or item.title
            item.number += 1
            item.modified = self.now()

    def move(self, name: str, parent: str | None, space: str | None = None) -> None:
        with self.lock:
            self.now()
            item = self.items[name]
            item.parent = parent
            if space:
                for one in [item, *self.below(name)]:
                    one.space = self.space_id(space)

    def trash(self, name: str) -> None:
        with self.lock:
            self.now()
            item = self.items[name]
            item.status = "trashed"
            for child in self.items.values():
                if child.parent == name:
                    child.parent = item.parent

    def archive(self, name: str) -> None:
        with self.lock:
            self.now()
            self.items[name].status = "archived"

    def restore(self, name: str) -> None:
        with self.lock:
            self.now()
            item = self.items[name]
            item.status = "current"
            if item.parent and (item.parent not in self.items or self.items[item.parent].status == "trashed"):
                item.parent = None

    def purge(self, name: str) -> None:
        with self.lock:
            self.trash(name)
            del self.items[name]
            for child in self.items.values():
                if child.parent == name:
                    child.parent = None

    def restrict(self, name: str, users: list[str] | None = None, groups: list[str] | None = None) -> None:
        """No names: everybody may read it again."""
        with self.lock:
            self.now()
            self.items[name].users = list(users or [])
            self.items[name].groups = list(groups or [])

    def label(self, name: str, *labels: str) -> None:
        with self.lock:
            self.now()
            self.items[name].labels = list(labels)

    def attach(self, page: str, name: str, content: bytes, media_type: str = "text/plain") -> str:
        """New, or a new version where the page has that name already."""
        with self.lock:
            moment = self.now()
            files = self.items[page].files
            old = next((one for one in files.values() if one.name == name), None)
            if old:
                old.content, old.number, old.media_type = content, old.number + 1, media_type
                return old.id
            file = File(f"att{self.new_id()}", name, content, media_type, moment)
            files[file.id] = file
            return file.id

    def detach(self, page: str, file: str) -> None:
        with self.lock:
            self.now()
            del self.items[page].files[file]

    def below(self, name: str) -> list[Item]:
        return [item for item in self.items.values() if name in self.above(item)]

    def above(self, item: Item) -> list[str]:
        chain = []
        while item.parent and item.parent in self.items:
            item = self.items[item.parent]
            chain.append(item.id)
        return chain

    def seen(self, item: Item) -> bool:
        """Whether the account may see it."""
        return not item.hidden and not any(self.items[name].hidden for name in self.above(item))

    # The server

    def authorised(self, request: Request) -> bool:
        if request.path.startswith("/media/"):
            return True
        said = request.headers.get("authorization", "")
        basic = "Basic " + base64.b64encode(f"{MAIL}:{API_TOKEN}".encode()).decode()
        return said in (basic, f"Bearer {ACCESS_TOKEN}")

    def refusal(self, request: Request, status: int) -> Response:
        return Response(status, json={"code": status, "message": "Unauthorized" if status == 401 else "Slow down"})

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/media/"):
            name = request.path.rsplit("/", 1)[1]
            file = next(item.files[name] for item in self.items.values() if name in item.files)
            return Response(body=file.content, headers={"Content-Type": "application/octet-stream"})
        path = unquote(request.path).removeprefix(f"/ex/confluence/{CLOUD_ID}")
        if any(part in path for part in self.lacking):
            return Response(401, json={"code": 401, "message": "Unauthorized; scope does not match"})
        if any(part in path for part in self.forbidden):
            return Response(403, json={"statusCode": 403, "message": "Forbidden"})
        if self.on_page and (instead := self.on_page(request)):
            return instead
        for pattern, method in self._routes():
            if match := re.fullmatch(pattern, path):
                return getattr(self, method)(request, *match.groups())
        return Response(404, json={"statusCode": 404, "message": "No such path"})

    def _routes(self) -> list[tuple[str, str]]:
        if self.edition == "cloud":
            v1 = "/wiki/rest/api"
            return [
                ("/wiki/api/v2/spaces", "v2_spaces"),
                ("/wiki/api/v2/(page|blogpost)s", "v2_list"),
                (r"/wiki/api/v2/(page|blogpost|folder)s/(\d+)", "v2_one"),
                (r"/wiki/api/v2/(page|blogpost)s/(\d+)/labels", "v2_labels"),
                (r"/wiki/api/v2/(page|blogpost)s/(\d+)/attachments", "v2_files"),
                (rf"{v1}/content/(\w+)/restriction/byOperation/read", "v1_restriction"),
                (f"{v1}/content/search", "v1_search"),
                (f"{v1}/group/([^/]+)/membersByGroupId", "v1_members"),
                (rf"{v1}/content/(\d+)/child/attachment/(\w+)/download", "v1_download"),
            ]
        v1 = "/confluence/rest/api"
        return [
            (f"{v1}/space", "dc_spaces"),
            (f"{v1}/content", "dc_list"),
            (rf"{v1}/content/(\d+)", "dc_one"),
            (f"{v1}/content/search", "v1_search"),
            (rf"{v1}/content/(\w+)/restriction/byOperation/read", "v1_restriction"),
            (rf"{v1}/content/(\d+)/child/attachment", "dc_files"),
            (rf"{v1}/content/(\d+)/label", "dc_labels"),
            (f"{v1}/group/([^/]+)/member", "v1_members"),
            (r"/confluence/download/attachments/(\w+)/.*", "dc_download"),
        ]

    # Cloud, v2

    def v2_spaces(self, request: Request) -> Response:
        return self._v2_page(request, "/wiki/api/v2/spaces", list(self.spaces.values()), dict)

    def v2_list(self, request: Request, kind: str) -> Response:
        statuses = (request.one("status") or "current,archived").split(",")
        found = [item for item in self.items.values() if item.kind == kind and item.status in statuses]
        if spaces := request.one("space-id"):
            found = [item for item in found if item.space in spaces.split(",")]
        if ids := request.one("id"):
            found = [item for item in found if item.id in ids.split(",")]
        if title := request.one("title"):
            found = [item for item in found if item.title == title]
        found.sort(key=lambda item: int(item.id))
        if request.one("sort") == "-modified-date":
            found.sort(key=lambda item: item.modified, reverse=True)
        return self._v2_page(request, f"/wiki/api/v2/{kind}s", found, self._v2_item)

    def v2_one(self, request: Request, kind: str, name: str) -> Response:
        item = self.items.get(name)
        if not item or item.kind != kind or item.status == "trashed" or not self.seen(item):
            return _missing()
        answer = self._v2_item(item)
        if form := request.one("body-format"):
            value = item.body if form == "storage" else self._view(item)
            answer["body"] = {form: {"representation": form, "value": value}}
        if request.one("include-labels"):
            named = [{"id": label, "name": label, "prefix": "global"} for label in item.labels[:25]]
            answer["labels"] = {"results": named, "meta": {"hasMore": len(item.labels) > 25}, "_links": {"self": ""}}
        return Response(json=answer)

    def v2_labels(self, request: Request, kind: str, name: str) -> Response:
        named = [{"id": label, "name": label, "prefix": "global"} for label in self.items[name].labels]
        return self._v2_page(request, f"/wiki/api/v2/{kind}s/{name}/labels", named, dict)

    def v2_files(self, request: Request, kind: str, name: str) -> Response:
        item = self.items.get(name)
        if not item or item.status != "current" or not self.seen(item):
            return _missing()

        def shown(file: File) -> dict[str, Any]:
            link = f"/pages/viewpageattachments.action?pageId={name}&preview={file.id}"
            return {
                "id": file.id,
                "status": "current",
                "title": file.name,
                "createdAt": _time(file.created),
                f"{'page' if kind == 'page' else 'blogPost'}Id": name,
                "mediaType": file.media_type,
                "fileSize": len(file.content),
                "webuiLink": link,
                "downloadLink": f"/download/attachments/{name}/{file.name}",
                "version": {"number": file.number, "authorId": "u-author", "createdAt": _time(file.created)},
                "_links": {"webui": link, "download": f"/download/attachments/{name}/{file.name}"},
            }

        return self._v2_page(request, f"/wiki/api/v2/{kind}s/{name}/attachments", list(item.files.values()), shown)

    def _v2_item(self, item: Item) -> dict[str, Any]:
        parent = self.items.get(item.parent or "")
        answer: dict[str, Any] = {
            "id": item.id,
            "status": item.status,
            "title": item.title,
            "spaceId": item.space,
            "authorId": "u-author",
            "createdAt": _time(item.created),
            "version": {"number": item.number, "createdAt": _time(item.modified), "authorId": "u-editor"},
            "_links": {"webui": self._webui(item)},
        }
        if item.kind != "blogpost":
            answer |= {"parentId": parent.id if parent else None, "parentType": parent.kind if parent else None}
        return answer

    def _v2_page(self, request: Request, path: str, found: list[Any], shown: Any) -> Response:
        start = int(base64.b64decode(request.one("cursor") or "MA==").decode())
        limit = int(request.one("limit") or 25)
        part = [one for one in found[start : start + limit] if not isinstance(one, Item) or self.seen(one)]
        links = {"base": f"{self.url}/wiki"}
        if start + limit < len(found):
            cursor = base64.b64encode(str(start + limit).encode()).decode()
            query = {key: values[0] for key, values in request.query.items()} | {"cursor": cursor}
            links["next"] = f"{path}?{urlencode(query)}"
        return Response(json={"results": [shown(one) for one in part], "_links": links})

    # v1

    def v1_restriction(self, request: Request, name: str) -> Response:
        item = self.items.get(name)
        if not item or item.status == "trashed" or not self.seen(item):
            return _missing()
        return Response(json=self._restriction(item, int(request.one("start") or 0), int(request.one("limit") or 100)))

    def _restriction(self, item: Item, start: int, limit: int) -> dict[str, Any]:
        limit = min(limit, self.cap)
        users, groups = item.users[start : start + limit], item.groups[start : start + limit]
        about = {"start": start, "limit": limit}
        return {
            "operation": "read",
            "restrictions": {
                "user": {"results": [self._user(one) for one in users], **about, "size": len(users)},
                "group": {"results": [self._group(one) for one in groups], **about, "size": len(groups)},
                "_expandable": {},
            },
            "_expandable": {"content": f"/rest/api/content/{item.id}"},
            "_links": {"self": f"{self.url}/rest/api/content/{item.id}/restriction/byOperation/read"},
        }

    def v1_search(self, request: Request) -> Response:
        query = request.one("cql") or ""
        keys = re.findall(r'"((?:[^"\\]|\\.)*)"', re.search(r"space in \((.*?)\)", query)[1])  # type: ignore[index]
        kinds = re.search(r"type (?:in \((.*?)\)|= (\w+))", query)
        assert kinds
        wanted = [kind.strip() for kind in (kinds[1] or kinds[2]).split(",")]
        ids = {one["id"] for one in self.spaces.values() if one["key"] in keys}
        found = [
            item
            for item in self.items.values()
            if item.space in ids
            and item.kind in wanted
            and item.status == "current"
            and item.id not in self.unindexed
            and self.seen(item)
        ]
        if since := re.search(r'lastmodified >= "(\d{4}-\d\d-\d\d \d\d:\d\d)"', query):
            edge = datetime.strptime(since[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC) - self.zone
            found = [item for item in found if item.modified >= edge]
        found.sort(key=lambda item: item.modified, reverse="desc" in query)
        return self._v1_page(request, found, lambda item: self._v1_item(item, request.one("expand") or ""))

    def v1_members(self, request: Request, group: str) -> Response:
        name = group.removeprefix("id-") if self.edition == "cloud" else group
        if name not in self.members:
            return _missing()
        return self._v1_page(request, self.members[name], self._user)

    def v1_download(self, request: Request, page: str, file: str) -> Response:
        item = self.items.get(page)
        if not item or file not in item.files or not self.seen(item):
            return _missing()
        return Response(302, headers={"Location": f"http://localhost:{self.port}/media/{file}?token=signed"})

    def _v1_page(self, request: Request, found: list[Any], shown: Any) -> Response:
        by_cursor = self.edition == "cloud" and request.path.endswith("/search")
        start = int(request.one("cursor" if by_cursor else "start") or 0)
        limit = min(int(request.one("limit") or 25), 200)
        part = found[start : start + limit]
        context = "/wiki" if self.edition == "cloud" else "/confluence"
        links: dict[str, str] = {"base": f"{self.url}{context}", "context": context}
        if start + limit < len(found):
            query = {key: values[0] for key, values in request.query.items()}
            query |= {"cursor" if by_cursor else "start": str(start + limit), "limit": str(limit)}
            path = unquote(request.path).removeprefix(f"/ex/confluence/{CLOUD_ID}").removeprefix(context)
            links["next"] = f"{path}?{urlencode(query)}"
        results = [shown(one) for one in part]
        return Response(
            json={"results": results, "start": start, "limit": limit, "size": len(results), "_links": links}
        )

    def _v1_item(self, item: Item, expand: str) -> dict[str, Any]:
        space = self.spaces[item.space]
        answer: dict[str, Any] = {
            "id": item.id,
            "type": item.kind,
            "status": item.status,
            "title": item.title,
            "_expandable": {},
            "_links": {"webui": self._webui(item)},
        }
        wanted = expand.split(",")
        if "version" in wanted:
            answer["version"] = {
                "by": self._user("editor"),
                "when": _time(item.modified, self.zone),
                "number": item.number,
                "minorEdit": False,
            }
        if "ancestors" in wanted:
            answer["ancestors"] = [self._v1_item(self.items[name], "") for name in reversed(self.above(item))]
        if "space" in wanted:
            answer["space"] = {
                "id": int(space["id"]),
                "key": space["key"],
                "name": space["name"],
                "type": space["type"],
                "status": space["status"],
                "_expandable": {},
                "_links": {},
            }
        if "history" in wanted:
            answer["history"] = {
                "latest": True,
                "createdBy": self._user("author"),
                "createdDate": _time(item.created, self.zone),
                "_expandable": {},
                "_links": {},
            }
        if "metadata.labels" in wanted:
            named = [_label(label) for label in item.labels[:200]]
            links = {"next": "more"} if len(item.labels) > 200 else {}
            answer["metadata"] = {
                "labels": {"results": named, "start": 0, "limit": 200, "size": len(named), "_links": links}
            }
        for form in ("storage", "export_view"):
            if f"body.{form}" in wanted:
                value = item.body if form == "storage" else self._view(item)
                body = {"value": value, "representation": form, "_expandable": {}, "_links": {}}
                answer["body"] = {form: body, "_expandable": {}}
        if "restrictions.read.restrictions.user" in wanted:
            answer["restrictions"] = {"read": self._restriction(item, 0, 100), "_expandable": {}, "_links": {}}
        return answer

    # Data Center

    def dc_spaces(self, request: Request) -> Response:
        status = request.one("status")
        found = [one for one in self.spaces.values() if one["status"] == status or not status]
        return self._v1_page(
            request,
            found,
            lambda one: {**{key: one[key] for key in ("key", "name", "type")}, "id": int(one["id"]), "_links": {}},
        )

    def dc_list(self, request: Request) -> Response:
        wanted = request.one("type") or "page"
        found = [
            item
            for item in self.items.values()
            if item.kind == wanted
            and item.status == "current"
            and self.seen(item)
            and self.spaces[item.space]["key"] == request.one("spaceKey")
            and (request.one("title") or item.title) == item.title
        ]
        return self._v1_page(request, found, lambda item: self._v1_item(item, request.one("expand") or ""))

    def dc_one(self, request: Request, name: str) -> Response:
        item = self.items.get(name)
        if not item or item.status == "trashed" or not self.seen(item):
            return _missing()
        return Response(json=self._v1_item(item, request.one("expand") or ""))

    def dc_labels(self, request: Request, name: str) -> Response:
        return self._v1_page(request, self.items[name].labels, _label)

    def dc_files(self, request: Request, name: str) -> Response:
        item = self.items.get(name)
        if not item or item.status != "current" or not self.seen(item):
            return _missing()

        def shown(file: File) -> dict[str, Any]:
            return {
                "id": file.id,
                "type": "attachment",
                "status": "current",
                "title": file.name,
                "extensions": {"mediaType": file.media_type, "fileSize": len(file.content)},
                "version": {
                    "by": self._user("author"),
                    "when": _time(file.created, self.zone),
                    "number": file.number,
                    "minorEdit": False,
                },
                "history": {
                    "latest": True,
                    "createdBy": self._user("author"),
                    "createdDate": _time(file.created, self.zone),
                    "_expandable": {},
                    "_links": {},
                },
                "_expandable": {},
                "_links": {
                    "webui": f"/pages/viewpageattachments.action?pageId={name}&preview={file.id}",
                    "download": f"/download/attachments/{file.id}/{file.name}?version={file.number}",
                },
            }

        return self._v1_page(request, list(item.files.values()), shown)

    def dc_download(self, request: Request, file: str) -> Response:
        found = next((item.files[file] for item in self.items.values() if file in item.files), None)
        return Response(body=found.content, headers={"Content-Type": found.media_type}) if found else _missing()

    # Shared

    def _webui(self, item: Item) -> str:
        key = self.spaces[item.space]["key"]
        return f"/spaces/{key}/{item.kind}s/{item.id}"

    def _view(self, item: Item) -> str:
        return item.view if item.view is not None else f"<div>Rendered {item.title}</div>"

    def _user(self, name: str) -> dict[str, Any]:
        if self.edition == "cloud":
            return {"type": "known", "accountId": name, "accountType": "atlassian", "publicName": name.title()}
        return {"type": "known", "username": name, "userKey": f"key-{name}", "displayName": name.title()}

    def _group(self, name: str) -> dict[str, Any]:
        # Data Center's groups have no id; Cloud's document wants one.
        return {"type": "group", "name": name, "id": f"id-{name}", "_links": {}}

    def problem(self, request: Request, response: Response) -> str | None:
        if request.path.startswith("/media/"):
            return "credentials went to the media host" if "authorization" in request.headers else None
        path = request.path.removeprefix(f"/ex/confluence/{CLOUD_ID}")
        # Lists of numbers go with commas; as JSON they can be held to their schema.
        query = {k: [f"[{v}]" for v in vs] if k in ("id", "space-id") else vs for k, vs in request.query.items()}
        plain = Request(request.method, path, query, request.headers, request.body)
        if self.edition == "cloud" and path.startswith("/wiki/api/v2"):
            return self._v2.problem(plain, _without_nulls(response)) if self._v2 else None
        if self._v1 is None or response.status != 200 or "/download" in path:
            return None
        if self.edition == "cloud":
            return self._v1.problem(plain, response)
        return self._dc_problem(plain, response)

    def _dc_problem(self, request: Request, response: Response) -> str | None:
        """Data Center has no document: its answers are held to what Cloud's v1 says of the same things."""
        assert self._v1
        path = "/wiki" + request.path.removeprefix("/confluence")
        query = {key: values for key, values in request.query.items() if key != "start" or "restriction" in path}
        if path.endswith("/content/search") or "/restriction/" in path:
            return self._v1.problem(Request("GET", path, query, request.headers, b""), response)
        kinds = [("/member", "UserArray"), ("/label", "LabelArray"), ("/content", "ContentArray")]
        kinds += [("/attachment", "ContentArray")]
        name = next((schema for end, schema in kinds if path.endswith(end)), None)
        if re.search(r"/content/\d+$", path):
            name = "Content"
        if name is None:
            return None
        error = self._v1._error({"$ref": f"#/components/schemas/{name}"}, response.json)
        return None if error is None else f"the answer at {error.json_path}: {error.message[:300]}"


def _without_nulls(response: Response) -> Response:
    """The document says of parentId and parentType "or null" in words, and not in their schemas."""
    copied = json.loads(json.dumps(response.json))
    if isinstance(copied, dict):
        for one in [copied, *(copied.get("results") or [])]:
            for key in ("parentId", "parentType"):
                if one.get(key, "") is None:
                    del one[key]
    return Response(response.status, copied, response.body, response.headers)


def _missing() -> Response:
    return Response(404, json={"errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found"}]})


def _label(name: str) -> dict[str, str]:
    return {"prefix": "global", "name": name, "id": name, "label": name}


def _time(moment: datetime, zone: timedelta = timedelta()) -> str:
    if not zone:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    hours = int(zone.total_seconds() // 3600)
    return (moment + zone).strftime("%Y-%m-%dT%H:%M:%S.000") + f"{hours:+03d}:00"


def including(title: str, space: str = "") -> str:
    """A macro that shows another page's text."""
    key = f' ri:space-key="{space}"' if space else ""
    page = f'<ac:link><ri:page{key} ri:content-title="{title}"/></ac:link>'
    return (
        f'<ac:structured-macro ac:name="include"><ac:parameter ac:name="">{page}</ac:parameter></ac:structured-macro>'
    )


class ConfluenceWorld:
    """A site with two spaces that the suites can edit.

    Args:
        silent: whether ``mutate`` also does what only a sweep shows (labels, attachments, members of groups).
    """

    def __init__(self, fake: ConfluenceFake, *, silent: bool = True, kind: str = "page", **options: Any) -> None:
        self.fake = fake
        self.silent = silent
        self.kind = kind
        self.ids: dict[str, str] = {}
        self.options = options
        if not fake.spaces:
            fake.space("DOC", "Handbook")
            fake.space("OPS", "Operations & more")
            fake.space("~me", "My own", kind="personal")
            fake.members |= {"staff": ["ann", "bob", "cy"], "leads": ["ann", "dee"], "ops": ["bob", "dee"]}

    def settings(self, **changes: Any) -> ConfluenceOptions:
        cloud = self.fake.edition == "cloud"
        secrets = {"email": MAIL, "api_token": API_TOKEN} if cloud else {"token": ACCESS_TOKEN}
        values = {
            "url": self.fake.url if cloud else f"{self.fake.url}/confluence",
            "edition": self.fake.edition,
            "requests_per_minute": 1_000_000,
            "sweep_every": "0s",
            **secrets,
            **self.options,
            **changes,
        }
        return ConfluenceOptions.model_validate({key: value for key, value in values.items() if value is not None})

    def connector(self, **changes: Any) -> Confluence:
        return Confluence("wiki", self.settings(**changes))

    def put(self, name: str, text: str) -> None:
        body = f"<p>{html.escape(text, quote=False)}</p>"
        if name not in self.ids:
            self.ids[name] = self.fake.create(name, body, kind=self.kind)
            return
        item = self.fake.items[self.ids[name]]
        if item.status != "current":
            self.fake.restore(item.id)
        if item.body != body:
            self.fake.edit(item.id, body)

    def remove(self, name: str) -> None:
        self.fake.trash(self.ids[name])

    def rename(self, old: str, new: str) -> None:
        """Confluence keeps a page's id when its title changes, so the suite's rename is another page."""
        text = html.unescape(re.sub("<.*?>", "", self.fake.items[self.ids[old]].body))
        self.remove(old)
        self.put(new, text)

    def mutate(self, rng: random.Random) -> None:
        """One change at random."""
        fake = self.fake
        with fake.lock:
            current = [one.id for one in fake.items.values() if one.status == "current" and one.kind == "page"]
            away = [one.id for one in fake.items.values() if one.status != "current"]
            posts = [one.id for one in fake.items.values() if one.kind == "blogpost" and one.status == "current"]
            kinds = ["create"] * 5 + ["edit", "edit", "rename", "move", "archive", "trash", "purge", "restore"]
            kinds += ["restrict", "restrict", "unrestrict", "hide", "show", "post", "edit post", "trash post", "folder"]
            kinds += ["label", "unlabel", "attach", "replace", "detach", "member"] if self.silent else []
            getattr(self, "_" + rng.choice(kinds).replace(" ", "_"))(rng, current, away, posts)

    def _create(self, rng: random.Random, current: list[str], *_: Any) -> None:
        folders = [one.id for one in self.fake.items.values() if one.kind == "folder"]
        parent = rng.choice([*current, *folders]) if current and rng.random() < 0.7 else None
        space = self.fake.spaces[self.fake.items[parent].space]["key"] if parent else rng.choice(["DOC", "OPS"])
        body = f"<p>{rng.random()}</p>"
        if self.silent and current and rng.random() < 0.2:
            body += including(self.fake.items[rng.choice(current)].title)
        self.fake.create(f"Page {rng.random():.6f}", body, space=space, parent=parent)

    def _folder(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if self.fake.edition == "cloud" and rng.random() < 0.3:
            self.fake.create(f"Folder {rng.random():.6f}", "", space="DOC", kind="folder")

    def _edit(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current:
            self.fake.edit(rng.choice(current), f"<p>{rng.random()}</p>")

    def _rename(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current:
            self.fake.edit(rng.choice(current), title=f"Renamed {rng.random():.6f}")

    def _move(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if len(current) > 1:
            name, parent = rng.sample(current, 2)
            inside = {one.id for one in self.fake.below(name)}
            if rng.random() < 0.3:
                self.fake.move(name, None, rng.choice(["DOC", "OPS", "~me"]))
            elif parent not in inside:
                self.fake.move(name, parent, self.fake.spaces[self.fake.items[parent].space]["key"])

    def _archive(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current and rng.random() < 0.5:
            self.fake.archive(rng.choice(current))

    def _trash(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current and rng.random() < 0.5:
            self.fake.trash(rng.choice(current))

    def _purge(self, rng: random.Random, current: list[str], away: list[str], *_: Any) -> None:
        if away:
            self.fake.purge(rng.choice(away))

    def _restore(self, rng: random.Random, current: list[str], away: list[str], *_: Any) -> None:
        if away:
            self.fake.restore(rng.choice(away))

    def _restrict(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current:
            users = rng.sample(["ann", "bob", "cy", "dee"], rng.randint(0, 2))
            groups = rng.sample(["staff", "leads", "ops", "gone"], rng.randint(0 if users else 1, 2))
            # Parents as often as leaves: what is below them changes without a new version.
            parents = [one.parent for one in self.fake.items.values() if one.parent in self.fake.items]
            self.fake.restrict(rng.choice([rng.choice(current), *(parents and [rng.choice(parents)])]), users, groups)

    def _unrestrict(self, rng: random.Random, *_: Any) -> None:
        closed = [one.id for one in self.fake.items.values() if one.users or one.groups]
        if closed:
            self.fake.restrict(rng.choice(closed))

    def _hide(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current and rng.random() < 0.5:
            self.fake.items[rng.choice(current)].hidden = True

    def _show(self, rng: random.Random, *_: Any) -> None:
        for one in self.fake.items.values():
            one.hidden = False

    def _post(self, rng: random.Random, *_: Any) -> None:
        self.fake.create(f"Post {rng.random():.6f}", f"<p>{rng.random()}</p>", kind="blogpost")

    def _edit_post(self, rng: random.Random, current: list[str], away: list[str], posts: list[str]) -> None:
        if posts:
            self.fake.edit(rng.choice(posts), f"<p>{rng.random()}</p>")

    def _trash_post(self, rng: random.Random, current: list[str], away: list[str], posts: list[str]) -> None:
        if posts:
            self.fake.trash(rng.choice(posts))

    def _label(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current:
            self.fake.label(rng.choice(current), *rng.sample(["public", "secret", "draft"], rng.randint(0, 3)))

    _unlabel = _label

    def _attach(self, rng: random.Random, current: list[str], *_: Any) -> None:
        if current:
            self.fake.attach(rng.choice(current), f"f{rng.randint(1, 3)}.txt", str(rng.random()).encode())

    def _replace(self, rng: random.Random, *_: Any) -> None:
        files = [(one.id, file.name) for one in self.fake.items.values() for file in one.files.values()]
        if files:
            page, name = rng.choice(files)
            self.fake.attach(page, name, str(rng.random()).encode())

    def _detach(self, rng: random.Random, *_: Any) -> None:
        files = [(one.id, file.id) for one in self.fake.items.values() for file in one.files.values()]
        if files:
            self.fake.detach(*rng.choice(files))

    def _member(self, rng: random.Random, *_: Any) -> None:
        self.fake.members[rng.choice(["staff", "leads", "ops"])] = rng.sample(["ann", "bob", "cy", "dee"], 2)
