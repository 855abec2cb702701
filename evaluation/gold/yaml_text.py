"""Plain values as YAML that a person likes to read, and that reads back as the same values.

ruamel.yaml's own emitter loses characters where it breaks a quoted line (0.19.1); here nothing is broken but at spaces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

_WIDTH = 110
_PLAIN = re.compile(r"[^\W\d_](?:[\w ()+./€£$%'’«»“”°…–—=;?!@-]|:(?=[^\s,\[\]{}]))*(?<! )")
_PLAIN_ALONE = re.compile(r"[^\W\d_](?:[\w ()+./€£$%'’«»“”°…–—=;?!@,-]|:(?=\S))*(?<! )")
_NO_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"})
_BLOCK = re.compile(r"""(?![\s#?:,\[\]{}&*!|>'"%@`-])[\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\n]+(?<=\S)""")
_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def item(values: Mapping[str, Any], indent: int) -> str:
    """``values`` as an item of a list, its dash at column ``indent``; ends with a line feed."""
    lines = list(_mapping(values, indent + 2))
    if not lines:
        return f"{' ' * indent}- {{}}\n"
    lines[0] = f"{' ' * indent}- {lines[0][indent + 2 :]}"
    return "".join(f"{line}\n" for line in lines)


def _mapping(values: Mapping[str, Any], indent: int) -> Iterator[str]:
    for key, value in values.items():
        head = f"{' ' * indent}{scalar(key)}:"
        if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            yield head
            for one in value:
                yield from item(one, indent + 2).rstrip("\n").split("\n")
        elif isinstance(value, str) and _BLOCK.fullmatch(value) and ("\n" in value or len(value) > _WIDTH):
            yield from _block(head, value, " " * (indent + 2))
        else:
            yield f"{head} {scalar(value, alone=True) if isinstance(value, str) else _flow(value)}"


def _block(head: str, text: str, indent: str) -> Iterator[str]:
    if "\n" in text:
        yield f"{head} |-"
        for line in text.split("\n"):
            yield f"{indent}{line}" if line else ""
        return
    yield f"{head} >-"
    start = 0
    while start < len(text):
        # At a single space only: others would be folded away.
        stops = [found.start() for found in re.finditer(r"(?<=\S) (?=\S)", text[start : start + _WIDTH])]
        end = start + stops[-1] if stops and len(text) - start > _WIDTH else None
        if end is None and len(text) - start > _WIDTH:
            later = re.search(r"(?<=\S) (?=\S)", text[start + _WIDTH - 1 :])
            end = start + _WIDTH - 1 + later.start() if later else None
        yield f"{indent}{text[start:end]}"
        start = len(text) if end is None else end + 1


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return scalar(value)


def scalar(value: Any, *, alone: bool = False) -> str:
    """One value on one line.

    Args:
        alone: behind its key, not within brackets or braces: a comma needs no quotes there.
    """
    if isinstance(value, datetime | date):
        return value.isoformat()
    if not isinstance(value, str):
        return json.dumps(value)
    if value.casefold() not in _NO_TEXT and (_PLAIN_ALONE if alone else _PLAIN).fullmatch(value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
