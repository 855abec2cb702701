"""What a thread's message becomes: an item of a conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_TEXT = 10_000_000
"""Characters of one message; the API's own bound of a text."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of OpenAI's that is on the shelf: what the server calls it, and its name."""

    id: str
    filename: str


def item_of(message: Mapping[str, Any], files: Mapping[str, KnownFile], counts: Counter[str]) -> dict[str, Any] | None:
    """The message as an item; ``None`` where nothing of it can be kept.

    Args:
        files: files of the shelf by OpenAI's id.
        counts: what is kept and what is left out is counted here.

    Raises:
        ValueError: it is no message; says why.
    """
    role, name = message.get("role"), message.get("id")
    if role not in ("user", "assistant"):
        raise ValueError(f"a message's role is user or assistant, not {role!r}")
    if not isinstance(name, str) or not name:
        raise ValueError("a message needs its id")
    raw = message.get("content")
    parts = [{"type": "text", "text": {"value": raw}}] if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ValueError("a message's content is a list of parts")
    content = [made for part in parts if (made := _part(part, role == "assistant", files, counts)) is not None]
    attachments = message.get("attachments") or message.get("file_ids")
    if isinstance(attachments, list) and attachments:
        counts["attachments left out"] += len(attachments)
    if isinstance(message.get("metadata"), dict) and message["metadata"]:
        counts["messages' metadata left out"] += 1
    if not content:
        counts["messages without content left out"] += 1
        return None
    counts["messages"] += 1
    status = "incomplete" if message.get("status") == "incomplete" else "completed"
    return {"type": "message", "id": name, "role": role, "status": status, "content": content}


def _part(
    part: Mapping[str, Any], own: bool, files: Mapping[str, KnownFile], counts: Counter[str]
) -> dict[str, Any] | None:
    kind = part.get("type")
    if kind == "text":
        return _text(part.get("text"), own, files, counts)
    if kind == "refusal" and own and isinstance(part.get("refusal"), str):
        return {"type": "refusal", "refusal": part["refusal"]}
    inner = part.get(str(kind))
    if kind in ("image_url", "image_file") and isinstance(inner, dict):
        source = inner.get("url") if kind == "image_url" else inner.get("file_id")
        if own or not isinstance(source, str):
            # An answer of the Responses API has no images.
            counts["images left out"] += 1
            return None
        counts["images"] += 1
        detail = inner.get("detail") if inner.get("detail") in ("low", "high", "auto") else "auto"
        return {"type": "input_image", "image_url" if kind == "image_url" else "file_id": source, "detail": detail}
    raise ValueError(f"a part of type {kind!r} is not known")


def _text(raw: Any, own: bool, files: Mapping[str, KnownFile], counts: Counter[str]) -> dict[str, Any]:
    value = raw.get("value") if isinstance(raw, dict) else raw
    if not isinstance(value, str):
        raise ValueError("a part with text needs its text")
    if len(value) > _MOST_TEXT:
        raise ValueError(f"a text has more than {_MOST_TEXT:,} characters")
    notes = raw.get("annotations") if isinstance(raw, dict) else None
    text, annotations = _without_markers(value, notes if isinstance(notes, list) else [], files, counts)
    if not own:
        return {"type": "input_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}


def _without_markers(
    text: str, notes: list[Any], files: Mapping[str, KnownFile], counts: Counter[str]
) -> tuple[str, list[dict[str, Any]]]:
    """The text without the markers of its citations, and annotations that say where they stood."""
    placed = []
    for note in notes:
        if not isinstance(note, dict) or note.get("type") != "file_citation":
            counts["other annotations left out"] += 1
            continue
        span = _span(text, note)
        if span is not None:
            placed.append((span, note))
        else:
            counts["citations left out"] += 1
    placed.sort(key=lambda one: one[0])
    pieces: list[str] = []
    made, at, size = [], 0, 0
    for (start, end), note in placed:
        if start >= at:
            pieces.append(text[at:start])
            size += start - at
            at = end
        cited = note.get("file_citation")
        known = files.get(str(cited.get("file_id"))) if isinstance(cited, dict) else None
        if known is None:
            counts["citations left out"] += 1
            continue
        counts["citations"] += 1
        made.append({"type": "file_citation", "file_id": known.id, "filename": known.filename, "index": size})
    return "".join([*pieces, text[at:]]), made


def _span(text: str, note: Mapping[str, Any]) -> tuple[int, int] | None:
    """Where a citation's marker stands. Its own places are tried first: one marker can be there twice."""
    marker, start, end = note.get("text"), note.get("start_index"), note.get("end_index")
    if isinstance(start, int) and isinstance(end, int) and 0 <= start < end and text[start:end] == marker:
        return start, end
    if isinstance(marker, str) and marker and (found := text.find(marker)) >= 0:
        return found, found + len(marker)
    return None
