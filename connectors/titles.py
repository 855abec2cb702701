"""What a file calls itself: the title and language that its own format carries."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from pathlib import PurePosixPath

from connectors.front_matter import two_letters

_HEAD = 200_000
"""Bytes of a file that are looked at."""

_HEADING = re.compile(r"^ {0,3}# +(.+?)(?: +#+)?\s*$|^(\S.*)\n=+\s*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1", re.DOTALL | re.MULTILINE)
_MARKUP = re.compile(r"[*`]+|!?\[([^\]]*)\]\([^)]*\)")


def title_and_language(content: bytes, media_type: str, name: str) -> tuple[str, str | None]:
    """A title for citations, at most 300 characters, and the language where the file says it.

    HTML: ``<title>``, else the first ``<h1>``, and ``lang``. Markdown: the first top heading. Mail: the
    subject. All others, and where nothing is found: the file's name without extension.
    """
    title, language = None, None
    if media_type == "text/html":
        title, language = _from_html(_decode(content))
    elif media_type == "text/markdown":
        title = _from_markdown(_decode(content))
    elif media_type == "message/rfc822":
        title = str(message_from_bytes(content[:_HEAD], policy=default).get("subject") or "")
    title = " ".join((title or "").split())
    return (title or PurePosixPath(name).stem)[:300], language


def _from_markdown(text: str) -> str | None:
    found = _HEADING.search(_FENCE.sub("", text))
    return _MARKUP.sub(lambda match: match[1] or "", found[1] or found[2]) if found else None


class _Head(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.language: str | None = None
        self.found: dict[str, str] = {}
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.language = two_letters(dict(attrs).get("lang"))
        elif tag in ("title", "h1") and tag not in self.found:
            self._inside = tag
            self.found[tag] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[self._inside] += data


def _from_html(text: str) -> tuple[str | None, str | None]:
    parser = _Head()
    parser.feed(text)
    return parser.found.get("title", "").strip() or parser.found.get("h1"), parser.language


def _decode(content: bytes) -> str:
    head = content[:_HEAD]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character cut at the end of the head is still UTF-8; anything else is an old Western page.
        if error.start >= len(head) - 3:
            return head[: error.start].decode("utf-8-sig")
        return head.decode("cp1252", "replace")
