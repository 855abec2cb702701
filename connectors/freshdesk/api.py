"""How Freshdesk is asked: one key, numbered pages, a budget a minute that the account shares, and refusals in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from configs.errors import AuthError, ConnectorError, CursorError
from connectors.credentials import FixedHeader
from connectors.freshdesk.options import FreshdeskOptions
from connectors.http import HttpClient
from connectors.replies import Again, Reply
from connectors.retry import shared_budget

PAGE = 100
"""Entries of a page; Freshdesk's most ("Pagination")."""

LAST_PAGE = 300
"""The last page of a list of tickets that Freshdesk gives ("List All Tickets")."""

SCOPE = "Admin › Team › Agents › the agent › Scope"
"""Where an agent is given all tickets."""

KEY = "profile picture › Profile settings › Your API Key"
"""Where an agent's key is."""

_RESERVE = 0.1
_BREATH = 6.0
"""Seconds between requests while the account has less than a tenth of its minute left."""


class Api:
    """One account, to be used as a context manager."""

    def __init__(self, options: FreshdeskOptions) -> None:
        self._base = options.url
        self._budget = shared_budget(options.url, options.per_minute)
        self._lists = shared_budget(f"{options.url} tickets", options.lists_per_minute)
        self._linked = False
        self._client = HttpClient(
            self._base,
            # "Authentication": the key is the user, the password anything.
            credentials=FixedHeader.basic(options.api_key.get_secret_value(), SecretStr("X")),
            judge=self._judged,
            timeout=options.timeout,
            max_bytes=options.max_bytes,
            budget=self._budget,
            allow_private=options.allow_private_network,
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """The object at ``path``.

        Raises:
            AuthError: the key is refused or may not see this.
            ConnectorError: any other failure.
        """
        answer = self._client.get_json(f"{self._base}{path}", params=params)
        if not isinstance(answer, dict):
            raise ConnectorError(f"Freshdesk's answer to {path} is no object.")
        return answer

    def page(
        self, path: str, number: int, params: Mapping[str, str | int] | None = None, *, tickets: bool = False
    ) -> tuple[list[dict[str, Any]], bool]:
        """Page ``number`` (from 1) of a list, and whether there may be another.

        A ``Link`` header tells of the next page; as a proxy may have dropped it, a full page counts as well.

        Args:
            tickets: it is a list of tickets, of which the account has fewer a minute.

        Raises:
            ConnectorError: see ``get``.
        """
        self._linked = False
        asked = {**(params or {}), "per_page": PAGE, "page": number}
        answer = self._client.get_json(f"{self._base}{path}", params=asked, budget=self._lists if tickets else None)
        if not isinstance(answer, list) or not all(isinstance(one, dict) and one.get("id") for one in answer):
            raise ConnectorError(f"Freshdesk's answer to {path} is no list of things with ids.")
        return answer, self._linked or len(answer) >= PAGE

    def pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        """The pages of a list to its end.

        Raises:
            CursorError: the list repeats itself.
            ConnectorError: it broke off.
        """
        seen: set[Any] = set()
        number, more = 1, True
        while more:
            items, more = self.page(path, number)
            fresh = [one for one in items if one["id"] not in seen]
            if number > 1 and items and not fresh:
                if self._linked:
                    raise CursorError(f"Freshdesk's list {path} does not advance: page {number} repeats earlier ones.")
                return  # a list that knows no pages gives all of it each time
            seen.update(one["id"] for one in fresh)
            yield fresh
            number += 1

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        """Every entry of a list.

        Raises:
            ConnectorError: see ``pages``.
        """
        for page in self.pages(path):
            yield from page

    def _judged(self, reply: Reply) -> Again | ConnectorError | None:
        self._linked = 'rel="next"' in reply.headers.get("link", "")
        self._spare(reply.headers)
        return judged(reply)

    def _spare(self, headers: Mapping[str, str]) -> None:
        total, left = headers.get("x-ratelimit-total", ""), headers.get("x-ratelimit-remaining", "")
        if total.isdecimal() and left.isdecimal() and int(left) < int(total) * _RESERVE:
            self._budget.hold(_BREATH)


def judged(reply: Reply) -> ConnectorError | None:
    """Freshdesk's refusals ("Errors") in words a person can act on; the rest is the client's own to judge."""
    if reply.status == 401:
        return AuthError(
            f"Freshdesk does not accept the API key (status 401 at {reply.url}).",
            hint=f"Copy it from {KEY}; the agent must be active, and the key this account's.",
            status=401,
        )
    if reply.status == 403:
        needed = (
            "a role that may view solutions (Admin › Team › Roles)"
            if "/solutions/" in reply.url
            else f"global ticket access ({SCOPE})"
        )
        return AuthError(
            f"Freshdesk refuses access to {reply.url} (status 403, access_denied).",
            hint=f"The key's agent needs {needed}; the account's plan must include the API.",
            status=403,
        )
    if reply.status == 400:
        return ConnectorError(f"Freshdesk does not take the request to {reply.url}: {_fields(reply.body)}.", status=400)
    return None


def _fields(body: Any) -> str:
    """What a "Validation failed" names, without the values that were sent."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return "status 400"
    told = [f"{one.get('field')}: {one.get('message')}" for one in errors if isinstance(one, dict)]
    return "; ".join(told)[:300] or "status 400"
