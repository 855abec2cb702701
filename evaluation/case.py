"""Gold data: questions, and where in the knowledge base their answers are.

A passage is a quotation, so that the gold outlives chunking: it is looked up in the parsed document, and its span
compared with the spans of whatever was retrieved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that answers a question, quoted.

    Attributes:
        source: the document's source; ``None``: the one source that has the document.
        quote: as it stands in the document, white space aside.
        start, end: its span in the parsed document's text, in characters; ``None`` until it was looked up.
    """

    document: str
    quote: str
    source: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def found(self) -> bool:
        """Whether its span is known."""
        return self.start is not None and self.end is not None


@dataclass(frozen=True, slots=True)
class Relevant:
    """A document that answers a question, without saying where in it.

    Attributes:
        grade: 1 helps, larger answers better (BEIR's ``score``); always above 0.
    """

    document: str
    source: str | None = None
    grade: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its gold.

    Attributes:
        id: unique in its gold file.
        answerable: whether the knowledge base has the answer; with ``False`` there is no gold.
        filters: sent with the search, in any spelling that ``parse_filter`` reads.
        groups: who asks; ``None``: the public.
        answer: what a person answered, where it is known.
        asked: when the question was asked (with a time zone), where it is known.
        where: file and line, for messages.
    """

    id: str
    question: str
    passages: tuple[Passage, ...] = ()
    documents: tuple[Relevant, ...] = ()
    answerable: bool = True
    filters: Mapping[str, Any] | None = None
    groups: frozenset[str] | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    answer: str | None = None
    asked: datetime | None = None
    where: str = ""

    def relevant(self) -> dict[tuple[str | None, str], int]:
        """Grades by (source, document): those of ``documents``, and 1 for each document that a passage quotes."""
        grades = {(passage.source, passage.document): 1 for passage in self.passages}
        for one in self.documents:
            grades[one.source, one.document] = max(one.grade, grades.get((one.source, one.document), 0))
        return grades


@dataclass(frozen=True, slots=True)
class Gold:
    """The cases of a gold file.

    Attributes:
        fingerprint: SHA-256 of what was read, for a run's manifest.
    """

    name: str
    cases: tuple[Case, ...]
    fingerprint: str
    notes: tuple[str, ...] = field(default_factory=tuple)
