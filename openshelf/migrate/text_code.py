"""Uses in text: paths of the API in shell scripts, YAML, JSON, environment files, other languages, and in strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from openshelf.migrate.uses import Use, snake

_PATH = re.compile(r"/v1/(?P<rest>(?:assistants|threads|vector_stores|conversations)\b[^\s\"'`?#\\)\],;]*)")
_WORDS = frozenset(
    (
        *("assistants", "threads", "runs", "messages", "steps", "submit_tool_outputs", "cancel"),
        *("vector_stores", "file_batches", "files", "search", "content", "conversations", "items"),
    )
)
_TEXTS = re.compile(
    r"assistants=v\d"
    r"|https?://api\.openai\.com(?:/v1)?"
    r"|(?<![\w.])thread\.(?:created|(?:run|message)(?:\.step)?\.[a-z_]+(?:\.[a-z_]+)?)(?![\w.])"
    r"|(?<!\w)(?:asst|thread|vs)_[A-Za-z0-9]{8,}(?!\w)"
)
_KEY = re.compile(
    r"(?<![\w.])[\"']?(tool_resources|truncation_strategy|max_prompt_tokens|additional_instructions|additional_messages"
    r"|assistant_id|thread_id)[\"']?\s*[:=]"
)
_CHAIN = re.compile(r"\bbeta\??\.(?:assistants|threads|vector_?stores)\b[\w.?]*", re.IGNORECASE)


def uses(text: str) -> Iterator[Use]:
    """Uses in a file that is read as text."""
    for number, line in enumerate(text.splitlines(), 1):
        yield from in_string(line, number)
        for match in _KEY.finditer(line):
            yield Use("key", match[1], number)
        for match in _CHAIN.finditer(line):
            parts = (snake(part) for part in match[0].replace("?", "").split("."))
            yield Use("call", ".".join(part.lower() for part in parts), number)


def in_string(text: str, line: int) -> Iterator[Use]:
    """Uses in a string of code, or in a line; those of several lines count from ``line``."""
    for match in _PATH.finditer(text):
        segments = [part for part in match["rest"].split("/") if part]
        name = "/".join(part if part in _WORDS else "{}" for part in segments)
        yield Use("path", name, line + text.count("\n", 0, match.start()))
    for match in _TEXTS.finditer(text):
        # The path says more than its address.
        path = match.end() - (3 if match[0].endswith("/v1") else 0)
        if not (match[0].startswith("http") and _PATH.match(text, path)):
            yield Use("text", match[0], line + text.count("\n", 0, match.start()))
