"""The two things ingest is about: a parsed ``Document`` and the ``Chunk``s cut from it.

Positions are Python string offsets (code points) into ``Document.text``; spans are half open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.contract import MetaValue


class Kind(StrEnum):
    """What an element is; chunkers and prefixes go by it."""

    TITLE = "title"
    TEXT = "text"
    LIST = "list"
    TABLE = "table"
    CODE = "code"
    IMAGE = "image"
    ROW = "row"
    QUESTION = "question"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Element:
    """A run of a document's text with one role.

    Attributes:
        start, end: span in ``Document.text``.
        level: depth of a title, 1 is the topmost; 0 for everything else.
        page: 1-based page, slide or sheet number where the format has them.
        header: for a table, its header row as written in the text; repeated when the table is split.
    """

    kind: Kind
    start: int
    end: int
    level: int = 0
    page: int | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: its whole text and the elements that tile its non-blank characters in order."""

    id: str
    source: str
    title: str
    text: str
    elements: Sequence[Element]
    version: str = ""
    url: str | None = None
    metadata: Mapping[str, MetaValue] = field(default_factory=dict)
    readers: frozenset[str] | None = None
    language: str | None = None
    media_type: str = "text/plain"

    def heading_path(self, position: int) -> tuple[str, ...]:
        """Titles above ``position``, outermost first. In a title only those that enclose it are above it."""
        path: list[tuple[int, str]] = []
        for element in self.elements:
            if element.start > position:
                break
            if element.kind is Kind.TITLE:
                while path and path[-1][0] >= element.level:
                    path.pop()
                if element.end <= position:
                    path.append((element.level, self.text[element.start : element.end].strip()))
        return tuple(text for _, text in path)

    def page(self, position: int) -> int | None:
        """The page of the last element that starts at or before ``position``."""
        found: int | None = None
        for element in self.elements:
            if element.start > position:
                break
            found = element.page if element.page is not None else found
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """What a chunker returns: a piece of a document's text.

    Attributes:
        parent: the larger span to hand to the reader in place of this one (parent-child).
        header: a table header to repeat in front of the piece.
    """

    start: int
    end: int
    parent: tuple[int, int] | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece ready to embed.

    Attributes:
        text: ``document.text[start:end]``.
        header: repeated table header, shown and embedded.
        prefix: contextual prefix, embedded and indexed but not repeated in an answer's context.
        parent: span returned to the reader instead of ``start:end``, where the chunker is parent-child.
        tokens: length of ``embed_text`` in tokens of the configured tokenizer.
    """

    text: str
    start: int
    end: int
    ordinal: int
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    header: str | None = None
    prefix: str = ""
    parent: tuple[int, int] | None = None
    tokens: int = 0

    @property
    def shown(self) -> str:
        """What a reader sees: the repeated header, then the text."""
        return f"{self.header}\n{self.text}" if self.header else self.text

    @property
    def embed_text(self) -> str:
        """What is embedded and indexed: prefix, header, text."""
        return f"{self.prefix}\n{self.shown}" if self.prefix else self.shown
