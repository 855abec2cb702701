"""Questions as a report shows them: each with its gold in the document's text, and its hits with their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.case import Case, Passage
from evaluation.compare import LEADING
from evaluation.outcome import Found, Outcome
from evaluation.reports.excerpt import Excerpt, Mark, cut, excerpt
from evaluation.reports.texts import Texts, text_of

LARGEST = 4_500_000
"""Bytes that the questions of a report may take, all together."""
_FRAME, _BRIEF, _HIT_FRAME, _MOST_HITS = 1_750, 850, 380, 20  # bytes of markup and figures, measured

State = Literal["failed", "missed", "partly", "found", "refused", "overreached", "rightly refused", "no gold"]
STATES: Mapping[State, str] = {
    "failed": "failed",
    "overreached": "would be answered, though there is no answer",
    "missed": "not found",
    "refused": "refused, though there is an answer",
    "partly": "partly found",
    "found": "found",
    "rightly refused": "rightly refused",
    "no gold": "no gold",
}
"""In words, the worst first."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much of each question fits into a report.

    Attributes:
        around: characters of the document about the gold.
        text: characters of a hit.
        hits: hits of a question.
        questions: that are shown with their hits; the others have their figures only.
    """

    around: int
    text: int
    hits: int
    questions: int


def room_for(outcomes: Sequence[Outcome], largest: int = LARGEST) -> Room:
    """The room of each question, so that all of them stay under ``largest`` bytes."""
    n = max(1, len(outcomes))
    hits = max(1, min(_MOST_HITS, max((len(one.hits) for one in outcomes), default=1)))
    each = min(largest / n, 20_000.0)
    around = int(min(400, max(90, each * 0.06 - 150)))
    left = each - _FRAME - 2 * around
    text = int(min(700, max(80, left / hits - _HIT_FRAME)))
    hits = max(3, min(hits, int(left / (_HIT_FRAME + 80))))
    least = _FRAME + 2 * around + hits * (_HIT_FRAME + text)
    if least <= each * 1.02:
        return Room(around, text, hits, n)
    return Room(around, text, hits, max(1, min(n, int((largest - n * _BRIEF) / (least - _BRIEF)))))


@dataclass(frozen=True, slots=True)
class HitView:
    """One hit.

    Attributes:
        gold: share of its text that is gold, 0 to 1; ``None`` where the gold has no passages.
        relevant: whether it is of a document that the gold names.
        in_context: whether it is in the text that a model would be given.
    """

    rank: int
    found: Found
    why: Mapping[str, Any]
    excerpt: Excerpt
    gold: float | None
    relevant: bool
    in_context: bool


@dataclass(frozen=True, slots=True)
class GoldView:
    """Gold passages that stand near each other in one document.

    Attributes:
        covered: share of their characters in the hits.
        hits: ranks of the hits that have some of them.
        given: share of their characters in the text that a model would be given.
        whole: whether the document's text is known; otherwise the quotation alone is shown.
    """

    source: str | None
    document: str
    excerpt: Excerpt
    covered: float | None
    given: float | None
    hits: tuple[int, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document that the gold names, and the rank of its first hit."""

    source: str | None
    document: str
    grade: int
    rank: int | None


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question.

    Attributes:
        score: 0 to 1, what the list is ordered by: the leading measure and whether it was answered or refused rightly.
        refused: whether its evidence is under the shelf's threshold.
        left_out: hits that are not shown for want of room.
    """

    id: str
    case: Case
    outcome: Outcome
    state: State
    score: float
    leading: str | None
    refused: bool
    golds: tuple[GoldView, ...] = ()
    documents: tuple[DocumentView, ...] = ()
    hits: tuple[HitView, ...] = ()
    left_out: int = 0

    @property
    def words(self) -> str:
        """Its state for people."""
        return STATES[self.state]


def view(case: Case, outcome: Outcome, id: str, threshold: float, texts: Texts | None, room: Room) -> QuestionView:
    """A question with everything that fits into ``room``."""
    short = brief(case, outcome, id, threshold)
    shown = outcome.hits[: room.hits]
    named = {(source, document) for source, document in case.relevant()}
    hits = tuple(_hit(rank, found, case, outcome, named, room) for rank, found in enumerate(shown, start=1))
    return QuestionView(
        id,
        case,
        outcome,
        short.state,
        short.score,
        short.leading,
        short.refused,
        tuple(_gold(group, outcome, texts, room) for group in _near(case.passages, room)),
        tuple(_document(one.source, one.document, one.grade, outcome) for one in case.documents),
        hits,
        len(outcome.hits) - len(shown),
    )


def brief(case: Case, outcome: Outcome, id: str, threshold: float) -> QuestionView:
    """A question with its figures alone."""
    leading = next((name for name in LEADING[:-1] if name in outcome.measures), None)
    refused = outcome.error is None and outcome.evidence < threshold
    score = 0.0
    if outcome.error is None:
        right = outcome.measures.get("refusal_correct", float(refused != case.answerable))
        score = right if leading is None or not case.answerable else (outcome.measures[leading] + right) / 2
    return QuestionView(id, case, outcome, _state(case, outcome, leading, refused), score, leading, refused)


def _state(case: Case, outcome: Outcome, leading: str | None, refused: bool) -> State:
    if outcome.error is not None:
        return "failed"
    if not case.answerable:
        return "rightly refused" if refused else "overreached"
    if leading is not None and outcome.measures[leading] <= 0:
        return "missed"
    if refused:
        return "refused"
    if leading is None:
        return "no gold"
    return "found" if outcome.measures[leading] > 1 - 1e-9 else "partly"


def _is(source: str | None, document: str, other_source: str, other: str) -> bool:
    return document == other and source in (None, other_source)


def _hit(
    rank: int, found: Found, case: Case, outcome: Outcome, named: set[tuple[str | None, str]], room: Room
) -> HitView:
    # A repeated table header stands before the span's own text.
    header = max(0, len(found.text) - (found.end - found.start))
    marks = [
        Mark(passage.start - found.start + header, passage.end - found.start + header, "gold", True)
        for passage in case.passages
        if passage.start is not None
        and passage.end is not None
        and _is(passage.source, passage.document, found.source, found.document)
    ]
    length = found.end - found.start
    gold = _covered(header, header + length, [(one.start, one.end) for one in marks]) / length if length > 0 else 0.0
    return HitView(
        rank,
        found,
        found.why,
        cut(found.text, marks, room.text),
        gold if case.passages else None,
        any(_is(source, document, found.source, found.document) for source, document in named),
        any(
            (source, document) == (found.source, found.document) and start < found.end and found.start < end
            for source, document, start, end in outcome.context
        ),
    )


def _near(passages: Sequence[Passage], room: Room) -> list[list[Passage]]:
    """Passages in groups that one excerpt shows: of one document, and not far from each other."""
    groups: list[list[Passage]] = []
    for one in sorted(passages, key=lambda one: (one.source or "", one.document, one.start or 0)):
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and (last.source, last.document) == (one.source, one.document)
            and one.start is not None
            and last.end is not None
            and one.start - last.end < 2 * room.around
        ):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _gold(group: Sequence[Passage], outcome: Outcome, texts: Texts | None, room: Room) -> GoldView:
    first = group[0]
    spans = [(one.start, one.end) for one in group if one.start is not None and one.end is not None]
    retrieved = [
        (rank, found)
        for rank, found in enumerate(outcome.hits, start=1)
        if _is(first.source, first.document, found.source, found.document)
    ]
    touching = [
        (rank, found)
        for rank, found in retrieved
        if any(start < found.end and found.start < end for start, end in spans)
    ]
    marks = [Mark(start, end, "gold", True) for start, end in spans]
    marks += [Mark(found.start, found.end, f"hit {rank}", False) for rank, found in retrieved]
    text = text_of(texts, first.source, first.document)
    whole = text is not None and bool(spans) and max(end for _, end in spans) <= len(text)
    if whole and text is not None:
        piece = excerpt(text, marks, room.around, longest=max(600, 3 * room.around))
    elif spans:
        piece = excerpt(first.quote, _only(marks, spans[0]), 0, offset=spans[0][0], longest=max(600, 3 * room.around))
    else:
        piece = cut(first.quote, [Mark(0, len(first.quote), "gold", True)], 600)
    size = sum(end - start for start, end in spans)
    given = [
        (start, end)
        for source, document, start, end in outcome.context
        if _is(first.source, first.document, source, document)
    ]
    covered = sum(_covered(start, end, [(one.start, one.end) for _, one in retrieved]) for start, end in spans)
    passed_on = sum(_covered(start, end, given) for start, end in spans)
    return GoldView(
        first.source,
        first.document,
        piece,
        covered / size if size else None,
        passed_on / size if size else None,
        tuple(rank for rank, _ in touching),
        whole,
    )


def _only(marks: Sequence[Mark], span: tuple[int, int]) -> list[Mark]:
    return [mark for mark in marks if not mark.gold or (mark.start, mark.end) == span]


def _document(source: str | None, document: str, grade: int, outcome: Outcome) -> DocumentView:
    ranks = (rank for rank, one in enumerate(outcome.hits, start=1) if _is(source, document, one.source, one.document))
    return DocumentView(source, document, grade, next(ranks, None))


def _covered(start: int, end: int, spans: Sequence[tuple[int, int]]) -> int:
    """Characters of ``start`` to ``end`` that lie in one of ``spans`` or more."""
    covered, reached = 0, start
    for first, last in sorted(spans):
        first, last = max(first, reached), min(last, end)
        if last > first:
            covered, reached = covered + last - first, last
    return covered
