"""A document of the Docs API as Markdown, tab by tab; and what Drive's own Markdown export has too much of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_HEADINGS = {"TITLE": 1, **{f"HEADING_{level}": level for level in range(1, 7)}}
_ORDERED = frozenset({"DECIMAL", "ZERO_DECIMAL", "UPPER_ALPHA", "ALPHA", "UPPER_ROMAN", "ROMAN"})
_PLACEHOLDER = "\ue907"
"""What the Docs API puts where a run has something that is no text."""

_IMAGE_DATA = re.compile(r"^\[image\d+\]: *<data:image/[^>]*>[ \t]*$\n?", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\]]*)\](?:\[image\d+\]|\(data:image/[^)]*\))")
_MARKS = re.compile(r"^(\s*)(\d*)(#{1,6} |[-+*] |>|(?<=\d)[.)] )")


def tabs_of(document: Mapping[str, Any]) -> int:
    """How many tabs a document has, those within others counted."""

    def count(tabs: Any) -> int:
        return sum(1 + count(tab.get("childTabs")) for tab in tabs or [])

    return count(document.get("tabs"))


def without_images(markdown: str) -> str:
    """Drive's Markdown export without the pictures, which it carries as base64 text; their descriptions stay."""
    return _IMAGE.sub(lambda found: found[1], _IMAGE_DATA.sub("", markdown)).strip()


def markdown_of(document: Mapping[str, Any]) -> str:
    """All tabs in reading order. With more than one, each starts with its title as a heading, the headings in
    it move below that, and a nested tab is a heading deeper.
    """
    tabs = list(document.get("tabs") or [])
    several = tabs_of(document) > 1
    return "\n\n".join(part for tab in tabs for part in _tab(tab, 1 if several else 0)).strip()


def _tab(tab: Mapping[str, Any], level: int) -> Iterator[str]:
    if level:
        title = " ".join(str((tab.get("tabProperties") or {}).get("title") or "").split())
        yield f"{'#' * min(level, 6)} {title or 'Tab'}"
    text = _Tab(tab.get("documentTab") or {}, level).markdown()
    if text:
        yield text
    for child in tab.get("childTabs") or []:
        yield from _tab(child, level + 1 if level else 0)


class _Tab:
    """One tab. ``level``: of the heading that stands above it, 0 for none."""

    def __init__(self, tab: Mapping[str, Any], level: int) -> None:
        self._body = (tab.get("body") or {}).get("content") or []
        self._lists = tab.get("lists") or {}
        self._footnotes = tab.get("footnotes") or {}
        self._level = level
        self._notes: list[str] = []

    def markdown(self) -> str:
        """The text; items of one list stand on lines that follow each other, all else is a block of its own."""
        blocks = list(self._blocks(self._body))
        for number, name in enumerate(self._notes, start=1):
            content = (self._footnotes.get(name) or {}).get("content") or []
            blocks.append((f"[{number}] " + " ".join(self._plain(content)), False))
        text, after_item = "", False
        for block, item in blocks:
            text += ("\n" if item and after_item else "\n\n" if text else "") + block
            after_item = item
        return text.strip()

    def _blocks(self, content: Any) -> Iterator[tuple[str, bool]]:
        """Each block, and whether it is an item of a list."""
        for element in content:
            paragraph = element.get("paragraph") or {}
            text = self._table(element["table"]) if "table" in element else self._paragraph(paragraph)
            if text:
                yield text, "bullet" in paragraph

    def _paragraph(self, paragraph: Mapping[str, Any]) -> str:
        text = self._text(paragraph).strip()
        if not text:
            return ""
        style = str((paragraph.get("paragraphStyle") or {}).get("namedStyleType") or "")
        if style in _HEADINGS:
            return f"{'#' * min(_HEADINGS[style] + self._level, 6)} {' '.join(text.split())}"
        bullet = paragraph.get("bullet")
        if bullet is not None:
            depth = int(bullet.get("nestingLevel") or 0)
            mark = "1." if self._ordered(str(bullet.get("listId")), depth) else "-"
            return f"{'    ' * depth}{mark} {' '.join(text.split())}"
        return "\n".join(_MARKS.sub(r"\1\2\\\3", line) for line in text.split("\n"))

    def _plain(self, content: Any) -> Iterator[str]:
        """The paragraphs of a cell or a footnote, tables in it unrolled."""
        for element in content:
            if "paragraph" in element:
                text = " ".join(self._text(element["paragraph"]).split())
                if text:
                    yield text
            elif "table" in element:
                for row in element["table"].get("tableRows") or []:
                    for cell in row.get("tableCells") or []:
                        yield from self._plain(cell.get("content") or [])

    def _table(self, table: Mapping[str, Any]) -> str:
        rows = [
            [
                " ".join(self._plain(cell.get("content") or [])).replace("|", "\\|")
                for cell in row.get("tableCells") or []
            ]
            for row in table.get("tableRows") or []
        ]
        width = max((len(row) for row in rows), default=0)
        if not width:
            return ""
        lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])

    def _text(self, paragraph: Mapping[str, Any]) -> str:
        return "".join(self._element(element) for element in paragraph.get("elements") or []).replace("\x0b", "\n")

    def _element(self, element: Mapping[str, Any]) -> str:
        if "textRun" in element:
            run = element["textRun"]
            text = str(run.get("content") or "").replace(_PLACEHOLDER, "")
            url = ((run.get("textStyle") or {}).get("link") or {}).get("url")
            bare = text.strip()
            return text.replace(bare, f"[{bare}]({url})") if url and bare and bare != url else text
        if "richLink" in element:
            about = element["richLink"].get("richLinkProperties") or {}
            return f"[{about.get('title') or about.get('uri')}]({about.get('uri')})"
        if "person" in element:
            about = element["person"].get("personProperties") or {}
            return str(about.get("name") or about.get("email") or "")
        if "dateElement" in element:
            return str((element["dateElement"].get("dateElementProperties") or {}).get("displayText") or "")
        if "footnoteReference" in element:
            self._notes.append(str(element["footnoteReference"].get("footnoteId")))
            return f"[{len(self._notes)}]"
        return ""

    def _ordered(self, name: str, depth: int) -> bool:
        levels = ((self._lists.get(name) or {}).get("listProperties") or {}).get("nestingLevels") or []
        return depth < len(levels) and levels[depth].get("glyphType") in _ORDERED
