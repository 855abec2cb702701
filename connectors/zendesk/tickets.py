"""Follows the tickets of an account by Zendesk's incremental export, which tells of changes and deletions in order.

A ticket that changed has all its comments read again: what was redacted or made private shows in no other way. The
cursor holds a stamp of every ticket on the shelf, so that reading a page or the whole export again costs no comments.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from configs.errors import AuthError, ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Cursor, Delete, Failed, Skipped, Upsert
from connectors.trail import Trail
from connectors.zendesk.api import Api, credentials_of, items_of
from connectors.zendesk.brands import chosen_ids
from connectors.zendesk.conversations import Conversations, document_id
from connectors.zendesk.options import ZendeskOptions

EXPORT = "/api/v2/incremental/tickets/cursor"
CHECKPOINT = 100
"""Tickets between two checkpoints: a page of the export has a thousand, and each may cost a request."""

MANY = 100
"""A checkpoint has to wait for one more ticket for each of so many known: a cursor grows with what it knows."""

LAG = 120.0
"""Seconds after which a ticket that changes now must have appeared: the export leaves out the last minute."""

_SIDELOAD = {"include": "metric_sets"}


class Tickets:
    """Reads the tickets; its cursor has the place in the export, the stamps, what failed, and the state of a sweep."""

    def __init__(self, options: ZendeskOptions) -> None:
        self._options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield what changed; a sweep reads the export from its start and ends with a complete listing.

        Raises:
            ConnectorError: the export cannot be read.
        """
        scope = self._options.scope()
        raw = cursor if cursor and cursor.get("scope") == scope else {}
        with Api(self._options, credentials_of(self._options)) as api:
            yield from _Run(api, self._options, scope, raw).changes()


class _Run:
    def __init__(self, api: Api, options: ZendeskOptions, scope: str, raw: Mapping[str, Any]) -> None:
        self._api = api
        self._options = options
        self._scope = scope
        self._conversations = conversations_of(api, options)
        self._now = time.time()
        self._oldest = options.oldest(self._now)
        self._after: str | None = raw.get("after")
        self._known: dict[str, str] = dict(raw.get("known", {}))
        self._failed: dict[str, int] = dict(raw.get("failed", {}))
        self._swept: float | None = raw.get("swept")
        self._sweeping: bool = bool(raw.get("sweeping"))
        self._unseen: dict[str, None] = dict.fromkeys(raw.get("unseen", []))
        self._waits: float | None = raw.get("waits")
        self._since_checkpoint = 0

    def changes(self) -> Iterator[Change]:
        yield from self._again()
        due = self._swept is None or self._now - self._swept >= self._options.sweep_seconds
        # What a sweep did not meet is awaited first: another sweep would forget it.
        if not self._sweeping and due and self._waits is None:
            self._start_sweep()
        try:
            yield from self._read()
        except ConnectorError as error:
            if self._after is None or error.status not in (400, 404, 410, 422):
                raise
            # The place in the export is no longer known to Zendesk.
            self._start_sweep()
            yield from self._read()
        waited = self._waits is not None and self._now - self._waits >= LAG
        if self._sweeping:
            self._sweeping, self._swept, self._waits = False, self._now, self._now
        if self._waits is not None and (waited or not self._unseen):
            # Whatever changed while the sweep went on has been met by now.
            for number in self._unseen:
                self._drop(number)
            self._unseen, self._waits = {}, None
            yield Complete(self._ids())
        yield self._checkpoint()

    def _start_sweep(self) -> None:
        self._sweeping, self._after, self._waits = True, None, None
        self._unseen = dict.fromkeys([*self._known, *self._failed])

    def _again(self) -> Iterator[Change]:
        for number in list(self._failed):
            try:
                answer = self._api.get(f"/api/v2/tickets/{number}", _SIDELOAD).get("ticket")
                if not isinstance(answer, dict) or str(answer.get("id")) != number:
                    raise ConnectorError(f"Zendesk's answer about ticket {number} holds another or none.")
                yield from self._ticket(answer)
            except ConnectorError as error:
                yield from self._refused({"id": number}, error)

    def _read(self) -> Iterator[Change]:
        """The export from where the cursor is, to its end."""
        trail = Trail("Zendesk's tickets")
        while True:
            trail.step(self._after)
            # A start within the last minute is refused ("Incremental Exports").
            start = max(0, int(min(self._oldest, self._now - LAG)))
            place: dict[str, str | int] = {"cursor": self._after} if self._after else {"start_time": start}
            answer = self._api.incremental(EXPORT, {**place, **_SIDELOAD})
            for ticket in items_of(answer, "tickets", EXPORT):
                yield from self._ticket(ticket)
                if self._since_checkpoint >= CHECKPOINT + len(self._known) // MANY:
                    yield self._checkpoint()
            after = answer.get("after_cursor")
            if isinstance(after, str) and after:
                self._after = after
            if answer.get("end_of_stream"):
                return
            yield self._checkpoint()

    def _ticket(self, ticket: Mapping[str, Any]) -> Iterator[Change]:
        number = str(ticket.get("id"))
        self._unseen.pop(number, None)
        name = document_id(number)
        if type(ticket.get("id")) is not int:
            raise ConnectorError("Zendesk's ticket export has a ticket without an id.")
        if ticket.get("status") == "deleted":
            if self._drop(number):
                yield Delete(name)
            return
        try:
            skipped = self._conversations.left_out(ticket, self._oldest)
            if skipped is not None:
                self._drop(number)
                yield skipped
                return
            stamp = self._conversations.stamp(ticket)
            known = self._known.get(number)
            if known == f"-{stamp}":
                yield self._conversations.skipped(ticket, "no public answer")
                return
            if known == stamp:
                return
            self._since_checkpoint += 1
            comments, roles = self._comments(number)
            found = self._conversations.of(ticket, comments, roles)
        except ConnectorError as error:
            yield from self._refused(ticket, error)
            return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield from self._fail(ticket, f"Ticket {number} is not as Zendesk describes it: {error}.", "decode")
            return
        self._drop(number)
        if isinstance(found, Skipped):
            self._known[number] = f"-{stamp}"
            yield found
        else:
            self._known[number] = stamp
            yield Upsert(found)

    def _comments(self, number: str) -> tuple[list[dict[str, Any]], dict[int, str]]:
        """All comments of a ticket in their order, and the roles of their authors ("List Comments", include=users)."""
        path = f"/api/v2/tickets/{number}/comments"
        comments: list[dict[str, Any]] = []
        roles: dict[int, str] = {}
        for page in self._api.pages(path, "comments", {"include": "users"}):
            comments += page.items
            roles.update({one["id"]: str(one.get("role")) for one in page.users if "id" in one})
        return comments, roles

    def _refused(self, ticket: Mapping[str, Any], error: ConnectorError) -> Iterator[Change]:
        """One ticket cannot be read: gone, no longer for us, or a passing fault."""
        if isinstance(error, AuthError) and error.status != 403:
            raise error
        number = str(ticket["id"])
        self._unseen.pop(number, None)
        if error.status in (404, 410):
            self._drop(number)
            yield Delete(document_id(number))
        elif error.status == 403:
            self._drop(number)
            yield Skipped(document_id(number), "no access")
        else:
            yield from self._fail(ticket, error.message, "fetch")

    def _fail(self, ticket: Mapping[str, Any], error: str, step: str) -> Iterator[Change]:
        number = str(ticket.get("id"))
        self._known.pop(number, None)
        self._failed[number] = 1
        title = self._conversations.title(ticket) if ticket.get("subject") else None
        yield Failed(document_id(number), error, step=step, title=title, url=self._conversations.url(ticket))

    def _drop(self, number: str) -> bool:
        """Forget a ticket; returns whether it was on the shelf or had failed."""
        stamp, failed = self._known.pop(number, None), self._failed.pop(number, None)
        return failed is not None or (stamp is not None and not stamp.startswith("-"))

    def _ids(self) -> frozenset[str]:
        shelf = [number for number, stamp in self._known.items() if not stamp.startswith("-")]
        return frozenset(document_id(number) for number in [*shelf, *self._failed])

    def _checkpoint(self) -> Checkpoint:
        self._since_checkpoint = 0
        state: dict[str, Any] = {"scope": self._scope, "after": self._after, "known": dict(self._known)}
        if self._swept is not None:
            state["swept"] = self._swept
        if self._failed:
            state["failed"] = dict(self._failed)
        if self._sweeping:
            state["sweeping"] = True
        if self._unseen:
            state["unseen"] = list(self._unseen)
        if self._waits is not None:
            state["waits"] = self._waits
        return Checkpoint(state)


def conversations_of(api: Api, options: ZendeskOptions) -> Conversations:
    """What makes documents of tickets, with the account's brands by name.

    Raises:
        ConnectorError: the brands cannot be read, or one that the options name is not there.
    """
    names = {one["id"]: str(one.get("name") or one["id"]) for one in api.all("/api/v2/brands", "brands")}
    chosen = chosen_ids(options.brands, names, "brand") if options.brands else None
    return Conversations(options, names, chosen)
