"""Tries credentials, spaces and each permission that a source of Confluence needs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from configs.errors import ConnectorError
from connectors.confluence.api import GRANT, Api, Node, Space
from connectors.confluence.options import ConfluenceOptions
from connectors.confluence.run import spaces_in_scope
from connectors.contract import Reachability


class _Refused(Exception):
    def __init__(self, answer: Reachability) -> None:
        super().__init__(answer.detail)
        self.answer = answer


def check(options: ConfluenceOptions, api: Api) -> Reachability:
    """One request for each thing that a sync will ask for."""
    try:
        return _checked(options, api)
    except _Refused as refused:
        return refused.answer
    except ConnectorError as error:
        return Reachability(False, error.message, error.hint)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Reachability(
            False, f"{options.url} does not answer as Confluence does ({error}).", "Check url and edition."
        )


def _checked(options: ConfluenceOptions, api: Api) -> Reachability:
    cloud = options.edition == "cloud"

    def needed(what: str, scope: str, ask: Callable[[], object]) -> None:
        try:
            ask()
        except ConnectorError as error:
            if error.status == 401:
                raise _Refused(_bad_credentials(options)) from None
            if error.status not in (403, 404):
                raise
            hint = f"Grant the token the scope {scope}: {GRANT}." if cloud else _SERVER_HINT
            raise _Refused(Reachability(False, f"The token may not read {what}.", hint)) from None

    spaces: list[Space] = []
    needed("spaces", "read:space:confluence", lambda: spaces.extend(spaces_in_scope(options, api)))
    missing = sorted(set(options.spaces) - {space.key for space in spaces})
    if missing:
        return Reachability(
            False,
            f"{'Space' if len(missing) == 1 else 'Spaces'} {', '.join(missing)} cannot be seen by this account.",
            "Check the key (in the space's address, behind /spaces/; archived spaces are not read) and the account's "
            "permission View in Space settings › Space permissions.",
        )
    pages: list[Node] = []
    needed("pages", "read:page:confluence", lambda: pages.extend(islice(api.listing("page", spaces), 1)))
    said = f"{len(spaces)} {'space' if len(spaces) == 1 else 'spaces'} at {options.url}"
    if not pages:
        return Reachability(True, f"{said}, without a page yet.")
    page = pages[0]
    needed("the text of pages", "read:page:confluence", lambda: api.page(page))
    if options.restrictions == "enforce":
        scope = "read:content.restriction:confluence (or the classic read:confluence-content.permission)"
        needed("page restrictions", scope, lambda: api.restriction(page.id))
    if options.attachments:
        scope = "read:attachment:confluence"
        needed("attachments", scope, lambda: list(islice(api.files(page), 1)))
    if options.restrictions == "enforce" and options.restrictions_seconds < options.sweep_seconds:
        try:
            api.restricted(spaces[:1])
        except ConnectorError:
            scope = "search:confluence" if cloud else "search"
            said += (
                f"; without {scope}, a page that becomes restricted for the first time is noticed by the next sweep "
                f"only (sweep_every: {options.sweep_every})"
            )
    return Reachability(True, f"{said}.")


_SERVER_HINT = "Give the token's account the permission View in Space tools › Permissions."


def _bad_credentials(options: ConfluenceOptions) -> Reachability:
    if options.edition == "data-center":
        hint = "Make a personal access token: your picture › Settings › Personal Access Tokens › Create token."
    elif options.cloud_id:
        hint = f"Check email, the token and cloud_id, and whether the token has run out. A new one: {GRANT}."
    else:
        hint = (
            "Check email and api_token, and whether the token has run out. A token with scopes needs cloud_id "
            f"(the id shown at {options.url}/_edge/tenant_info)."
        )
    return Reachability(False, f"{options.url} refused the credentials.", hint)
