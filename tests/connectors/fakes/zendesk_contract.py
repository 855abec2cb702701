"""What Zendesk's documents say of requests and answers: Support by its OpenAPI files, help centres by our own schema.

The OpenAPI files are there only where ``../shared/specs`` is; the schemas below hold anywhere. They are taken from
the vendor's reference pages (Articles, Translations, Sections, Categories, User Segments, Brands, Ticket Comments).
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.connectors.fakes.openapi import OpenApi, _nullable
from tests.connectors.fakes.server import Request, Response

SUPPORT = "zendesk/support-incremental.json"
TICKETS = "zendesk/tickets.yml"

# The documents name the parameters of exports otherwise than the vendor's pages and its own examples do.
_RENAMED = {"start_time": "incremental_unix_time", "cursor": "incremental_cursor"}
# "Cursor pagination" and side-loads stand in the descriptions of the operations, and not among their parameters.
_IN_WORDS = {"page[size]", "page[after]", "include"}

_INT, _TEXT, _BOOL = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
_MAYBE_INT, _MAYBE_TEXT = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}


def _object(required: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*required], "properties": {**required, **others}}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TRANSLATION = _object(
    {
        "id": _INT,
        "locale": _TEXT,
        "title": _TEXT,
        "body": _MAYBE_TEXT,
        "draft": _BOOL,
        "outdated": _BOOL,
        "html_url": _TEXT,
        "source_id": _INT,
        "source_type": {"enum": ["Article"]},
        "created_at": _TIME,
        "updated_at": _TIME,
    }
)
_ARTICLE = _object(
    {
        "id": _INT,
        "url": _TEXT,
        "html_url": _MAYBE_TEXT,
        "title": _MAYBE_TEXT,
        "body": _MAYBE_TEXT,
        "locale": _TEXT,
        "source_locale": _TEXT,
        "draft": {"type": ["boolean", "null"]},
        "promoted": _BOOL,
        "section_id": _INT,
        "author_id": _INT,
        "label_names": _list(_TEXT),
        "user_segment_id": _MAYBE_INT,
        "user_segment_ids": _list(_INT),
        "created_at": _TIME,
        "edited_at": _TIME,
        "updated_at": _TIME,
    },
    translations=_list(_TRANSLATION),
)
_SECTION = _object({"id": _INT, "name": _TEXT, "category_id": _INT, "parent_section_id": _MAYBE_INT, "locale": _TEXT})
_CATEGORY = _object({"id": _INT, "name": _TEXT, "locale": _TEXT})
_SEGMENT = _object({"id": _INT, "name": _TEXT, "user_type": _TEXT, "built_in": _BOOL})
_BRAND = _object({"id": _INT, "name": _TEXT, "subdomain": _TEXT, "has_help_center": _BOOL, "active": _BOOL})
_COMMENT = _object(
    {
        "id": _INT,
        "type": {"enum": ["Comment", "VoiceComment", "TpeVoiceComment"]},
        "author_id": _INT,
        "body": _TEXT,
        "plain_body": _TEXT,
        "public": _BOOL,
        "created_at": _TIME,
    }
)
_TICKET = _object(
    {
        "id": _INT,
        "subject": _MAYBE_TEXT,
        "status": {"enum": ["new", "open", "pending", "hold", "solved", "closed", "deleted"]},
        "requester_id": _INT,
        "brand_id": _INT,
        "tags": _list(_TEXT),
        "via": _object({"channel": _TEXT}),
        "created_at": _TIME,
        "updated_at": _TIME,
        "generated_timestamp": _INT,
    }
)

_HELP_CENTER = {"page[size]", "page[after]", "include"}
_ROUTES: list[tuple[str, set[str], dict[str, Any]]] = [
    (r"/api/v2/help_center/articles", _HELP_CENTER | {"sort_by", "sort_order", "per_page"}, {"articles": _ARTICLE}),
    (r"/api/v2/help_center/incremental/articles", {"start_time", "include"}, {"articles": _ARTICLE}),
    (r"/api/v2/help_center/articles/\d+", {"include"}, {"article": _ARTICLE}),
    (r"/api/v2/help_center/articles/\d+/translations", _HELP_CENTER, {"translations": _TRANSLATION}),
    (r"/api/v2/help_center/sections", _HELP_CENTER, {"sections": _SECTION}),
    (r"/api/v2/help_center/categories", _HELP_CENTER, {"categories": _CATEGORY}),
    (r"/api/v2/help_center/user_segments", _HELP_CENTER, {"user_segments": _SEGMENT}),
    (r"/api/v2/brands", _HELP_CENTER, {"brands": _BRAND}),
    (r"/api/v2/users/me", set(), {}),
    (r"/api/v2/tickets", _HELP_CENTER, {"tickets": _TICKET}),
    (r"/api/v2/tickets/\d+", {"include"}, {"ticket": _TICKET}),
    (r"/api/v2/tickets/\d+/comments", _HELP_CENTER, {"comments": _COMMENT}),
    (r"/api/v2/incremental/tickets/cursor", {"start_time", "cursor", "include"}, {"tickets": _TICKET}),
    (r"/oauth/tokens", set(), {}),
]


def problem_of(request: Request, response: Response) -> str | None:
    """What breaks the contract."""
    path = re.sub(r"^/b/[^/]+", "", request.path)
    asked = replace(request, path=path)
    return _own_problem(asked, response) or _documented_problem(asked, response)


def _own_problem(request: Request, response: Response) -> str | None:
    route = next((route for route in _ROUTES if re.fullmatch(route[0], request.path)), None)
    if route is None:
        return "no such path is known"
    _, known, shapes = route
    if request.method != ("POST" if request.path == "/oauth/tokens" else "GET"):
        return f"{request.method} is not for reading"
    unknown = set(request.query) - known
    if unknown:
        return f"unknown parameters {sorted(unknown)}"
    size = int(request.one("page[size]") or 1)
    if not 1 <= size <= 100:
        return "page[size] is at most 100"
    if "cursor" in request.query and "start_time" in request.query:
        return "start_time is given once; after that the cursor"
    if response.status != 200:
        return None
    for key, shape in shapes.items():
        value = response.json[key]
        for item in value if isinstance(value, list) else [value]:
            error = best_match(_validator(request.path.rsplit("/", 1)[0] + key, shape).iter_errors(item))
            if error is not None:
                return f"{key}: {error.json_path}: {error.message[:200]}"
    return None


_validators: dict[str, Draft202012Validator] = {}


def _validator(name: str, shape: dict[str, Any]) -> Draft202012Validator:
    name = re.sub(r"\d+", "0", name)
    if name not in _validators:
        _validators[name] = Draft202012Validator(shape)
    return _validators[name]


def _documented_problem(request: Request, response: Response) -> str | None:
    query = {_RENAMED.get(key, key): values for key, values in request.query.items() if key not in _IN_WORDS}
    asked = replace(request, query=query)
    if request.path in ("/api/v2/brands", "/api/v2/incremental/tickets/cursor") or request.path.endswith("/comments"):
        document = _document(SUPPORT)
    elif re.fullmatch(r"/api/v2/tickets(/\d+)?", request.path):
        document = _document(TICKETS)
    else:
        return None  # neither document has it
    return document.problem(asked, response) if document else None


class _Loose(OpenApi):
    """The documents point to parts that were lost on their way: those allow anything."""

    def _resolved(self, value: Any) -> Any:
        try:
            return super()._resolved(value)
        except KeyError:
            return {"in": "path", "name": value["$ref"].rpartition("/")[2], "schema": {}}

    @functools.cached_property
    def _components(self) -> Any:
        schemas = dict(self._document["components"].get("schemas", {}))
        for name in re.findall(r"#/components/schemas/(\w+)", str(self._document)):
            schemas.setdefault(name, {})
        return {"schemas": _nullable(schemas)}


@functools.cache
def _document(name: str) -> OpenApi | None:
    return _Loose(name) if OpenApi.here(name) else None
