"""A shop behind Shopify's GraphQL Admin API, executed against Shopify's own schema."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from graphql import GraphQLError, execute_sync

from tests.connectors.fakes import shopify_schema as described
from tests.connectors.fakes.server import Fake, Request, Response
from tests.connectors.fakes.shopify_search import BadSearch, search
from tests.connectors.fakes.shopify_shop import KINDS, START, Record, ShopifyShop, iso

__all__ = ["START", "Record", "ShopifyFake"]

SCOPES = ("read_products", "read_content", "read_legal_policies", "read_locales")


class _SaidError(GraphQLError):
    """What Shopify answers in place of data."""


def _broken(_info: Any) -> str:
    raise _SaidError("Oops", extensions={"code": "INTERNAL_SERVER_ERROR"})


class ShopifyFake(ShopifyShop, Fake):
    """One shop.

    Attributes:
        broken: ids of what Shopify cannot answer for.
        late: ids of what the search index does not know yet.
        max_cost: points of one query.
        points: left in the bucket; ``restored`` come back with each request.
        bulk_outcome: how the next bulk operation ends; ``bulk_lines`` are in its partial result.
    """

    def __init__(self, *, scopes: tuple[str, ...] = SCOPES) -> None:
        self.locales = {"en": (True, True), "fr": (False, True), "de": (False, True), "it": (False, False)}
        self.definitions: dict[str, tuple[str, bool]] = {
            "custom.material": ("Material", True),
            "custom.cost": ("Cost", False),
        }
        self.scopes = set(scopes)
        self.domain = "https://shop.example"
        self.late: set[int] = set()
        self.broken: set[int] = set()
        self.max_cost = 1000
        self.bucket, self.points, self.restored, self.rate = 2000.0, 2000.0, 1000.0, 100_000.0
        self.bulk_outcome, self.bulk_lines, self.bulk_error = "COMPLETED", 0, "INTERNAL_SERVER_ERROR"
        self.bulk_full = False
        self.bulks: dict[str, Record] = {}
        self.errors_next: list[Callable[[str], dict[str, Any] | None]] = []
        self.secret, self.tokens, self.token_uses = "top-secret", {"shpat_legacy": -1}, -1
        self.token_answer: Response | None = None
        ShopifyShop.__init__(self)
        Fake.__init__(self)

    def break_queries(self, part: str, *answers: dict[str, Any]) -> None:
        """Answer the next queries with ``part`` in them or in their variables with these bodies."""
        with self.lock:
            self.errors_next += [(lambda query, answer=answer: answer if part in query else None) for answer in answers]

    def calm_queries(self) -> None:
        """Forget what ``break_queries`` planned."""
        with self.lock:
            self.errors_next = []

    # The API.

    def authorised(self, request: Request) -> bool:
        if not request.path.startswith("/admin/api/"):
            return True
        token = request.headers.get("X-Shopify-Access-Token", request.headers.get("x-shopify-access-token", ""))
        left = self.tokens.get(token, 0)
        if left > 0:
            self.tokens[token] -= 1
        return left != 0

    def refusal(self, request: Request, status: int) -> Response:
        if status == 401:
            said = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return Response(401, json={"errors": said})
        return Response(status, json={"errors": "Exceeded 2 calls per second for api client."})

    def answer(self, request: Request) -> Response:
        if request.path == "/admin/oauth/access_token":
            return self._token(request)
        if request.path.startswith("/bulk/"):
            if any("shopify" in name.lower() for name in request.headers):
                self.problems.append("a token was sent to the host of downloads")
            lines = self.bulks[request.path.removeprefix("/bulk/")]["file"]
            return Response(body=b"".join(lines), headers={"Content-Type": "application/jsonl"})
        if request.path != "/admin/api/2026-10/graphql.json":
            return Response(404, json={"errors": "Not Found"})
        body = request.json()
        return Response(json=self._graphql(body["query"], body.get("variables") or {}))

    def _token(self, request: Request) -> Response:
        if self.token_answer is not None:
            return self.token_answer
        form = request.form()
        if form.get("grant_type") != "client_credentials" or form.get("client_secret") != self.secret:
            return Response(400, body=b"Oauth error invalid_client: the secret is wrong")
        token = f"shpat_{self.new_id()}"
        self.tokens[token] = self.token_uses
        return Response(json={"access_token": token, "scope": ",".join(sorted(self.scopes)), "expires_in": 86399})

    def _graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        wrong = described.problems(query)
        if wrong:
            self.problems.append(f"invalid query: {wrong[0]}")
            return {"errors": [{"message": wrong[0]}]}
        asked = described.cost(query, variables)
        if asked > self.max_cost:
            extensions = {"code": "MAX_COST_EXCEEDED", "cost": asked, "maxCost": self.max_cost}
            return {"errors": [{"message": f"Query cost is {asked}", "extensions": extensions}]}
        self.points = min(self.bucket, self.points + self.restored)
        if asked > self.points:
            extensions = {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"}
            answer = {"errors": [{"message": "Throttled", "extensions": extensions}]}
            return answer | self._cost(asked, None)
        for position, make in enumerate(self.errors_next):
            made = make(query + json.dumps(variables))
            if made is not None:
                self.errors_next.pop(position)
                return made
        for path, enough, words in described.needed_scopes(query):
            if not enough & self.scopes:
                extensions = {"code": "ACCESS_DENIED", "requiredAccess": words}
                said = f"Access denied for {path[-1]} field. Required access: {words}"
                return {"errors": [{"message": said, "path": list(path), "extensions": extensions}], "data": None}
        self.points -= asked / 3
        try:
            return {"data": self._execute(query, variables)} | self._cost(asked, asked // 3)
        except _SaidError as error:
            return {"errors": [{"message": error.message, "extensions": error.extensions}]}

    def _execute(self, query: str, variables: dict[str, Any]) -> Any:
        result = execute_sync(described.schema(), described.parsed(query), self._root(), variable_values=variables)
        for error in result.errors or []:
            if isinstance(error.original_error, _SaidError):
                raise error.original_error
            self.problems.append(f"{error}")
        return result.data

    def _cost(self, asked: int, actual: int | None) -> dict[str, Any]:
        status = {"maximumAvailable": self.bucket, "currentlyAvailable": int(self.points), "restoreRate": self.rate}
        cost = {"requestedQueryCost": asked, "actualQueryCost": actual, "throttleStatus": status}
        return {"extensions": {"cost": cost}}

    # What the schema's fields lead to.

    def _root(self) -> Record:
        installed = {"accessScopes": [{"handle": handle, "description": ""} for handle in sorted(self.scopes)]}
        return {
            "shop": self._shop,
            "shopLocales": lambda _info, published=False: [
                {"locale": code, "primary": primary, "published": shown, "name": code}
                for code, (primary, shown) in self.locales.items()
                if shown or not published
            ],
            "currentAppInstallation": installed,
            "metafieldDefinitions": self._definitions,
            "events": self._events,
            "nodes": lambda _info, ids: [self._by_id(gid) for gid in ids],
            "product": lambda _info, id: self._by_id(id),
            "productsCount": self._counter("products"),
            "collectionsCount": self._counter("collections"),
            "pagesCount": self._counter("pages"),
            "blogs": lambda _info, **_: {
                "nodes": [
                    {
                        "articlesCount": lambda _info, blog=blog, **_: {
                            "count": sum(one["blog"] == blog for one in self.records["articles"].values())
                        }
                    }
                    for blog in self.blogs
                ]
            },
            "bulkOperationRunQuery": self._bulk_run,
            "bulkOperation": self._bulk_state,
            **{content: self._lister(content) for content in ("products", "collections", "pages", "articles")},
        }

    def _shop(self, _info: Any) -> Record:
        return {
            "name": "Larkfield",
            "id": "gid://shopify/Shop/1",
            "currencyCode": "EUR",
            "primaryDomain": {"url": self.domain},
            "shopPolicies": [self._node("policies", one) for _, one in sorted(self.records["policies"].items())],
        }

    def _counter(self, content: str) -> Callable[..., Record]:
        return lambda _info, limit=10000, **_: {"count": min(len(self.records[content]), limit or 10**9)}

    def _lister(self, content: str) -> Callable[..., Record]:
        def listing(_info: Any, sortKey: str = "ID", query: str | None = None, **paging: Any) -> Record:
            records = [one for _, one in sorted(self.records[content].items())]
            if query:
                records = [one for one in records if self._found(content, one, query)]
            key = {"ID": lambda one: [one["id"]], "UPDATED_AT": lambda one: [one["updated_at"], one["id"]]}[sortKey]
            return self._connection(records, key, lambda one: self._node(content, one), **paging)

        return listing

    def _found(self, content: str, record: Record, query: str) -> bool:
        fields = {
            "id": record["id"],
            "updated_at": iso(record["updated_at"]),
            "published_at": iso(record.get("published_at")),
            "published_status": "published" if record.get("published") else "unpublished",
        }
        try:
            matches = search(query)(fields)
        except BadSearch as error:
            self.problems.append(f"search {query!r}: {error}")
            return False
        return matches and record["id"] not in self.late

    @staticmethod
    def _connection(
        records: list[Record],
        key: Callable[[Record], list[Any]],
        node: Callable[[Record], Any],
        first: int | None = None,
        after: str | None = None,
        reverse: bool = False,
        **_: Any,
    ) -> Record:
        if first is not None and first > 250:
            raise ValueError("first cannot exceed 250")
        records = sorted(records, key=key, reverse=reverse)
        if after is not None:
            try:
                place = json.loads(base64.b64decode(after, validate=True))
            except ValueError:
                raise _SaidError("Invalid cursor for current pagination sort.") from None
            records = [one for one in records if (key(one) < place if reverse else key(one) > place)]
        cut = records if first is None else records[:first]
        end = base64.b64encode(json.dumps(key(cut[-1])).encode()).decode() if cut else None
        info = {"hasNextPage": len(cut) < len(records), "endCursor": end, "hasPreviousPage": after is not None}
        nodes = [node(one) for one in cut]
        return {"nodes": nodes, "edges": [{"node": one} for one in nodes], "pageInfo": info}

    def _by_id(self, gid: str) -> Record | None:
        kind, number = gid.removeprefix("gid://shopify/").split("/")
        content = next(content for content, name in KINDS.items() if name == kind)
        record = self.records[content].get(int(number))
        return None if record is None else self._node(content, record)

    def _node(self, content: str, record: Record) -> Record:
        node = {
            "__typename": KINDS[content],
            "id": f"gid://shopify/{KINDS[content]}/{record['id']}",
            "title": _broken if record["id"] in self.broken else record["title"],
            "handle": record["handle"],
            "updatedAt": iso(record["updated_at"]),
            "translations": self._translations(record["translations"]),
        }
        if content == "products":
            return node | self._product(record)
        if content == "collections":
            return node | {"descriptionHtml": record["descriptionHtml"]}
        if content == "policies":
            url = f"{self.domain}/policies/{record['type'].lower().replace('_', '-')}"
            return node | {"body": record["body"], "type": record["type"], "url": url}
        shown = record["published_at"] is not None and record["published_at"] <= self.now
        node |= {"body": record["body"], "isPublished": shown, "publishedAt": iso(record["published_at"])}
        if content == "articles":
            node |= {
                "summary": record["summary"],
                "tags": sorted(record["tags"]),
                "author": {"name": record["author"]},
                "blog": {"handle": record["blog"], "title": self.blogs[record["blog"]]},
            }
        return node

    def _product(self, record: Record) -> Record:
        prices = [float(one["price"]) for one in record["variants"]]
        low, high = ({"amount": str(value), "currencyCode": "EUR"} for value in (min(prices), max(prices)))
        within = [one for one in self.records["collections"].values() if record["id"] in one["products"]]
        return {
            "descriptionHtml": record["descriptionHtml"],
            "status": record["status"],
            "onlineStoreUrl": f"{self.domain}/products/{record['handle']}" if record["published"] else None,
            "vendor": record["vendor"],
            "productType": record["productType"],
            "tags": sorted(record["tags"]),
            "priceRangeV2": {"minVariantPrice": low, "maxVariantPrice": high},
            "options": [
                {
                    "name": name,
                    "translations": self._translations(record["words"].get(name, {})),
                    "optionValues": [
                        {"name": value, "translations": self._translations(record["words"].get(value, {}))}
                        for value in values
                    ],
                }
                for name, values in record["options"].items()
            ],
            "variants": lambda _info, **paging: self._connection(
                record["variants"], lambda one: [one["id"]], lambda one: self._variant(record, one), **paging
            ),
            "collections": lambda _info, **paging: self._connection(
                within, lambda one: [one["id"]], lambda one: self._node("collections", one), **paging
            ),
            "metafields": lambda _info, keys=None, **paging: self._connection(
                [
                    {"id": number, "name": name, "held": held}
                    for number, (name, held) in enumerate(sorted(record["metafields"].items()), start=1)
                    if keys is None or name in keys
                ],
                lambda one: [one["id"]],
                lambda one: self._metafield(record, one),
                **paging,
            ),
        }

    @staticmethod
    def _variant(record: Record, one: Record) -> Record:
        chosen = zip(record["options"], one["values"], strict=True)
        return {
            "id": f"gid://shopify/ProductVariant/{one['id']}",
            "sku": one["sku"],
            "price": one["price"],
            "availableForSale": one["available"],
            "selectedOptions": [{"name": name, "value": value} for name, value in chosen],
        }

    def _metafield(self, record: Record, one: Record) -> Record:
        kind, value = one["held"]
        space, key = one["name"].split(".")
        return {
            "id": f"gid://shopify/Metafield/{record['id']}{one['id']:04}",
            "namespace": space,
            "key": key,
            "type": kind,
            "value": value,
            "translations": self._translations(record["words"].get(one["name"], {})),
        }

    def _translations(self, held: Record) -> Callable[..., list[Record]]:
        """Of published locales only, as the schema's field says."""

        def translations(_info: Any, locale: str, **_: Any) -> list[Record]:
            if not self.locales.get(locale, (False, False))[1]:
                return []
            words = held.get(locale, {})
            return [
                {"key": key, "value": value, "outdated": outdated, "locale": locale}
                for key, (value, outdated) in sorted(words.items())
            ]

        return translations

    def _definitions(self, _info: Any, **paging: Any) -> Record:
        records = [
            {"id": name, "namespace": name.split(".")[0], "key": name.split(".")[1], "name": label, "shown": shown}
            for name, (label, shown) in self.definitions.items()
        ]
        return self._connection(
            records,
            lambda one: [one["id"]],
            lambda one: one | {"access": {"storefront": "PUBLIC_READ" if one["shown"] else "NONE"}},
            **paging,
        )

    def _events(self, _info: Any, query: str, sortKey: str = "ID", **paging: Any) -> Record:
        found = []
        for one in self.events:
            fields = {
                "action": one["action"],
                "subject_type": KINDS[one["content"]] if one["content"] in KINDS else one["content"],
                "created_at": iso(one["created_at"]),
            }
            if search(query)(fields):
                found.append(one)

        def node(one: Record) -> Record:
            kind = KINDS.get(one["content"], one["content"])
            return {
                "__typename": "BasicEvent",
                "id": f"gid://shopify/BasicEvent/{one['id']}",
                "createdAt": iso(one["created_at"]),
                "subjectId": f"gid://shopify/{kind}/{one['subject']}",
                "subjectType": kind.upper(),
            }

        key = {"ID": lambda one: [one["id"]], "CREATED_AT": lambda one: [one["created_at"], one["id"]]}[sortKey]
        return self._connection(found, key, node, **paging)

    # Bulk operations: what they find is what is there when they start.

    def _bulk_run(self, _info: Any, query: str, groupObjects: bool = False) -> Record:
        wrong = described.problems(query)
        count, depth = described.connections(query)
        if wrong or not groupObjects or count > 5 or depth > 2 or count == 0:
            self.problems.append(f"bulk query: {wrong or (count, depth, groupObjects)}")
        if self.bulk_full:
            error = {"code": "LIMIT_REACHED", "field": None, "message": "The limit of bulk operations is reached."}
            return {"bulkOperation": None, "userErrors": [error]}
        number = str(self.new_id())
        lines = []
        for edge in self._execute(query, {})["products"]["edges"]:
            below = {
                name: value for name, value in edge["node"].items() if isinstance(value, dict) and "edges" in value
            }
            lines.append({name: value for name, value in edge["node"].items() if name not in below})
            for child in (inner["node"] for value in below.values() for inner in value["edges"]):
                lines.append(child | {"__parentId": edge["node"]["id"]})
        whole = self.bulk_outcome == "COMPLETED"
        file = [json.dumps(line).encode() + b"\n" for line in (lines if whole else lines[: self.bulk_lines])]
        roots = sum("__parentId" not in line for line in lines)
        self.bulks[number] = {"looks": 0, "file": file, "outcome": self.bulk_outcome, "roots": roots}
        gid = f"gid://shopify/BulkOperation/{number}"
        return {"bulkOperation": {"id": gid, "status": "CREATED"}, "userErrors": []}

    def _bulk_state(self, _info: Any, id: str) -> Record | None:
        number = id.rsplit("/", 1)[-1]
        held = self.bulks.get(number)
        if held is None:
            return None
        held["looks"] += 1
        status = "RUNNING" if held["looks"] < 3 else held["outcome"]
        url = f"{self.url}/bulk/{number}?signature=very-secret" if held["file"] else None
        failed = status == "FAILED"
        return {
            "id": id,
            "status": status,
            "errorCode": self.bulk_error if failed else None,
            "url": url if status == "COMPLETED" else None,
            "partialDataUrl": url if failed else None,
            "rootObjectCount": str(held["roots"]),
        }
