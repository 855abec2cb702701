"""Reads dumps of the API's objects: one object, a list, or an object a line, alone or inside each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.errors import ConfigError

MAX_BYTES = 1 << 30
"""Of one file; it is read whole."""

_BLANK = re.compile(r"[ \t\r\n]*")
_DATA = re.compile(r'"data"\s*:\s*\[')
_DEEPEST = 6
_KINDS = ("assistant", "thread", "thread.message", "thread.run", "thread.run.step", "vector_store")
_PREFIXES = {
    "asst_": "assistant",
    "thread_": "thread",
    "msg_": "thread.message",
    "run_": "thread.run",
    "step_": "thread.run.step",
    "vs_": "vector_store",
}
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Record:
    """One object of the API.

    Attributes:
        kind: its ``object``; where that is missing, what its id says.
        body: the object; a message in a thread knows its ``thread_id``.
        line: where it begins in its file, from 1; of what is inside another, where that begins.
    """

    kind: str
    body: Mapping[str, Any]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that could not be read, and why."""

    file: str
    line: int
    why: str


def read(paths: Sequence[Path]) -> Iterator[Record | Bad]:
    """Every object of the files, in their order.

    Raises:
        ConfigError: a file is not there, is too large, or is not text.
    """
    for path in paths:
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ConfigError(f"{path} is larger than {MAX_BYTES:,} bytes.", hint="Split it, one object a line.")
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or "cannot be read"
            raise ConfigError(f"{path}: {why}.", hint="Name files with JSON, or one JSON object a line.") from error
        for value, line in _values(text, str(path)):
            if isinstance(value, Bad):
                yield value
            else:
                yield from _records(value, str(path), line)


def _values(text: str, file: str) -> Iterator[tuple[Any, int]]:
    """The values of a file, and the lines where they begin."""
    at, line = _BLANK.match(text, 0).end(), 1  # type: ignore[union-attr]
    line += text.count("\n", 0, at)
    if at == len(text):
        yield Bad(file, 1, "the file is empty"), 1
        return
    try:
        whole, end = _DECODER.raw_decode(text, at)
        alone = _BLANK.match(text, end).end() == len(text)  # type: ignore[union-attr]
    except (json.JSONDecodeError, RecursionError):
        alone, whole = False, None
    if alone and isinstance(whole, dict) and isinstance(whole.get("data"), list):
        start = _DATA.search(text, at)
        yield from _elements(text, start.end(), file) if start else [(whole, line)]
    elif text[at] == "[" and (alone or not _has_lines(text, at)):
        yield from _elements(text, at + 1, file)
    elif alone:
        yield whole, line
    else:
        for number, one in enumerate(text.split("\n"), 1):
            if one.strip():
                try:
                    yield json.loads(one), number
                except (json.JSONDecodeError, RecursionError) as error:
                    yield Bad(file, number, f"it is not JSON: {error}"), number


def _has_lines(text: str, at: int) -> bool:
    """Whether the first line is a whole value, as in a file with one list a line."""
    try:
        json.loads(text[at:].split("\n", 1)[0])
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def _elements(text: str, at: int, file: str) -> Iterator[tuple[Any, int]]:
    """The elements of a list that begins before ``at``."""
    line, counted = 1, 0
    while True:
        at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] in ("]", ""):
            return
        if text[at] == ",":
            at += 1
            continue
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            wrong = error.lineno if isinstance(error, json.JSONDecodeError) else line
            yield Bad(file, wrong, f"it is not JSON, and so nothing behind it can be read: {error}"), wrong
            return
        yield value, line


def _records(value: Any, file: str, line: int, thread: str | None = None, depth: int = 0) -> Iterator[Record | Bad]:
    if depth > _DEEPEST:
        yield Bad(file, line, "objects stand too deep inside each other")
    elif isinstance(value, list):
        for one in value:
            yield from _records(one, file, line, thread, depth + 1)
    elif not isinstance(value, dict):
        yield Bad(file, line, "it is no object of the API")
    elif (kind := _kind(value)) is not None:
        if kind == "thread.message" and thread is not None and not value.get("thread_id"):
            value = {**value, "thread_id": thread}
        yield Record(kind, value, file, line)
        if kind == "thread" and "messages" in value:
            yield from _records(value["messages"], file, line, value.get("id"), depth + 1)
    else:
        inner = [one for one in value.values() if isinstance(one, dict | list)]
        found = False
        owner = next((one.get("id") for one in inner if isinstance(one, dict) and _kind(one) == "thread"), thread)
        for one in inner:
            if not isinstance(one, list) or any(isinstance(each, dict) for each in one):
                found = True
                yield from _records(one, file, line, owner, depth + 1)
        if not found and value.get("object") != "list":
            yield Bad(file, line, "it is no object of the API: it has neither `object` nor an id")


def _kind(value: Mapping[str, Any]) -> str | None:
    kind = value.get("object")
    if isinstance(kind, str) and kind != "list":
        return kind
    name = value.get("id")
    if kind is None and isinstance(name, str):
        return next((kind for prefix, kind in _PREFIXES.items() if name.startswith(prefix)), None)
    return None
