"""Where a quote stands in a text: as it is, then whatever the typography, then nearly.

A quote copied from a rendered page differs from the parsed text in line breaks, in spaces before a French question
mark, in curly quotes, in Markdown's asterisks and a table's bars. None of that is a reason to lose it.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Way = Literal["exact", "typographic", "approximate"]

NEARLY = 92.0
"""Similarity in percent (normalised Indel, ``rapidfuzz.fuzz.partial_ratio``) from which a passage is taken for the
quote. In trials one wrong word in twelve passes, another sentence of the same page does not."""

_SHORTEST_NEARLY = 24
_LONGEST_NEARLY = 4_000
_PLACES = 1_000
_RUN = 4
"""Characters in a row that are no chance."""

_SAME = str.maketrans(
    dict.fromkeys("‘’‚‛′`´", "'") | dict.fromkeys("“”„‟″«»", '"') | dict.fromkeys("‐‑‒–—―−⁃", "-") | {"…": "..."}
)
_NOTHING = frozenset("*|\u00ad\u200b\u200c\u200d\u2060\ufeff")
_LEFT_OUT = re.compile(r"\s*[\[(]?(?:…|\.{3,})[\])]?\s*")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Match:
    """A place of a quote.

    Attributes:
        start, end: span in the text, in characters, without white space at its ends.
        places: how often the quote stands in the text.
    """

    start: int
    end: int
    way: Way
    places: int = 1


class Plain:
    """A text without what typography adds, with the way back to it.

    Attributes:
        text: no white space, no marks, plain quotes and dashes; letters as they are.
    """

    def __init__(self, original: str, *, fold: bool = False) -> None:
        pieces: list[str] = []
        offsets: list[int] = []
        for position, character in enumerate(original):
            piece = _plain(character, fold)
            if piece:
                pieces.append(piece)
                offsets += [position] * len(piece)
        self.text = "".join(pieces)
        self._offsets = offsets

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A span of ``text`` (not empty) in the original."""
        return self._offsets[start], self._offsets[end - 1] + 1


class Haystack:
    """One document's text, in which many quotes are looked up."""

    def __init__(self, text: str) -> None:
        self.text = text

    @functools.cached_property
    def _plain(self) -> Plain:
        return Plain(self.text)

    @functools.cached_property
    def _folded(self) -> Plain:
        return Plain(self.text, fold=True)

    def find(self, quote: str, near: int | None = None) -> list[Match]:
        """The places of ``quote``: one, or one for each part between ellipses, in order; none where it is not there.

        Args:
            near: of several places take the one nearest to this character, otherwise the first.
        """
        whole = self._surely(quote, near)
        if whole is not None:
            return [whole]
        parts = [part for part in _LEFT_OUT.split(quote) if any(map(str.isalnum, part))]
        if len(parts) > 1 or (parts and _LEFT_OUT.search(quote)):
            return self._in_order(parts, near)
        nearly = self._nearly(quote)
        return [nearly] if nearly is not None else []

    def _surely(self, quote: str, near: int | None) -> Match | None:
        places, way = self._places(quote)
        if not places:
            return None
        start, end = places[0] if near is None else min(places, key=lambda place: abs(place[0] - near))
        return Match(start, end, way, len(places))

    def _places(self, quote: str) -> tuple[list[tuple[int, int]], Way]:
        exact = list(_occurrences(self.text, quote.strip()))
        if whole := [place for place in exact if self._on_words(*place)]:
            return whole, "exact"
        loose = list(_occurrences(self._plain.text, Plain(quote).text))
        spans = [self._plain.span(*place) for place in loose]
        if whole := [place for place in spans if self._on_words(*place)]:
            return whole, "typographic"
        # Languages that write no spaces have no words to keep whole.
        return exact, "exact"

    def _in_order(self, parts: list[str], near: int | None) -> list[Match]:
        """Each part after the one before it; where that can be done in several ways, the shortest or nearest."""
        options = [self._places(part) for part in parts]
        chains: list[list[Match]] = []
        for first in options[0][0]:
            chain = [Match(*first, options[0][1])]
            for places, way in options[1:]:
                after = next((place for place in places if place[0] >= chain[-1].end), None)
                if after is None:
                    break
                chain.append(Match(*after, way))
            if len(chain) == len(parts):
                chains.append(chain)
        if chains:
            if near is not None:
                return min(chains, key=lambda chain: abs(chain[0].start - near))
            return min(chains, key=lambda chain: chain[-1].end - chain[0].start)
        return self._nearly_in_order(parts)

    def _nearly_in_order(self, parts: list[str]) -> list[Match]:
        found = [self._surely(part, None) or self._nearly(part) for part in parts]
        chain = [match for match in found if match is not None]
        ordered = all(one.end <= following.start for one, following in itertools.pairwise(chain))
        return chain if len(chain) == len(parts) and ordered else []

    def _nearly(self, quote: str) -> Match | None:
        needle, hay = Plain(quote, fold=True).text, self._folded
        if not _SHORTEST_NEARLY <= len(needle) <= min(_LONGEST_NEARLY, len(hay.text)):
            return None
        from rapidfuzz.fuzz import partial_ratio_alignment

        found = partial_ratio_alignment(needle, hay.text, score_cutoff=NEARLY)
        if found is None or found.dest_end <= found.dest_start:
            return None
        start, end = self._whole_words(*hay.span(*_ends(needle, hay.text, found.dest_start, found.dest_end)))
        # A number that differs is another fact, however alike the words: 30 days are not 60.
        if Counter(_NUMBER.findall(quote)) - Counter(_NUMBER.findall(self.text[start:end])):
            return None
        return Match(start, end, "approximate")

    def _on_words(self, start: int, end: int) -> bool:
        """Whether a span cuts no word (or number) in two."""
        return not (_joined(self.text, start) or _joined(self.text, end))

    def _whole_words(self, start: int, end: int) -> tuple[int, int]:
        while _joined(self.text, start):
            start -= 1
        while _joined(self.text, end):
            end += 1
        return start, end


def _ends(needle: str, hay: str, start: int, end: int) -> tuple[int, int]:
    """Where the passage really begins and ends: the window found is as long as the quote, the passage need not be."""
    same = _same(needle, hay[start:end])
    if not same:
        return start, end
    more = len(needle) // 10 + 2
    # A side on which the quote goes on is looked at again in a wider window.
    before, after = same[0][0], len(needle) - same[-1][1]
    first = max(0, start - before - more) if before else start
    last = end + after + more if after else end
    same = _same(needle, hay[first:last])
    if not same:
        return start, end
    return first + same[0][2], first + same[-1][3]


def _same(needle: str, part: str) -> list[tuple[int, int, int, int]]:
    """Runs that both have, as start and end in each."""
    from rapidfuzz.distance import Indel

    return [
        (one.src_start, one.src_end, one.dest_start, one.dest_end)
        for one in Indel.opcodes(needle, part)
        if one.tag == "equal" and one.dest_end - one.dest_start >= _RUN
    ]


def _joined(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _occurrences(text: str, part: str) -> Iterator[tuple[int, int]]:
    at = text.find(part) if part else -1
    for _ in range(_PLACES):
        if at < 0:
            return
        yield at, at + len(part)
        at = text.find(part, at + 1)


@functools.lru_cache(maxsize=16_384)
def _plain(character: str, fold: bool) -> str:
    if character.isspace() or character in _NOTHING:
        return ""
    piece = unicodedata.normalize("NFKD", character).translate(_SAME).replace(" ", "")
    return piece.casefold() if fold else piece
