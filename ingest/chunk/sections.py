"""``heading``: chunks that never cross a heading; and the sections that the other structural chunkers share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingest.chunk.packing import Packer
from ingest.chunk.ruler import Ruler
from ingest.chunk.tokens import Tokenizer
from ingest.document import Document, Element, Kind, Span


class Headings:
    """Elements under the same heading, packed up to ``size``.

    Own code because LlamaIndex's ``MarkdownNodeParser`` reads Markdown source, not elements, and knows neither
    sizes, tables nor positions.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._overlap = overlap

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``."""
        ruler = Ruler(document.text, self._tokenizer)
        return [span for section in sections(elements(document)) for span in self.pack(ruler, section)]

    def pack(self, ruler: Ruler, section: Sequence[Element]) -> list[Span]:
        """Chunks of one section."""
        packer = Packer(ruler, self._size, self._overlap)
        for element in section:
            packer.add(element)
        return packer.finish()


def elements(document: Document) -> list[Element]:
    """The document's elements, made to tile its text: what no element covers becomes a text element.

    Parsers tile already; this keeps a parser from another package from losing text.
    """
    text = document.text
    tiles: list[Element] = []
    at = 0
    for element in sorted(document.elements, key=lambda element: (element.start, element.end)):
        start, end = max(element.start, at), min(element.end, len(text))
        if start >= end:
            continue
        tiles += _gap(text, at, start)
        tiles.append(
            element
            if (start, end) == (element.start, element.end)
            else Element(element.kind, start, end, element.level, element.page, element.header)
        )
        at = end
    return tiles + _gap(text, at, len(text))


def _gap(text: str, start: int, end: int) -> list[Element]:
    return [Element(Kind.TEXT, start, end)] if text[start:end].strip() else []


def sections(tiles: Sequence[Element]) -> Iterator[list[Element]]:
    """Runs of elements under one heading. Titles with nothing between them stay with the text that follows."""
    section: list[Element] = []
    for element in tiles:
        if element.kind is Kind.TITLE and section and section[-1].kind is not Kind.TITLE:
            yield section
            section = []
        section.append(element)
    if section:
        yield section
