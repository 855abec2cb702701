"""Freshdesk as a server: a knowledge base with its folders, and tickets; answers are held to the reference's shapes.

There is no document to be had that machines read, so the schemas here are written from the vendor's reference
(developers.freshdesk.com/api): which fields there are, of which type, and which queries a list knows.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.connectors.fakes.server import Fake, Request, Response

KEY = "fd-secret-key"
START = 1_760_000_000


def _thing(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
NUMBER, TEXT, YES = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
MAYBE_TEXT, MAYBE_TIME = {"type": ["string", "null"]}, {"anyOf": [TIME, {"type": "null"}]}
MAYBE_NUMBER, NUMBERS, TEXTS = {"type": ["integer", "null"]}, {"type": "array", "items": NUMBER}, {"type": "array"}
TIMES = {"created_at": TIME, "updated_at": TIME}
HIERARCHY = {
    "type": "array",
    "items": _thing(
        {
            "level": NUMBER,
            "type": {"enum": ["category", "folder"]},
            "data": _thing({"id": NUMBER, "name": TEXT, "language": TEXT}),
        }
    ),
}
CATEGORY = _thing({"id": NUMBER, "name": TEXT, "description": MAYBE_TEXT, **TIMES}, {"visible_in_portals": NUMBERS})
FOLDER = _thing(
    {
        "id": NUMBER,
        "name": TEXT,
        "description": MAYBE_TEXT,
        "parent_folder_id": MAYBE_NUMBER,
        **TIMES,
        "hierarchy": HIERARCHY,
        "articles_count": NUMBER,
        "sub_folders_count": NUMBER,
        "visibility": {"enum": [1, 2, 3, 4, 5, 6, 7, 99]},
    },
    {"company_ids": NUMBERS, "contact_segment_ids": NUMBERS, "company_segment_ids": NUMBERS},
)
ARTICLE = _thing(
    {
        "id": NUMBER,
        "type": {"enum": [1, 2]},
        "category_id": NUMBER,
        "folder_id": NUMBER,
        "hierarchy": HIERARCHY,
        "thumbs_up": NUMBER,
        "thumbs_down": NUMBER,
        "hits": NUMBER,
        "seo_data": {"type": "object"},
        "agent_id": NUMBER,
        "title": TEXT,
        "status": {"enum": [1, 2]},
        **TIMES,
    },
    {"tags": TEXTS, "description": TEXT, "description_text": TEXT},
)
STATS = _thing(
    {
        "agent_responded_at": MAYBE_TIME,
        "requester_responded_at": MAYBE_TIME,
        "first_responded_at": MAYBE_TIME,
        "status_updated_at": MAYBE_TIME,
        "reopened_at": MAYBE_TIME,
        "resolved_at": MAYBE_TIME,
        "closed_at": MAYBE_TIME,
        "pending_since": MAYBE_TIME,
    }
)
TICKET = _thing(
    {
        "id": NUMBER,
        "subject": TEXT,
        "status": NUMBER,
        "priority": {"enum": [1, 2, 3, 4]},
        "source": NUMBER,
        **TIMES,
        "requester_id": NUMBER,
        "responder_id": MAYBE_NUMBER,
        "group_id": MAYBE_NUMBER,
        "company_id": MAYBE_NUMBER,
        "product_id": MAYBE_NUMBER,
        "type": MAYBE_TEXT,
        "tags": TEXTS,
        "spam": YES,
        "custom_fields": {"type": "object"},
    },
    {"deleted": YES, "description": TEXT, "description_text": TEXT, "stats": STATS},
)
CONVERSATION = _thing(
    {
        "id": NUMBER,
        "ticket_id": NUMBER,
        "user_id": NUMBER,
        "body": TEXT,
        "body_text": TEXT,
        **TIMES,
        "incoming": YES,
        "private": YES,
        "source": NUMBER,
        "attachments": TEXTS,
    }
)
AGENT = _thing({"id": NUMBER, "ticket_scope": {"enum": [1, 2, 3]}, "contact": _thing({"name": TEXT, "email": TEXT})})

_S = "/api/v2/solutions"
ROUTES: list[tuple[str, Any, bool]] = [
    (rf"{_S}/categories", CATEGORY, True),
    (rf"{_S}/categories/\d+/folders", FOLDER, True),
    (rf"{_S}/folders/\d+/subfolders", FOLDER, True),
    (rf"{_S}/folders/\d+", FOLDER, False),
    (rf"{_S}/folders/\d+/articles(/[A-Za-z-]+)?", ARTICLE, True),
    (rf"{_S}/articles/\d+(/[A-Za-z-]+)?", ARTICLE, False),
    (r"/api/v2/tickets", TICKET, True),
    (r"/api/v2/tickets/\d+", TICKET, False),
    (r"/api/v2/tickets/archived/\d+", TICKET, False),
    (r"/api/v2/tickets/\d+/conversations", CONVERSATION, True),
    (r"/api/v2/agents/me", AGENT, False),
]
_LIST_KEYS = {"per_page", "page"}
_TICKET_KEYS = {"filter", "updated_since", "order_by", "order_type", "include", *_LIST_KEYS}


class Desk(Fake):
    """The vendor.

    Attributes:
        forbidden: paths that contain this are refused (403).
        meanwhile: called once after the next list of articles or tickets was made.
        languages: that the account has beside its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.categories: dict[int, dict[str, Any]] = {}
        self.folders: dict[int, dict[str, Any]] = {}
        self.articles: dict[int, dict[str, Any]] = {}
        self.translations: dict[tuple[int, str], dict[str, Any]] = {}
        self.languages = {"fr", "pt-BR"}
        self.tickets: dict[int, dict[str, Any]] = {}
        self.archived: dict[int, dict[str, Any]] = {}
        self.conversations: dict[int, list[dict[str, Any]]] = {}
        self.scope = 1
        self.forbidden: str | None = None
        self.meanwhile: Any = None
        self.last_page = 300
        self.linked = True
        self.remaining: tuple[int, int] | None = None
        self.frozen = False
        self._clock = 0
        self._number = 100

    def now(self) -> str:
        """The vendor's clock: three changes share a second, and all of them while it is ``frozen``."""
        self._clock += 0 if self.frozen else 1
        return iso(START + self._clock // 3)

    def number(self) -> int:
        self._number += 1
        return self._number

    def category(self, name: str) -> int:
        return self._made(self.categories, {"name": name, "description": None})

    def folder(self, category: int, name: str, visibility: int = 1, parent: int | None = None, **more: Any) -> int:
        about = {"name": name, "description": "", "visibility": visibility, "parent_folder_id": parent}
        return self._made(self.folders, {**about, "category_id": category, **more})

    def article(self, folder: int, title: str, html: str, status: int = 2, **more: Any) -> int:
        return self._made(
            self.articles, {"folder_id": folder, "title": title, "description": html, "status": status, **more}
        )

    def translate(self, article: int, language: str, title: str, html: str, status: int = 2) -> None:
        with self.lock:
            now = self.now()
            old = self.translations.get((article, language), {"created_at": now})
            about = {"title": title, "description": html, "status": status, "updated_at": now}
            self.translations[article, language] = {**old, **about}

    def edit(self, things: dict[int, dict[str, Any]], number: int, **changes: Any) -> None:
        with self.lock:
            things[number] |= {**changes, "updated_at": self.now()}

    def ticket(self, subject: str, text: str, answer: str | None = "An answer.", status: int = 4, **more: Any) -> int:
        with self.lock:
            about = {"subject": subject, "description_text": text, "status": status, "priority": 1, "source": 1}
            number = self._made(
                self.tickets, {**about, "tags": [], "type": None, "deleted": False, "spam": False, **more}
            )
            self.conversations[number] = []
            if status in (4, 5):
                self.tickets[number]["resolved_at"] = self.tickets[number]["created_at"]
            if answer is not None:
                self.reply(number, answer)
            return number

    def reply(self, ticket: int, text: str, **more: Any) -> dict[str, Any]:
        with self.lock:
            entry = {"id": self.number(), "ticket_id": ticket, "user_id": 7, "body_text": text, "incoming": False}
            now = self.now()
            entry |= {"private": False, "source": 0, "created_at": now, "updated_at": now, **more}
            self.conversations[ticket].append(entry)
            self.tickets[ticket]["updated_at"] = now
            return entry

    def rewrite(self, ticket: int, entry: dict[str, Any], **changes: Any) -> None:
        with self.lock:
            entry |= changes
            entry["updated_at"] = self.tickets[ticket]["updated_at"] = self.now()

    def _made(self, things: dict[int, dict[str, Any]], about: dict[str, Any]) -> int:
        with self.lock:
            number, now = self.number(), self.now()
            things[number] = {"id": number, "created_at": now, "updated_at": now, **about}
            return number

    def authorised(self, request: Request) -> bool:
        pair = base64.b64encode(f"{KEY}:X".encode()).decode()
        return request.headers.get("authorization") == f"Basic {pair}"

    def refusal(self, request: Request, status: int) -> Response:
        if status == 401:
            return _error(401, "invalid_credentials", "You have to be logged in to perform this action.")
        return Response(status, json={"message": "You have exceeded the limit of requests per hour"})

    def answer(self, request: Request) -> Response:
        path = unquote(request.path)
        if self.forbidden and self.forbidden in path:
            return _error(403, "access_denied", "You are not authorized to perform this action.")
        response = self._answer(request, path.removeprefix("/api/v2/").split("/"))
        if self.remaining:
            total, left = self.remaining
            response.headers |= {"X-RateLimit-Total": str(total), "X-RateLimit-Remaining": str(left)}
        if self.meanwhile is not None and (path.endswith("/articles") or path == "/api/v2/tickets"):
            act, self.meanwhile = self.meanwhile, None
            act()
        return response

    def _answer(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["agents", "me"]:
                return Response(
                    json={"id": 7, "ticket_scope": self.scope, "contact": {"name": "Ann", "email": "a@x.org"}}
                )
            case ["solutions", "categories"]:
                return self._list(request, list(self.categories.values()))
            case ["solutions", "categories", number, "folders"] if int(number) in self.categories:
                found = [one for one in self.folders.values() if one["category_id"] == int(number)]
                return self._list(request, [self._folder(one) for one in found if one["parent_folder_id"] is None])
            case ["solutions", "folders", number, *rest] if int(number) in self.folders:
                return self._in_folder(request, int(number), rest)
            case ["solutions", "articles", number, *rest] if int(number) in self.articles:
                shown = self._article(self.articles[int(number)], rest[0] if rest else None)
                return Response(json=shown) if shown else Response(404)
            case ["tickets"]:
                return self._tickets(request)
            case ["tickets", "archived", number] if int(number) in self.archived:
                return Response(json=self._ticket(self.archived[int(number)], set()))
            case ["tickets", number, *rest] if number.isdecimal() and int(number) in self.tickets:
                if rest == ["conversations"]:
                    return self._list(request, [_entry(one) for one in self.conversations[int(number)]])
                return Response(json=self._ticket(self.tickets[int(number)], {"description", *_includes(request)}))
        return Response(404)

    def _in_folder(self, request: Request, number: int, rest: list[str]) -> Response:
        match rest:
            case []:
                return Response(json=self._folder(self.folders[number]))
            case ["subfolders"]:
                found = [self._folder(one) for one in self.folders.values() if one["parent_folder_id"] == number]
                return self._list(request, found)
            case ["articles", *language]:
                code = language[0] if language else None
                if code is not None and code not in self.languages:
                    return _invalid("language", f"'{code}' is not a supported language")
                found = [one for one in self.articles.values() if one["folder_id"] == number]
                shown = [self._article(one, code) for one in found]
                return self._list(request, [one for one in shown if one])
        return Response(404)

    def _folder(self, one: dict[str, Any]) -> dict[str, Any]:
        shown = {key: value for key, value in one.items() if key != "category_id"}
        count = sum(article["folder_id"] == one["id"] for article in self.articles.values())
        inner = sum(other["parent_folder_id"] == one["id"] for other in self.folders.values())
        return {**shown, "hierarchy": self._line(one), "articles_count": count, "sub_folders_count": inner}

    def _line(self, folder: dict[str, Any]) -> list[dict[str, Any]]:
        line, one = [], folder
        while True:
            line.insert(0, ("folder", one))
            if one["parent_folder_id"] is None:
                break
            one = self.folders[one["parent_folder_id"]]
        line.insert(0, ("category", self.categories[folder["category_id"]]))
        return [
            {"level": level, "type": kind, "data": {"id": one["id"], "name": one["name"], "language": "en"}}
            for level, (kind, one) in enumerate(line)
        ]

    def _article(self, one: dict[str, Any], language: str | None) -> dict[str, Any] | None:
        if one["folder_id"] not in self.folders:
            return None
        if language is not None:
            if (one["id"], language) not in self.translations:
                return None
            one = {**one, **self.translations[one["id"], language]}
        folder = self.folders[one["folder_id"]]
        about = {"type": 1, "category_id": folder["category_id"], "hierarchy": self._line(folder), "agent_id": 7}
        text = re.sub(r"<[^>]+>", "", one["description"])
        # Hits change with every reader and with nothing else.
        hits = {"thumbs_up": 1, "thumbs_down": 0, "hits": len(self.asked), "seo_data": {}}
        return {**about, **hits, "tags": [], **one, "description_text": text}

    def _tickets(self, request: Request) -> Response:
        page = int(request.one("page") or 1)
        if page > self.last_page:
            return _invalid(
                "page",
                f"You cannot access tickets beyond the {self.last_page}th page. Please provide a smaller page number.",
            )
        kind, since = request.one("filter"), request.one("updated_since")
        found = [
            one
            for one in self.tickets.values()
            # "By default only tickets that have been created within the past 30 days will be returned."
            if (
                one["updated_at"] >= since if since else one["created_at"] >= iso(START + self._clock // 3 - 30 * 86400)
            )
            and (one[kind] if kind else not (one["deleted"] or one["spam"]))
        ]
        key = request.one("order_by") or "created_at"
        found.sort(key=lambda one: (one[key], one["id"]), reverse=request.one("order_type", "desc") == "desc")
        return self._list(request, [self._ticket(one, _includes(request)) for one in found])

    def _ticket(self, one: dict[str, Any], include: set[str]) -> dict[str, Any]:
        shown = {key: value for key, value in one.items() if key not in ("description_text", "resolved_at")}
        people = {"requester_id": 9, "responder_id": 7, "group_id": None, "company_id": None, "product_id": None}
        shown = {**people, "custom_fields": {}, **shown}
        if "description" in include:
            shown |= {
                "description": f"<div>{one['description_text']}</div>",
                "description_text": one["description_text"],
            }
        if "stats" in include:
            shown["stats"] = dict.fromkeys(STATS["required"]) | {"resolved_at": one.get("resolved_at")}
        return shown

    def _list(self, request: Request, items: list[dict[str, Any]]) -> Response:
        size, page = int(request.one("per_page") or 30), int(request.one("page") or 1)
        if not 1 <= size <= 100:
            return _invalid("per_page", "It should be a Positive Integer less than or equal to 100")
        found = items[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(items) and self.linked:
            headers["Link"] = f'<{self.url}{request.path}?page={page + 1}>; rel="next"'
        return Response(json=found, headers=headers)

    def problem(self, request: Request, response: Response) -> str | None:
        for pattern, schema, listed in ROUTES:
            if re.fullmatch(pattern, request.path):
                known = (_TICKET_KEYS if request.path == "/api/v2/tickets" else _LIST_KEYS) if listed else {"include"}
                unknown = set(request.query) - known
                if unknown:
                    return f"unexpected fields {unknown}"
                if response.status != 200:
                    return None
                whole = {"type": "array", "items": schema} if listed else schema
                error = best_match(Draft202012Validator(whole).iter_errors(response.json))
                return None if error is None else f"the answer at {error.json_path}: {error.message[:300]}"
        return f"the reference has no path {request.path}"


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "body": f"<div>{one['body_text']}</div>", "attachments": []}


def _includes(request: Request) -> set[str]:
    return set((request.one("include") or "").split(",")) - {""}


def _error(status: int, code: str, message: str) -> Response:
    return Response(status, json={"code": code, "message": message})


def _invalid(field: str, message: str) -> Response:
    error = {"field": field, "message": message, "code": "invalid_value"}
    return Response(400, json={"description": "Validation failed", "errors": [error]})
