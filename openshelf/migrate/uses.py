"""What a reader of code finds in a file, whatever the language: uses of names, in one spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["call", "attribute", "key", "pair", "import", "handler", "path", "text", "broken"]
Language = Literal["python", "typescript", "shell"]
"""Which of a rule's examples fits a file: ``shell`` is all that is read as text."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Part:
    """A name as it stands in the file: ``text[start:end]``, in characters."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Use:
    """One use of something.

    Attributes:
        kind: ``call`` of a function; ``attribute`` that is read; ``key`` of a dictionary or a keyword argument;
            ``pair``, such a key with a text (``type=retrieval``); ``import``; ``handler`` of an event;
            ``path`` of a URL, ids as ``{}``; ``text`` in a string or a line; ``broken``: the file cannot be read.
        name: in Python's spelling (``create_and_poll``), with what a variable stands for put in its place:
            ``client.beta.threads.runs.create().status`` for ``run.status``.
        line: from 1.
        inside: the call that it is an argument of, and the keys on the way: ``client.files.create>metadata``.
        near: the keys beside it; of a call its keyword arguments, ``**`` for those that cannot be seen.
        positional: how many other arguments a call has.
        looped: it stands in a loop that waits (``while``).
        parts: of a call, the names of the function as they are written.
        keywords: of a call, the names of its keyword arguments as they are written.
        opening: of a call, the place behind its opening bracket.
    """

    kind: Kind
    name: str
    line: int
    inside: str = ""
    near: frozenset[str] = frozenset()
    positional: int = 0
    looped: bool = False
    parts: tuple[Part, ...] = ()
    keywords: tuple[Part, ...] = ()
    opening: int = -1


def snake(name: str) -> str:
    """``createAndPoll`` as ``create_and_poll``; names of classes stay as they are."""
    return name if name[:1].isupper() else _HUMP.sub("_", name).lower()


def camel(name: str) -> str:
    """``vector_stores`` as ``vectorStores``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
