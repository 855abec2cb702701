"""What a fake Drive holds: items, their permissions, and documents and sheets as their APIs tell them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

APPS = "application/vnd.google-apps."
FOLDER, SHORTCUT = APPS + "folder", APPS + "shortcut"
DOC, SHEET, SLIDES = APPS + "document", APPS + "spreadsheet", APPS + "presentation"
_PLACES = {DOC: "document", SHEET: "spreadsheets", SLIDES: "presentation"}


@dataclass
class Tab:
    """A tab of a document: its text has a line a paragraph, ``# `` before headings and ``- `` before items."""

    title: str
    text: str
    children: list[Tab] = field(default_factory=list)


@dataclass
class Grid:
    """A tab of a spreadsheet."""

    title: str
    rows: list[list[Any]]
    id: int = 0
    hidden: bool = False
    kind: str = "GRID"


@dataclass
class Item:
    """One item. ``permissions``: those given directly on it, by id."""

    id: str
    name: str
    mime: str
    parent: str
    drive: str = ""
    content: bytes = b""
    tabs: list[Tab] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    permissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    target: str = ""
    target_mime: str = ""
    trashed: bool = False
    limited: bool = False
    downloadable: bool = True
    large: bool = False
    owner: str = "owner@corp.example"
    created: str = ""
    modified: str = ""
    version: int = 1

    def link(self) -> str:
        if self.mime in _PLACES:
            return f"https://docs.google.com/{_PLACES[self.mime]}/d/{self.id}/edit?usp=drivesdk"
        return f"https://drive.google.com/file/d/{self.id}/view?usp=drivesdk"


def permission(kind: str, who: str = "", role: str = "reader", **more: Any) -> dict[str, Any]:
    """A permission as Drive tells it."""
    name = "anyoneWithLink" if kind == "anyone" else str(int(hashlib.sha256(f"{kind}{who}".encode()).hexdigest(), 16))
    made: dict[str, Any] = {"kind": "drive#permission", "id": name[:20], "type": kind, "role": role, **more}
    if kind in ("user", "group"):
        made |= {"emailAddress": who, "deleted": made.get("deleted", False)}
    elif kind == "domain":
        made["domain"] = who
    if kind in ("anyone", "domain"):
        made.setdefault("allowFileDiscovery", False)
    return made


def document_json(item: Item) -> dict[str, Any]:
    """``documents.get`` with all tabs."""
    counter = iter(range(1000))

    def tab(one: Tab, level: int, index: int) -> dict[str, Any]:
        name = f"t.{next(counter)}"
        made: dict[str, Any] = {
            "tabProperties": {"tabId": name, "title": one.title, "index": index, "nestingLevel": level},
            "documentTab": {
                "body": {"content": [paragraph(line) for line in one.text.split("\n")]},
                "lists": {"kix.1": {"listProperties": {"nestingLevels": [{"glyphSymbol": "●"}] * 9}}},
            },
        }
        if one.children:
            made["childTabs"] = [tab(child, level + 1, number) for number, child in enumerate(one.children)]
        return made

    return {
        "documentId": item.id,
        "title": item.name,
        "revisionId": f"r{item.version}",
        "suggestionsViewMode": "PREVIEW_WITHOUT_SUGGESTIONS",
        "tabs": [tab(one, 0, number) for number, one in enumerate(item.tabs)],
    }


def paragraph(line: str) -> dict[str, Any]:
    """A line of a ``Tab`` as a structural element."""
    style, bullet = "NORMAL_TEXT", False
    if line.startswith("#"):
        marks, line = line.split(" ", 1)
        style = f"HEADING_{len(marks)}"
    elif line.startswith("- "):
        bullet, line = True, line[2:]
    made: dict[str, Any] = {
        "elements": [{"textRun": {"content": line + "\n", "textStyle": {}}}],
        "paragraphStyle": {"namedStyleType": style},
    }
    if bullet:
        made["bullet"] = {"listId": "kix.1"}
    return {"paragraph": made}


def export_markdown(item: Item) -> bytes:
    """Drive's export: every tab's text without its title, pictures as base64 text at the end."""
    parts: list[str] = []

    def walk(tabs: list[Tab]) -> None:
        for one in tabs:
            parts.append("\n\n".join(one.text.split("\n")))
            walk(one.children)

    walk(item.tabs)
    text = "\n\n".join(parts)
    if text.strip():
        text += "\n\n![][image1]\n\n[image1]: <data:image/png;base64,iVBORw0KGgo=>\n"
    return text.encode()


def grid_json(number: int, grid: Grid) -> dict[str, Any]:
    """The properties of a tab."""
    made: dict[str, Any] = {
        "sheetId": grid.id,
        "title": grid.title,
        "index": number,
        "sheetType": grid.kind,
        "gridProperties": {"rowCount": len(grid.rows) + 3, "columnCount": 26},
    }
    if grid.hidden:
        made["hidden"] = True
    if grid.kind != "GRID":
        del made["gridProperties"]
    return {"properties": made}


def cells(rows: list[list[Any]], first: int, last: int) -> list[list[Any]]:
    """Values of a range; empty cells and rows at its ends are left out."""
    found = [list(row) for row in rows[first - 1 : last]]
    for row in found:
        while row and row[-1] in ("", None):
            row.pop()
    while found and not found[-1]:
        found.pop()
    return found
