"""The version of a document: a hash of everything that, when it changes, must reach the index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from connectors.contract import MetaValue


def digest(value: Any) -> str:
    """24 hexadecimal digits over JSON-ready ``value`` (dates allowed), independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def version_of(
    content: bytes,
    *,
    title: str,
    url: str | None = None,
    metadata: Mapping[str, MetaValue] | None = None,
    readers: frozenset[str] | None = None,
    language: str | None = None,
) -> str:
    """``<hash of the content>-<hash of what is said about it>``."""
    body = hashlib.blake2b(content, digest_size=12).hexdigest()
    about = [title, url, dict(metadata or {}), None if readers is None else sorted(readers), language]
    return f"{body}-{digest(about)}"


def _plain(value: object) -> str:
    if isinstance(value, date):  # a datetime is a date
        return f"{type(value).__name__}:{value.isoformat()}"
    raise TypeError(f"{type(value).__name__} has no place in a version")
