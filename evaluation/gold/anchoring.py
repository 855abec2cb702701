"""Looks the quotes of a gold set up in the documents on a shelf, so that they become spans of characters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from sqlalchemy import Connection, select

from configs.messages import suggestion
from evaluation.case import Case, Gold, Passage, Relevant
from evaluation.gold.matching import Haystack, Match
from ingest.ledger import Ledger
from ingest.ledger.builds import ACTIVE
from ingest.ledger.tables import bodies, builds, documents

_SHOWN = 80
_VARIABLES = 500  # well under SQLite's limit

Key: TypeAlias = tuple[str, str]
"""Source and document id."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about one place that a case names.

    Attributes:
        where: file and line of the case.
        document: as ``source/document`` where the source is known.
        quote: empty where the whole document is meant.
    """

    where: str
    case: str
    document: str
    quote: str
    text: str
    hint: str

    def __str__(self) -> str:
        shown = self.quote if len(self.quote) <= _SHOWN else self.quote[: _SHOWN - 1] + "…"
        quoted = f' "{" ".join(shown.split())}"' if shown else ""
        return f"{self.where or self.case}: {self.document}{quoted} {self.text}. {self.hint}".rstrip()


@dataclass(frozen=True, slots=True)
class Anchored:
    """A gold set on a shelf.

    Attributes:
        gold: its passages are all found; sources are filled in. A passage that was not found is left out, and its
            document stays as a relevant one, so that a missing document counts as a miss.
        problems: what was not found.
        notes: what was found, but only nearly, or in several places.
    """

    gold: Gold
    problems: list[Problem]
    notes: list[Problem] = field(default_factory=list)


def anchor(gold: Gold, ledger: Ledger) -> Anchored:
    """Look up every passage of ``gold`` in the parsed documents of the active builds.

    A quote is looked for as it is, then whatever its white space and typography, then nearly (``matching.NEARLY``).
    A quote with an ellipsis becomes a passage for each of its parts.
    """
    with ledger.reading() as connection:
        shelf = _Shelf(connection, {name for case in gold.cases for _, name in case.relevant()})
        return _anchor(gold, shelf)


class _Shelf:
    """The documents that a gold set names."""

    def __init__(self, connection: Connection, names: Iterable[str]) -> None:
        self._connection = connection
        self._sources: dict[str, list[str]] = defaultdict(list)
        wanted = sorted(names)
        for at in range(0, len(wanted), _VARIABLES):
            rows = connection.execute(
                select(documents.c.document_id, builds.c.source)
                .join(builds, builds.c.id == documents.c.build)
                .where(builds.c.state == ACTIVE, documents.c.document_id.in_(wanted[at : at + _VARIABLES]))
                .order_by(builds.c.source)
            )
            for row in rows:
                self._sources[row.document_id].append(row.source)
        self.sources = sorted(connection.execute(select(builds.c.source).where(builds.c.state == ACTIVE)).scalars())

    def place(self, source: str | None, document: str) -> Key | tuple[str, str, None]:
        """Source and document, or what is wrong with a hint and ``None``."""
        found = self._sources.get(document, [])
        if source is None and len(found) == 1:
            return found[0], document
        if source is None and found:
            return "is in several sources", f"Name one: source: {' or '.join(found)}.", None
        if source is not None and source in found:
            return source, document
        if source is not None and source not in self.sources:
            return f"is looked for in {source!r}, which is no source", suggestion(source, self.sources).strip(), None
        if found:
            return f"is not in {source!r}", f"It is in {' and '.join(map(repr, found))}.", None
        return "is not on the shelf", "Look at `openshelf status`, sync, or correct the document's id.", None

    def text(self, key: Key) -> str:
        """A document's parsed text."""
        text: str = self._connection.execute(
            select(bodies.c.text)
            .join(documents, documents.c.body == bodies.c.hash)
            .join(builds, builds.c.id == documents.c.build)
            .where(builds.c.state == ACTIVE, builds.c.source == key[0], documents.c.document_id == key[1])
        ).scalar_one()
        return text


def _anchor(gold: Gold, shelf: _Shelf) -> Anchored:
    problems: list[tuple[int, Problem]] = []
    notes: list[tuple[int, Problem]] = []
    placed: dict[tuple[int, int], Key] = {}
    by_document: dict[Key, list[tuple[int, int, Passage]]] = defaultdict(list)
    for number, case in enumerate(gold.cases):
        for position, passage in enumerate(case.passages):
            place = shelf.place(passage.source, passage.document)
            if len(place) == 3:
                problems.append((number, _problem(case, passage, *place[:2])))
                continue
            placed[number, position] = place
            by_document[place].append((number, position, passage))

    found: dict[tuple[int, int], list[Passage]] = {}
    # One document at a time: a gold set may name more text than fits in memory.
    for key, wanted in by_document.items():
        haystack = Haystack(shelf.text(key))
        for number, position, passage in wanted:
            case = gold.cases[number]
            matches = haystack.find(passage.quote, passage.start)
            whole = replace(passage, source=key[0])
            if matches:
                found[number, position] = [_passage(whole, match, len(matches), haystack) for match in matches]
                notes += [(number, note) for note in _remarks(case, whole, matches, haystack)]
            else:
                problems.append((number, _lost(case, whole)))

    cases = []
    for number, case in enumerate(gold.cases):
        passages = [one for position in range(len(case.passages)) for one in found.get((number, position), ())]
        kept = list(case.documents)
        for position, passage in enumerate(case.passages):
            if (number, position) not in found:
                source = placed[number, position][0] if (number, position) in placed else passage.source
                kept.append(Relevant(passage.document, source))
        relevant = [_relevant(case, one, shelf, problems, number, case.documents) for one in kept]
        # Two quotes of one document that are both lost are one document.
        cases.append(replace(case, passages=tuple(dict.fromkeys(passages)), documents=tuple(dict.fromkeys(relevant))))
    said = [problem for _, problem in sorted(notes, key=lambda one: one[0])]
    lost = [problem for _, problem in sorted(problems, key=lambda one: one[0])]
    return Anchored(replace(gold, cases=tuple(cases), notes=(*gold.notes, *map(str, said))), lost, said)


def _relevant(
    case: Case,
    one: Relevant,
    shelf: _Shelf,
    problems: list[tuple[int, Problem]],
    number: int,
    named: tuple[Relevant, ...],
) -> Relevant:
    place = shelf.place(one.source, one.document)
    if len(place) == 2:
        return replace(one, source=place[0])
    if one in named:
        problems.append((number, _problem(case, one, *place[:2])))
    return one


def _passage(passage: Passage, match: Match, parts: int, haystack: Haystack) -> Passage:
    quote = passage.quote if parts == 1 else haystack.text[match.start : match.end]
    return replace(passage, quote=quote, start=match.start, end=match.end)


def _remarks(case: Case, passage: Passage, matches: list[Match], haystack: Haystack) -> list[Problem]:
    remarks = []
    for match in matches:
        if match.way == "approximate":
            stands = " ".join(haystack.text[match.start : match.end].split())
            remarks.append(_problem(case, passage, "was found only approximately", f'There stands: "{stands}".'))
        elif match.places > 1 and passage.start is None:
            text = f"stands in {match.places} places; the first is taken"
            remarks.append(_problem(case, passage, text, "Quote a little more, or give start:."))
    return remarks


def _lost(case: Case, passage: Passage) -> Problem:
    hint = "Quote the document as it is now (`openshelf chunks` shows its text), or strike the passage."
    return _problem(case, passage, "does not hold this passage", hint)


def _problem(case: Case, place: Passage | Relevant, text: str, hint: str) -> Problem:
    document = f"{place.source}/{place.document}" if place.source else place.document
    quote = place.quote if isinstance(place, Passage) else ""
    return Problem(case.where, case.id, document, quote, text, hint)


def summary(anchored: Anchored) -> Mapping[str, int]:
    """How many passages were found, only nearly, and not at all."""
    return {
        "passages": sum(len(case.passages) for case in anchored.gold.cases),
        "notes": len(anchored.notes),
        "problems": len(anchored.problems),
    }
