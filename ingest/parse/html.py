"""HTML, by one walk over lxml's tree, for pages and for what Markdown and e-mail bodies turn into.

HTML says by itself what is a title, a list, a table or code, so nothing is guessed. Why not
``unstructured.partition_html`` (0.27.35, measured): it drops ``<details>``, ``<figure>`` and ``<form>`` with all
they hold, paragraphs of one character (a word in Chinese) and image texts; it asks a spaCy model about every
paragraph, and takes 9 to 35 ms for a page of 3.5 kB besides a first import of 3 to 8 s (spaCy imports torch).
This walk takes about 1 ms. Dropped on purpose: what a browser does not show, navigation, and the page's footer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed, clean
from ingest.parse.html_table import data_rows
from ingest.parse.tables import table_block
from ingest.parse.text import decode

if TYPE_CHECKING:
    from lxml.etree import _Element

_UNSEEN = frozenset(
    [
        "script",
        "style",
        "head",
        "template",
        "noscript",
        "noframes",
        "noembed",
        "iframe",
        "object",
        "embed",
        "canvas",
        "audio",
        "video",
        "svg",
        "select",
        "datalist",
        "textarea",
        "title",
        "meta",
        "link",
        "annotation",
        "annotation-xml",
    ]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "optgroup",
        "p",
        "pre",
        "search",
        "section",
        "summary",
        "table",
        "tbody",
        "thead",
        "tfoot",
        "tr",
        "td",
        "th",
        "caption",
        "ul",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)
_LISTS = frozenset({"ul", "ol", "menu", "dir", "dl"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SECTIONING = frozenset({"article", "blockquote", "section", "main", "figure", "li", "td"})
_HIDDEN_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_BREAK = "\v"  # cannot occur in lxml's text; stands for <br> until spaces are collapsed
_AROUND_BREAK = re.compile(rf" ?{_BREAK} ?")
_PARAGRAPH_BREAK = re.compile(r"\n{2,}")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{2,40})", re.IGNORECASE)
_LONGEST_TITLE = 400  # more is an unclosed <h1> with the page in it
_DEEPEST_TABLE = 8  # deeper ones are layout; bounds recursion and rescans


def parse_html(content: bytes, keep_links: bool = False) -> Parsed:
    """Parse text/html; the encoding comes from a BOM, the bytes, or the page's own declaration."""
    head = content[:4096]
    match = _META_CHARSET.search(head) or _XML_ENCODING.search(head)
    return parse_html_text(decode(content, match[1].decode("ascii") if match else None), keep_links)


def parse_html_text(markup: str, keep_links: bool = False) -> Parsed:
    """Parse decoded HTML: a page or a fragment."""
    from lxml import etree

    # huge_tree: libxml2 cuts off what is nested deeper than 256 levels otherwise.
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    parser.feed(b"<html>" if not markup.strip() else clean(markup).encode("utf-8"))
    root = parser.close()
    if root is None:
        return Parsed([])
    blocks = walk(root, keep_links)
    if not blocks:  # a page that is all navigation, or broken so that it looks like it
        blocks = walk(root, keep_links, drop_boilerplate=False)
    page_title = root.findtext(".//head/title") or ""
    return Parsed(blocks, title=_SPACES.sub(" ", page_title).strip())


def walk(root: _Element, keep_links: bool = False, *, drop_boilerplate: bool = True, depth: int = 0) -> list[Block]:
    """Blocks of ``root`` and what is below it, without its tail. ``depth`` counts enclosing data tables."""
    from lxml import etree

    walker = _Walker(keep_links, depth)
    events = etree.iterwalk(root, events=("start", "end"))
    skipped: _Element | None = None
    for event, node in events:
        if event == "start":
            if (skipped is None and _is_dropped(node, node is root, drop_boilerplate)) or (
                skipped is None and walker.start(node)
            ):
                skipped = node
                events.skip_subtree()
            continue
        if skipped is node:
            skipped = None
        elif skipped is None:
            walker.end(node)
        if skipped is None and node is not root and node.tail:
            walker.add(node.tail)
    walker.flush()
    walker.close_list()
    return walker.blocks


def _is_dropped(node: _Element, is_root: bool, drop_boilerplate: bool) -> bool:
    if not isinstance(node.tag, str) or node.tag in _UNSEEN:
        return True
    if is_root:
        return False
    if node.get("hidden") is not None and node.get("hidden") != "until-found":
        return True
    style = node.get("style")
    if style and _HIDDEN_STYLE.search(style):
        return True
    if not drop_boilerplate:
        return False
    role = node.get("role")
    if node.tag == "nav" or role == "navigation":
        return True
    # A footer inside an article or a quotation holds its source, not the site's links.
    return (node.tag == "footer" or role == "contentinfo") and not any(
        parent.tag in _SECTIONING for parent in node.iterancestors()
    )


class _Walker:
    """Collects inline text and closes a block at each block boundary."""

    def __init__(self, keep_links: bool, depth: int) -> None:
        self.blocks: list[Block] = []
        self._keep_links = keep_links
        self._depth = depth
        self._inline: list[str] = []
        self._only_images = True
        self._headings: list[int] = []
        self._lists: list[int | None] = []  # one for each open list: next number, or None for bullets
        self._marker = ""
        self._lines: list[str] = []

    def add(self, text: str) -> None:
        """Add inline text."""
        self._inline.append(text)
        if self._only_images and not text.isspace():
            self._only_images = False

    def start(self, node: _Element) -> bool:
        """Open ``node``; true when it was dealt with as a whole."""
        tag = node.tag
        if tag == "br":
            self._inline.append(_BREAK)
        elif tag == "img":
            self._image(node)
        elif tag == "pre":
            self._code(node)
            return True
        elif tag == "table" and self._table(node):
            return True
        elif tag in _BLOCKS:
            self._open_block(node, tag)
        if node.text:
            self.add(node.text)
        return False

    def end(self, node: _Element) -> None:
        """Close ``node``."""
        tag = node.tag
        if tag == "a" and self._keep_links:
            self._link(node)
        if tag in _BLOCKS:
            if self._level(node):
                self.flush()
                self._headings.pop()
            elif self._headings:
                self._inline.append(" ")
            else:
                self.flush()
            if tag in _LISTS and self._lists:
                self._lists.pop()
                if not self._lists:
                    self.close_list()
        elif node.get("role") == "heading":
            self.flush()
            self._headings.pop()

    def _open_block(self, node: _Element, tag: str) -> None:
        level = self._level(node)
        if self._headings and not level:
            self._inline.append(" ")  # a block inside a heading is part of the heading
            return
        self.flush()
        if level:
            self._headings.append(level)
        elif tag in _LISTS:
            start = node.get("start", "1")
            self._lists.append((int(start) if start.isdecimal() else 1) if tag == "ol" else None)
        elif tag in ("li", "dt") and self._lists:
            number = self._lists[-1]
            self._marker = "- " if number is None else f"{number}. "
            if number is not None:
                self._lists[-1] = number + 1

    @staticmethod
    def _level(node: _Element) -> int:
        if (level := _HEADINGS.get(node.tag)) is not None:
            return level
        if node.get("role") == "heading":
            aria = node.get("aria-level", "2")
            return int(aria) if aria.isdecimal() else 2
        return 0

    def _image(self, node: _Element) -> None:
        alt = (node.get("alt") or "").strip()
        if alt:
            self._inline.append(f" {alt} ")

    def _link(self, node: _Element) -> None:
        href = (node.get("href") or "").strip()
        if href and not href.startswith(("#", "javascript:", "data:")) and href != "".join(node.itertext()).strip():
            self.add(f" ({href})")

    def _code(self, node: _Element) -> None:
        self.flush()
        self.close_list()
        for line_break in node.iter("br"):
            line_break.text = "\n"
        self.blocks.append(Block(Kind.CODE, "".join(node.itertext())))

    def _table(self, node: _Element) -> bool:
        rows = data_rows(node, self._cell_text) if self._depth < _DEEPEST_TABLE else None
        if rows is None:
            return False
        self.flush()
        self.close_list()
        for caption in node.findall("caption"):
            self.blocks.extend(walk(caption, self._keep_links, depth=self._depth + 1))
        if self._depth:  # a table in a cell of another: its rows as lines of text
            lines = [", ".join(filter(None, (" ".join(cell.split("\n")) for cell in row))) for row in rows]
            self.blocks.append(Block(Kind.TEXT, "\n".join(filter(None, lines))))
        elif (block := table_block(rows)) is not None:
            self.blocks.append(block)
        return True

    def _cell_text(self, cell: _Element) -> str:
        return "\n".join(block.text for block in walk(cell, self._keep_links, depth=self._depth + 1))

    def flush(self) -> None:
        """Close the block that inline text was collected for."""
        if not self._inline:
            return
        text = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", "".join(self._inline))).strip(" \n")
        only_images, self._only_images = self._only_images, True
        self._inline.clear()
        if not text or text.isspace():
            return
        if self._headings and len(text) <= _LONGEST_TITLE:
            self.close_list()
            self.blocks.append(Block(Kind.TITLE, text, level=self._headings[-1]))
        elif self._lists:
            indent = "  " * (len(self._lists) - 1)
            first = indent + (self._marker or "  ")
            self._marker = ""
            self._lines.append(first + text.replace("\n", "\n" + " " * len(first)))
        else:
            kind = Kind.IMAGE if only_images else Kind.TEXT
            self.blocks.extend(Block(kind, part) for part in _PARAGRAPH_BREAK.split(text))

    def close_list(self) -> None:
        """End the list element; items that follow a table or code inside a list start another."""
        if self._lines:
            self.blocks.append(Block(Kind.LIST, "\n".join(self._lines)))
            self._lines = []
