"""Reads gold files: YAML that people write, JSONL for large sets, CSV that people reviewed in a spreadsheet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from configs.errors import ConfigError
from configs.messages import Problem, dotted, given, problems_of
from configs.yaml_lines import MAX_BYTES, KeyPath, read_yaml
from evaluation.case import Case, Gold
from evaluation.gold.layout import GoldFile, Question, short_id

MAX_FILE = 200_000_000
MAX_CASES = 100_000
_SHOWN = 100
YAML, JSONL, TABLE = (
    frozenset({".yaml", ".yml", ".json"}),
    frozenset({".jsonl", ".ndjson"}),
    frozenset({".csv", ".tsv"}),
)


@dataclass(frozen=True, slots=True)
class Read:
    """One question of a file, and where it stands."""

    question: Question
    line: int


def read_gold(path: Path | str) -> Gold:
    """The gold of a YAML, JSON, JSONL, CSV or TSV file (``docs/gold.md`` has the layout).

    Questions with ``review: no`` are left out, ``suggested`` places are ignored; ``Gold.notes`` says how many.

    Raises:
        ConfigError: everything that is wrong, each with its line.
    """
    path = Path(path).expanduser()
    content = _bytes(path)
    suffix = path.suffix.lower()
    if suffix in TABLE:
        from evaluation.gold.tabular import read_table

        read = read_table(content, path.name)
    elif suffix in JSONL:
        read = _jsonl(content, path.name)
    elif suffix in YAML:
        read = _yaml(content, path.name)
    else:
        raise ConfigError(
            f"{path.name} is no gold file: its name ends in {suffix or 'nothing'}.",
            hint="Gold is .yaml, .jsonl or .csv; other layouts are taken in with `openshelf eval import`.",
        )
    cases, notes = cases_of(read, path.name)
    return Gold(path.stem, cases, hashlib.sha256(content).hexdigest(), notes)


def cases_of(read: Iterable[Read], name: str) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The cases that are not struck, each with an id of its own, and what should be said about them.

    Raises:
        ConfigError: two questions have the same id, or there are none.
    """
    questions = list(read)
    if not questions:
        raise ConfigError(f"{name} has no question.", hint="Write one below `questions:`; see docs/gold.md.")
    if len(questions) > MAX_CASES:
        raise ConfigError(f"{name} has more than {MAX_CASES:,} questions.", hint="Split it.")
    taken = _own_ids(questions, name)
    cases = []
    for one in questions:
        id = one.question.id
        if id is None:
            id = plain = short_id(one.question.question)
            copy = 2
            while id in taken:
                id, copy = f"{plain}-{copy}", copy + 1
            taken.add(id)
        if one.question.review != "no":
            cases.append(one.question.case(id, f"{name}:{one.line}"))
    return tuple(cases), tuple(_notes(questions, cases))


def located(problems: Iterable[Problem], lines: Mapping[KeyPath, int], name: str) -> ConfigError:
    """All problems as one error, a line for each, in the order of the file."""
    sentences = []
    for problem in problems:
        path = problem.path
        while path and path not in lines:
            path = path[:-1]
        line = lines.get(path, 1)
        sentences.append((line, f"{name}:{line}: {dotted(problem.path) or 'the file'} {problem.text}"))
    return all_of([sentence for _, sentence in sorted(sentences)])


def all_of(sentences: Sequence[str]) -> ConfigError:
    """Many problems as one error that a terminal can hold."""
    more = [f"… and {len(sentences) - _SHOWN:,} more."] if len(sentences) > _SHOWN else []
    return ConfigError("\n".join([*sentences[:_SHOWN], *more]))


def _own_ids(questions: list[Read], name: str) -> set[str]:
    first: dict[str, int] = {}
    for one in questions:
        if one.question.id is None:
            continue
        if one.question.id in first:
            raise ConfigError(
                f"{name}:{one.line}: the id {one.question.id} is given twice; the first is on line "
                f"{first[one.question.id]}.",
                hint="Leave ids out to have them made.",
            )
        first[one.question.id] = one.line
    return set(first)


def _notes(questions: list[Read], cases: list[Case]) -> Iterable[str]:
    struck = len(questions) - len(cases)
    if struck:
        yield f"{struck} of {len(questions)} questions are struck (review: no)."
    pending = sum(one.question.review == "pending" for one in questions)
    if pending:
        yield f"{pending} of {len(questions)} questions have not been reviewed (review: pending)."
    bare = sum(case.answerable and not case.passages and not case.documents for case in cases)
    if bare:
        yield f"{bare} of {len(cases)} questions do not say where their answer is, so they measure nothing."


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder.", hint="Take it in with `openshelf eval import`.")
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(f"{path} is larger than {MAX_FILE:,} bytes.", hint="Is it the right file?")
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}.", hint="docs/gold.md shows how to write one.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: this is not UTF-8 text.", hint="Save it as UTF-8.") from None


def _yaml(content: bytes, name: str) -> list[Read]:
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{name} is larger than {MAX_BYTES:,} bytes, too large to read as YAML.",
            hint="Give such a set the name of a .jsonl file, one question a line.",
        )
    raw, lines = read_yaml(_text(content, name), name)
    if not isinstance(raw, Mapping):
        held = "it is empty" if raw is None else f"it holds {given(raw, ())}"
        raise ConfigError(
            f"{name}:1: a gold file is a mapping with the key questions; {held}.", hint="See docs/gold.md."
        )
    try:
        file = GoldFile.model_validate(raw)
    except ValidationError as error:
        raise located(problems_of(error, raw, model=GoldFile), lines, name) from None
    return [Read(question, lines["questions", number]) for number, question in enumerate(file.questions)]


def _jsonl(content: bytes, name: str) -> list[Read]:
    read: list[Read] = []
    wrong: list[str] = []
    for number, line in enumerate(_text(content, name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            read.append(Read(question_of(json.loads(line)), number))
        except (ValueError, RecursionError) as error:
            said = error.problems if isinstance(error, Malformed) else [f"is not JSON: {error}."]
            wrong += [f"{name}:{number}: {text}" for text in said]
    if wrong:
        raise all_of(wrong)
    return read


class Malformed(ValueError):
    """A record that is no question; ``problems`` are the rests of sentences."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def question_of(raw: Any) -> Question:
    """One record as a question.

    Raises:
        Malformed: says everything that is wrong with it.
    """
    try:
        return Question.model_validate(raw)
    except ValidationError as error:
        found = problems_of(error, raw, model=Question)
        raise Malformed([f"{dotted(one.path) or 'the record'} {one.text}" for one in found]) from None
