"""Proves in a few requests that a ``freshdesk`` source can be read, or says what is missing and where to grant it."""

from __future__ import annotations

from configs.errors import AuthError, ConnectorError, MissingExtra
from connectors.contract import Reachability
from connectors.freshdesk.api import SCOPE, Api
from connectors.freshdesk.options import FreshdeskOptions
from connectors.freshdesk.solutions import articles, read_folders
from connectors.freshdesk.tickets import LIST
from connectors.personal_data import PersonalData

_GLOBAL = 1
_SCOPES = {2: "the tickets of its groups", 3: "the tickets assigned to it"}


def check(options: FreshdeskOptions) -> Reachability:
    """Look who the key's agent is, what it may see, and at a first page; never raises for bad input."""
    try:
        PersonalData(options.redact)
        with Api(options) as api:
            agent = api.get("/api/v2/agents/me")
            found = _articles(api, options) if options.content == "articles" else _tickets(api, agent)
    except (ConnectorError, MissingExtra) as error:
        return Reachability(False, error.message, error.hint)
    contact = agent.get("contact")
    name = contact.get("name") if isinstance(contact, dict) else None
    return Reachability(True, f"{options.url} as {name or agent.get('id')}: {found}.")


def _articles(api: Api, options: FreshdeskOptions) -> str:
    folders = read_folders(api, options)
    count = sum(folder.articles for folder in folders.values())
    for folder in list(folders.values())[:1]:
        for language in (None, *options.languages):
            next(articles(api, folder, language), None)
    return f"{len(folders)} {'folder' if len(folders) == 1 else 'folders'} with about {count:,} articles"


def _tickets(api: Api, agent: dict[str, object]) -> str:
    scope = agent.get("ticket_scope")
    if scope != _GLOBAL:
        seen = _SCOPES.get(scope, "some tickets") if isinstance(scope, int) else "some tickets"
        raise AuthError(
            f"The key's agent sees only {seen}.",
            hint=f"Give it global access ({SCOPE}), or use the key of an agent who has that.",
        )
    asked: dict[str, str | int] = {"updated_since": "1970-01-01T00:00:00Z", "order_by": "updated_at"}
    items, more = api.page(LIST, 1, {**asked, "order_type": "asc"}, tickets=True)
    return "all tickets" if more else f"{len(items)} {'ticket' if len(items) == 1 else 'tickets'}"
