"""Asks the GraphQL Admin API: credentials, what its errors mean, and no faster than its points allow.

Rules from shopify.dev: "GraphQL Admin API" (status and error codes), "API limits" (the bucket of points) and "Using the
client credentials grant".
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from pydantic import SecretStr

from configs.errors import AuthError, ConnectorError
from connectors.credentials import Credentials, FetchedToken, FixedHeader
from connectors.http import MAX_WAIT, HttpClient
from connectors.replies import Again, Reply
from connectors.retry import RateBudget, shared_budget
from connectors.shopify.options import ShopifyOptions

VERSION = "2026-10"
DOWNLOADS = "storage.googleapis.com"
"""Where Shopify keeps the results of bulk operations."""

GRANT = "Grant it in the Dev Dashboard › the app › Versions › Access scopes, release the version and reinstall the app."
_HEADER = "X-Shopify-Access-Token"
_TOKENS = "/admin/oauth/access_token"
_MOST_BYTES = 20_000_000_000
"""Of a bulk result, which goes to a temporary file."""


class TooCostly(ConnectorError):
    """A query asks for more points than one query may cost: ask for fewer items at once."""


class Graph:
    """The API of one shop; use it as a context manager."""

    def __init__(self, options: ShopifyOptions) -> None:
        self._root = options.root
        self._budget = shared_budget(f"shopify:{self._root}", options.requests_per_minute)
        self._common: dict[str, Any] = {
            "timeout": options.timeout,
            "allow_private": options.allow_private_network,
        }
        self._others = ExitStack()
        self._client = HttpClient(
            self._root,
            credentials=self._credentials(options),
            judge=judge,
            budget=self._budget,
            max_bytes=options.max_bytes,
            **self._common,
        )

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._others.close()

    @cached_property
    def downloads(self) -> HttpClient:
        """For results of bulk operations: without credentials, for their address is signed and not the shop's."""
        client = HttpClient(self._root, allowed_hosts=[DOWNLOADS], max_bytes=_MOST_BYTES, **self._common)
        return self._others.enter_context(client)

    @cached_property
    def _tokens(self) -> HttpClient:
        return self._others.enter_context(HttpClient(self._root, judge=_judge_token, **self._common))

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The ``data`` of an answer.

        Raises:
            TooCostly: see there.
            AuthError: a scope is missing or the token is refused.
            ConnectorError: any other failure after all tries.
        """
        url = f"{self._root}/admin/api/{VERSION}/graphql.json"
        answer = self._client.post_json(url, {"query": query, "variables": dict(variables or {})})
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise ConnectorError("Shopify answered without data.", hint="Try again later.")
        pace(answer, self._budget)
        return answer["data"]

    def _credentials(self, options: ShopifyOptions) -> Credentials:
        if options.token is not None:
            return FixedHeader(_HEADER, options.token)
        client_id, secret = options.client_id, options.client_secret or SecretStr("")

        def fetch() -> tuple[str, float | None]:
            body = {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": secret.get_secret_value(),
            }
            answer = self._tokens.post_json(f"{self._root}{_TOKENS}", body, form=True)
            token = answer.get("access_token") if isinstance(answer, dict) else None
            if not isinstance(token, str) or not token:
                raise AuthError("Shopify gave no access token.", hint="Check client_id and client_secret.")
            seconds = answer.get("expires_in")
            return token, float(seconds) if isinstance(seconds, int | float) else None

        return FetchedToken(fetch, header=_HEADER, scheme="")


def pace(answer: Mapping[str, Any], budget: RateBudget) -> None:
    """Hold ``budget`` until another query like the one answered can be paid ("API limits": a leaking bucket)."""
    seconds = missing_seconds(answer)
    if seconds:
        budget.hold(min(seconds, MAX_WAIT))


def missing_seconds(answer: Mapping[str, Any]) -> float | None:
    """Seconds until the points that the query asked for are there again; ``None`` where the answer does not say."""
    cost = _mapping(_mapping(answer.get("extensions")).get("cost"))
    status = _mapping(cost.get("throttleStatus"))
    asked, left, rate = cost.get("requestedQueryCost"), status.get("currentlyAvailable"), status.get("restoreRate")
    if not isinstance(asked, int | float) or not isinstance(left, int | float):
        return None
    return max(0.0, (asked - left) / rate) if isinstance(rate, int | float) and rate > 0 else None


def judge(reply: Reply) -> Again | ConnectorError | None:
    """What an answer of Shopify's means; errors come with status 200 too."""
    if reply.status != 200:
        return _refused(reply)
    body = _mapping(reply.body)
    errors = body.get("errors")
    if not errors:
        return None
    first = _mapping(errors[0]) if isinstance(errors, list) else {}
    extensions = _mapping(first.get("extensions"))
    said = str(first.get("message") or errors)[:300].strip()
    match extensions.get("code"):
        case "THROTTLED":
            return Again(missing_seconds(body), "is throttled")
        case "INTERNAL_SERVER_ERROR" | "TIMEOUT":
            return Again(None, "answered with an internal error")
        case "MAX_COST_EXCEEDED":
            return TooCostly("A query costs more than Shopify allows for one.")
        case "ACCESS_DENIED":
            needed = str(extensions.get("requiredAccess") or said).rstrip(".")
            path = ".".join(str(part) for part in first.get("path") or [])
            return AuthError(
                f"Shopify denies access to {path or 'a field'}: it needs {needed}.", hint=GRANT, status=reply.status
            )
        case "SHOP_INACTIVE":
            return ConnectorError("The shop is not active.", hint="Choose a plan or unfreeze the shop in its admin.")
    return ConnectorError(f"Shopify refused a query: {said.rstrip('.')}.", status=reply.status)


def _refused(reply: Reply) -> ConnectorError | None:
    match reply.status:
        case 401:
            return AuthError(
                "Shopify refused the access token (status 401).",
                hint="The app was uninstalled, its secret rotated, or the token is wrong: reinstall the app "
                "(Dev Dashboard › the app › Home › Install app) and check the secret.",
                status=401,
            )
        case 402 | 423:
            return ConnectorError(
                f"The shop is frozen or locked (status {reply.status}).",
                hint="Its owner settles that in the shop's admin.",
                status=reply.status,
            )
        case 403:
            said = _mapping(reply.body).get("errors")
            detail = f": {said[:200].rstrip('.')}" if isinstance(said, str) else ""
            return AuthError(f"Shopify refuses access (status 403){detail}.", hint=GRANT, status=403)
        case 404:
            return ConnectorError(
                "There is no such shop, or it does not know this version of the API (status 404).",
                hint="Check `shop`: it is the part before .myshopify.com.",
                status=404,
            )
    return None


def _judge_token(reply: Reply) -> ConnectorError | None:
    if reply.status not in (400, 401, 403, 404):
        return None
    known = {
        "app_not_installed": "Install the app on the shop: Dev Dashboard › the app › Home › Install app.",
        "shop_not_permitted": "App and shop must belong to the same organization; otherwise use `token`.",
        "application_cannot_be_found": "Check client_id: Dev Dashboard › the app › Settings.",
        "invalid_client": "Check client_secret: Dev Dashboard › the app › Settings.",
    }
    text = str(reply.body)
    code = next((name for name in known if name in text), None)
    why = f": {code}" if code else ""
    hint = known[code] if code else "Check shop, client_id and client_secret (Dev Dashboard › the app › Settings)."
    return AuthError(f"Shopify gave no access token (status {reply.status}{why}).", hint=hint, status=reply.status)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
