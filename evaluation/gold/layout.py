"""What a gold file may hold, and how one question of it becomes a ``Case`` and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from configs.errors import FilterError
from configs.section import Section
from evaluation.case import Case, Passage, Relevant
from ingest.filters import parse_filter

MAX_QUESTION, MAX_QUOTE, MAX_ANSWER, MAX_EXPECTED = 20_000, 50_000, 100_000, 1_000

Review = Literal["pending", "yes", "no"]
"""What a person said of a proposed case: ``no`` strikes it."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"\S")]


class Expected(Section):
    """A place that answers the question: a passage where there is a quote, otherwise a document."""

    model_config = ConfigDict(strict=True)

    source: Word | None = Field(None, description="The document's source; default: the one that has the document.")
    document: Word = Field(description="The document's id in its source.")
    quote: Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUOTE, pattern=r"\S")] | None = Field(
        None, description="The passage as it stands in the document; … leaves something out."
    )
    start: int | None = Field(
        None, ge=0, description="Of several places with the same quote the one nearest to this character."
    )
    grade: int = Field(1, ge=1, le=1_000, description="How well the document answers; larger is better.")

    @model_validator(mode="after")
    def _fitting(self) -> Expected:
        if self.start is not None and self.quote is None:
            raise ValueError("start goes with quote")
        if self.quote is not None and self.grade != 1:
            raise ValueError("grade goes with a document, not with a quote; write the document once more without quote")
        return self

    def place(self) -> Passage | Relevant:
        """This place as evaluation knows it."""
        if self.quote is None:
            return Relevant(self.document, self.source, self.grade)
        return Passage(self.document, self.quote, self.source, self.start)


class Question(Section):
    """One case of a gold file."""

    id: Word | None = Field(None, description="Unique in the file; default: a short hash of the question.")
    question: Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUESTION, pattern=r"\S")] = Field(
        description="What is asked, in the asker's words."
    )
    language: Word | None = Field(None, description="Two letters, to compare languages.")
    tags: list[Word] = Field(default_factory=list, max_length=100, description="To compare groups of questions.")
    groups: list[Word] | None = Field(None, max_length=1_000, description="Who asks; default: the public.")
    filters: dict[str, Any] | None = Field(None, description="Sent with the search.")
    answerable: bool = Field(True, description="False: nothing on the shelf answers it, and it should be refused.")
    answer: str | None = Field(None, max_length=MAX_ANSWER, description="What a person answered.")
    asked: datetime | None = Field(None, description="When it was asked; without a time zone, UTC.")
    expect: list[Expected] = Field(
        default_factory=list, max_length=MAX_EXPECTED, description="Where the answer stands."
    )
    suggested: list[Expected] = Field(
        default_factory=list, max_length=MAX_EXPECTED, description="Proposed, ignored: move it to `expect` if right."
    )
    review: Review | None = Field(None, description="pending, yes or no; a question with no is left out.")

    @field_validator("asked")
    @classmethod
    def _with_a_zone(cls, asked: datetime | None) -> datetime | None:
        return asked.replace(tzinfo=UTC) if asked is not None and asked.tzinfo is None else asked

    @field_validator("review", mode="before")
    @classmethod
    def _as_a_word(cls, review: Any) -> Any:
        return {True: "yes", False: "no"}[review] if isinstance(review, bool) else review

    @field_validator("filters")
    @classmethod
    def _readable(cls, filters: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            parse_filter(filters)
        except FilterError as error:
            raise ValueError(str(error)) from None
        return filters

    @field_validator("expect")
    @classmethod
    def _only_where_there_is_an_answer(cls, expect: list[Expected], info: ValidationInfo) -> list[Expected]:
        if expect and info.data.get("answerable") is False:
            raise ValueError("a question with `answerable: false` has no place that answers it")
        return expect

    def case(self, id: str, where: str) -> Case:
        """This question as a case."""
        places = [one.place() for one in self.expect]
        return Case(
            id=id,
            question=self.question,
            passages=tuple(one for one in places if isinstance(one, Passage)),
            documents=tuple(one for one in places if isinstance(one, Relevant)),
            answerable=self.answerable,
            filters=self.filters,
            groups=None if self.groups is None else frozenset(self.groups),
            language=self.language,
            tags=tuple(self.tags),
            answer=self.answer,
            asked=self.asked,
            where=where,
        )

    def suggestions(self) -> tuple[Passage | Relevant, ...]:
        """The places that were proposed."""
        return tuple(one.place() for one in self.suggested)


class GoldFile(Section):
    """A gold file in YAML."""

    questions: list[Question] = Field(description="The questions with the places that answer them.")


def short_id(question: str) -> str:
    """An id that stays while the question does: eight hexadecimal digits of its SHA-256."""
    return hashlib.sha256(" ".join(question.split()).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def plain(case: Case) -> dict[str, Any]:
    """``case`` as a gold file holds it, in the layout's order, without what is at its default.

    The reverse of ``Question.case``. An end is not kept: it is looked up anew, as the document may have changed.
    """
    expect = [
        {
            **({"source": passage.source} if passage.source is not None else {}),
            "document": passage.document,
            "quote": passage.quote,
            **({"start": passage.start} if passage.start is not None else {}),
        }
        for passage in case.passages
    ]
    expect += [relevant(one) for one in case.documents]
    values: dict[str, Any] = {
        "id": case.id,
        "question": case.question,
        "language": case.language,
        "tags": list(case.tags) or None,
        "groups": None if case.groups is None else sorted(case.groups),
        "filters": None if case.filters is None else _unfrozen(case.filters),
        "answerable": None if case.answerable else False,
        "answer": case.answer,
        "asked": case.asked,
        "expect": expect or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def relevant(one: Relevant) -> dict[str, Any]:
    """A document that answers, as a gold file holds it."""
    return {
        **({"source": one.source} if one.source is not None else {}),
        "document": one.document,
        **({"grade": one.grade} if one.grade != 1 else {}),
    }


def _unfrozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _unfrozen(item) for key, item in value.items()}
    return [_unfrozen(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else value
