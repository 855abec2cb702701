"""Sentences and lines as spans that tile a text.

Own code because LlamaIndex's Punkt splitter takes two seconds to import, is trained on English and does not
know 。！？. It errs on the side of not splitting: a full stop before a lower-case letter ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’»)\]]*+(?=\s)"""  # marks (possessive: a run is read once), what closes, a blank
    r"""|[。！？]+["”’」』）]*"""  # ideographic marks need no space after them
    r"""|\n[^\S\n]*\n"""  # an empty line
)
_NEXT = re.compile(r"\S")


def sentence_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Sentences of ``text[start:end]``, in order, without gaps; blank space opens the next sentence."""
    at = start
    for match in _END.finditer(text, start, end):
        if match[0][0] in ".…":
            following = _NEXT.search(text, match.end(), end)
            if following and following[0].islower():
                continue
        yield at, match.end()
        at = match.end()
    if at < end:
        yield at, end


def line_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Lines of ``text[start:end]``, each with its line feed, in order, without gaps."""
    at = start
    while at < end:
        feed = text.find("\n", at, end)
        stop = end if feed < 0 else feed + 1
        yield at, stop
        at = stop
