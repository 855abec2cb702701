"""What an assistant becomes: the parameters of a response, and the ``answer`` section of the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openshelf.migrate.stores import literal

_SAME = ("model", "instructions", "temperature", "top_p")
_NO_USE = ("name", "description")


@dataclass(frozen=True)
class Converted:
    """An assistant in the new words.

    Attributes:
        parameters: of ``responses.create``.
        answer: the keys of ``answer`` in the YAML.
        notes: what was left out or is to be looked at.
    """

    id: str
    name: str
    parameters: dict[str, Any]
    answer: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def converted(assistant: Mapping[str, Any]) -> Converted:
    """The assistant as parameters of a response.

    Raises:
        ValueError: it is no assistant; says why.
    """
    if not isinstance(assistant.get("model"), str):
        raise ValueError("an assistant needs a model")
    notes: list[str] = []
    parameters = {key: assistant[key] for key in _SAME if assistant.get(key) not in (None, "")}
    if assistant.get("reasoning_effort"):
        parameters["reasoning"] = {"effort": assistant["reasoning_effort"]}
    if (text := _format(assistant.get("response_format"), notes)) is not None:
        parameters["text"] = {"format": text}
    if tools := _tools(assistant, notes):
        parameters["tools"] = tools
    if isinstance(assistant.get("metadata"), dict) and assistant["metadata"]:
        parameters["metadata"] = assistant["metadata"]
    unused = [key for key in _NO_USE if assistant.get(key)]
    if unused:
        notes.append(f"no use in a response: {', '.join(unused)}")
    answer: dict[str, Any] = {
        key: literal(str(parameters[key])) for key in ("model", "instructions") if key in parameters
    }
    return Converted(str(assistant.get("id", "")), str(assistant.get("name") or ""), parameters, answer, notes)


def _tools(assistant: Mapping[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    raw, found = assistant.get("tools") or [], []
    if not isinstance(raw, list) or not all(isinstance(tool, dict) for tool in raw):
        raise ValueError("`tools` is a list of objects")
    for tool in raw:
        kind = tool.get("type")
        if kind in ("file_search", "retrieval"):
            found.append(_file_search(assistant, tool, notes))
        elif kind == "code_interpreter":
            files = _resource(assistant, "code_interpreter", "file_ids")
            found.append({"type": kind, "container": {"type": "auto", **({"file_ids": files} if files else {})}})
            notes.append("code_interpreter runs at the upstream, whose files its container names")
        elif kind == "function" and isinstance(tool.get("function"), dict):
            function = tool["function"]
            found.append(
                {
                    "type": "function",
                    "name": function.get("name"),
                    **({"description": function["description"]} if function.get("description") else {}),
                    "parameters": function.get("parameters") or {"type": "object", "properties": {}},
                    "strict": bool(function.get("strict")),
                }
            )
        else:
            notes.append(f"a tool of type {kind} is handed on as it is")
            found.append(dict(tool))
    return found


def _file_search(assistant: Mapping[str, Any], tool: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    stores = _resource(assistant, "file_search", "vector_store_ids")
    if not stores:
        files = assistant.get("file_ids") or []
        notes.append(
            f"{len(files)} files were attached to the assistant itself; put them into a vector store and name it"
            if files
            else "file_search has no vector store; its threads brought their own"
        )
    own = tool.get("file_search")
    options = own if isinstance(own, dict) else {}
    found: dict[str, Any] = {"type": "file_search", "vector_store_ids": stores}
    if options.get("max_num_results"):
        found["max_num_results"] = options["max_num_results"]
    ranking = options.get("ranking_options")
    if isinstance(ranking, dict) and ranking.get("score_threshold"):
        found["ranking_options"] = {"score_threshold": ranking["score_threshold"]}
        notes.append("score_threshold is relative to the best hit here; look whether it still fits")
    return found


def _resource(owner: Mapping[str, Any], tool: str, key: str) -> list[str]:
    resources = owner.get("tool_resources")
    own = resources.get(tool) if isinstance(resources, dict) else None
    found = own.get(key) if isinstance(own, dict) else None
    return [str(one) for one in found] if isinstance(found, list) else []


def _format(raw: Any, notes: list[str]) -> dict[str, Any] | None:
    """``response_format`` as ``text.format``."""
    if not isinstance(raw, dict) or raw.get("type") in (None, "text"):
        return None
    if raw["type"] == "json_schema" and isinstance(raw.get("json_schema"), dict):
        return {"type": "json_schema", **{key: value for key, value in raw["json_schema"].items() if value is not None}}
    if raw["type"] == "json_object":
        notes.append("an answer in JSON needs a model: the extractive answerer has none")
    return dict(raw)
