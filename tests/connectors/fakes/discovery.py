"""Requests and answers against a Google discovery document in ``../shared/specs``, and Google's field masks."""

from __future__ import annotations

import functools
import json
import re
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.connectors.fakes.openapi import SPECS
from tests.connectors.fakes.server import Request, Response


class Discovery:
    """One document; ``prefix``: what its paths have in front of them."""

    def __init__(self, name: str, *, prefix: str = "") -> None:
        self._document = json.loads((SPECS / name).read_bytes())
        self._routes: list[tuple[re.Pattern[str], Any]] = []
        stack = [self._document]
        while stack:
            part = stack.pop()
            stack += part.get("resources", {}).values()
            for method in part.get("methods", {}).values():
                path = re.sub(r"\\{[^/]+?\\}", "([^/:]+)", re.escape(method["flatPath"]))
                self._routes.append((re.compile(f"/{prefix}{path}"), method))
        self._routes.sort(key=lambda route: route[1]["flatPath"].count("{"))

    def problem(self, request: Request, response: Response) -> str | None:
        """An unknown path, a parameter that is unknown, malformed or missing, a wrong mask or a wrong answer."""
        for pattern, method in self._routes:
            found = pattern.fullmatch(unquote(request.path))
            if found and method["httpMethod"] == request.method:
                return self._query_problem(method, request) or self._answer_problem(method, request, response)
        return f"the document has no {request.method} {request.path}"

    def _query_problem(self, method: Any, request: Request) -> str | None:
        known = {
            name: one
            for name, one in {**self._document["parameters"], **method.get("parameters", {})}.items()
            if one["location"] == "query"
        }
        for name, values in request.query.items():
            one = known.get(name)
            if one is None:
                return f"there is no parameter {name!r}"
            if one.get("deprecated"):
                return f"parameter {name!r} is deprecated"
            if len(values) > 1 and not one.get("repeated"):
                return f"parameter {name!r} is given twice"
            if not all(_fits(one, value) for value in values):
                return f"parameter {name}={values} does not fit {one}"
        missing = [name for name, one in known.items() if one.get("required") and name not in request.query]
        if missing:
            return f"parameters are missing: {missing}"
        if "fields" in request.query and "response" in method:
            return self._mask_problem(parse_mask(request.query["fields"][0]), method["response"], "")
        return None

    def _mask_problem(self, mask: Any, schema: Any, where: str) -> str | None:
        while "$ref" in schema or schema.get("type") == "array":
            schema = schema["items"] if schema.get("type") == "array" else self._document["schemas"][schema["$ref"]]
        for name, below in mask.items():
            if name not in schema.get("properties", {}):
                return f"the mask has {where}{name}, which there is not"
            problem = self._mask_problem(below, schema["properties"][name], f"{where}{name}.")
            if problem:
                return problem
        return None

    def _answer_problem(self, method: Any, request: Request, response: Response) -> str | None:
        if response.status != 200 or response.json is None or "response" not in method:
            return None
        schema = {"$ref": f"#/$defs/{method['response']['$ref']}", "$defs": self._definitions}
        error = best_match(Draft202012Validator(schema).iter_errors(response.json))
        return None if error is None else f"the answer at {error.json_path}: {error.message[:300]}"

    @functools.cached_property
    def _definitions(self) -> Any:
        return {name: _json_schema(one) for name, one in self._document["schemas"].items()}


def here(name: str) -> bool:
    """Whether the document is there."""
    return (SPECS / name).is_file()


def parse_mask(text: str) -> dict[str, Any]:
    """``a,b(c,d.e)`` as ``{"a": {}, "b": {"c": {}, "d": {"e": {}}}}``."""
    tokens = re.findall(r"[\w]+|[(),./]", text)
    position = 0

    def several() -> dict[str, Any]:
        nonlocal position
        found: dict[str, Any] = {}
        while position < len(tokens) and tokens[position] != ")":
            one()(found)
            if position < len(tokens) and tokens[position] == ",":
                position += 1
        return found

    def one() -> Any:
        nonlocal position
        name = tokens[position]
        position += 1
        below: dict[str, Any] = {}
        if position < len(tokens) and tokens[position] in "./":
            position += 1
            one()(below)
        elif position < len(tokens) and tokens[position] == "(":
            position += 1
            below = several()
            position += 1
        return lambda target: target.setdefault(name, {}).update(below)

    mask = several()
    if position != len(tokens):
        raise ValueError(f"malformed mask {text!r}")
    return mask


def masked(value: Any, mask: dict[str, Any]) -> Any:
    """What a mask leaves of a value."""
    if not mask:
        return value
    if isinstance(value, list):
        return [masked(one, mask) for one in value]
    return {name: masked(value[name], below) for name, below in mask.items() if name in value}


def _fits(one: Any, text: str) -> bool:
    if one["type"] == "boolean":
        return text in ("true", "false")
    if one["type"] == "integer":
        return text.isdigit() and int(one.get("minimum", 0)) <= int(text) <= int(one.get("maximum", 2**31))
    return text in one["enum"] if "enum" in one else True


def _json_schema(one: Any) -> Any:
    """A discovery schema in the words of JSON Schema; properties that are not documented are an error."""
    if "$ref" in one:
        return {"$ref": f"#/$defs/{one['$ref']}"}
    kind = one.get("type")
    if kind == "any":
        return {}
    made: dict[str, Any] = {"type": kind}
    if "enum" in one:
        made["enum"] = one["enum"]
    if kind == "array":
        made["items"] = _json_schema(one["items"])
    elif kind == "object":
        made["properties"] = {name: _json_schema(below) for name, below in one.get("properties", {}).items()}
        more = one.get("additionalProperties")
        made["additionalProperties"] = _json_schema(more) if more else False
    elif kind == "string" and one.get("format") == "int64":
        made["pattern"] = "^-?[0-9]+$"
    elif kind == "string" and one.get("format") == "date-time":
        made["pattern"] = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
    return made
