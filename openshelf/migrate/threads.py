"""Threads and their messages, as a dump has them, as conversations with items."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openshelf.migrate.assistants import Converted, converted
from openshelf.migrate.messages import KnownFile, item_of
from openshelf.migrate.records import Bad, Record

MARK = "openai_thread_id"
"""The key of a conversation's metadata that has the thread's id."""

_MOST_METADATA = 16
_ID = re.compile(r"thread_[A-Za-z0-9_-]{1,128}")
_PENDING = ("queued", "in_progress", "requires_action")


@dataclass
class Conversation:
    """A thread as a conversation.

    Attributes:
        id: ``conv_X`` for ``thread_X``, so that ids which programs keep can be followed without a table.
        created: epoch seconds.
        stores: the vector stores that the thread had for itself.
    """

    id: str
    thread: str
    created: float = 0.0
    metadata: dict[str, str] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    stores: list[str] = field(default_factory=list)


@dataclass
class Export:
    """What a dump holds, in the new words.

    Attributes:
        stores: ids and names of vector stores.
        bad: what could not be read, and where.
        other: objects that have no place here, by their kind.
    """

    assistants: list[Converted] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)
    stores: dict[str, str] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)


def gathered(records: Iterable[Record | Bad], files: Mapping[str, KnownFile]) -> Export:
    """Everything that the records say. A record that is wrong is named and left out; the others stay.

    Args:
        files: files of the shelf by OpenAI's id, for citations.
    """
    export = Export()
    threads: dict[str, Conversation] = {}
    messages: dict[str, list[Record]] = {}
    for record in records:
        if isinstance(record, Bad):
            export.bad.append(record)
            continue
        try:
            _sort_in(record, export, threads, messages)
        except ValueError as error:
            export.bad.append(Bad(record.file, record.line, str(error)))
    for key, found in messages.items():
        conversation = threads.setdefault(key, Conversation(_conversation_id(key), key, metadata={MARK: key}))
        _fill(conversation, found, files, export)
    export.conversations = sorted(threads.values(), key=lambda one: (one.created, one.id))
    return export


def _sort_in(
    record: Record, export: Export, threads: dict[str, Conversation], messages: dict[str, list[Record]]
) -> None:
    body = record.body
    match record.kind:
        case "assistant":
            export.assistants.append(converted(body))
        case "thread":
            key = _conversation_id(body.get("id"))
            metadata, lost = _metadata(body)
            one = Conversation(key, str(body["id"]), _time(body), metadata, stores=_stores(body))
            one.counts["metadata keys left out"] += lost
            threads[one.thread] = one
        case "thread.message":
            _conversation_id(body.get("thread_id"))
            _time(body)
            messages.setdefault(str(body["thread_id"]), []).append(record)
        case "vector_store":
            if not isinstance(body.get("id"), str):
                raise ValueError("a vector store needs its id")
            export.stores[body["id"]] = str(body.get("name") or "")
        case "thread.run" if body.get("status") in _PENDING:
            export.other["thread.run that was not at its end"] += 1
        case kind:
            export.other[kind] += 1


def _fill(conversation: Conversation, records: list[Record], files: Mapping[str, KnownFile], export: Export) -> None:
    """Put the messages in, the oldest first; of one id only the first."""
    times = [_time(record.body) for record in records]
    # The API lists the newest first. Turned round, what has one second keeps its order.
    if times == sorted(times, reverse=True) and times[:1] != times[-1:]:
        records = records[::-1]
    conversation.counts["messages"] = 0  # named first
    seen: set[str] = set()
    for record in sorted(records, key=lambda one: _time(one.body)):
        try:
            item = item_of(record.body, files, conversation.counts)
        except ValueError as error:
            export.bad.append(Bad(record.file, record.line, str(error)))
            continue
        if item is not None and item["id"] not in seen:
            seen.add(item["id"])
            conversation.items.append(item)
    conversation.counts["messages"] = len(conversation.items)
    if not conversation.created:
        conversation.created = min(times)


def _conversation_id(thread: Any) -> str:
    if not isinstance(thread, str) or not _ID.fullmatch(thread):
        raise ValueError(f"a thread's id begins with thread_, which {thread!r} does not")
    return f"conv_{thread.removeprefix('thread_')}"


def _time(body: Mapping[str, Any]) -> float:
    created = body.get("created_at")
    if isinstance(created, bool) or not isinstance(created, int | float) or not 0 <= created < 1 << 36:
        raise ValueError("created_at is no time in seconds")
    return float(created)


def _metadata(body: Mapping[str, Any]) -> tuple[dict[str, str], int]:
    """A conversation's metadata, and how many keys found no room beside the thread's id."""
    raw = body.get("metadata")
    own = {str(key)[:64]: str(value)[:512] for key, value in (raw if isinstance(raw, dict) else {}).items()}
    kept = dict(list(own.items())[: _MOST_METADATA - 1])
    return {**kept, MARK: str(body["id"])}, len(own) - len(kept)


def _stores(body: Mapping[str, Any]) -> list[str]:
    resources = body.get("tool_resources")
    own = resources.get("file_search") if isinstance(resources, dict) else None
    found = own.get("vector_store_ids") if isinstance(own, dict) else None
    return [str(one) for one in found] if isinstance(found, list) else []
