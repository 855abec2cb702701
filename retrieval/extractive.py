"""An answer without a model: the best passages, quoted, with citations.

A passage is one to three neighbouring sentences. Sentences are ranked by the share of the question's terms they hold
and by their hit's score. Rows of a table are quoted one by one, each cell with the name of its column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from retrieval.citations import Piece, cite
from retrieval.context import ContextBlock, Source
from retrieval.wording import Language, guess_language, overlap, sentences, terms

LABELS: Final[dict[Language, str]] = {
    "en": "Extractive answer: these passages match best; no model was called.",
    "fr": "Réponse par extraits : voici les passages les plus proches ; aucun modèle n'a été appelé.",
}
PASSAGES: Final = 3
_MAX_SENTENCES = 3
_MAX_CHARACTERS = 600
_OVERLAP_WEIGHT = 0.7  # the rest is the hit's score, relative to the best
_CELL = re.compile(r"\s*\|\s*|\t+")
_FIELD = re.compile(r"^[^\s:：][^:：\n]{0,60}[:：]\s+\S")


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of a source's text, ``source.text[start:end]``, as it is shown."""

    source: Source
    start: int
    end: int
    shown: str
    score: float


def language_of(question: str, context: ContextBlock | None = None) -> Language:
    """The label's language: the question's, else the best hit's, else English."""
    guess = guess_language(question)
    if guess is None and context is not None and context.used:
        guess = "fr" if (context.used[0].language or "").startswith("fr") else "en"
    return guess or "en"


def extract(question: str, context: ContextBlock) -> Iterator[Piece]:
    """The label, then each passage with its marker, in pieces that can be shown as they come."""
    label = LABELS[language_of(question, context)]
    yield Piece(label)
    position = len(label)
    for passage in passages(question, context):
        lead = f"\n\n“{passage.shown}” "
        number = passage.source.number
        citation = cite(passage.source, number, position + len(lead), "")
        hit = passage.source.chunk_at(passage.source.start + passage.start)
        citation = replace(
            citation,
            chunk_id=hit.chunk_id,
            title=hit.title,
            url=hit.url,
            start=passage.source.start + passage.start,
            end=passage.source.start + passage.end,
            quote=passage.source.text[passage.start : passage.end],
        )
        text = f"{lead}[{number}]"
        position += len(text)
        yield Piece(text, (citation,))


def passages(question: str, context: ContextBlock) -> list[Passage]:
    """The best passage of each source, best first, at most three. Sources that share no term with the question are
    left out, unless none does (a question in another language than the documents): then the best hit speaks."""
    wanted = terms(question)
    top = max((source.best.score for source in context.sources), default=0.0)
    found = [_best_passage(source, wanted, top) for source in context.sources]
    sharing = [passage for passage in found if overlap(wanted, passage.source.text) > 0]
    ranked = sorted(sharing or found[:1], key=lambda passage: -passage.score)
    return ranked[:PASSAGES]


def _best_passage(source: Source, wanted: frozenset[str], top: float) -> Passage:
    spans = sentences(source.text) or [(0, len(source.text))]
    shares = [overlap(wanted, source.text[slice(*span)]) for span in spans]
    best = max(range(len(spans)), key=lambda i: (not _is_header(source, spans[i]), shares[i]))
    relative = source.best.score / top if top > 0 else 0.0
    score = _OVERLAP_WEIGHT * shares[best] + (1 - _OVERLAP_WEIGHT) * relative
    line = source.text[slice(*spans[best])]
    if _is_row(line):
        return Passage(source, *spans[best], _row(line, _header(source)), score)
    if _FIELD.match(line):
        return _record(source, spans, shares, best, score)
    first, last = _grow(source.text, spans, shares, best)
    start, end = spans[first][0], spans[last][1]
    return Passage(source, start, end, " ".join(source.text[start:end].split()), score)


def _grow(text: str, spans: list[tuple[int, int]], shares: list[float], best: int) -> tuple[int, int]:
    """Widen to the better neighbour while it shares a term; an opening question or a very short sentence takes the
    next one along, since it says nothing alone. Never into a row of a table."""
    first = last = best

    def allowed(i: int) -> bool:
        if not 0 <= i < len(spans) or _is_row(text[slice(*spans[i])]):
            return False
        return max(spans[i][1], spans[last][1]) - min(spans[i][0], spans[first][0]) <= _MAX_CHARACTERS

    while last - first + 1 < _MAX_SENTENCES:
        after = shares[last + 1] if allowed(last + 1) else -1.0
        before = shares[first - 1] if allowed(first - 1) else -1.0
        alone = text[slice(*spans[last])]
        if (after >= 0 and (alone.endswith(("?", ":")) or len(alone) < 30)) or (after > 0 and after >= before):
            last += 1
        elif before > 0:
            first -= 1
        else:
            break
    return first, last


def _record(source: Source, spans: list[tuple[int, int]], shares: list[float], best: int, score: float) -> Passage:
    """A row as "column: value" lines: its first lines name it; quoted in one piece up to the best line and two on."""
    last = min(len(spans) - 1, best + _MAX_SENTENCES - 1)
    first = 0 if spans[last][1] - spans[0][0] <= _MAX_CHARACTERS else best
    while last > best and spans[last][1] - spans[first][0] > _MAX_CHARACTERS:
        last -= 1
    start, end = spans[first][0], spans[last][1]
    lines = [line.strip() for line in source.text[start:end].splitlines() if line.strip()]
    return Passage(source, start, end, "; ".join(lines), score)


def _is_row(line: str) -> bool:
    return len(_cells(line)) > 1


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _CELL.split(line.strip().strip("|"))]


def _header(source: Source) -> str | None:
    """The table's header: the repeated one, else the first row of the source itself."""
    if source.header:
        return source.header.strip().splitlines()[0]
    return next((line for line in source.text.splitlines() if _is_row(line)), None)


def _is_header(source: Source, span: tuple[int, int]) -> bool:
    """Whether the names of a table's columns stand there: they say nothing without a row."""
    line, names = source.text[slice(*span)], _header(source)
    rows = source.text[span[1] :].lstrip().splitlines()[:1]
    return _is_row(line) and _cells(line) == _cells(names or "") and any(_is_row(row) for row in rows)


def _row(line: str, header: str | None) -> str:
    cells, names = _cells(line), _cells(header) if header else []
    if len(names) != len(cells) or names == cells:
        return " · ".join(cell for cell in cells if cell)
    return "; ".join(f"{name}: {cell}" for name, cell in zip(names, cells, strict=True) if cell)
