"""Where a text may be cut without tearing a character apart: accents, emoji sequences, flags, CR LF."""

from __future__ import annotations

import regex  # type: ignore[import-untyped]

_CLUSTER = regex.compile(r"\X")
# Longer clusters exist only as pranks; looking no further back keeps every question O(1).
_REACH = 64


def floor(text: str, position: int) -> int:
    """The last grapheme boundary at or before ``position`` (at most 64 characters back)."""
    if _plain(text, position):
        return position
    start = _anchor(text, position)
    for match in _CLUSTER.finditer(text, start, position + 1):
        if match.end() > position:
            # A cluster that reaches back past what was looked at is cut where asked.
            return position if match.start() == position - _REACH else int(match.start())
        if match.end() == position:
            return position
    return position


def ceiling(text: str, position: int) -> int:
    """The first grapheme boundary at or after ``position`` (at most 64 characters on)."""
    below = floor(text, position)
    if below == position:
        return position
    match = _CLUSTER.match(text, below, position + _REACH + 1)
    return position if match is None or match.end() > position + _REACH else int(match.end())


def _plain(text: str, position: int) -> bool:
    if position <= 0 or position >= len(text):
        return True
    before, after = text[position - 1], text[position]
    return before < "\u0300" and after < "\u0300" and not (before == "\r" and after == "\n")


def _anchor(text: str, position: int) -> int:
    """A boundary to read clusters from: the nearest place between two plain characters."""
    lowest = max(0, position - _REACH)
    for candidate in range(position - 1, lowest, -1):
        if _plain(text, candidate):
            return candidate
    return lowest
