"""Markdown, by markdown-it-py (CommonMark with GitHub's tables), then the HTML walk.

markdown-it-py in place of the ``markdown`` package that ``unstructured.partition_md`` uses: it follows CommonMark,
so lists need no blank line before them, nest by two spaces and may hold fenced code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed, clean
from ingest.parse.html import parse_html_text
from ingest.parse.text import decode

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title\s*:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_TAG = re.compile(r"</?([a-z][a-z0-9]*)(?=[\s/>])", re.IGNORECASE)
_HTML_TAGS = frozenset(
    [
        "a",
        "abbr",
        "address",
        "article",
        "aside",
        "b",
        "blockquote",
        "body",
        "br",
        "button",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "fieldset",
        "figcaption",
        "figure",
        "font",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "legend",
        "li",
        "link",
        "main",
        "mark",
        "meta",
        "nav",
        "ol",
        "p",
        "picture",
        "pre",
        "q",
        "s",
        "samp",
        "script",
        "section",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "summary",
        "sup",
        "svg",
        "table",
        "tbody",
        "td",
        "template",
        "tfoot",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "video",
        "wbr",
    ]
)


def parse_markdown(content: bytes, keep_links: bool = False) -> Parsed:
    """Parse text/markdown. Front matter stays as text, and its title becomes the document's."""
    text = clean(decode(content))
    blocks: list[Block] = []
    title = ""
    if match := _FRONT_MATTER.match(text):
        blocks.append(Block(Kind.TEXT, match[1]))
        if found := _FRONT_TITLE.search(match[1]):
            title = found[1].strip("\"'")
        text = text[match.end() :]
    body = parse_html_text(_renderer().render(text), keep_links)
    return Parsed([*blocks, *body.blocks], title=title)


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    renderer.add_render_rule("html_inline", _raw_html)
    renderer.add_render_rule("html_block", _raw_html)
    return renderer


def _raw_html(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    """HTML as it is, but ``<your-name>`` and other angle brackets that are no HTML as text, so as not to lose them."""
    content = tokens[index].content
    names = {match[1].lower() for match in _TAG.finditer(content)}
    if content.startswith("<!--") or (names and names <= _HTML_TAGS):
        return content
    return f"<p>{escape(content)}</p>" if tokens[index].type == "html_block" else escape(content)
