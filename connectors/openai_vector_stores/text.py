"""Puts a text together again from the overlapping chunks that a vector store keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Windows:
    """How a text was cut: windows of ``size`` tokens, each of which repeats the last ``overlap`` of the one before.

    The defaults are the vendor's, also for files from before it said how it cuts (its guide "Retrieval", chunking).
    """

    size: int = 800
    overlap: int = 400


def joined(chunks: Iterable[str], windows: Windows | None = None) -> str:
    """The text that ``chunks`` were cut from; chunks without an overlap are joined by a line break.

    Where several overlaps are possible (a text that repeats itself), the one is taken whose share of the chunk
    is nearest to what ``windows`` say: the vendor's tokens are not counted. That is exact for a text whose tokens
    are equally long, and for every text that does not repeat itself over half a chunk. White space that was
    trimmed between two chunks is lost; a character that a window's edge cut in two is not.
    """
    windows = windows or Windows()
    parts: list[str] = []
    before = ""
    for chunk in chunks:
        # Half a character at an edge is U+FFFD; the neighbour has it whole.
        chunk = chunk.strip("\ufffd")
        if not chunk.strip():
            continue
        if parts:
            shared = overlap(before, chunk, windows)
            parts += [chunk[shared:]] if shared else ["\n", chunk]
        else:
            parts.append(chunk)
        before = chunk
    return "".join(parts)


def overlap(before: str, after: str, windows: Windows) -> int:
    """How many characters at the end of ``before`` are those at the start of ``after``; 0 where they only touch."""
    if windows.overlap <= 0:
        return 0
    share = len(before) * windows.overlap / windows.size
    # A token is a byte at least; much less in common is chance.
    least = windows.overlap / 4
    likely = (size for size in _borders(before, after) if size >= least or _bytes(after[:size]) >= least)
    return min(likely, key=lambda size: (abs(size - share), -size), default=0)


def _borders(before: str, after: str) -> Iterator[int]:
    """Every length at which an end of ``before`` is a start of ``after``, in linear time (Knuth, Morris, Pratt)."""
    failure = [0] * len(after)
    matched = 0
    for position in range(1, len(after)):
        while matched and after[position] != after[matched]:
            matched = failure[matched - 1]
        matched += after[position] == after[matched]
        failure[position] = matched
    matched = 0
    for letter in before[-len(after) :]:
        while matched and letter != after[matched]:
            matched = failure[matched - 1]
        matched += letter == after[matched]
    while matched:
        yield matched
        matched = failure[matched - 1]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
