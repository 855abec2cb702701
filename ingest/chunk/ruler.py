"""Measures pieces of one text in tokens without encoding the text again for each piece.

The text is encoded once; a piece is first measured by looking up its ends among the tokens' positions
(O(log n)), and encoded by itself only where that leaves a doubt. That keeps every chunker linear.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property

from ingest.chunk import graphemes
from ingest.chunk.tokens import Tokenizer

# A piece encoded by itself differs from its share of the whole text by a few tokens at its two ends.
_DOUBT = 8


class Ruler:
    """Token lengths and cuts in ``text``. Positions are code points."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self.text = text
        self.tokenizer = tokenizer

    @cached_property
    def _offsets(self) -> tuple[list[int], list[int]]:
        spans = self.tokenizer.offsets(self.text)
        return [start for start, _ in spans], [end for _, end in spans]

    def share(self, start: int, end: int) -> int:
        """Tokens of the whole text that touch ``text[start:end]``."""
        starts, ends = self._offsets
        return max(0, bisect_left(starts, end) - bisect_right(ends, start))

    def tokens(self, start: int, end: int) -> int:
        """Tokens of ``text[start:end]``, trimmed and encoded by itself."""
        return self.tokenizer.count(self.text[start:end].strip())

    def fits(self, start: int, end: int, room: int) -> bool:
        """Whether the trimmed piece has at most ``room`` tokens; exact near the limit."""
        share = self.share(start, end)
        if share <= room - _DOUBT:
            return True
        return share <= 2 * (room + _DOUBT) and self.tokens(start, end) <= room

    def before(self, position: int, tokens: int) -> int:
        """Where the ``tokens`` tokens that end at ``position`` begin."""
        starts, _ = self._offsets
        index = bisect_left(starts, position) - tokens
        return starts[index] if index > 0 else 0

    def after(self, position: int, tokens: int) -> int:
        """Where the ``tokens`` tokens that begin at ``position`` end; never inside a grapheme."""
        starts, ends = self._offsets
        index = bisect_right(ends, position) + tokens
        return graphemes.floor(self.text, starts[index] if index < len(starts) else len(self.text))

    def cut(self, start: int, end: int, room: int) -> int:
        """The furthest position up to ``end`` at which ``text[start:position]`` has at most ``room`` tokens.

        Prefers the end of a word in the second half, never tears a grapheme that fits, and always moves on
        by one character at least, even where that character alone has more tokens than ``room``.
        """
        if self.share(start, end) <= 2 * (room + _DOUBT) and self.tokens(start, end) <= room:
            return end
        wanted = room
        while wanted > 0:
            position = min(end, self.after(start, wanted))
            if position <= start:
                break
            excess = self.tokens(start, position) - room
            if excess <= 0:
                return self._word_end(start, position, end)
            wanted = wanted - excess if excess < wanted else wanted // 2
        cluster = min(end, graphemes.ceiling(self.text, start + 1))
        if self.tokens(start, cluster) <= room:
            return cluster
        position = start + 1
        while position < cluster and self.tokens(start, position + 1) <= room:
            position += 1
        return position

    def pieces(self, start: int, end: int, room: int, *, proved: bool = False) -> list[tuple[int, int]]:
        """``text[start:end]`` as consecutive pieces of at most ``room`` tokens.

        ``proved``: encode it once as a whole, even where its share of the text leaves hardly a doubt.
        """
        if proved and start < end and self.tokens(start, end) <= room:
            return [(start, end)]
        found = []
        while start < end:
            position = self.cut(start, end, room)
            found.append((start, position))
            start = position
        return found

    def _word_end(self, start: int, position: int, end: int) -> int:
        text = self.text
        if position >= end or text[position].isspace() or text[position - 1].isspace():
            return position
        for candidate in range(position - 1, start + (position - start) // 2, -1):
            if text[candidate].isspace():
                return candidate
        return position
