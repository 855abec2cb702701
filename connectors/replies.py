"""What a vendor's answer means: fine, ask again, or an error. Vendors differ, so each connector may judge itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from configs.errors import ConnectorError


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to judge: one with an error status, or one of JSON.

    Attributes:
        url: without query, user and password, so that it can be shown.
        headers: their names are in lower case.
        body: parsed JSON where it is JSON, else the text; of an error the first 64 KB.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Again:
    """The request may succeed later. ``after``: seconds that the vendor asks for; ``None`` backs off by itself."""

    after: float | None = None
    reason: str | None = None


Judge: TypeAlias = Callable[[Reply], Again | ConnectorError | None]
"""``None`` leaves the answer to the client's own rules; an error is raised as it is."""


def read_json(content: bytes) -> Any:
    """``content`` as JSON.

    Raises:
        ValueError: it is none, or nested beyond reason.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_error(content: bytes) -> Any:
    """The body of an error: JSON where it is, else text."""
    try:
        return read_json(content)
    except ValueError:
        return content.decode("utf-8", "replace")
