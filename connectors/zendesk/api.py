"""How Zendesk is asked: credentials, pages by cursor, two rate budgets, and what its refusals mean."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from configs.errors import AuthError, ConnectorError, CursorError
from connectors.credentials import Credentials, FetchedToken, FixedHeader
from connectors.http import HttpClient
from connectors.replies import Again, Reply
from connectors.retry import shared_budget
from connectors.trail import Trail
from connectors.zendesk.options import ZendeskOAuth, ZendeskOptions

PAGE = 100
"""Items of one page of a listing; Zendesk's most (its page "Pagination")."""

API_TOKENS_END = "2027-04-30"
"""The day on which Zendesk's API tokens end; new ones can no longer be made."""

MENU = "Admin Center › Apps and integrations › APIs › OAuth clients"
"""Where OAuth clients are made."""

_MISSING = re.compile(r"missing the following required scopes: ([a-z_]+(?::[a-z_]+)?)\b")
"""Zendesk's own words where a scope is what is missing."""

_log = logging.getLogger("openshelf.zendesk")
_warned: set[str] = set()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. ``after``: the cursor of the next one, ``None`` at the end; ``users``: side-loaded."""

    items: list[dict[str, Any]]
    after: str | None
    users: list[dict[str, Any]]


class Api:
    """One host of an account, to be used as a context manager.

    Args:
        credentials: what ``credentials_of`` made; shared by the hosts of an account.
        base: a brand's own address; the account's by default.
    """

    def __init__(self, options: ZendeskOptions, credentials: Credentials, base: str | None = None) -> None:
        self.base = base or options.url
        self._incremental = shared_budget(f"{options.url} incremental", options.incremental_per_minute)
        self._client = HttpClient(
            self.base,
            credentials=credentials,
            judge=judged,
            timeout=options.timeout,
            max_bytes=options.max_bytes,
            budget=shared_budget(options.url, options.requests_per_minute),
            allow_private=options.allow_private_network,
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """The answer to a GET of ``path``, an object.

        Raises:
            AuthError: refused; the hint says which scope or role is missing.
            ConnectorError: any other failure.
        """
        return _object(self._client.get_json(f"{self.base}{path}", params=params), path)

    def incremental(self, path: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        """``get`` of an incremental export, of which Zendesk allows ten a minute ("Incremental Exports", rate limits).

        Raises:
            ConnectorError: see ``get``.
        """
        return _object(self._client.get_json(f"{self.base}{path}", params=params, budget=self._incremental), path)

    def pages(
        self, path: str, key: str, params: Mapping[str, str | int] | None = None, *, after: str | None = None
    ) -> Iterator[Page]:
        """The pages of a listing by cursor, from the one behind ``after``.

        Zendesk's links are not followed: an address that it names is not asked with our credentials.

        Raises:
            CursorError: the listing goes in a circle.
            ConnectorError: see ``get``.
        """
        trail = Trail(f"Zendesk's {path}")
        while True:
            trail.step(after)
            asked: dict[str, str | int] = {**(params or {}), "page[size]": PAGE}
            if after is not None:
                asked["page[after]"] = after
            answer = self.get(path, asked)
            after = _next(answer, path)
            users = items_of(answer, "users", path) if "users" in answer else []
            yield Page(items_of(answer, key, path), after, users)
            if after is None:
                return

    def all(self, path: str, key: str, params: Mapping[str, str | int] | None = None) -> Iterator[dict[str, Any]]:
        """Every item of a listing.

        Raises:
            ConnectorError: see ``pages``.
        """
        for page in self.pages(path, key, params):
            if not all(isinstance(item.get("id"), int) for item in page.items):
                raise ConnectorError(f"Zendesk's answer to {path} has one of its {key} without an id.")
            yield from page.items


def credentials_of(options: ZendeskOptions) -> Credentials:
    """What the options give; an API token is warned of once a process."""
    if options.oauth is not None:
        oauth = options.oauth
        return FetchedToken(lambda: _new_token(options, oauth))
    if options.token is not None:
        return FixedHeader.bearer(options.token)
    if options.email is None or options.api_token is None:
        raise ConnectorError("The source has no credentials.", hint="Give `oauth` or `token`.")
    if options.url not in _warned:
        _warned.add(options.url)
        _log.warning(
            "%s is read with an API token; Zendesk ends API tokens on %s. Make an OAuth client: %s.",
            options.url,
            API_TOKENS_END,
            MENU,
        )
    return FixedHeader.basic(f"{options.email}/token", options.api_token)


def items_of(answer: Mapping[str, Any], key: str, path: str) -> list[dict[str, Any]]:
    """The list of objects under ``key``.

    Raises:
        ConnectorError: there is none.
    """
    items = answer.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ConnectorError(f"Zendesk's answer to {path} has no list of {key}.")
    return items


def judged(reply: Reply) -> Again | ConnectorError | None:
    """Zendesk's refusals in words a person can act on; everything else is the client's own to judge."""
    if reply.status == 401:
        return AuthError(
            f"Zendesk does not accept the credentials (status 401 at {reply.url}).",
            hint=f"The token was revoked, has ended, or is another account's. Make one in {MENU}.",
            status=401,
        )
    if reply.status == 403:
        scope, role = _needed(reply.url)
        named = _MISSING.search(str(reply.body.get("description"))) if isinstance(reply.body, dict) else None
        scope = f"`{named[1]}`" if named else scope
        return AuthError(
            f"Zendesk refuses access to {reply.url} (status 403).",
            hint=f"The token needs the scope {scope} ({MENU}), and its user {role}.",
            status=403,
        )
    if reply.status == 404 and reply.url.endswith("/help_center/articles"):
        return ConnectorError(
            f"There is no help centre at {reply.url} (status 404).",
            hint="Activate it in Knowledge admin, or leave the brand out of `brands`.",
            status=404,
        )
    return None


def _needed(url: str) -> tuple[str, str]:
    if "/help_center/" in url:
        return "`read` or `hc:read`", "must be an agent or admin who can see the help centre"
    if "/brands" in url:
        return "`read`", "must be an admin, or an agent who may assign tickets to any brand"
    if "/incremental/" in url:
        return "`read` or `tickets:read`", "must be an admin (exports are for admins only)"
    if "/tickets" in url:
        return "`read` or `tickets:read`", "needs a role that may see all tickets (People › Team › Roles)"
    return "`read`", "must be an agent or admin"


def _object(answer: Any, path: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ConnectorError(f"Zendesk's answer to {path} is no object.")
    return answer


def _next(answer: Mapping[str, Any], path: str) -> str | None:
    meta = answer.get("meta")
    if not isinstance(meta, dict):
        if answer.get("next_page"):
            raise ConnectorError(f"Zendesk does not page {path} by cursor.")
        return None
    if not meta.get("has_more"):
        return None
    after = meta.get("after_cursor")
    if not isinstance(after, str) or not after:
        raise CursorError(f"Zendesk says that {path} has more pages and does not say where.")
    return after


def _new_token(options: ZendeskOptions, oauth: ZendeskOAuth) -> tuple[str, float | None]:
    """A token by the client credentials grant ("OAuth Tokens for Grant Types")."""

    def refused(reply: Reply) -> ConnectorError | None:
        if reply.status not in (400, 401, 403):
            return None
        return AuthError(
            f"Zendesk gives no token to the OAuth client {oauth.client_id!r} (status {reply.status}).",
            hint=f"Compare identifier, secret and scope {oauth.scope!r} with {MENU}; the client must be confidential.",
            status=401,
        )

    with HttpClient(
        options.url,
        judge=refused,
        timeout=options.timeout,
        budget=shared_budget(options.url, options.requests_per_minute),
        allow_private=options.allow_private_network,
    ) as client:
        answer = client.post_json(
            f"{options.url}/oauth/tokens",
            {
                "grant_type": "client_credentials",
                "client_id": oauth.client_id,
                "client_secret": oauth.client_secret.get_secret_value(),
                "scope": oauth.scope,
            },
        )
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise AuthError("Zendesk's answer to /oauth/tokens has no access token.")
    lives = answer.get("expires_in")
    return token, float(lives) if isinstance(lives, int | float) and lives > 0 else None
