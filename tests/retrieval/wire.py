"""Responses as OpenAI sends them: whole, or as the events of a stream in OpenAI's order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MODEL = "gpt-5-mini-2025-08-07"


@dataclass(frozen=True)
class Says:
    """One successful response, as the test scripts it.

    Attributes:
        text: the answer; with ``refusal`` the model declines in these words.
        calls: (name, arguments) of function calls, after the text.
        comment: what the model says on its way to a call (a message of phase ``commentary``).
        incomplete: why the text ends early.
        failed: (code, message) of a response that failed.
        tokens: input, cached, output, reasoning; ``None`` sends no usage.
        piece: characters of one delta.
    """

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    comment: str = ""
    refusal: bool = False
    incomplete: str | None = None
    failed: tuple[str, str] | None = None
    tokens: tuple[int, int, int, int] | None = (100, 40, 20, 0)
    piece: int = 7

    @property
    def status(self) -> str:
        return "failed" if self.failed else "incomplete" if self.incomplete else "completed"


def search(query: str, **more: Any) -> tuple[str, str]:
    """A call of the search function."""
    return "search_knowledge", json.dumps({"query": query, "max_results": None, **more})


def whole(says: Says, request: dict[str, Any], number: int) -> dict[str, Any]:
    """The finished response."""
    response = _begun(request, number, says.status)
    response["output"] = [item for item, _ in _items(says, number)]
    if says.tokens:
        sent, cached, output, reasoning = says.tokens
        response["usage"] = {
            "input_tokens": sent,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": sent + output,
        }
    if says.incomplete:
        response["incomplete_details"] = {"reason": says.incomplete}
    if says.failed:
        response["error"] = {"code": says.failed[0], "message": says.failed[1]}
    return response


def events(says: Says, request: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The stream that builds up ``whole``."""
    begun = _begun(request, number, "in_progress")
    found = [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun}]
    for index, (item, empty) in enumerate(_items(says, number)):
        found.append({"type": "response.output_item.added", "output_index": index, "item": empty})
        place = {"item_id": item["id"], "output_index": index}
        found += _message(item, place, says.piece) if item["type"] == "message" else _call(item, place, says.piece)
        found.append({"type": "response.output_item.done", "output_index": index, "item": item})
    found.append({"type": f"response.{says.status}", "response": whole(says, request, number)})
    return [{**event, "sequence_number": place} for place, event in enumerate(found)]


def _message(item: dict[str, Any], place: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    refusal = part["type"] == "refusal"
    key, kind = ("refusal", "refusal") if refusal else ("text", "output_text")
    place = {**place, "content_index": 0}
    extra = {} if refusal else {"logprobs": []}
    yield {"type": "response.content_part.added", **place, "part": {**part, key: ""}}
    for delta in _cut(part[key], size):
        yield {"type": f"response.{kind}.delta", **place, "delta": delta, **extra}
    yield {"type": f"response.{kind}.done", **place, key: part[key], **extra}
    yield {"type": "response.content_part.done", **place, "part": part}


def _call(item: dict[str, Any], place: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    for delta in _cut(item["arguments"], size):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": delta}
    done = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **place, **done}


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _begun(request: dict[str, Any], number: int, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{number:04}",
        "object": "response",
        "created_at": 1_764_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "model": MODEL,
        "output": [],
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "store": request.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools", []),
        "top_p": 1.0,
        "truncation": "disabled",
        "metadata": {},
    }


def _items(says: Says, number: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each output item, and as it looks when it is announced."""
    found = []
    ended = "incomplete" if says.incomplete else "completed"
    for text, phase in ((says.comment, "commentary"), (says.text, "final_answer")):
        if text:
            part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            if says.refusal:
                part = {"type": "refusal", "refusal": text}
            key = f"msg_{number:04}_{len(found)}"
            item = {"id": key, "type": "message", "role": "assistant", "phase": phase, "status": ended}
            found.append(({**item, "content": [part]}, {**item, "status": "in_progress", "content": []}))
    for place, (name, arguments) in enumerate(says.calls):
        call = {"id": f"fc_{number:04}_{place}", "type": "function_call", "call_id": f"call_{number}_{place}"}
        call |= {"name": name, "arguments": arguments, "status": ended}
        found.append((call, {**call, "arguments": "", "status": "in_progress"}))
    return found
