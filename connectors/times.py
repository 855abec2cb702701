"""A time as vendors write it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def time_of(text: Any) -> datetime | None:
    """An ISO 8601 time (``2026-01-31T10:00:00Z``; without a zone it is UTC) in UTC; ``None`` where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
