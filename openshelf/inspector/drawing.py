"""A document's text with the boundaries of its chunks: every character once, in order, in the chunk that begins there.

A row is what lies between the beginnings of two chunks. Where chunks overlap, the text stands in the row of the later
one, marked as shared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from ingest.chunk.sentences import sentence_spans
from ingest.document import Chunk, Document

WINDOW = 60_000
"""Characters drawn at once. A longer text is drawn in parts."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that is in the same chunks.

    Attributes:
        numbers: of the chunks that have it, from 1; none: no chunk has it.
        blank: nothing but blank space, which chunks leave out at their ends.
    """

    text: str
    numbers: tuple[int, ...]
    blank: bool


@dataclass(frozen=True, slots=True)
class Row:
    """From the beginning of a chunk to the next one's.

    Attributes:
        chunk: ``None`` for what stands before the first chunk.
        number: the chunk's, from 1.
        overlap: characters of it that an earlier chunk has too.
        cuts: whether it ends inside a sentence.
        opens_parent: whether it is the first of its parent.
    """

    chunk: Chunk | None
    number: int
    pieces: list[Piece]
    overlap: int = 0
    cuts: bool = False
    opens_parent: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """A cut in numbers.

    Attributes:
        tokens: of all chunks, prefixes included, as they are embedded.
        cut_sentences: chunks that end inside a sentence.
        repeated: share of the text's characters that stand in more than one chunk, 0..1.
    """

    chunks: int
    tokens: int
    smallest: int
    mean: float
    largest: int
    cut_sentences: int
    repeated: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A part of a document, drawn.

    Attributes:
        start, end: of the part, in characters of the document's text.
        before, after: positions to draw the parts beside it, where there are any.
    """

    rows: list[Row]
    start: int
    end: int
    length: int
    before: int | None
    after: int | None


def draw(document: Document, chunks: Sequence[Chunk], at: int = 0) -> Drawing:
    """The part of the text that has position ``at``, in rows.

    Args:
        chunks: in the order of their starts.
    """
    text = document.text
    starts = sorted({0, *(chunk.start for chunk in chunks)})
    opening = [starts[0]]
    for start in starts:
        if start - opening[-1] >= WINDOW:
            opening.append(start)
    part = max(0, bisect_right(opening, max(0, at)) - 1)
    low = opening[part]
    high = opening[part + 1] if part + 1 < len(opening) else len(text)
    inside = [chunk for chunk in chunks if chunk.start < high and chunk.end > low]
    cut = _cut_ends(document, inside)
    own = [chunk for chunk in inside if chunk.start >= low]
    edges = [*(chunk.start for chunk in own), high]
    rows = []
    if edges[0] > low:
        rows.append(Row(None, 0, _pieces(text, low, edges[0], [one for one in inside if one.start < low])))
    running = [chunk for chunk in inside if chunk.start < low]
    seen, parent = max((chunk.end for chunk in running), default=0), None
    for chunk, end in zip(own, edges[1:], strict=True):
        running = [*(one for one in running if one.end > chunk.start), chunk]
        rows.append(
            Row(
                chunk,
                chunk.ordinal + 1,
                _pieces(text, chunk.start, end, running),
                overlap=max(0, min(seen, chunk.end) - chunk.start),
                cuts=chunk.end in cut,
                opens_parent=chunk.parent is not None and chunk.parent != parent,
            )
        )
        seen, parent = max(seen, chunk.end), chunk.parent
    before = opening[part - 1] if part else None
    return Drawing(rows, low, high, len(text), before, high if high < len(text) else None)


def figures(document: Document, chunks: Sequence[Chunk]) -> Figures:
    """A cut in numbers."""
    sizes = [chunk.tokens for chunk in chunks] or [0]
    cut = _cut_ends(document, chunks)
    end = repeated = 0
    for chunk in chunks:
        repeated += max(0, min(end, chunk.end) - chunk.start)
        end = max(end, chunk.end)
    return Figures(
        chunks=len(chunks),
        tokens=sum(sizes),
        smallest=min(sizes),
        mean=mean(sizes),
        largest=max(sizes),
        cut_sentences=sum(chunk.end in cut for chunk in chunks),
        repeated=repeated / max(1, len(document.text)),
    )


def _cut_ends(document: Document, chunks: Sequence[Chunk]) -> set[int]:
    """Ends of chunks that lie inside a sentence. A sentence does not go beyond its element (paragraph, row, title)."""
    ends = sorted({chunk.end for chunk in chunks})
    inside: set[int] = set()
    if not ends:
        return inside
    for element in document.elements:
        first, last = bisect_right(ends, element.start), bisect_right(ends, element.end - 1)
        if first >= last:
            continue
        for start, end in sentence_spans(document.text, element.start, element.end):
            trimmed = len(document.text[start:end].rstrip()) + start
            for position in range(bisect_right(ends, start), len(ends)):
                if ends[position] >= trimmed:
                    break
                if document.text[start : ends[position]].strip():
                    inside.add(ends[position])
    return inside


def _pieces(text: str, low: int, high: int, chunks: Sequence[Chunk]) -> list[Piece]:
    """``text[low:high]`` cut wherever one of ``chunks`` ends; none begins inside."""
    edges = sorted({low, high, *(chunk.end for chunk in chunks if low < chunk.end < high)})
    made = []
    for start, end in pairwise(edges):
        numbers = tuple(chunk.ordinal + 1 for chunk in chunks if chunk.start <= start and chunk.end >= end)
        made.append(Piece(text[start:end], numbers, not text[start:end].strip()))
    return made
