"""Proves in a few requests that a ``zendesk`` source can be read, or says what is missing and where to grant it."""

from __future__ import annotations

import time
from contextlib import ExitStack

from configs.errors import AuthError, ConnectorError, MissingExtra
from connectors.contract import Reachability
from connectors.personal_data import PersonalData
from connectors.zendesk.api import API_TOKENS_END, MENU, Api, credentials_of, items_of
from connectors.zendesk.articles import open_centres
from connectors.zendesk.brands import shown
from connectors.zendesk.centre import HelpCentre
from connectors.zendesk.options import ZendeskOptions
from connectors.zendesk.tickets import EXPORT, conversations_of

_ROLES = "People › Team › Roles"


def check(options: ZendeskOptions) -> Reachability:
    """Look who the credentials are, what they may, and at a first page; never raises for bad input."""
    try:
        PersonalData(options.redact)
        with Api(options, credentials_of(options)) as api:
            who, role = _user(api, options)
            found = _articles(options, api) if options.content == "articles" else _tickets(options, api)
    except (ConnectorError, MissingExtra) as error:
        return Reachability(False, error.message, error.hint)
    detail = f"{options.url} as {who} ({role}): {found}."
    if options.api_token is None:
        return Reachability(True, detail)
    return Reachability(
        True,
        f"{detail} API tokens end on {API_TOKENS_END}.",
        f"Make an OAuth client before that day ({MENU}) and give `oauth` instead.",
    )


def _user(api: Api, options: ZendeskOptions) -> tuple[str, str]:
    user = api.get("/api/v2/users/me").get("user")
    if not isinstance(user, dict) or not user.get("id"):
        # Without valid credentials Zendesk answers 200, and with an anonymous user.
        raise AuthError("Zendesk does not know the credentials: it takes this source for an anonymous visitor.")
    role = str(user.get("role"))
    if role not in ("agent", "admin"):
        raise AuthError(
            f"The credentials belong to an {role}.",
            hint="Use those of an agent or admin; exports are refused to others.",
        )
    if options.content == "tickets" and user.get("ticket_restriction"):
        raise AuthError(
            f"The credentials' user sees only some tickets ({user['ticket_restriction']}).",
            hint=f"Give it a role that may see all tickets ({_ROLES}), or use an admin's credentials.",
        )
    return str(user.get("name") or user["id"]), role


def _articles(options: ZendeskOptions, account: Api) -> str:
    with ExitStack() as stack:
        centres = open_centres(options, stack)
        counts = [_first_page(centre) for centre in centres]
        pairs = zip(centres, counts, strict=True)
        shelves = ", ".join(f"{count:,} in {centre.brand.name}" for centre, count in pairs)
        return f"articles: {shelves}{_segments(account)}"


def _first_page(centre: HelpCentre) -> int:
    newest, count = centre.newest()
    centre.changed(newest)
    return count


def _segments(account: Api) -> str:
    """The groups that articles may name, for whoever maps them; none of it is needed to read."""
    try:
        segments = list(account.all("/api/v2/help_center/user_segments", "user_segments"))
    except ConnectorError:
        return ""
    listed = shown(f"zendesk-segment:{one.get('id')} is {one.get('name')}" for one in segments)
    return f"; user segments: {listed}" if segments else ""


def _tickets(options: ZendeskOptions, api: Api) -> str:
    conversations_of(api, options)
    recent = int(time.time()) - 3600
    tickets = items_of(api.incremental(EXPORT, {"start_time": recent}), "tickets", EXPORT)
    more = "at least " if len(tickets) >= 1000 else ""
    listing = api.get("/api/v2/tickets", {"page[size]": 1})
    first = items_of(listing, "tickets", "/api/v2/tickets")
    if first:
        api.get(f"/api/v2/tickets/{first[0]['id']}/comments", {"page[size]": 1})
    return f"tickets and their comments can be read, {more}{len(tickets):,} changed in the last hour"
