"""docs/file-search.md names every endpoint, field and event of OpenAI's document and of our own."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from openshelf.server.app import create_app
from openshelf.server.responses.request import FileSearchTool, schema_of
from tests.server.live import open_shelf

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "file-search.md"
_THEIRS = _ROOT.parent / "shared" / "specs" / "openai" / "openapi.json.gz"
_VERDICTS = ("same", "better", "differs", "not supported")

_SECTIONS = (
    (r"/files\b", "Files"),
    (r"/uploads\b", "Uploads in parts"),
    (r"/vector_stores(/\{\w+\})?$", "Vector stores"),
    (r"/vector_stores/\{\w+\}/files\b", "Files in a store"),
    (r"/vector_stores/\{\w+\}/file_batches\b", "Batches"),
    (r"/vector_stores/\{\w+\}/search$", "Search"),
    (r"/responses\b", "Responses"),
    (r"/conversations\b", "Conversations"),
)
"""Which section is about which paths; the first that matches."""
_EVERYWHERE = "Lists and objects"
_OBJECTS = {
    "Responses": ("FileSearchTool", "FileSearchToolCall", "FileCitationBody", "OutputMessage", "OutputTextContent"),
    "Errors, keys and limits": ("ErrorResponse",),
}
"""Parts of unions that are about File Search."""
_NOT_OURS = frozenset(
    (
        *("tools", "tool_choice", "input", "instructions", "output", "items", "data", "content", "annotations"),
        *("text", "reasoning", "prompt", "context_management", "moderation", "prompt_cache_options", "logprobs"),
    )
)
"""Fields of responses and conversations that are handed on whole, or whose parts are in ``_OBJECTS``."""

Missing = list[tuple[str, str]]


def test_every_field_of_openais_document_is_named() -> None:
    assert _missing(_PAGE.read_text("utf-8"), _their_document()) == []


def test_every_event_of_openais_document_is_named() -> None:
    assert _unnamed_events(_PAGE.read_text("utf-8"), _their_document()) == []


def test_every_field_of_our_document_is_named(our_document: dict[str, Any]) -> None:
    assert _missing(_PAGE.read_text("utf-8"), our_document) == []
    section = _names(_sections(_PAGE.read_text("utf-8"))["Responses"])
    assert set(_fields(schema_of(FileSearchTool), {})) - section == set()


def test_what_is_struck_off_the_page_is_missed(our_document: dict[str, Any]) -> None:
    page = _PAGE.read_text("utf-8")
    for section, field in (("Uploads in parts", "md5"), ("Batches", "filter"), ("Search", "explain")):
        assert (section, field) in _missing(page.replace(f"`{field}`", field), our_document)
    endpoint = "DELETE /v1/conversations/{conversation_id}"
    assert ("Conversations", endpoint) in _missing(page.replace(f"`{endpoint}`", ""), our_document)


def test_every_row_of_the_tables_has_a_verdict() -> None:
    text = _PAGE.read_text("utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    assert len(rows) > 100
    heads = {"| field", "| event"}
    assert [row for row in rows if row[0] not in heads and row[1].strip() not in _VERDICTS] == []


@pytest.fixture(scope="module")
def our_document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What our server says that it takes and gives."""
    with open_shelf(tmp_path_factory.mktemp("shelf")) as shelf:
        document = create_app(shelf).openapi()
    paths = {path.removeprefix("/v1"): item for path, item in document["paths"].items() if path.startswith("/v1/")}
    assert len(paths) > 20
    return {**document, "paths": paths}


@cache
def _their_document() -> dict[str, Any]:
    if not _THEIRS.is_file():
        pytest.skip(f"OpenAI's document is not there: {_THEIRS}")
    document: dict[str, Any] = json.loads(gzip.decompress(_THEIRS.read_bytes()))
    return document


def _missing(page: str, document: Mapping[str, Any]) -> Missing:
    """Endpoints and fields that are not named where they belong: the section and the name."""
    sections = _sections(page)
    schemas = document.get("components", {}).get("schemas", {})
    wanted: set[tuple[str, str]] = set()
    for path, item in document["paths"].items():
        title = next((title for pattern, title in _SECTIONS if re.match(pattern, path)), None)
        if title is None or "?" in path:
            continue
        for method, operation in item.items():
            wanted.add((title, f"{method.upper()} /v1{path}"))
            stop = _NOT_OURS if title in ("Responses", "Conversations") else frozenset()
            wanted |= {(title, field) for field in _of_operation(operation, schemas, stop)}
    for title, names in _OBJECTS.items():
        there = [{"$ref": f"/{name}"} for name in names if name in schemas]
        wanted |= {(title, field) for schema in there for field in _fields(schema, schemas, _NOT_OURS)}
    assert len(wanted) > 100
    everywhere = _names(sections[_EVERYWHERE])
    named = {title: _names(text) | everywhere for title, text in sections.items()}
    return sorted(one for one in wanted if one[1] not in named[one[0]])


def _of_operation(operation: Mapping[str, Any], schemas: Mapping[str, Any], stop: frozenset[str]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            yield parameter["name"].removesuffix("[]")
    bodies = [operation.get("requestBody", {}), operation.get("responses", {}).get("200", {})]
    for body in bodies:
        for kind, media in body.get("content", {}).items():
            if kind != "text/event-stream":  # its events have a table of their own
                yield from _fields(media.get("schema", {}), schemas, stop)


def _fields(
    schema: Any, schemas: Mapping[str, Any], stop: frozenset[str] = frozenset(), seen: tuple[str, ...] = ()
) -> Iterator[str]:
    """The names of all properties, those of objects in objects too."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name not in seen and name != "ConversationItem":
            yield from _fields(schemas[name], schemas, stop, (*seen, name))
        return
    for key in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(key, ()):
            yield from _fields(part, schemas, stop, seen)
    yield from _fields(schema.get("items"), schemas, stop, seen)
    for name, part in schema.get("properties", {}).items():
        yield from re.findall(r"\w+", name)  # expires_after[seconds]
        if name not in stop:
            yield from _fields(part, schemas, stop, seen)


def _unnamed_events(page: str, document: Mapping[str, Any]) -> list[str]:
    """Events that are named neither themselves nor as one of a family, and fields of those that are named."""
    schemas = document["components"]["schemas"]
    names = _names(_sections(page)["Responses"])
    families = tuple(name.removesuffix("*") for name in names if name.endswith(".*"))
    events = [schemas[part["$ref"].rsplit("/", 1)[1]] for part in schemas["ResponseStreamEvent"]["anyOf"]]
    missed, fields = [], set()
    for event in events:
        kind = event["properties"]["type"]["enum"][0]
        if kind in names:
            fields |= set(event["properties"])
        elif not kind.startswith(families):
            missed.append(kind)
    assert len(events) > 40
    return [*missed, *sorted(fields - names)]


def _sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _names(text: str) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))
