"""Solved tickets in a file: JSON or JSONL, one ticket each, with ``turns`` or with ``question`` and ``answer``.

``{"id", "title", "url", "language", "tags", "asked", "links", "turns": [{"role", "text"}], "metadata"}``: what
``openshelf simulate`` reads and what lies in a folder of tickets; a turn that says ``public: false`` is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from evaluation.gold.importing.collecting import Collector, content_of
from evaluation.gold.importing.records import lines_of
from evaluation.gold.tickets.solved import Solved, exchange, is_open, moment, moments, tags_of
from evaluation.simulate.ticket import Turn

_WRAPPERS = ("tickets", "conversations", "results")
_MAX_FILES = 100_000


def exported(path: Path | str, collector: Collector) -> Iterator[Solved]:
    """The tickets of a file, or of every ``.json`` file in a folder.

    Args:
        collector: told of every record that is no ticket.

    Raises:
        ConfigError: there is nothing to read.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        files = sorted(path.glob("*.json"))[:_MAX_FILES]
        if not files:
            raise ConfigError(f"{path} has no .json file.", hint="Name a file, or a folder with a ticket a file.")
        for file in files:
            yield from _whole(file, collector)
    elif path.suffix.lower() == ".json":
        yield from _whole(path, collector)
    else:
        for where, record in lines_of(path, collector):
            yield from _ticket(where, record, collector)


def _whole(path: Path, collector: Collector) -> Iterator[Solved]:
    """A JSON file: one ticket, a list of them, or a mapping with such a list."""
    try:
        value = json.loads(content_of(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        collector.refuse(path.name, f"it is not JSON in UTF-8: {error}.")
        return
    if isinstance(value, dict):
        value = next((value[name] for name in _WRAPPERS if isinstance(value.get(name), list)), value)
    records = value if isinstance(value, list) else [value]
    for number, record in enumerate(records, start=1):
        where = path.name if len(records) == 1 else f"{path.name}:record {number}"
        if isinstance(record, dict):
            yield from _ticket(where, record, collector)
        else:
            collector.refuse(where, "it is no JSON object.")


def _ticket(where: str, record: Mapping[str, Any], collector: Collector) -> Iterator[Solved]:
    extra = record.get("metadata")
    metadata = {**extra, **record} if isinstance(extra, dict) else dict(record)
    try:
        found = exchange(_turns(record))
    except ValueError as error:
        collector.refuse(where, f"{error}.")
        return
    if found is None:
        collector.refuse(where, "no customer wrote in it.")
        return
    asked, solved = moments(metadata)
    turns = record.get("turns")
    if asked is None and isinstance(turns, list) and isinstance(turns[0], dict):
        asked = moment(turns[0].get("created_at"))
    id, url, language = record.get("id"), record.get("url"), record.get("language")
    yield Solved(
        id=str(id) if isinstance(id, str | int) else where,
        question=found[0],
        answer=found[1],
        links=tags_of(record.get("links")),
        url=url if isinstance(url, str) else None,
        language=language if isinstance(language, str) and language.strip() else None,
        tags=tags_of(metadata.get("tags")),
        asked=asked,
        solved=solved,
        open=is_open(metadata),
        where=where,
    )


def _turns(record: Mapping[str, Any]) -> list[Turn]:
    turns = record.get("turns")
    if turns is None:
        question, answer = record.get("question"), record.get("answer")
        if not isinstance(question, str) or not isinstance(answer, str | None):
            raise ValueError("it has neither `turns` nor `question` and `answer`")
        return [Turn("customer", question), Turn("agent", answer or "")]
    if not isinstance(turns, list) or not turns:
        raise ValueError("its `turns` are not a list of turns")
    said = []
    for number, turn in enumerate(turns, start=1):
        if not (isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("text"), str)):
            raise ValueError(f"turn {number} has no `role` and `text`")
        if turn.get("public") is not False and turn.get("private") is not True and turn.get("internal") is not True:
            said.append(Turn(turn["role"], turn["text"]))
    return said
