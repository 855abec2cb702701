"""Solved tickets as JSON files.

``{"id", "title", "url", "language", "readers", "tags", "turns": [{"role", "text", "created_at"}], "metadata"}``;
only ``turns`` must be there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.front_matter import About, plain_metadata, two_letters

MEDIA_TYPE = "application/x-conversation+json"


def read_conversation(content: bytes) -> tuple[About, bytes] | None:
    """What the ticket says of itself, and its turns as JSON; ``None`` for JSON that is no conversation.

    Raises:
        ValueError: it is no JSON, or its turns are malformed.
    """
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON in UTF-8: {error}") from None
    if not isinstance(value, dict) or "turns" not in value:
        return None
    turns = value["turns"]
    if not isinstance(turns, list) or not turns:
        raise ValueError("its `turns` are not a list of turns")
    for number, turn in enumerate(turns, start=1):
        if not (isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("text"), str)):
            raise ValueError(f"turn {number} has no `role` and `text`")
    return _about(value), encoded(turns)


def encoded(turns: Sequence[Mapping[str, Any]]) -> bytes:
    """Turns of a conversation as the content of its document."""
    return json.dumps(turns, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _about(value: dict[str, Any]) -> About:
    extra = value.get("metadata") or {}
    if not isinstance(extra, dict):
        raise ValueError("its `metadata` is not an object")
    readers = value.get("readers")
    if "readers" in value and not (isinstance(readers, list) and all(isinstance(item, str) for item in readers)):
        raise ValueError("its `readers` are not a list of group names")
    metadata = plain_metadata(extra)
    if value.get("tags"):
        metadata |= plain_metadata({"tags": value["tags"]})
    if isinstance(value.get("id"), str | int):
        metadata["conversation_id"] = str(value["id"])
    return About(
        title=str(value["title"]).strip() if value.get("title") else None,
        url=str(value["url"]) if value.get("url") else None,
        language=two_letters(value.get("language")),
        readers=None if readers is None else frozenset(readers),
        metadata=metadata,
    )
