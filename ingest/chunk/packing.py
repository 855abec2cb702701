"""Packs the elements of one section into chunks. Shared by the chunkers that go by a document's structure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.chunk import graphemes
from ingest.chunk.ruler import Ruler
from ingest.chunk.sentences import line_spans, sentence_spans
from ingest.document import Element, Kind, Span

_BY_LINE = {Kind.CODE, Kind.LIST, Kind.ROW}
_BLANK_THEN_TEXT = re.compile(r"\s(?=\S)")


@dataclass(frozen=True, slots=True)
class Repeat:
    """Text repeated in front of every chunk that begins at or after ``start``."""

    text: str
    start: int


class Packer:
    """Greedy packing: an element is kept whole while it fits, otherwise cut at its rows, lines or sentences.

    Give it the elements of one section in order, then take ``finish()``.

    Args:
        size: most tokens in a chunk, a repeated header included.
        overlap: tokens at most that a chunk repeats from the one before, from a sentence's or word's start.
            Rows of tables are not repeated: their header is.
        lead: repeated wherever no table header is.
    """

    def __init__(self, ruler: Ruler, size: int, overlap: int = 0, lead: Repeat | None = None) -> None:
        self._ruler = ruler
        self._size = size
        self._overlap = overlap
        self._lead = lead
        self._spans: list[Span] = []
        # The open chunk: its span, its repeated header, the tokens that leaves, how many rows it holds.
        self._start: int | None = None
        self._end = 0
        self._header: str | None = None
        self._room = size
        self._rows = 0
        self._bare = False  # it holds nothing but titles, so text is added before it is closed
        self._before: tuple[int, int] | None = None  # the chunk before, where the next may overlap with it

    def add(self, element: Element) -> None:
        """Append an element of any kind."""
        if self._extend(element.end):
            self._bare = self._bare and element.kind is Kind.TITLE
            return
        if not self._bare:
            self._close()
        if self._start is None and self._open(element.start, element.end):
            self._bare = element.kind is Kind.TITLE
        elif element.kind is Kind.TABLE:
            self.add_table(element)
        else:
            split = line_spans if element.kind in _BY_LINE else sentence_spans
            for start, end in split(self._ruler.text, element.start, element.end):
                if self._extend(end):
                    self._bare = False
                else:
                    self._add_part(start, end)

    def add_table(self, table: Element, rows: int | None = None) -> None:
        """Append a table row by row, in chunks of its own: at most ``rows`` rows each (``None``: any number).

        The first chunk holds the header where it is written; the others repeat it, unless it would leave less
        than half of a chunk for rows.
        """
        text, tokens = self._ruler.text, self._ruler.tokenizer.count
        header = (table.header or "").strip()
        body = _after_header(text, table, header)
        repeat = Repeat(header, body) if header and tokens(header) < self._size // 2 else None
        if not self._bare:
            self._close(share=False)
        lines = [line for line in line_spans(text, body, table.end) if text[slice(*line)].strip()]
        starts = [table.start, *(start for start, _ in lines[1:])]
        ends = [end for _, end in lines] or [table.end]
        for start, end in zip(starts, ends, strict=True):
            self._add_row(start, end, repeat, rows)
        self._close(share=False)

    def add_row(self, element: Element, rows: int) -> None:
        """Append an element that is one row of a spreadsheet; at most ``rows`` of them in a chunk."""
        if self._rows == 0 and not self._bare:
            self._close(share=False)
        self._add_row(element.start, element.end, None, rows)

    def finish(self) -> list[Span]:
        """Close the last chunk and return all of them, ordered by start."""
        self._close()
        return sorted(self._spans, key=lambda span: (span.start, span.end))

    def _add_row(self, start: int, end: int, repeat: Repeat | None, rows: int | None) -> None:
        if (rows is None or self._rows < rows) and self._extend(end):
            self._rows += 1
            self._bare = False
        else:
            self._add_part(start, end, repeat, share=False)
            self._rows = 1

    def _add_part(self, start: int, end: int, repeat: Repeat | None = None, *, share: bool = True) -> None:
        """Begin the next chunk with a row, line or sentence, cutting it only where it is larger than a chunk."""
        if self._bare and self._start is not None:
            start = self._fill(end)
        self._close(share=share)
        while start < end and not self._open(start, end, repeat):
            start = self._open_with_some(start, end, repeat)
            self._close(share=share)

    # --- the open chunk -----------------------------------------------------------------------------

    def _extend(self, end: int) -> bool:
        if self._start is None or not self._ruler.fits(self._start, end, self._room):
            return False
        self._end = end
        return True

    def _fill(self, end: int) -> int:
        """Add what fits to a chunk that holds only titles; returns where the rest begins."""
        if self._start is not None:
            self._end = max(self._end, self._ruler.cut(self._start, end, self._room))
        return self._end

    def _open(self, start: int, end: int, repeat: Repeat | None = None) -> bool:
        """Begin a chunk with ``start:end`` and as much overlap as there is room for, if it fits at all."""
        self._prepare(start, repeat)
        if not self._ruler.fits(start, end, self._room):
            return False
        shared = self._overlap_start(start, self._room - self._ruler.share(start, end))
        self._start = shared if self._ruler.fits(shared, end, self._room) else start
        self._end = end
        return True

    def _open_with_some(self, start: int, end: int, repeat: Repeat | None) -> int:
        """Begin a chunk with as much of ``start:end`` as fits; returns where the rest begins."""
        self._prepare(start, repeat)
        shared = self._overlap_start(start, self._room // 2)
        self._start, self._end = shared, self._ruler.cut(shared, end, self._room)
        if self._end <= start:
            self._start, self._end = start, self._ruler.cut(start, end, self._room)
        return self._end

    def _prepare(self, start: int, repeat: Repeat | None) -> None:
        given = next((one for one in (repeat, self._lead) if one and start >= one.start), None)
        self._header = given.text if given else None
        self._room = self._size - (self._ruler.tokenizer.count(f"{given.text}\n") if given else 0)
        self._rows = 0
        self._bare = False

    def _close(self, *, share: bool = True) -> None:
        if not share:
            self._before = None
        if self._start is None:
            return
        if share:
            self._before = (self._start, self._end)
        # Usually one piece: this is where the bound is proved by encoding what will be the chunk.
        for start, end in self._ruler.pieces(self._start, self._end, self._room, proved=True):
            self._spans.append(Span(start, end, header=self._header))
        self._start = None
        self._rows = 0
        self._bare = False

    def _overlap_start(self, start: int, room: int) -> int:
        """Where a chunk whose own text begins at ``start`` begins when it repeats the end of the one before."""
        allowed = min(self._overlap, room)
        if self._before is None or allowed < 1:
            return start
        text, (first, end) = self._ruler.text, self._before
        earliest = max(self._ruler.before(end, allowed), first + 1)
        found = next((at for at, _ in sentence_spans(text, first, end) if at >= earliest), None)
        if found is None:
            blank = _BLANK_THEN_TEXT.search(text, max(earliest - 1, first), end)
            found = blank.end() if blank else graphemes.ceiling(text, earliest)
        return found if found < end else start


def _after_header(text: str, table: Element, header: str) -> int:
    """Where the rows of a table begin: after its header, where its text begins with it."""
    start = table.start
    while start < table.end and text[start].isspace():
        start += 1
    return start + len(header) if header and text.startswith(header, start, table.end) else table.start
