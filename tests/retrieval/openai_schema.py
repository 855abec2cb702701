"""Check what is said against OpenAI's own OpenAPI document, where that is at hand."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "openai" / "openapi.json.gz"
HERE = SPEC.is_file()


def problem(name: str, value: Any) -> str | None:
    """What is wrong with ``value`` as the schema ``name``; ``None`` when nothing is, or the document is not here."""
    if not HERE:
        return None
    error = best_match(_validator(name).iter_errors(value))
    return None if error is None else f"{name} at {error.json_path}: {error.message[:300]}"


def event_problem(event: dict[str, Any]) -> str | None:
    """``problem`` of a stream's event, by its type."""
    if not HERE:
        return None
    name = _events().get(event["type"])
    return problem(name, event) if name else f"there is no event {event['type']!r}"


def request_problem(body: dict[str, Any]) -> str | None:
    """``problem`` of a request; a key that the API does not know is one too, although the schema lets it pass."""
    if HERE and (unknown := body.keys() - _properties("CreateResponse")):
        return f"the API knows no {', '.join(sorted(unknown))}"
    return problem("CreateResponse", body)


@functools.cache
def _schemas() -> dict[str, Any]:
    with gzip.open(SPEC) as file:
        return dict(json.load(file)["components"]["schemas"])


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": _schemas()}}
    return Draft202012Validator(schema)


@functools.cache
def _events() -> dict[str, str]:
    names = [part["$ref"].rsplit("/", 1)[1] for part in _schemas()["ResponseStreamEvent"]["anyOf"]]
    return {_schemas()[name]["properties"]["type"]["enum"][0]: name for name in names}


@functools.cache
def _properties(name: str) -> frozenset[str]:
    schema = _schemas()[name]
    parts = [_properties(part["$ref"].rsplit("/", 1)[1]) for part in schema.get("allOf", []) if "$ref" in part]
    own = [schema, *(part for part in schema.get("allOf", []) if "$ref" not in part)]
    return frozenset().union(*parts, *(part.get("properties", {}) for part in own))
