"""Plain text: bytes to characters, and characters to paragraphs and lists.

No titles are guessed: plain text does not say which lines are titles, and a guess that fits English prose
(what ``unstructured.partition_text`` does with a spaCy model) is wrong elsewhere.
"""

from __future__ import annotations

import codecs
import re

from connectors.encoding import legacy_encoding
from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed, clean

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_ITEM = re.compile(r"\s*(?:[-*+•‣◦▪–·]|\(?\d{1,3}[.)]|[a-z][.)])\s+\S")
_DETECTION_BYTES = 65_536
_SEVEN_BIT = ("iso-2022", "hz")  # all of it is valid UTF-8 too, with another meaning


def decode(content: bytes, declared: str | None = None) -> str:
    """Characters of ``content``: BOM, then UTF-8, then ``declared``, then charset-normalizer's best guess.

    UTF-8 is tried before what was declared because bytes that are valid UTF-8 by chance are next to
    impossible, while wrong declarations are common. Never fails: what cannot be decoded becomes U+FFFD.
    """
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return content.decode(encoding, "replace")
    if declared and declared.lower().startswith(_SEVEN_BIT):
        try:
            return content.decode(declared)
        except (UnicodeDecodeError, LookupError):
            pass
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if declared:
        try:
            return content.decode(declared)
        except (UnicodeDecodeError, LookupError):
            pass
    return content.decode(legacy_encoding(content[:_DETECTION_BYTES]) or "cp1252", "replace")


def paragraphs(text: str) -> list[Block]:
    """Blocks of ``text`` at its blank lines; a block whose lines all are items is a list. Line breaks stay."""
    blocks = []
    for part in _BLANK_LINES.split(clean(text)):
        lines = [line for line in part.split("\n") if line.strip()]
        if lines:
            is_list = bool(_ITEM.match(lines[0])) and all(_ITEM.match(line) or line[:1].isspace() for line in lines)
            blocks.append(Block(Kind.LIST if is_list else Kind.TEXT, "\n".join(line.rstrip() for line in lines)))
    return blocks


def parse_text(content: bytes) -> Parsed:
    """Parse text/plain."""
    return Parsed(paragraphs(decode(content)))
