"""Requests and answers against a vendor's OpenAPI document in ``../shared/specs``, where that is there."""

from __future__ import annotations

import contextlib
import functools
import gzip
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.connectors.fakes.server import Request, Response

SPECS = Path(__file__).resolve().parents[4] / "shared" / "specs"


class OpenApi:
    """One document.

    Args:
        name: below ``../shared/specs``.
        prefix: what the fake's paths have before the document's.
    """

    def __init__(self, name: str, *, prefix: str = "") -> None:
        self._document = _read(name)
        self._prefix = prefix
        self._routes = [
            (re.compile(re.sub(r"\\{[^/}]+\\}", "([^/]+)", re.escape(path))), path, item)
            for path, item in self._document["paths"].items()
        ]
        # Concrete paths win over those with parameters.
        self._routes.sort(key=lambda route: route[1].count("{"))

    @staticmethod
    def here(name: str) -> bool:
        """Whether the document is there."""
        return (SPECS / name).is_file()

    def problem(self, request: Request, response: Response) -> str | None:
        """An unknown path or method, an unknown or malformed query parameter, an undocumented or wrong answer."""
        path = unquote(request.path.removeprefix(self._prefix))
        for pattern, template, item in self._routes:
            if pattern.fullmatch(path):
                operation = item.get(request.method.lower())
                if operation is None:
                    return f"{template} has no {request.method}"
                return self._query_problem(item, operation, request) or self._answer_problem(operation, response)
        return f"the document has no path {path}"

    def _query_problem(self, item: Any, operation: Any, request: Request) -> str | None:
        known = {}
        for raw in [*item.get("parameters", []), *operation.get("parameters", [])]:
            parameter = self._resolved(raw)
            if parameter["in"] == "query":
                known[parameter["name"].removesuffix("[]")] = parameter
        for name, values in request.query.items():
            parameter = known.get(name.removesuffix("[]"))
            if parameter is None:
                return f"there is no query parameter {name!r}"
            schema = self._resolved(parameter.get("schema", {}))
            for value in values:
                if not self._fits(schema, value):
                    return f"query parameter {name}={value!r} does not fit {json.dumps(schema)[:200]}"
        missing = [name for name, one in known.items() if one.get("required") and name not in request.query]
        return f"query parameters are missing: {missing}" if missing else None

    def _fits(self, schema: Any, text: str) -> bool:
        """Whether the text of a parameter is one of the values that its schema can mean."""
        values: list[Any] = [text, text.split(","), [text]]
        for written in (text, f"[{text}]"):
            with contextlib.suppress(ValueError):
                values.append(json.loads(written))
        return any(self._error(schema, value) is None for value in values)

    def _answer_problem(self, operation: Any, response: Response) -> str | None:
        answers = operation.get("responses", {})
        found = answers.get(str(response.status), answers.get(response.status, answers.get("default")))
        if found is None:
            return None if response.status >= 400 else f"status {response.status} is not documented"
        content = self._resolved(found).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None or response.json is None:
            return None
        error = self._error(schema, response.json)
        return None if error is None else f"the answer at {error.json_path}: {error.message[:300]}"

    def _error(self, schema: Any, value: Any) -> Any:
        whole = {**_nullable(schema), "components": self._components}
        return best_match(Draft202012Validator(whole).iter_errors(value))

    @functools.cached_property
    def _components(self) -> Any:
        return _nullable(self._document.get("components", {}))

    def _resolved(self, value: Any) -> Any:
        while isinstance(value, dict) and "$ref" in value:
            target: Any = self._document
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            value = target
        return value


@functools.cache
def _read(name: str) -> Any:
    content = (SPECS / name).read_bytes()
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    return yaml.load(content, yaml.CSafeLoader) if ".y" in name else json.loads(content)


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _nullable(value) for key, value in schema.items() if not (key == "nullable" and value is True)}
    if schema.get("nullable") is True:
        if isinstance(plain.get("enum"), list):
            plain["enum"] = [*plain["enum"], None]
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
