"""Bodies of requests made from schemas: OpenAI's own, where its document is here, and a small one that always is."""

from __future__ import annotations

import functools
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.retrieval import openai_schema

_TEXT = {"type": "string", "maxLength": 30}
_NAME = {"type": "string", "pattern": "^[a-z_0-9]{1,20}$"}
_MESSAGE = {
    "type": "object",
    "properties": {
        "type": {"const": "message"},
        "role": {"enum": ["user", "assistant", "system", "developer"]},
        "content": {
            "anyOf": [
                _TEXT,
                {
                    "type": "array",
                    "maxItems": 3,
                    "items": {
                        "type": "object",
                        "properties": {"type": {"const": "input_text"}, "text": _TEXT},
                        "required": ["type", "text"],
                        "additionalProperties": False,
                    },
                },
            ]
        },
    },
    "required": ["role", "content"],
    "additionalProperties": False,
}
_OTHERS = (
    {"type": {"const": "function_call"}, "call_id": _NAME, "name": _NAME, "arguments": _TEXT},
    {"type": {"const": "function_call_output"}, "call_id": _NAME, "output": _TEXT},
    {"type": {"const": "reasoning"}, "id": _NAME, "summary": {"type": "array", "maxItems": 0}},
    {
        "type": {"const": "file_search_call"},
        "id": _NAME,
        "queries": {"type": "array", "items": _TEXT, "maxItems": 2},
        "status": {"enum": ["completed", "failed"]},
    },
)
_ITEM = {
    "anyOf": [
        _MESSAGE,
        *(
            {"type": "object", "properties": fields, "required": sorted(fields), "additionalProperties": False}
            for fields in _OTHERS
        ),
    ]
}
_SMALL: dict[str, Any] = {
    "input": {"anyOf": [_TEXT, {"type": "array", "items": _ITEM, "minItems": 1, "maxItems": 4}]},
    "instructions": _TEXT,
    "stream": {"type": "boolean"},
    "background": {"type": "boolean"},
    "store": {"type": "boolean"},
    "metadata": {"type": "object", "additionalProperties": _TEXT, "maxProperties": 3},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "max_output_tokens": {"type": "integer", "minimum": 16, "maximum": 4000},
    "max_tool_calls": {"type": "integer", "minimum": 1, "maximum": 5},
    "include": {"type": "array", "items": {"const": "file_search_call.results"}, "maxItems": 1},
    "tool_choice": {"enum": ["auto", "required", "none"]},
}
_LEFT_OUT = ("prompt", "conversation", "previous_response_id", "model", "tools", "tool_choice")
"""Fields that name what is elsewhere, or what the tests put in."""


def small_request() -> st.SearchStrategy[dict[str, Any]]:
    """Bodies of ``POST /v1/responses`` without anything of OpenAI's document."""
    return _bodies(_object(_SMALL), {})


def small_items() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Items of a conversation without anything of OpenAI's document."""
    return _bodies({"type": "array", "items": _ITEM, "minItems": 1, "maxItems": 4}, {})


def their_request() -> st.SearchStrategy[dict[str, Any]]:
    """Bodies of ``POST /v1/responses`` of OpenAI's own schema."""
    fields = _fields("CreateResponse")
    items = {"type": "array", "items": {"$ref": "#/components/schemas/InputItem"}, "minItems": 1, "maxItems": 3}
    chosen = {name: schema for name, schema in fields.items() if name not in _LEFT_OUT}
    return _bodies(_object({**chosen, "input": {"anyOf": [_TEXT, items]}}), _schemas())


def their_tools() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Tools of OpenAI's own schema."""
    tool = {"$ref": "#/components/schemas/Tool"}
    return _bodies({"type": "array", "items": tool, "maxItems": 2}, _schemas())


def their_items() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Items of a conversation of OpenAI's own schema."""
    item = {"$ref": "#/components/schemas/InputItem"}
    return _bodies({"type": "array", "items": item, "minItems": 1, "maxItems": 4}, _schemas())


def _bodies(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    used: set[str] = set()
    _collect(schema, schemas, used)
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "bodies", "version": "1"},
        "paths": {"/": {"post": {"requestBody": body, "responses": {"200": {"description": "ok"}}}}},
        "components": {"schemas": {name: _closed(schemas[name]) for name in used}},
    }
    (operation,) = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    made: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return made.map(lambda case: case.body)


def _collect(part: Any, schemas: dict[str, Any], used: set[str]) -> None:
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _collect(inner, schemas, used)
    name = part.get("$ref") if isinstance(part, dict) else None
    if isinstance(name, str) and (name := name.rsplit("/", 1)[1]) not in used:
        used.add(name)
        _collect(schemas[name], schemas, used)


def _closed(part: Any) -> Any:
    """``part`` without room for fields that nobody knows, which would be most of what is made of it."""
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {key: value if key == "allOf" else _closed(value) for key, value in part.items()}
    if isinstance(part.get("properties"), dict) and part.get("type") == "object" and "allOf" not in part:
        made.setdefault("additionalProperties", False)
    return made


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": ["input"], "additionalProperties": False}


def _schemas() -> dict[str, Any]:
    return openai_schema._schemas()


@functools.cache
def _fields(name: str) -> dict[str, Any]:
    schema = _schemas()[name]
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= _fields(part["$ref"].rsplit("/", 1)[1]) if "$ref" in part else part.get("properties", {})
    return found
