"""What every format is parsed into, and how blocks become a document's text and elements.

A ``Block`` is one element before it has a place. ``assemble`` joins blocks with blank lines and computes the
spans, so offsets are exact by construction for all formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.contract import MetaValue
from ingest.document import Element, Kind

_SEPARATOR = "\n\n"
# C0 controls (tab and newline stay), DEL, soft hyphens (invisible, and they cut words in two for search), BOMs.
_DROPPED = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, 173, 65279))
_NEWLINES = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_OUTER_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+|\s+\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """One element without a position; the fields are those of ``ingest.document.Element``."""

    kind: Kind
    text: str
    level: int = 0
    page: int | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a format's parser returns.

    Attributes:
        title: the document's own title, used where its source gives none.
        metadata: what the document says of itself; the source's metadata wins.
    """

    blocks: list[Block]
    title: str = ""
    metadata: Mapping[str, MetaValue] = field(default_factory=dict)


def clean(text: str) -> str:
    """``text`` with newlines as ``\\n`` and without characters that are no text (controls, lone surrogates)."""
    text = _NEWLINES.sub("\n", text).translate(_DROPPED)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def assemble(blocks: Iterable[Block]) -> tuple[str, list[Element]]:
    """The document's text and its elements; blocks without text are left out.

    Indentation of a block's first line stays, for code; blank lines around a block go. A title is one line.
    """
    parts: list[str] = []
    elements: list[Element] = []
    position = 0
    for block in blocks:
        text = _OUTER_BLANK_LINES.sub("", clean(block.text))
        if block.kind is Kind.TITLE:
            text = " ".join(text.split("\n"))
        if block.kind is not Kind.CODE:
            text = text.strip()
        if not text or text.isspace():
            continue
        if parts:
            position += len(_SEPARATOR)
        header = clean(block.header) if block.header else None
        end = position + len(text)
        level = min(max(block.level, 1), 6) if block.kind is Kind.TITLE else 0
        elements.append(Element(block.kind, position, end, level, block.page, header))
        parts.append(text)
        position = end
    return _SEPARATOR.join(parts), elements
