"""Front matter: the YAML block between two ``---`` lines at the top of a Markdown file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from configs.errors import ConfigError
from connectors.contract import MetaValue

_BLOCK = re.compile(
    rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)
_LOOKS_LIKE_KEYS = re.compile(r"\s*(?:#.*\n\s*)*['\"]?[\w][\w .-]*['\"]?\s*:(?:\s|$)")
_OWN = frozenset({"title", "url", "language", "lang", "readers", "groups"})


@dataclass(frozen=True, slots=True)
class About:
    """What a document says of itself.

    Attributes:
        readers: groups; ``None`` where nothing is said, empty where ``readers`` is there without a group.
    """

    title: str | None = None
    url: str | None = None
    language: str | None = None
    readers: frozenset[str] | None = None
    metadata: Mapping[str, MetaValue] = field(default_factory=dict)


def split_front_matter(content: bytes) -> tuple[About, bytes]:
    """What the front matter says, and the content below it.

    A leading ``---`` that no keys follow is a rule, not front matter. Values that are no plain value or list of
    plain values are left out.

    Raises:
        ValueError: the block has keys but is no YAML or has a wrong value. It may have said who can read the
            document, so guessing is out.
    """
    found = _BLOCK.match(content)
    if not found:
        return About(), content
    try:
        text = found[1].decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("its front matter is not UTF-8") from None
    if text.strip() and not _LOOKS_LIKE_KEYS.match(text):
        return About(), content
    from configs.yaml_lines import read_yaml

    try:
        values, _ = read_yaml(text, "front matter")
    except ConfigError as error:
        raise ValueError(f"its front matter cannot be read: {error}") from None
    return _about(values or {}), content[found.end() :]


def two_letters(language: object) -> str | None:
    """``fr`` of ``fr-CA``; ``None`` for what is no language code."""
    code = str(language or "").strip().lower().replace("_", "-").split("-")[0]
    return code if re.fullmatch(r"[a-z]{2}", code) else None


def plain_metadata(values: Mapping[Any, Any]) -> dict[str, MetaValue]:
    """The entries that a filter can use: plain values, and lists of them as text.

    Keys that start with ``_`` are left out: beside a vector, those say who may read it.
    """
    metadata: dict[str, MetaValue] = {}
    for key, value in values.items():
        if str(key).startswith("_"):
            continue
        if isinstance(value, str | int | float | bool | date):
            metadata[str(key)] = value
        elif isinstance(value, list) and all(isinstance(item, str | int | float | date) for item in value):
            metadata[str(key)] = [str(item) for item in value]
    return metadata


def _about(values: Any) -> About:
    if not isinstance(values, Mapping):
        raise ValueError("its front matter is not made of `key: value` lines")
    if "readers" in values and "groups" in values:
        raise ValueError("its front matter has both `readers` and `groups`; keep one")
    readers: frozenset[str] | None = None
    for key in ("readers", "groups"):
        if key in values:
            readers = _groups(key, values[key])
    return About(
        title=_text(values, "title"),
        url=_text(values, "url"),
        language=two_letters(values.get("language", values.get("lang"))),
        readers=readers,
        metadata=plain_metadata({key: value for key, value in values.items() if key not in _OWN}),
    )


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    if isinstance(value, list | Mapping):
        raise ValueError(f"`{key}` in its front matter is not one value")
    return str(value).strip() or None if value is not None else None


def _groups(key: str, value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise ValueError(f"`{key}` in its front matter must be a list of group names")
    return frozenset(item.strip() for item in items)
