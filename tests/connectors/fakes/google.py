"""Google Drive v3, Docs v1 and Sheets v4 as one server, as a service account sees them.

As at Google: the log of a drive tells the current state of what changed, each item once; of what is below a folder
that moves, goes to the trash or is shared, it tells nothing; a listing may give an empty page that is not the last.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from tests.connectors.fakes.discovery import Discovery, here, masked, parse_mask
from tests.connectors.fakes.google_items import (
    DOC,
    FOLDER,
    SHEET,
    SHORTCUT,
    SLIDES,
    Grid,
    Item,
    Tab,
    cells,
    document_json,
    export_markdown,
    grid_json,
    permission,
)
from tests.connectors.fakes.server import Fake, Fault, Request, Response

MAIL = "reader@shelf.iam.gserviceaccount.com"
SPECS = ("google/drive.v3.json", "google/docs.v1.json", "google/sheets.v4.json")
_START = datetime(2026, 3, 1, 9, tzinfo=UTC)


class GoogleFake(Fake):
    """The server and the hands that edit what it serves.

    Attributes:
        items: by id; ``drives``: names of shared drives by id.
        key: the public key that assertions are checked with (PEM), where one is set.
        disabled: hosts' APIs that are not enabled (``drive``, ``docs``, ``sheets``).
        refused: a reason that ``alt=media`` and exports of an item are refused with.
        my_drive: the folder that is called ``root``.
        can_share: whether the account may see permissions of items in My Drive.
    """

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.drives: dict[str, str] = {}
        self.members: dict[str, dict[str, dict[str, Any]]] = {}
        self.logs: dict[str, list[str]] = {"": []}
        self.disabled: set[str] = set()
        self.refused: dict[str, str] = {}
        self.can_share = True
        self.empty_pages = True
        self.denied_permissions: set[str] = set()
        self.key: str | None = None
        self.my_drive = ""
        self.token = 1
        self.assertions: list[dict[str, Any]] = []
        self.token_error: str | None = None
        self._ids = itertools.count(1)
        self._ticks = 0
        self._specs = [Discovery(SPECS[0], prefix="drive/v3/"), *map(Discovery, SPECS[1:])] if here(SPECS[0]) else []
        super().__init__()

    # Edits

    def add(self, name: str, mime: str, parent: str, **more: Any) -> Item:
        with self.lock:
            drive = parent if parent in self.drives else self.items[parent].drive if parent in self.items else ""
            item = Item(f"f{next(self._ids):04d}_{_slug(name)}", name, mime, parent, drive, **more)
            item.created = item.modified = self._now()
            self.items[item.id] = item
            self.note(item.id)
            return item

    def folder(self, name: str, parent: str = "", **more: Any) -> Item:
        return self.add(name, FOLDER, parent, **more)

    def doc(self, name: str, parent: str, *texts: str, **more: Any) -> Item:
        return self.add(name, DOC, parent, tabs=[Tab(f"Tab {n}", text) for n, text in enumerate(texts, 1)], **more)

    def blob(self, name: str, parent: str, content: bytes | str, mime: str = "text/plain", **more: Any) -> Item:
        return self.add(name, mime, parent, content=content.encode() if isinstance(content, str) else content, **more)

    def sheet(self, name: str, parent: str, *grids: Grid, **more: Any) -> Item:
        return self.add(name, SHEET, parent, grids=list(grids), **more)

    def shortcut(self, target: str, parent: str, name: str = "link") -> Item:
        mime = self.items[target].mime
        return self.add(name, SHORTCUT, parent, target=target, target_mime=mime)

    def drive(self, name: str, *members: dict[str, Any]) -> str:
        with self.lock:
            drive = f"0A{next(self._ids):04d}PVA"
            self.drives[drive] = name
            self.logs[drive] = []
            self.members[drive] = {one["id"]: one for one in [permission("user", MAIL), *members]}
            return drive

    def edit(self, item: Item) -> None:
        """The content of ``item`` was changed."""
        with self.lock:
            item.modified = self._now()
            self.note(item.id)

    def rename(self, item: Item, name: str) -> None:
        with self.lock:
            item.name = name
            self.note(item.id)

    def move(self, item: Item, parent: str) -> None:
        with self.lock:
            old, item.parent = item.drive, parent
            drive = parent if parent in self.drives else self.items[parent].drive if parent in self.items else ""
            self._set_drive(item, drive)
            if old != drive:
                self.logs[old].append(item.id)
            self.note(item.id)

    def _set_drive(self, item: Item, drive: str) -> None:
        if item.drive != drive:
            item.drive = drive
            for child in [one for one in self.items.values() if one.parent == item.id]:
                self._set_drive(child, drive)

    def trash(self, item: Item, trashed: bool = True) -> None:
        with self.lock:
            item.trashed = trashed
            self.note(item.id)

    def delete(self, item: Item) -> None:
        with self.lock:
            for child in [one for one in self.items.values() if one.parent == item.id]:
                self.items.pop(child.id, None)
                self._orphan(child.id)
            self.items.pop(item.id, None)
            self.note(item.id, item.drive)

    def _orphan(self, parent: str) -> None:
        for child in [one for one in self.items.values() if one.parent == parent]:
            self.items.pop(child.id, None)
            self._orphan(child.id)

    def share(self, item: Item, *permissions: dict[str, Any]) -> None:
        with self.lock:
            item.permissions |= {one["id"]: one for one in permissions}
            self.note(item.id)

    def unshare(self, item: Item, name: str) -> None:
        with self.lock:
            item.permissions.pop(name, None)
            self.note(item.id)

    def note(self, name: str, drive: str | None = None) -> None:
        if name in self.items:
            self.items[name].version += 1
            drive = self.items[name].drive
        self.logs[drive or ""].append(name)
        if drive and not self.visible(drive):
            self.logs[""].append(name)

    def _now(self) -> str:
        self._ticks += 1
        # Many changes share a second, none a millisecond.
        return (_START + timedelta(milliseconds=37 * self._ticks)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    # What the account sees

    def permissions_of(self, name: str) -> dict[str, dict[str, Any]]:
        """Permissions of an item or a drive with what it inherits."""
        if name in self.drives:
            return self.members[name]
        item = self.items.get(name)
        if item is None:
            return {}
        inherited = self.permissions_of(item.parent)
        if item.limited:
            inherited = {key: one for key, one in inherited.items() if one["role"] in ("owner", "organizer")}
            inherited |= {key: one for key, one in self.permissions_of(item.parent).items() if _is_account(one)}
        return {**inherited, **item.permissions}

    def visible(self, name: str) -> bool:
        return any(_is_account(one) for one in self.permissions_of(name).values())

    def _place(self, item: Item) -> str:
        """The drive whose listing and log have the item: the account's own where it is no member."""
        return item.drive if item.drive and self.visible(item.drive) else ""

    def in_trash(self, name: str) -> bool:
        item = self.items.get(name)
        return item is not None and (item.trashed or self.in_trash(item.parent))

    def resource(self, item: Item) -> dict[str, Any]:
        found = self.permissions_of(item.id)
        made: dict[str, Any] = {
            "kind": "drive#file",
            "id": item.id,
            "name": item.name,
            "mimeType": item.mime,
            "trashed": self.in_trash(item.id),
            "createdTime": item.created,
            "modifiedTime": item.modified,
            "version": str(item.version),
            "webViewLink": item.link(),
            "permissionIds": list(found),
            "capabilities": {"canDownload": item.downloadable},
            "starred": False,
        }
        if item.parent in self.drives or (item.parent in self.items and self.visible(item.parent)):
            made["parents"] = [item.parent]
        if item.mime == SHORTCUT:
            made["shortcutDetails"] = {"targetId": item.target, "targetMimeType": item.target_mime}
        elif item.mime in (DOC, SHEET, SLIDES):
            made["size"] = "1024"
        elif item.mime != FOLDER:
            made |= {"size": str(len(item.content)), "md5Checksum": hashlib.md5(item.content).hexdigest()}
        if item.drive:
            made |= {
                "driveId": item.drive,
                "hasAugmentedPermissions": bool(item.permissions),
                "inheritedPermissionsDisabled": item.limited,
            }
        else:
            made |= {"owners": [{"emailAddress": item.owner, "displayName": "Owner"}], "shared": True}
            if self.can_share:
                made["permissions"] = list(found.values())
        return made

    # The server

    def authorised(self, request: Request) -> bool:
        return request.path == "/token" or request.headers.get("authorization") == f"Bearer token-{self.token}"

    def refusal(self, request: Request, status: int) -> Response:
        reason = {401: "authError", 429: "rateLimitExceeded"}.get(status, "forbidden")
        return _error(status, reason)

    def _fault(self, request: Request) -> Fault | None:
        fault = super()._fault(request)
        # An export has no checksum: half of one that is framed as if it were whole cannot be told from a short one.
        if fault and fault.kind == "truncated" and request.path.endswith("/export"):
            return Fault("cut")
        return fault

    def problem(self, request: Request, response: Response) -> str | None:
        if request.path == "/token" or not self._specs:
            return None
        which = 1 if request.path.startswith("/v1/") else 2 if request.path.startswith("/v4/") else 0
        return self._specs[which].problem(request, response)

    def answer(self, request: Request) -> Response:
        if request.path == "/token":
            return self._token(request)
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        api = {"v1": "docs", "v4": "sheets"}.get(parts[0], "drive")
        if api in self.disabled:
            return _disabled(api)
        if api == "docs":
            response = self._document(parts[2], request)
        elif api == "sheets":
            response = self._sheets(parts[2:], request)
        else:
            response = self._drive(parts[2:], request)
        if response.status == 200 and response.json is not None and "fields" in request.query:
            response.json = masked(response.json, parse_mask(request.query["fields"][0]))
        return response

    def _token(self, request: Request) -> Response:
        if self.token_error:
            return Response(400, json={"error": self.token_error, "error_description": "not allowed"})
        head, body, signature = request.form()["assertion"].split(".")
        if self.key is not None:
            from google.auth import crypt

            verifier = crypt.RSAVerifier.from_string(self.key)
            if not verifier.verify(f"{head}.{body}".encode(), base64.urlsafe_b64decode(signature + "==")):
                return Response(400, json={"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        self.assertions.append(json.loads(base64.urlsafe_b64decode(body + "==")))
        return Response(json={"access_token": f"token-{self.token}", "expires_in": 3599, "token_type": "Bearer"})

    def _drive(self, parts: list[str], request: Request) -> Response:
        match parts:
            case ["about"]:
                return Response(json={"kind": "drive#about", "user": {"emailAddress": MAIL, "displayName": "Reader"}})
            case ["drives"]:
                seen = [one for one in sorted(self.drives) if self.visible(one)]
                return _page(request, [self._drive_json(one) for one in seen], "drives", int(request.one("pageSize")))
            case ["drives", name]:
                return Response(json=self._drive_json(name)) if self.visible(name) else _error(404, "notFound")
            case ["files"]:
                return self._list(request)
            case ["files", name]:
                return self._get(name, request)
            case ["files", name, "export"]:
                return self._export(name, request)
            case ["files", name, "permissions"]:
                if not self.visible(name):
                    return _error(404, "notFound")
                if name in self.denied_permissions or (name in self.items and not self._may_share(name)):
                    return _error(403, "insufficientFilePermissions")
                found = list(self.permissions_of(name).values())
                if name in self.items and self.items[name].drive:
                    found = [{**one, "permissionDetails": self._details(name, one)} for one in found]
                return _page(request, found, "permissions", int(request.one("pageSize")))
            case ["changes", "startPageToken"]:
                log = request.one("driveId", "")
                if log not in self.logs or (log and not self.visible(log)):
                    return _error(404, "notFound")
                return Response(json={"kind": "drive#startPageToken", "startPageToken": str(100 + len(self.logs[log]))})
            case ["changes"]:
                return self._changes(request)
        return _error(404, "notFound")

    def _may_share(self, name: str) -> bool:
        return bool(self.items[name].drive) or self.can_share

    def _details(self, name: str, one: dict[str, Any]) -> list[dict[str, Any]]:
        direct = one["id"] in self.items[name].permissions
        return [{"permissionType": "file" if direct else "member", "role": one["role"], "inherited": not direct}]

    def _drive_json(self, name: str) -> dict[str, Any]:
        return {"kind": "drive#drive", "id": name, "name": self.drives[name]}

    def _list(self, request: Request) -> Response:
        query, drive = request.one("q", ""), request.one("driveId", "")
        if (request.one("corpora") == "drive") != bool(drive) or (
            drive and request.one("includeItemsFromAllDrives") != "true"
        ):
            return _error(400, "invalid")
        if not re.fullmatch(r"\((?:'[\w-]+' in parents(?: or )?)+\) and trashed = false", query or ""):
            return _error(400, "invalid")
        parents = re.findall(r"'([\w-]+)' in parents", query or "")
        if not all(self.visible(parent) for parent in parents):
            return _error(404, "notFound")
        token = request.one("pageToken")
        if token is not None and not token.startswith("~!"):
            return _error(400, "invalid")
        if token is None and self.empty_pages:
            return Response(json={"kind": "drive#fileList", "files": [], "nextPageToken": "~!"})
        # Behind the last id of the page before, so that what is created meanwhile shifts nothing.
        found = [
            item
            for item in sorted(self.items.values(), key=lambda one: one.id)
            if item.parent in parents
            and self._place(item) == drive
            and not self.in_trash(item.id)
            and self.visible(item.id)
            and item.id > (token or "~!")[2:]
        ]
        size = int(request.one("pageSize") or 100)
        answer: dict[str, Any] = {"kind": "drive#fileList", "files": [self.resource(one) for one in found[:size]]}
        if len(found) > size:
            answer["nextPageToken"] = f"~!{found[size - 1].id}"
        return Response(json=answer)

    def _changes(self, request: Request) -> Response:
        log, token = request.one("driveId", ""), request.one("pageToken", "")
        if log not in self.logs or (log and not self.visible(log)):
            return _error(404, "notFound")
        if log and not (request.one("includeItemsFromAllDrives") == request.one("supportsAllDrives") == "true"):
            return _error(400, "invalid")
        if not (token or "").isdigit() or not 100 <= int(token or 0) <= 100 + len(self.logs[log]):
            return _error(400, "invalid")
        entries, start, size = self.logs[log], int(token or 0) - 100, int(request.one("pageSize") or 100)
        changes: list[dict[str, Any]] = []
        end = min(start + size, len(entries))
        for position in range(start, end):
            name = entries[position]
            if name in entries[position + 1 :]:
                continue  # replaced by a newer entry
            item = self.items.get(name)
            change: dict[str, Any] = {"kind": "drive#change", "changeType": "file", "fileId": name, "removed": True}
            if name in self.drives:
                change = {"kind": "drive#change", "changeType": "drive", "driveId": name, "removed": False}
                change["drive"] = self._drive_json(name)
            elif item is not None and self._place(item) == log and self.visible(name):
                change |= {"removed": False, "file": self.resource(item)}
            changes.append(change)
        answer: dict[str, Any] = {"kind": "drive#changeList", "changes": changes}
        answer["nextPageToken" if end < len(entries) else "newStartPageToken"] = str(100 + end)
        return Response(json=answer)

    def _get(self, name: str, request: Request) -> Response:
        name = self.my_drive if name == "root" else name
        if name not in self.items or not self.visible(name):
            return _error(404, "notFound")
        item = self.items[name]
        if item.drive and request.one("supportsAllDrives") != "true":
            return _error(404, "notFound")
        if request.one("alt") != "media":
            return Response(json=self.resource(item))
        if name in self.refused:
            return _error(403, self.refused[name])
        if item.mime.startswith("application/vnd.google-apps."):
            return _error(403, "fileNotDownloadable")
        return Response(body=item.content, headers={"Content-Type": item.mime})

    def _export(self, name: str, request: Request) -> Response:
        if name not in self.items or not self.visible(name):
            return _error(404, "notFound")
        item, mime = self.items[name], request.one("mimeType") or ""
        if name in self.refused:
            return _error(403, self.refused[name])
        if item.large and mime != "text/plain":
            return _error(403, "exportSizeLimitExceeded")
        if item.mime == DOC and mime == "text/markdown":
            return Response(body=export_markdown(item), headers={"Content-Type": mime})
        if item.mime == SLIDES and mime in ("text/plain", _PPTX):
            return Response(body=item.content, headers={"Content-Type": mime})
        return _error(400, "badRequest")

    def _document(self, name: str, request: Request) -> Response:
        item = self.items.get(name)
        if item is None or item.mime != DOC or not self.visible(name):
            return _status(404, "NOT_FOUND")
        return Response(json=document_json(item))

    def _sheets(self, parts: list[str], request: Request) -> Response:
        name, batch = parts[0], parts[1:] == ["values:batchGet"]
        item = self.items.get(name)
        if item is None or item.mime != SHEET or not self.visible(name):
            return _status(404, "NOT_FOUND")
        if not batch:
            return Response(json={"sheets": [grid_json(number, grid) for number, grid in enumerate(item.grids)]})
        ranges = []
        for asked in request.query["ranges"]:
            found = re.fullmatch(r"'((?:[^']|'')+)'!(\d+):(\d+)", asked)
            grid = next((one for one in item.grids if found and one.title == found[1].replace("''", "'")), None)
            if found is None or grid is None or int(found[3]) > len(grid.rows) + 3:
                return _status(400, "INVALID_ARGUMENT")
            values = cells(grid.rows, int(found[2]), int(found[3]))
            ranges.append({"range": asked, "majorDimension": "ROWS", **({"values": values} if values else {})})
        return Response(json={"spreadsheetId": name, "valueRanges": ranges})

    # Random edits

    def files(self, *mimes: str) -> list[Item]:
        return [one for one in self.items.values() if one.mime in mimes or (not mimes and one.mime != FOLDER)]

    def pick(self, rng: random.Random, found: list[Any]) -> Any:
        return rng.choice(sorted(found, key=lambda one: one.id)) if found else None


_PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


def _is_account(one: dict[str, Any]) -> bool:
    return one.get("emailAddress") == MAIL


def _slug(name: str) -> str:
    return re.sub(r"\W", "", name)[:12]


def _page(request: Request, found: list[Any], key: str, size: int) -> Response:
    start = int(request.one("pageToken") or 0)
    answer: dict[str, Any] = {key: found[start : start + size]}
    if start + size < len(found):
        answer["nextPageToken"] = str(start + size)
    return Response(json=answer)


def _error(status: int, reason: str) -> Response:
    """Drive's own form of an error."""
    errors = [{"domain": "global", "reason": reason, "message": f"{reason}."}]
    return Response(status, json={"error": {"code": status, "message": f"{reason}.", "errors": errors}})


def _status(status: int, word: str) -> Response:
    """The form of Docs and Sheets."""
    return Response(status, json={"error": {"code": status, "message": word, "status": word}})


def _disabled(api: str) -> Response:
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_DISABLED",
            "metadata": {"service": f"{api}.googleapis.com"},
        }
    ]
    response = _status(403, "PERMISSION_DENIED")
    response.json["error"]["details"] = details
    if api == "drive":
        response.json["error"]["errors"] = [{"domain": "usageLimits", "reason": "accessNotConfigured", "message": ""}]
    return response
