"""Reads JSON Lines of tickets and of knowledge versions; every mistake at once, with its line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from configs.errors import ConfigError
from configs.messages import dotted, problems_of
from configs.section import Section
from connectors.contract import MetaValue
from connectors.front_matter import plain_metadata
from evaluation.simulate.ticket import Export, Ticket, Turn, first_exchange
from evaluation.simulate.version import Version

MAX_FILE = 500_000_000
MAX_LINES = 500_000
_SHOWN = 20

Row = TypeVar("Row", bound=BaseModel)


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


Word = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"\S")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000_000, pattern=r"\S")]
Moment = Annotated[datetime, AfterValidator(_aware)]


class TurnRow(Section):
    """One public message."""

    role: Word = Field(description="`customer` or `user` asks; everybody else answers.")
    text: str = Field(max_length=1_000_000, description="What was written.")


class TicketRow(Section):
    """One line of a tickets file: either ``question`` and ``answer``, or ``turns``."""

    model_config = ConfigDict(extra="forbid")

    id: Word = Field(description="Unique in the file.")
    asked: Moment = Field(description="When the customer wrote; without a zone it is UTC.")
    solved: Moment | None = Field(None, description="When it was solved; default: when it was asked.")
    question: Text | None = Field(None, description="What the customer wrote first.")
    answer: Text | None = Field(None, description="What the agent answered.")
    turns: list[TurnRow] | None = Field(None, min_length=1, max_length=1_000, description="The public messages.")
    language: Word | None = None
    brand: Word | None = None
    topic: Word | None = None
    tags: list[Word] = Field(default_factory=list, max_length=1_000)
    links: list[Word] = Field(
        default_factory=list, max_length=1_000, description="Ids or URLs of the articles that the agent linked."
    )
    groups: list[Word] | None = Field(None, max_length=1_000, description="What the customer belongs to.")

    @model_validator(mode="after")
    def _whole(self) -> TicketRow:
        pair = self.question is not None and self.answer is not None
        if pair == (self.turns is not None):
            raise ValueError("needs either question and answer, or turns")
        if self.solved is not None and self.solved < self.asked:
            raise ValueError("was solved before it was asked")
        return self


class VersionRow(Section):
    """One line of a knowledge file: an article as it stood from ``valid_from`` on, or its removal."""

    model_config = ConfigDict(extra="forbid")

    id: Word = Field(description="The article's id; the same in all of its versions.")
    valid_from: Moment = Field(description="When this text was published; without a zone it is UTC.")
    valid_until: Moment | None = Field(None, description="When it was taken down, where no later version says so.")
    deleted: bool = Field(False, description="The article was removed at `valid_from`.")
    title: Word | None = None
    text: str = Field("", max_length=10_000_000, description="The article.")
    media_type: Word = Field("text/markdown", description="`text/markdown`, `text/html` or `text/plain`.")
    url: Word | None = None
    language: Word | None = None
    tags: list[Word] = Field(default_factory=list, max_length=1_000)
    source: Word = Field("knowledge", description="The configured source whose settings it is indexed with.")
    metadata: dict[str, Any] = Field(default_factory=dict)
    groups: list[Word] | None = Field(None, max_length=1_000, description="Groups that may see it; default: all.")

    @model_validator(mode="after")
    def _whole(self) -> VersionRow:
        if not self.deleted and not self.text.strip():
            raise ValueError("has no text, and is not marked as deleted")
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("ends before it starts: valid_until must be later than valid_from")
        return self


def read_tickets(path: Path) -> Export:
    """The tickets of a JSON Lines file, in the order in which they were asked.

    Raises:
        ConfigError: everything that is wrong, each with its line.
    """
    tickets: dict[str, Ticket] = {}
    unanswered = 0
    for where, row in _rows(path, TicketRow, once=("id",)):
        turns = tuple(Turn(turn.role, turn.text) for turn in row.turns or ())
        if not turns:
            turns = (Turn("customer", row.question or ""), Turn("agent", row.answer or ""))
        exchange = first_exchange(turns)
        if exchange is None:
            unanswered += 1
            continue
        tickets[row.id] = Ticket(
            id=row.id,
            question=exchange[0],
            answer=exchange[1],
            asked=row.asked,
            solved=row.solved or row.asked,
            turns=turns,
            language=row.language,
            brand=row.brand,
            topic=row.topic,
            tags=tuple(row.tags),
            links=tuple(row.links),
            groups=None if row.groups is None else frozenset(row.groups),
            where=where,
        )
    if not tickets:
        raise ConfigError(
            f"{path.name} has no ticket that an agent answered.", hint="docs/simulation.md has an example."
        )
    notes = [f"{unanswered} tickets without a public question and answer are left out."] if unanswered else []
    ordered = sorted(tickets.values(), key=lambda ticket: (ticket.asked, ticket.id))
    return Export(tuple(ordered), fingerprint(path), tuple(notes))


def read_versions(path: Path) -> tuple[Version, ...]:
    """The versions of a knowledge file, in time order.

    Raises:
        ConfigError: everything that is wrong, each with its line.
    """
    versions = []
    for where, row in _rows(path, VersionRow, once=("source", "id", "valid_from")):
        metadata: dict[str, MetaValue] = plain_metadata(row.metadata)
        if row.tags:
            metadata["tags"] = list(row.tags)
        versions.append(
            Version(
                source=row.source,
                id=row.id,
                start=row.valid_from,
                until=row.valid_until,
                content=None if row.deleted else row.text.encode(),
                media_type=row.media_type,
                title=row.title or row.id,
                url=row.url,
                language=row.language,
                metadata=metadata,
                readers=None if row.groups is None else frozenset(row.groups),
                where=where,
            )
        )
    if not versions:
        raise ConfigError(f"{path.name} has no article.", hint="docs/simulation.md has an example.")
    return tuple(sorted(versions, key=lambda version: (version.start, version.source, version.id)))


def fingerprint(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(path: Path, model: type[Row], *, once: tuple[str, ...]) -> Iterator[tuple[str, Row]]:
    """The rows of a file with where they stand; ``once``: keys that no two rows share."""
    wrong: list[str] = []
    first: dict[tuple[Any, ...], int] = {}
    for number, line in _lines(path):
        where = f"{path.name}:{number}"
        try:
            raw = json.loads(line)
            row = model.model_validate(raw)
        except ValidationError as error:
            raw = raw if isinstance(raw, dict) else {}
            found = problems_of(error, raw, model=model)
            wrong += [f"{where}: {dotted(problem.path) or 'the record'} {problem.text}" for problem in found]
            continue
        except (ValueError, RecursionError) as error:
            wrong.append(f"{where}: this is not JSON: {error}")
            continue
        key = tuple(getattr(row, name) for name in once)
        if key in first:
            wrong.append(f"{where}: {', '.join(once)} are those of line {first[key]} already: {row.__dict__['id']}")
            continue
        first[key] = number
        yield where, row
    if wrong:
        more = [f"… and {len(wrong) - _SHOWN:,} more."] if len(wrong) > _SHOWN else []
        raise ConfigError("\n".join([*wrong[:_SHOWN], *more]))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(f"{path} is larger than {MAX_FILE:,} bytes.", hint="Rehearse on a part of it.")
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if number > MAX_LINES:
                    raise ConfigError(f"{path} has more than {MAX_LINES:,} lines.", hint="Rehearse on a part of it.")
                if line.strip():
                    yield number, line
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}.", hint="docs/simulation.md says how to write one.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
