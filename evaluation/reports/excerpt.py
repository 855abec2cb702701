"""Pieces of a document's text with the gold and the hits marked in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Mark:
    """A span to mark, in characters of the document.

    Attributes:
        label: what stands at its ends (``gold``, ``hit 2``).
        gold: gold, or retrieved.
        goes_on: it is cut off here and goes on behind.
    """

    start: int
    end: int
    label: str
    gold: bool
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """Text that is marked alike.

    Attributes:
        opens, closes: labels of the marks that begin before it and end behind it.
        left_out: characters that were left out in its place; then it has no text.
    """

    text: str
    gold: bool = False
    retrieved: bool = False
    opens: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A window into a document: ``before`` and ``after`` characters of it are left out."""

    segments: tuple[Segment, ...]
    before: int
    after: int


def excerpt(text: str, marks: Sequence[Mark], around: int, *, longest: int = 4000, offset: int = 0) -> Excerpt:
    """The text about the gold among ``marks``, or about all of them where none is gold.

    Args:
        text: a document's text, or a piece of it.
        around: characters to show before and behind.
        longest: of one stretch; the middle of a longer one is left out.
        offset: where ``text`` begins in the document.
    """
    marks = _within(marks, offset, offset + len(text))
    about = [mark for mark in marks if mark.gold] or marks
    first = max(0, min((mark.start for mark in about), default=offset) - offset - around)
    last = min(len(text), max((mark.end for mark in about), default=offset) - offset + around)
    if not about:
        first, last = 0, min(len(text), 2 * around)
    first, last = _word_start(text, first), _word_end(text, last)
    shown = _within(marks, offset + first, offset + last)
    cuts = sorted({first, last, *(end - offset for mark in shown for end in (mark.start, mark.end))})
    segments: list[Segment] = []
    for start, end in pairwise(cuts):
        segments += _segment(text[start:end], start + offset, end + offset, shown, longest)
    return Excerpt(tuple(segments), first + offset, len(text) - last)


def cut(text: str, marks: Iterable[Mark], most: int) -> Excerpt:
    """``text`` cut to about ``most`` characters, about its first gold where it has any.

    The marks' spans are those of ``text``.
    """
    inside = _within(list(marks), 0, len(text))
    gold = next((mark for mark in inside if mark.gold), None)
    if gold is None:
        end = len(text) if len(text) <= most else _word_end(text, most)
        return Excerpt((Segment(text[:end]),) if end else (), 0, len(text) - end)
    around = max(20, (most - (gold.end - gold.start)) // 2)
    if len(text) <= most:
        around = len(text)
    return excerpt(text, [mark for mark in inside if mark.gold], around, longest=max(80, most))


def _within(marks: Sequence[Mark], start: int, end: int) -> list[Mark]:
    """The marks that touch ``start`` to ``end``, cut to it."""
    return [
        Mark(max(mark.start, start), min(mark.end, end), mark.label, mark.gold, mark.goes_on or mark.end > end)
        for mark in marks
        if mark.start < end and mark.end > start and mark.end > mark.start
    ]


def _segment(text: str, start: int, end: int, marks: Sequence[Mark], longest: int) -> list[Segment]:
    over = [mark for mark in marks if mark.start < end and mark.end > start]
    gold, retrieved = any(mark.gold for mark in over), any(not mark.gold for mark in over)
    opens = tuple(mark.label for mark in over if mark.start == start)
    closes = tuple(mark.label for mark in over if mark.end == end and not mark.goes_on)
    if len(text) <= longest:
        return [Segment(text, gold, retrieved, opens, closes)]
    half = longest // 2
    return [
        Segment(text[:half], gold, retrieved, opens),
        Segment("", gold, retrieved, left_out=len(text) - 2 * half),
        Segment(text[len(text) - half :], gold, retrieved, (), closes),
    ]


def _word_start(text: str, at: int) -> int:
    if at <= 0:
        return 0
    space = text.find(" ", at, at + 20)
    return at if space < 0 else space + 1


def _word_end(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    space = text.rfind(" ", max(0, at - 20), at)
    return at if space <= 0 else space
