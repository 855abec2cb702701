"""Tie an answer to its sources: read markers out of streamed text, or infer them where the model wrote none.

Understood: ``[1]``, ``[1][2]``, ``[1, 2]``, ``【1】`` and ``【1†…】``; all are rewritten as ``[1][2]``. Numbers that
name no source are removed. Text inside code spans and fences is left alone, so ``items[0]`` stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from retrieval.context import Source
from retrieval.events import Citation
from retrieval.prompt import NO_ANSWER
from retrieval.wording import LANGUAGES, sentences, terms

_NUMBERS = re.compile(r"\[\s*\d{1,4}(?:\s*[,;]\s*\d{1,4})*\s*\]|【\s*\d{1,4}(?:\s*[,;]\s*\d{1,4})*\s*(?:†[^】\n]*)?】")
_OPENING = re.compile(r"[\[【]")
_MAX_MARKER = 64
_INFERRED_SHARE, _INFERRED_TERMS = 0.5, 3


@dataclass(frozen=True, slots=True)
class Piece:
    """Clean text ready to show, and the citations whose markers it holds."""

    text: str
    citations: tuple[Citation, ...] = ()


class CitationReader:
    """Reads an answer in pieces of any size; the result does not depend on where they were cut.

    Args:
        sources: by number; may grow while the answer runs.
    """

    def __init__(self, sources: Mapping[int, Source]) -> None:
        self.sources = sources
        self.text = ""
        self.citations: list[Citation] = []
        self.no_answer = False
        self._held = ""  # could still become a marker, or blanks in front of one
        self._fence = ""  # the run of backticks that opened the code we are in
        self._known: dict[int, _Read] = {}

    def feed(self, delta: str) -> Piece:
        """Take the next piece; what may be the beginning of a marker is held back."""
        self._held += delta
        return self._drain(final=False)

    def finish(self) -> Piece:
        """Release what was held; blanks at the very end are dropped."""
        return self._drain(final=True)

    def _drain(self, *, final: bool) -> Piece:
        shown, found = len(self.text), len(self.citations)
        while self._held:
            size = self._step(final)
            if size == 0:
                break
            self._held = self._held[size:]
        return Piece(self.text[shown:], tuple(self.citations[found:]))

    def _step(self, final: bool) -> int:
        """Consume one unit at the start of what is held: its length, 0 to wait for more."""
        held = self._held
        blanks = len(held) - len(held.lstrip())
        rest = held[blanks:]
        if not rest:
            return len(held) if final else 0
        if "\n" in held[:blanks] and len(self._fence) < 3:
            self._fence = ""  # an inline code span ends with its line
        if rest[0] == "`":
            return self._code_run(held[:blanks], rest, final)
        if rest[0] in "[【" and not self._fence:
            return self._marker(held[:blanks], rest, final)
        word = re.match(r"[^\s`\[【]+|.", rest)
        size = word.end() if word else 1
        self._emit(held[:blanks] + rest[:size])
        return blanks + size

    def _code_run(self, blanks: str, rest: str, final: bool) -> int:
        run = rest[: len(rest) - len(rest.lstrip("`"))]
        if len(run) == len(rest) and not final:
            return 0
        self._emit(blanks + run)
        if not self._fence:
            self._fence = run
        elif run == self._fence:
            self._fence = ""
        return len(blanks) + len(run)

    def _marker(self, blanks: str, rest: str, final: bool) -> int:
        close = rest.find("]" if rest[0] == "[" else "】")
        if close < 0:
            if not final and len(rest) < _MAX_MARKER and "\n" not in rest:
                return 0
            self._emit(blanks + rest[0])
            return len(blanks) + 1
        marker = rest[: close + 1]
        size = len(blanks) + len(marker)
        if marker.upper() == NO_ANSWER:
            self.no_answer = True
        elif len(marker) <= _MAX_MARKER and _NUMBERS.fullmatch(marker):
            self._cite(blanks, [int(number) for number in re.findall(r"\d+", marker.split("†")[0])])
        else:
            self._emit(blanks + rest[0])
            return len(blanks) + 1
        return size

    def _cite(self, blanks: str, numbers: list[int]) -> None:
        known = [number for number in dict.fromkeys(numbers) if number in self.sources]
        if not known:  # the blanks in front go with the marker, but a line's end stays
            self._emit("\n" * blanks.count("\n"))
            return
        self._emit(blanks)
        wanted = terms(last_statement(self.text))
        for number in known:
            if number not in self._known:
                self._known[number] = _Read(self.sources[number])
            citation = _cite(self._known[number], number, len(self.text), wanted)
            self._emit(f"[{number}]")
            self.citations.append(citation)

    def _emit(self, text: str) -> None:
        if not self.text:
            text = text.lstrip()
        self.text += text


def last_statement(text: str) -> str:
    """The sentence that a marker at the end of ``text`` belongs to, earlier markers left out."""
    clean = _NUMBERS.sub("", text)
    spans = sentences(clean)
    return clean[slice(*spans[-1])] if spans else ""


class _Read:
    """A source whose terms are worked out once, when they are first wanted, and not for every statement again."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def terms(self) -> frozenset[str]:
        return _held(self.source.text)

    @cached_property
    def sentences(self) -> list[tuple[tuple[int, int], frozenset[str]]]:
        """Spans, each with its terms; the whole text where it has no sentence."""
        text = self.source.text
        return [(span, _held(text[slice(*span)])) for span in sentences(text) or [(0, len(text))]]


def cite(source: Source, number: int, position: int, statement: str, *, inferred: bool = False) -> Citation:
    """Point into ``source`` at the sentence that shares most terms with ``statement`` (its first where none does)."""
    return _cite(_Read(source), number, position, terms(statement), inferred=inferred)


def infer(text: str, sources: Mapping[int, Source]) -> list[Citation]:
    """Citations for a text without markers: each sentence and the source that holds at least half of its terms
    (and three of them) in one place; sentences that no source supports get none."""
    found: list[Citation] = []
    read = {number: _Read(source) for number, source in sources.items()}
    for start, end in sentences(text):
        wanted = terms(text[start:end])
        if len(wanted) < _INFERRED_TERMS or not sources:
            continue
        share, negative = max((_share(wanted, one.terms), -number) for number, one in read.items())
        if share >= _INFERRED_SHARE and share * len(wanted) >= _INFERRED_TERMS:
            found.append(_cite(read[-negative], -negative, end, wanted, inferred=True))
    return found


def _cite(read: _Read, number: int, position: int, wanted: frozenset[str], *, inferred: bool = False) -> Citation:
    source = read.source
    (start, end), _ = max(read.sentences, key=lambda sentence: _share(wanted, sentence[1]))
    hit = source.chunk_at(source.start + start)
    return Citation(
        number=number,
        position=position,
        chunk_id=hit.chunk_id,
        document_id=hit.document_id,
        start=source.start + start,
        end=source.start + end,
        title=hit.title,
        url=hit.url,
        quote=source.text[start:end],
        inferred=inferred,
    )


def _held(text: str) -> frozenset[str]:
    """The terms that ``text`` holds, in every language."""
    from ingest.ledger.terms import terms as terms_of

    return frozenset(term for code in LANGUAGES for term in terms_of(text, code))


def _share(wanted: frozenset[str], held: frozenset[str]) -> float:
    """``wording.overlap`` of a text whose terms are known."""
    if not wanted:
        return 0.0
    starts = [term[:-1] for term in wanted if term.endswith("*")]  # a character of CJK stands for what begins with it
    started = sum(any(term.startswith(start) for term in held) for start in starts)
    return (len(wanted & held) + started) / len(wanted)


def without_markers(text: str) -> str:
    """``text`` with its citation markers and the blanks before them removed."""
    return re.sub(rf"[ \t]*(?:{_NUMBERS.pattern})", "", text)
