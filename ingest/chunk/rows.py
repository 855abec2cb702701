"""``rows``: tables and spreadsheets, so many rows a chunk, the header repeated."""

from __future__ import annotations

from ingest.chunk.packing import Packer
from ingest.chunk.ruler import Ruler
from ingest.chunk.sections import elements, sections
from ingest.chunk.tokens import Tokenizer
from ingest.document import Document, Kind, Span


class Rows:
    """At most ``rows`` rows of a table, or row elements, in a chunk of at most ``size`` tokens.

    Every other element is packed as ``heading`` would. A row larger than a chunk is cut at its lines, then by
    tokens. Rows do not overlap.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int, rows: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._overlap = overlap
        self._rows = rows

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``."""
        ruler = Ruler(document.text, self._tokenizer)
        spans: list[Span] = []
        for section in sections(elements(document)):
            packer = Packer(ruler, self._size, self._overlap)
            for element in section:
                if element.kind is Kind.TABLE:
                    packer.add_table(element, self._rows)
                elif element.kind is Kind.ROW:
                    packer.add_row(element, self._rows)
                else:
                    packer.add(element)
            spans += packer.finish()
        return spans
