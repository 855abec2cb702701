"""``recursive``: split at the largest separator that makes pieces small enough, then merge neighbours.

The algorithm of LangChain's ``RecursiveCharacterTextSplitter`` (keep_separator, lengths in tokens) over spans,
with the separators of ``RecursiveTokenChunker`` in Chroma's chunking report, so that its published results
can be repeated. A kept separator opens the next piece. Own code because LlamaIndex has no such splitter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ingest.chunk.ruler import Ruler
from ingest.chunk.tokens import Tokenizer
from ingest.document import Document, Span

# Ideographic marks follow the Latin ones: a text without them is split exactly as in the report.
SEPARATORS = ("\n\n", "\n", ".", "?", "!", "。", "？", "！", " ")

_Piece = tuple[int, int, int]  # start, end, tokens


class Recursive:
    """Paragraphs, lines, sentences, words; a word longer than a chunk is cut by tokens."""

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._overlap = overlap

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``."""
        ruler = Ruler(document.text, self._tokenizer)
        chunks = self._split(ruler, 0, len(document.text), SEPARATORS)
        found = []
        for start, end in chunks:
            if not document.text[start:end].strip():
                continue
            # Lengths of parts nearly always add up to the whole's or more; where they do not, the bound holds.
            found += [Span(*piece) for piece in ruler.pieces(start, end, self._size, proved=True)]
        return sorted(found, key=lambda span: (span.start, span.end))

    def _split(self, ruler: Ruler, start: int, end: int, separators: Sequence[str]) -> list[tuple[int, int]]:
        text = ruler.text
        level = next((i for i, mark in enumerate(separators) if text.find(mark, start, end) >= 0), None)
        if level is None:
            return ruler.pieces(start, end, self._size)
        chunks: list[tuple[int, int]] = []
        small: list[_Piece] = []
        for piece_start, piece_end in _pieces(text, start, end, separators[level]):
            tokens = self._tokenizer.count(text[piece_start:piece_end])
            if tokens < self._size:
                small.append((piece_start, piece_end, tokens))
                continue
            chunks += self._merge(small)
            small = []
            chunks += self._split(ruler, piece_start, piece_end, separators[level + 1 :])
        return chunks + self._merge(small)

    def _merge(self, pieces: list[_Piece]) -> list[tuple[int, int]]:
        """Pack neighbours up to ``size``; what a chunk shares with the one before is whole pieces."""
        chunks: list[tuple[int, int]] = []
        current: deque[_Piece] = deque()
        total = 0
        for piece in pieces:
            if current and total + piece[2] > self._size:
                chunks.append((current[0][0], current[-1][1]))
                while current and (total > self._overlap or total + piece[2] > self._size):
                    total -= current.popleft()[2]
            current.append(piece)
            total += piece[2]
        if current:
            chunks.append((current[0][0], current[-1][1]))
        return chunks


def _pieces(text: str, start: int, end: int, mark: str) -> list[tuple[int, int]]:
    """``text[start:end]`` cut before every ``mark``."""
    cuts = [start]
    at = text.find(mark, start, end)
    while at >= 0:
        if at > start:
            cuts.append(at)
        at = text.find(mark, at + len(mark), end)
    return list(zip(cuts, [*cuts[1:], end], strict=True))
