"""Zendesk: Support tickets and help centres, with its traps. A process of its own: ``python -m`` this module.

Times are a logical clock: three changes share a second, and the ticket export leaves out the last minute. Other
brands' help centres are below ``/b/<subdomain>`` where Zendesk has hosts of their own.
"""

from __future__ import annotations

import argparse
import base64
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from typing import Any

from tests.connectors.fakes.server import Fake, Request, Response
from tests.connectors.fakes.zendesk_contract import problem_of

START = 2_000_000_000
EVERYBODY = None
_SCOPES = {"help_center": "hc:read", "tickets": "tickets:read", "users": "users:read", "brands": "brands:read"}


def stamp(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ZendeskFake(Fake):
    """One account.

    Args:
        page: most items of a page of a listing, whatever is asked for.
        export_page: items of a page of an incremental export.
        validate: hold every request and answer against the contract.
    """

    def __init__(self, *, page: int = 100, export_page: int = 1000, validate: bool = True) -> None:
        self.page, self.export_page, self.validate = page, export_page, validate
        self.now, self._changes, self._ids = START, 0, 360_000_000_000
        self.lag = 60
        self.sideload = True
        self.tokens: dict[str, str] = {"ready-token": "read"}
        self.clients: dict[str, tuple[str, str]] = {"openshelf": ("client-secret", "read")}
        self.basic: dict[str, str] = {}
        self.token_seconds: int | None = 7200
        self.user = {"id": 7, "name": "Shelf Bot", "role": "admin", "ticket_restriction": None}
        self.users: dict[int, dict[str, Any]] = {
            100: {"id": 100, "name": "Carla Customer", "role": "end-user"},
            101: {"id": 101, "name": "Cc Customer", "role": "end-user"},
            200: {"id": 200, "name": "Anna Agent", "role": "agent"},
        }
        self.brands: dict[int, dict[str, Any]] = {}
        self.categories: dict[int, dict[str, Any]] = {}
        self.sections: dict[int, dict[str, Any]] = {}
        self.segments: dict[int, dict[str, Any]] = {}
        self.articles: dict[int, dict[str, Any]] = {}
        self.translations: dict[int, dict[str, dict[str, Any]]] = {}
        self.archived: set[int] = set()
        self.hidden_segments: set[int] = set()
        self.refused: set[str] = set()
        self.tickets: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self._brand_of: dict[int, int] = {}
        self._cached: tuple[Any, list[dict[str, Any]]] = (None, [])
        super().__init__()
        self.brand = self.add_brand("Acme", "acme", default=True)
        self.category = self.add_category("Orders")
        self.section = self.add_section("Returns", self.category)

    # What happens at the vendor ------------------------------------------------------------------------------

    def tick(self) -> int:
        with self.lock:
            self._changes += 1
            self.now += self._changes % 3 == 0
            return self.now

    def wait(self, seconds: int = 61) -> None:
        """Let time pass, so that the ticket export shows what happened before."""
        with self.lock:
            self.now += seconds

    def new_id(self) -> int:
        self._ids += 7
        return self._ids

    def add_brand(self, name: str, subdomain: str, *, default: bool = False, has_help_center: bool = True) -> int:
        number = self.new_id()
        root = self.url if default else f"{self.url}/b/{subdomain}"
        self.brands[number] = {
            "id": number,
            "url": f"{self.url}/api/v2/brands/{number}.json",
            "name": name,
            "subdomain": subdomain,
            "brand_url": root,
            "has_help_center": has_help_center,
            "help_center_state": "enabled" if has_help_center else "disabled",
            "active": True,
            "default": default,
            "is_deleted": False,
            "created_at": stamp(self.now),
            "updated_at": stamp(self.now),
        }
        return number

    def add_category(self, name: str, brand: int | None = None) -> int:
        number = self.new_id()
        self._brand_of[number] = brand or self.brand
        self.categories[number] = {"id": number, "name": name, "locale": "en-us", "source_locale": "en-us"}
        return number

    def add_section(self, name: str, category: int, parent: int | None = None) -> int:
        number = self.new_id()
        self._brand_of[number] = self._brand_of[category]
        self.sections[number] = {
            "id": number,
            "name": name,
            "category_id": category,
            "parent_section_id": parent,
            "locale": "en-us",
            "source_locale": "en-us",
            "updated_at": stamp(self.tick()),
        }
        return number

    def add_segment(self, name: str) -> int:
        number = self.new_id()
        self.segments[number] = {"id": number, "name": name, "user_type": "signed_in_users", "built_in": False}
        return number

    def add_article(self, title: str, body: str, *, section: int | None = None, **fields: Any) -> int:
        """``fields``: ``segments``, ``labels``, ``locale`` and those of the translation."""
        with self.lock:
            number, moment = self.new_id(), stamp(self.tick())
            section = section or self.section
            self._brand_of[number] = self._brand_of[section]
            locale = fields.pop("locale", "en-us")
            self.articles[number] = {
                "id": number,
                "url": f"{self.url}/api/v2/help_center/articles/{number}.json",
                "section_id": section,
                "author_id": 200,
                "promoted": False,
                "position": 0,
                "label_names": fields.pop("labels", []),
                "content_tag_ids": [],
                "comments_disabled": False,
                "permission_group_id": 1,
                "source_locale": locale,
                "locale": locale,
                "outdated": False,
                "created_at": moment,
                "edited_at": moment,
                "updated_at": moment,
            }
            self._segments(number, fields.pop("segments", []))
            self.translations[number] = {}
            self._translation(number, locale, {"title": title, "body": body, **fields}, moment)
            return number

    def edit(self, number: int, locale: str | None = None, *, quietly: bool = False, **fields: Any) -> None:
        """Change or add a translation. ``quietly``: its article is not touched, as the source locale's would be."""
        with self.lock:
            moment = stamp(self.tick())
            self._translation(number, locale or self.articles[number]["locale"], fields, moment)
            if not quietly:
                self.articles[number]["updated_at"] = moment

    def remove_translation(self, number: int, locale: str) -> None:
        with self.lock:
            del self.translations[number][locale]
            self.articles[number]["updated_at"] = stamp(self.tick())

    def change(self, number: int, **fields: Any) -> None:
        """Change an article's metadata."""
        with self.lock:
            if "segments" in fields:
                self._segments(number, fields.pop("segments"))
            self.articles[number].update(fields, updated_at=stamp(self.tick()))

    def archive(self, number: int) -> None:
        with self.lock:
            self.tick()
            self.archived.add(number)

    def restore(self, number: int) -> None:
        """Back from the archive; Zendesk does not say that it changed."""
        with self.lock:
            self.archived.discard(number)

    def add_ticket(self, subject: str, text: str, answer: str | None = "Answered.", **fields: Any) -> int:
        """A question of the customer (user 100) and an agent's answer (user 200)."""
        with self.lock:
            number, moment = fields.pop("id", None) or self.new_id(), self.tick()
            status = fields.pop("status", "solved")
            self.tickets[number] = {
                "id": number,
                "url": f"{self.url}/api/v2/tickets/{number}.json",
                "subject": subject,
                "raw_subject": subject,
                "description": text,
                "via": {"channel": "email", "source": {"from": {}, "to": {}, "rel": None}},
                "status": status,
                "type": None,
                "priority": None,
                "requester_id": 100,
                "submitter_id": 100,
                "assignee_id": 200,
                "tags": [],
                "brand_id": self.brand,
                "satisfaction_rating": None,
                "is_public": True,
                "created_at": stamp(moment),
                "updated_at": stamp(moment),
                "generated_timestamp": moment,
                "metric_set": {"solved_at": stamp(moment) if status in ("solved", "closed") else None},
                **fields,
            }
            self.comments[number] = []
            self._comment(number, text, 100)
            if answer is not None:
                self._comment(number, answer, 200)
            return number

    def add_comment(self, number: int, text: str, author: int = 200, **fields: Any) -> int:
        with self.lock:
            made = self._comment(number, text, author, **fields)
            self.touch(number)
            return made

    def touch(self, number: int, *, system: bool = False, **fields: Any) -> None:
        """Change a ticket. ``system``: only ``generated_timestamp`` tells."""
        with self.lock:
            moment = self.tick()
            ticket = self.tickets[number]
            ticket.update(fields, generated_timestamp=moment)
            if not system:
                ticket["updated_at"] = stamp(moment)
            if fields.get("status") == "solved":
                ticket["metric_set"] = {"solved_at": stamp(moment)}

    def rewrite(self, number: int, comment: int, **fields: Any) -> None:
        """Redact a comment (``plain_body``) or make it private (``public``)."""
        with self.lock:
            next(one for one in self.comments[number] if one["id"] == comment).update(fields)
            self.touch(number, system=True)

    def delete_ticket(self, number: int) -> None:
        with self.lock:
            self.touch(number, status="deleted")
            self.comments.pop(number, None)

    def purge_ticket(self, number: int) -> None:
        """Gone, and without a tombstone."""
        with self.lock:
            self.tickets.pop(number, None)
            self.comments.pop(number, None)

    def revoke_tokens(self) -> None:
        with self.lock:
            self.tokens.clear()

    @classmethod
    def large(cls, articles: int, *, bytes_each: int = 2000) -> ZendeskFake:
        """An account with many articles, quick and unchecked."""
        fake = cls(validate=False)
        words = "Worn shoes can be sent back within thirty days of delivery. "
        for number in range(articles):
            text = f"<h2>Topic {number}</h2><p>{(words * (bytes_each // len(words) + 1))[:bytes_each]}</p>"
            fake.add_article(f"Article {number}", text)
        return fake

    # What it answers -----------------------------------------------------------------------------------------

    def authorised(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if request.path == "/oauth/tokens" or not given:
            return True
        kind, _, value = given.partition(" ")
        if kind == "Basic":
            user, _, secret = base64.b64decode(value).decode().partition(":")
            return self.basic.get(user) == secret
        return value in self.tokens

    def refusal(self, request: Request, status: int) -> Response:
        if status == 401:
            return Response(401, json={"error": "invalid_token", "error_description": "The access token is invalid"})
        return Response(status, json={"error": "APIRateLimitExceeded", "description": "Number of allowed requests"})

    def problem(self, request: Request, response: Response) -> str | None:
        return problem_of(request, response) if self.validate else None

    def answer(self, request: Request) -> Response:
        if request.path == "/oauth/tokens":
            return self._token(request)
        path, brand = request.path, self.brand
        if path.startswith("/b/"):
            subdomain, _, rest = path.removeprefix("/b/").partition("/")
            brand = next(number for number, one in self.brands.items() if one["subdomain"] == subdomain)
            path = f"/{rest}"
        parts = path.removeprefix("/api/v2/").split("/")
        if any(part in path for part in self.refused):
            return Response(403, json={"error": "Forbidden", "description": "You do not have access to this page."})
        if parts == ["users", "me"] and "authorization" not in request.headers:
            return Response(json={"user": {"id": None, "name": "Anonymous user", "role": "end-user"}})
        if "authorization" not in request.headers:
            return Response(401, json={"error": "Couldn't authenticate you"})
        missing = self._missing_scope(request, path)
        if missing:
            description = f"You are missing the following required scopes: {missing}"
            return Response(403, json={"error": "Forbidden", "description": description})
        if parts == ["users", "me"]:
            return Response(json={"user": self.user})
        if parts[0] == "brands":
            return self._listed(request, "brands", [one for one in self.brands.values() if not one["is_deleted"]])
        if parts[0] == "help_center":
            return self._help_center(request, parts[1:], brand)
        return self._support(request, parts)

    def _missing_scope(self, request: Request, path: str) -> str | None:
        scope = self.tokens.get(request.headers["authorization"].removeprefix("Bearer "), "read").split()
        needed = next((name for part, name in _SCOPES.items() if part in path), "read")
        return None if "read" in scope or needed in scope else needed

    def _token(self, request: Request) -> Response:
        asked = request.json()
        secret, scope = self.clients.get(asked.get("client_id"), ("", ""))
        if asked.get("grant_type") != "client_credentials" or not secret or asked.get("client_secret") != secret:
            return Response(401, json={"error": "invalid_client", "error_description": "Client authentication failed"})
        if set(asked.get("scope", "").split()) - set(scope.split()):
            return Response(400, json={"error": "invalid_scope", "error_description": "The scope is invalid"})
        token = f"token-{len(self.asked)}"
        self.tokens[token] = asked["scope"]
        return Response(
            json={
                "access_token": token,
                "token_type": "bearer",
                "scope": asked["scope"],
                "expires_in": self.token_seconds,
            }
        )

    def _help_center(self, request: Request, parts: list[str], brand: int) -> Response:
        if not self.brands[brand]["has_help_center"]:
            return Response(404, json={"error": "RecordNotFound", "description": "Not found"})
        if parts == ["user_segments"]:
            return self._listed(request, "user_segments", list(self.segments.values()))
        if parts == ["categories"]:
            return self._listed(request, "categories", self._of(brand, self.categories))
        if parts == ["sections"]:
            return self._listed(request, "sections", self._of(brand, self.sections))
        if parts == ["incremental", "articles"]:
            return self._changed_articles(request, brand)
        if parts == ["articles"]:
            shown = self._shown_articles(brand)
            if "per_page" in request.query:
                return self._newest(request, shown)
            return self._listed(request, "articles", shown, lambda one: self._article(request, one["id"]))
        number = int(parts[1])
        if number not in self.articles or not self._shown(number, brand):
            return Response(404, json={"error": "RecordNotFound", "description": "Not found"})
        if parts[2:] == ["translations"]:
            return self._listed(request, "translations", list(self.translations[number].values()))
        return Response(json={"article": self._article(request, number)})

    def _shown_articles(self, brand: int) -> list[dict[str, Any]]:
        key = (brand, self._changes, len(self.archived), frozenset(self.hidden_segments))
        if self._cached[0] != key:
            self._cached = key, [one for one in self._of(brand, self.articles) if self._shown(one["id"], brand)]
        return self._cached[1]

    def _newest(self, request: Request, shown: list[dict[str, Any]]) -> Response:
        ordered = sorted(shown, key=lambda one: (one["updated_at"], one["id"]), reverse=True)
        size = int(request.one("per_page") or 30)
        articles = [self._article(request, one["id"]) for one in ordered[:size]]
        return Response(json={"articles": articles, "count": len(ordered), "page": 1, "per_page": size})

    def _changed_articles(self, request: Request, brand: int) -> Response:
        start = int(request.one("start_time") or 0)
        since = stamp(start)
        found = [one for one in self._shown_articles(brand) if one["updated_at"] >= since]
        found.sort(key=lambda one: (one["updated_at"], one["id"]))
        page = found[: self.export_page]
        if not page:
            return Response(json={"articles": [], "count": 0, "end_time": 1, "next_page": None})
        end = int(datetime.fromisoformat(page[-1]["updated_at"]).timestamp())
        following = f"{self.url}/api/v2/help_center/incremental/articles.json?start_time={end}"
        articles = [self._article(request, one["id"]) for one in page]
        return Response(
            json={"articles": articles, "count": len(page), "end_time": end, "next_page": following}  # never null
        )

    def _support(self, request: Request, parts: list[str]) -> Response:
        if parts == ["incremental", "tickets", "cursor"]:
            return self._export(request)
        if parts == ["tickets"]:
            alive = [self._ticket(request, n) for n, one in self.tickets.items() if one["status"] != "deleted"]
            return self._listed(request, "tickets", alive)
        number = int(parts[1])
        ticket = self.tickets.get(number)
        if ticket is None or ticket["status"] == "deleted":
            return Response(404, json={"error": "RecordNotFound", "description": "Not found"})
        if parts[2:] == ["comments"]:
            response = self._listed(request, "comments", self.comments[number])
            if request.one("include") == "users":
                authors = {one["author_id"] for one in response.json["comments"]}
                response.json["users"] = [one for key, one in self.users.items() if key in authors]
            return response
        return Response(json={"ticket": self._ticket(request, number)})

    def _export(self, request: Request) -> Response:
        if self.user["role"] != "admin":
            return Response(403, json={"error": "Forbidden", "description": "You do not have access to this page."})
        cursor = request.one("cursor")
        if cursor is None:
            start = int(request.one("start_time") or 0)
            if start > self.now - 60:
                return Response(422, json={"error": "InvalidValue", "description": "Too recent start_time"})
            after = (start - 1, 1 << 62)
        else:
            try:
                first, _, second = base64.b64decode(cursor, validate=True).decode().partition("||")
                after = (int(first), int(second))
            except ValueError:
                return Response(400, json={"error": "InvalidValue", "description": "cursor is invalid"})
        found = sorted(
            (one["generated_timestamp"], number)
            for number, one in self.tickets.items()
            if one["generated_timestamp"] <= self.now - self.lag
        )
        found = [place for place in found if place > after]
        page = found[: self.export_page]
        place = page[-1] if page else None if cursor is None else after
        text = None if place is None else base64.b64encode(f"{place[0]}||{place[1]}".encode()).decode()
        link = None if text is None else f"{self.url}/api/v2/incremental/tickets/cursor.json?cursor={text}"
        return Response(
            json={
                "tickets": [self._ticket(request, number) for _, number in page],
                "after_cursor": text,
                "after_url": link,
                "before_cursor": None,
                "before_url": None,
                "end_of_stream": len(found) <= self.export_page,
            }
        )

    def _listed(
        self,
        request: Request,
        key: str,
        items: list[dict[str, Any]],
        whole: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> Response:
        """A page by cursor where ``page[size]`` is given, else all that an offset page shows."""
        size = request.one("page[size]")
        if size is None:
            return Response(json={key: items[:30], "count": len(items), "next_page": None, "previous_page": None})
        number = min(int(size), self.page)
        try:
            start = int(base64.b64decode(request.one("page[after]") or "").decode() or 0)
        except ValueError:
            return Response(400, json={"error": "InvalidPaginationParameter", "description": "page[after] is invalid"})
        # The cursor is an id, so that what comes and goes before it moves nothing.
        rest = [one for one in items if one["id"] > start] if start else items
        page, more = [whole(one) for one in rest[:number]], len(rest) > number
        after = base64.b64encode(str(page[-1]["id"]).encode()).decode() if page else None
        link = f"{self.url}{request.path}?page[size]={size}&page[after]={after}" if more else None
        meta = {"has_more": more, "after_cursor": after, "before_cursor": None}
        return Response(json={key: page, "meta": meta, "links": {"next": link, "prev": None}})

    def _article(self, request: Request, number: int) -> dict[str, Any]:
        article = dict(self.articles[number])
        own = self.translations[number].get(article["locale"], {})
        article |= {key: own.get(key) for key in ("title", "body", "html_url", "draft")}
        article["outdated_locales"] = [name for name, one in self.translations[number].items() if one["outdated"]]
        if self.sideload and request.one("include") == "translations":
            article["translations"] = list(self.translations[number].values())
        return article

    def _ticket(self, request: Request, number: int) -> dict[str, Any]:
        ticket = dict(self.tickets[number])
        if "metric_sets" not in (request.one("include") or ""):
            ticket.pop("metric_set", None)
        return ticket

    def _of(self, brand: int, things: dict[int, Any]) -> list[Any]:
        return [one for number, one in sorted(things.items()) if self._brand_of[number] == brand]

    def _shown(self, number: int, brand: int) -> bool:
        segments = set(self.articles[number].get("user_segment_ids") or [])
        seen = not segments or bool(segments - self.hidden_segments)
        return self._brand_of[number] == brand and number not in self.archived and seen

    def _segments(self, number: int, segments: list[int]) -> None:
        first = segments[0] if segments else None
        self.articles[number] |= {"user_segment_id": first, "user_segment_ids": list(segments)}

    def _translation(self, number: int, locale: str, fields: dict[str, Any], moment: str) -> None:
        old = self.translations[number].get(locale)
        root = self.brands[self._brand_of[number]]["brand_url"]
        self.translations[number][locale] = {
            "id": old["id"] if old else self.new_id(),
            "url": f"{self.url}/api/v2/help_center/articles/{number}/translations/{locale}.json",
            "html_url": f"{root}/hc/{locale}/articles/{number}",
            "source_id": number,
            "source_type": "Article",
            "locale": locale,
            "title": "",
            "body": "",
            "draft": False,
            "outdated": False,
            "hidden": False,
            "created_at": moment,
            **(old or {}),
            **fields,
            "updated_at": moment,
        }

    def _comment(self, number: int, text: str, author: int, **fields: Any) -> int:
        made = self.new_id()
        self.comments[number].append(
            {
                "id": made,
                "type": "Comment",
                "author_id": author,
                "body": text,
                "html_body": f"<div class='zd-comment'>{text}</div>",
                "plain_body": text,
                "public": True,
                "attachments": [],
                "audit_id": made + 1,
                "via": {"channel": "email", "source": {"from": {}, "to": {}, "rel": None}},
                "created_at": stamp(self.now),
                "metadata": {},
                **fields,
            }
        )
        return made


def main(arguments: list[str]) -> None:
    """Serve an account with many articles until the standard input ends or the process is stopped."""
    parser = argparse.ArgumentParser(prog="python -m tests.connectors.fakes.zendesk")
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=2000, help="of each article's body")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    fake = ZendeskFake.large(given.articles, bytes_each=given.bytes)
    if given.port:
        handler = fake._server.RequestHandlerClass
        server = ThreadingHTTPServer(("127.0.0.1", given.port), handler)
        fake.url = f"http://127.0.0.1:{given.port}"
        for brand in fake.brands.values():
            brand["brand_url"] = fake.url
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(fake.url, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        fake.close()


if __name__ == "__main__":
    main(sys.argv[1:])
