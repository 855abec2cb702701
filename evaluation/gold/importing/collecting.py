"""What an import gives, and the checking that every record goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from evaluation.gold.layout import Question, short_id
from evaluation.gold.reading import MAX_CASES, MAX_FILE, Malformed, question_of
from evaluation.gold.writing import Proposal

PLACEHOLDER = "{id}"


@dataclass(frozen=True, slots=True)
class Importing:
    """How to read what is taken in.

    Attributes:
        columns: field of ours (``question``, ``quote`` ...) to the column or key that has it.
        source: the source of every document that names none.
        document: what a document's id is on the shelf, given the ``{id}`` in the file: ``{id}.md``.
        language: of every question that names none.
        tags: added to every case.
        delimiter, encoding: of a table; found out where they are not given.
        split: the file below ``qrels/`` of a BEIR folder.
        judged: take a question with judgements for answerable, whatever it says of itself.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    document: str | None = None
    language: str | None = None
    tags: Sequence[str] = ()
    delimiter: str | None = None
    encoding: str | None = None
    split: str = "test"
    judged: bool = False

    def place(self, document: Any, source: Any = None, **rest: Any) -> dict[str, Any]:
        """A place as the gold layout has it; what is empty is left out."""
        named = document
        if isinstance(document, str) and self.document is not None:
            named = self.document.replace(PLACEHOLDER, document)
        values = {"source": source or self.source, "document": named, **rest}
        return {key: value for key, value in values.items() if value is not None and value != ""}


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that could not be taken in.

    Attributes:
        where: file and line.
    """

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken in, what could not be, and what should be said.

    Attributes:
        layout: the layout that was read: csv, jsonl, beir, chunking-evaluation.
    """

    layout: str
    proposals: list[Proposal]
    bad: list[Bad]
    notes: list[str]


class Collector:
    """Takes records one by one; equal questions of one asker become one case."""

    def __init__(self, layout: str, options: Importing) -> None:
        self._layout = layout
        self._options = options
        self._records: dict[tuple[Any, ...], tuple[dict[str, Any], str]] = {}
        self._ids: dict[str, str] = {}
        self.bad: list[Bad] = []
        self.notes: list[str] = []
        self.merged = 0

    def refuse(self, where: str, text: str) -> None:
        """Name a record that cannot be used."""
        self.bad.append(Bad(where, text))

    def take(self, where: str, record: Mapping[str, Any]) -> None:
        """Check one record of the gold layout and keep it.

        Raises:
            ConfigError: there are too many.
        """
        values = {key: value for key, value in record.items() if value is not None and value != "" and value != []}
        if self._options.language is not None:
            values.setdefault("language", self._options.language)
        if self._options.tags and isinstance(values.get("tags", []), list):
            values["tags"] = list(dict.fromkeys([*values.get("tags", []), *self._options.tags]))
        try:
            question = question_of(values)
        except Malformed as error:
            for text in error.problems:
                self.refuse(where, text)
            return
        self._keep(where, values, question)
        if len(self._records) > MAX_CASES:
            raise ConfigError(f"There are more than {MAX_CASES:,} questions.", hint="Split the file.")

    def _keep(self, where: str, values: dict[str, Any], question: Question) -> None:
        if question.id is not None:
            first = self._ids.setdefault(question.id, where)
            if first != where and not self._same(question.id, question):
                return self.refuse(where, f"the id {question.id} is taken by another question at {first}.")
        groups = None if question.groups is None else tuple(sorted(question.groups))
        key = (question.id, question.question, question.answerable, repr(question.filters), groups)
        known = self._records.get(key)
        if known is None:
            self._records[key] = values, where
            return None
        self.merged += 1
        for name in ("expect", "suggested", "tags"):
            more = [one for one in values.get(name, ()) if one not in known[0].get(name, ())]
            if more:
                known[0][name] = [*known[0].get(name, ()), *more]
        for name, value in values.items():
            known[0].setdefault(name, value)
        return None

    def _same(self, id: str, question: Question) -> bool:
        return any(key[0] == id and key[1] == question.question for key in self._records)

    def finish(self) -> Imported:
        """Everything that was kept, each with an id of its own, in the order of the file."""
        taken = {key[0] for key in self._records if key[0] is not None}
        proposals: list[Proposal] = []
        for values, where in self._records.values():
            try:
                question = question_of(values)
            except Malformed as error:  # merged beyond a limit
                self.refuse(where, " ".join(error.problems))
                continue
            id = question.id
            if id is None:
                id = plain = short_id(question.question)
                copy = 2
                while id in taken:
                    id, copy = f"{plain}-{copy}", copy + 1
                taken.add(id)
            case = question.case(id, where)
            proposals.append(Proposal(case, (), question.suggestions(), question.review))
        if self.merged:
            self.notes.append(f"{self.merged} records repeat a question and were added to it.")
        return Imported(self._layout, proposals, self.bad, self.notes)


def content_of(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        ConfigError: it is not there, too large or cannot be read.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(f"{path} is larger than {MAX_FILE:,} bytes.", hint="Split it.")
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
