"""Items of a conversation: as they are kept and listed, and as they are sent to the upstream again."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from openshelf.server.errors import ApiError

Item: TypeAlias = dict[str, Any]

RESULTS = "file_search_call.results"
_ROLES = ("user", "assistant", "system", "developer")
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
    "file_search_call": "fs",
}
_INVENTED = "item"
"""Prefix of ids for types whose own prefix we do not know; such an id is not sent to the upstream."""
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,255}")
"""Ids that can stand in an address."""
_DONE = {"status": "completed"}
_LISTED: dict[str, Item] = {
    "message": _DONE,
    "function_call": _DONE,
    "function_call_output": _DONE,
    "computer_call_output": {**_DONE, "acknowledged_safety_checks": []},
    "custom_tool_call": _DONE,
    "custom_tool_call_output": _DONE,
    "tool_search_call": {**_DONE, "call_id": None, "execution": "server"},
    "tool_search_output": {**_DONE, "call_id": None, "execution": "server"},
    "shell_call": {**_DONE, "environment": None, "action": {"timeout_ms": None, "max_output_length": None}},
    "shell_call_output": {**_DONE, "max_output_length": None},
}
"""What a listed item has and a given one need not have."""
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_NEEDED = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("output",),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id", "output"),
    "file_search_call": ("id",),
}


def new_id(prefix: str) -> str:
    """A fresh id, as OpenAI's API has them."""
    return f"{prefix}_{secrets.token_hex(24)}"


def kept(raw: str | Sequence[Mapping[str, Any]] | None, *, param: str = "input") -> list[Item]:
    """Input as items with ids, every spelling of a message brought to one.

    Args:
        param: the request's field, for the message of an error.

    Raises:
        ApiError: 400, an item is malformed.
    """
    if raw is None:
        return []
    if isinstance(raw, str):
        raw = [{"role": "user", "content": raw}]
    return [_kept(item, f"{param}[{n}]") for n, item in enumerate(raw)]


def reference(item: object) -> str | None:
    """The id of the item that a reference names; ``None`` for any other item. A malformed one is left to ``kept``."""
    if not isinstance(item, dict) or item.get("type") not in (None, "item_reference") or "role" in item:
        return None
    key = item.get("id")
    return key if isinstance(key, str) and _ID.fullmatch(key) else None


def resent(items: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Items as the upstream gets them.

    Its own ids and states are left out, because it does not keep what it said. So are searches, whose documents are
    not sent again, and reasoning that can only be understood by its id or without what followed it.
    """
    sent: list[Item] = []
    waiting: list[Item] = []  # reasoning, until what it led to is seen
    for item in items:
        kind = item.get("type", "message")
        if kind == "reasoning":
            waiting.append({key: value for key, value in item.items() if key != "status" and value is not None})
            continue
        thoughts, waiting = waiting, []
        if kind == "file_search_call":
            continue
        sent += [thought for thought in thoughts if thought.get("encrypted_content")]
        if kind == "message":
            sent.append(_message(item))
        elif kind in ("function_call", "function_call_output"):
            sent.append({key: value for key, value in item.items() if key not in ("id", "status", "created_by")})
        else:
            known = not str(item.get("id")).startswith(f"{_INVENTED}_")
            sent.append({key: value for key, value in item.items() if key != "id" or known})
    return sent


def answered(item: Mapping[str, Any], include: Sequence[str] = ()) -> Item:
    """An output item as it is read again: results of a search only where they are asked for."""
    if item.get("type") == "file_search_call" and RESULTS not in include:
        return {**item, "results": None}
    return dict(item)


def listed(item: Mapping[str, Any], include: Sequence[str] = ()) -> Item:
    """An item as lists have it: what may be left out or null where it is given has its value here."""
    found, usual = answered(item, include), _LISTED.get(str(item.get("type")))
    if usual is None:
        return found
    found = {key: value for key, value in found.items() if value is not None}
    for key, value in usual.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] = {**value, **found[key]}
        else:
            found.setdefault(key, value)
    if found["type"] == "computer_call_output" and found["status"] == "in_progress":
        found["status"] = "incomplete"  # lists know no other word for it
    for key in ("content", "output"):
        if isinstance(found.get(key), list):
            found[key] = [_part(part) if isinstance(part, dict) else part for part in found[key]]
    return found


def last_question(items: Sequence[Mapping[str, Any]]) -> str | None:
    """The text of the user's last message."""
    for item in reversed(items):
        if item.get("type", "message") == "message" and item.get("role") == "user":
            return _text(item)
    return None


def _part(part: Mapping[str, Any]) -> Item:
    usual = {"detail": "auto"} if part.get("type") == "input_image" else {}
    return {**usual, **{key: value for key, value in part.items() if value is not None}}


def _kept(raw: Mapping[str, Any], at: str) -> Item:
    item = dict(raw)
    kind = item.get("type")
    if kind is None:
        kind = "message" if "role" in item else "item_reference"
    if kind == "item_reference":
        _refuse("A reference to an item needs its id, and stands in the input of a response.", at)
    if kind == "compaction_trigger":
        _refuse("Compaction is not supported; `truncation: auto` lets the upstream shorten what is too long.", at)
    if not isinstance(kind, str) or not kind:
        _refuse("An item's type is a text.", f"{at}.type")
    for key in _NEEDED.get(kind, ()):
        if key not in item or not (isinstance(item[key], str) or (key == "output" and isinstance(item[key], list))):
            _refuse(f"An item of type {kind} needs {key}.", f"{at}.{key}")
    if kind == "message":
        item["content"] = _content(item, at)
    item["type"] = kind
    if not isinstance(item.get("id"), str) or not item["id"]:
        item["id"] = new_id(_PREFIXES.get(kind, _INVENTED))
    elif not _ID.fullmatch(item["id"]):
        _refuse("An item's id is a letter, digit or _ and up to 255 of them and . : - behind it.", f"{at}.id")
    if kind in ("message", "function_call", "function_call_output"):
        item["status"] = item["status"] if item.get("status") in ("in_progress", "incomplete") else "completed"
    return item


def _content(item: Mapping[str, Any], at: str) -> list[Item]:
    """A message's content as parts of the types that its role has."""
    if item.get("role") not in _ROLES:
        _refuse(f"A message's role is one of {', '.join(_ROLES)}.", f"{at}.role")
    raw = item.get("content")
    own = item["role"] == "assistant"
    if isinstance(raw, str):
        raw = [{"type": "output_text" if own else "input_text", "text": raw}]
    if not isinstance(raw, list) or not all(isinstance(part, dict) for part in raw):
        _refuse("A message's content is a text or a list of parts.", f"{at}.content")
    parts = []
    for n, part in enumerate(raw):
        kind, where = part.get("type"), f"{at}.content[{n}]"
        if not isinstance(kind, str):
            _refuse("A part needs its type.", f"{where}.type")
        if kind in _TEXTS and not isinstance(part.get("text"), str):
            _refuse("A part with text needs text.", f"{where}.text")
        if kind == "refusal" and not isinstance(part.get("refusal"), str):
            _refuse("A refusal needs refusal.", f"{where}.refusal")
        if own and kind not in (*_TEXTS, "refusal"):
            _refuse("A message of the assistant holds text and refusals.", f"{where}.type")
        if own and kind in _TEXTS:
            lists = {key: part[key] if isinstance(part.get(key), list) else [] for key in ("annotations", "logprobs")}
            part = {**part, "type": "output_text", **lists}
        elif kind in ("output_text", "text"):
            part = {"type": "input_text", "text": part["text"]}
        parts.append(part)
    return parts


def _message(item: Mapping[str, Any]) -> Item:
    """A message without id and status; an answer, and what is one text, as its words."""
    message: Item = {"role": item["role"], "content": item["content"]}
    plain = isinstance(item["content"], list) and [set(part) for part in item["content"]] == [{"type", "text"}]
    if item["role"] == "assistant" or plain:
        message["content"] = _text(item)
        if isinstance(item.get("phase"), str):
            message["phase"] = item["phase"]
    return message


def _text(item: Mapping[str, Any]) -> str:
    content = item["content"]
    if isinstance(content, str):
        return content
    words = (part.get("text") or part.get("refusal") for part in content)
    return "\n\n".join(word for word in words if isinstance(word, str))


def _refuse(message: str, param: str) -> NoReturn:
    raise ApiError(400, message, param=param, code="invalid_value")
