"""What can be changed with certainty, as edits of a file and as a unified diff."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from openshelf.migrate.rules import Rewrite
from openshelf.migrate.uses import Language, Part, Use, camel


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put ``text`` in the place of the characters from ``start`` to ``end``."""

    start: int
    end: int
    text: str


def edits(rewrite: Rewrite, use: Use, language: Language, base_url: str | None, text: str) -> list[Edit]:
    """The edits for one call; none where it is not certain that they are right.

    Args:
        base_url: the shelf's address; ``None``: clients stay where they are.
        text: the whole file.
    """
    if rewrite.base_url:
        return [] if base_url is None else _address(use, language, base_url, text)
    if rewrite.only is not None and not use.near <= rewrite.only:
        return []
    if rewrite.positional is not None and use.positional > rewrite.positional:
        return []
    found = _written(rewrite, use.parts)
    if found is None:
        return []
    script = language == "typescript"
    to = ".".join(camel(name) if script else name for name in rewrite.to)
    renamed = [
        Edit(part.start, part.end, rewrite.rename[part.name]) for part in use.keywords if part.name in rewrite.rename
    ]
    return [Edit(found[0].start, found[-1].end, to), *renamed]


def applied(text: str, changes: Iterable[Edit]) -> str:
    """``text`` with the edits; of two that overlap the first."""
    pieces, at = [], 0
    for edit in sorted(set(changes)):
        if edit.start >= at:
            pieces += [text[at : edit.start], edit.text]
            at = edit.end
    return "".join([*pieces, text[at:]])


def diff(name: str, before: str, after: str) -> Iterator[str]:
    """Lines of a unified diff, as ``patch`` and ``git apply`` take them."""
    for line in difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _written(rewrite: Rewrite, parts: tuple[Part, ...]) -> tuple[Part, ...] | None:
    """The names that are to be replaced, where they are written out behind the client's."""
    names = tuple(part.name for part in parts)
    for source in rewrite.sources:
        size = len(source)
        for start in range(1, len(names) - size + 1):
            if names[start : start + size] == source:
                return parts[start : start + size]
    return None


def _address(use: Use, language: Language, base_url: str, text: str) -> list[Edit]:
    """``base_url`` as the first argument of a client's constructor."""
    if use.opening < 1 or "**" in use.near or use.positional:
        return []
    address = json.dumps(base_url)
    rest = text[use.opening :].lstrip()
    if language == "python":
        return [Edit(use.opening, use.opening, f"base_url={address}" + ("" if rest.startswith(")") else ", "))]
    if rest.startswith(")"):
        return [Edit(use.opening, use.opening, f"{{ baseURL: {address} }}")]
    if rest.startswith("{"):
        brace = use.opening + text[use.opening :].index("{") + 1
        empty = text[brace:].lstrip().startswith("}")
        return [Edit(brace, brace, f" baseURL: {address}" + (" " if empty else ","))]
    return []


def _lines(text: str) -> list[str]:
    # Only line feeds end a line of a diff.
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])
