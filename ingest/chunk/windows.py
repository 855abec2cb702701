"""``token``: fixed windows of tokens, as File Search cuts them; and ``whole``: no cut at all."""

from __future__ import annotations

from bisect import bisect_right

from ingest.chunk import graphemes
from ingest.chunk.tokens import Tokenizer
from ingest.document import Document, Span


class Windows:
    """Windows of ``size`` tokens that begin every ``size - overlap`` tokens of the whole text.

    Cut by token positions, so a window is what decoding its tokens gives. Own code because LlamaIndex's
    ``TokenTextSplitter`` splits at words first and gives no positions. Where a window would end inside a
    grapheme it ends before it, and the next window begins no later than there.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._stride = size - overlap

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``; ``size`` counts tokens of the whole text."""
        text = document.text
        if not text.strip():
            return []
        offsets = self._tokenizer.offsets(text)
        starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
        spans: list[Span] = []
        nominal, end = 0, 0  # first token of the window; position where the last window ended
        while end < len(text):
            start = min(graphemes.floor(text, _position(starts, nominal, text)), end)
            last = min(nominal, bisect_right(ends, start)) + self._size
            stop = graphemes.floor(text, _position(starts, last, text))
            if stop <= end:
                # All of it is shared with the window before: go on from there instead, and cut a grapheme
                # that has more tokens than a window rather than stand still.
                start, last = end, bisect_right(ends, end) + self._size
                furthest = _position(starts, last, text)
                stop = max(graphemes.floor(text, furthest), end)
                stop = stop if stop > end else max(furthest, end + 1)
            spans.append(Span(start, stop))
            nominal, end = nominal + self._stride, stop
        return spans


def _position(starts: list[int], token: int, text: str) -> int:
    return starts[token] if token < len(starts) else len(text)


class Whole:
    """One chunk a document."""

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``."""
        return [Span(0, len(document.text))] if document.text.strip() else []
