"""Follows the tickets of an account by their time of change.

Pages of a list shift when a ticket changes while it is read, and end after 300. So the window rolls: the next page
is the first one since the last change that was seen, and only tickets of one second are paged through. A ticket that
changed has all its conversations read again: a note that was made private shows in no other way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from configs.errors import AuthError, ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Cursor, Delete, Failed, Skipped, Upsert
from connectors.freshdesk.api import LAST_PAGE, Api
from connectors.freshdesk.conversations import TIMED, Conversations, document_id
from connectors.freshdesk.options import FreshdeskOptions
from connectors.times import time_of

LIST = "/api/v2/tickets"
OVERLAP = 60.0
"""Seconds before the last change that was seen, from which the next run reads on."""

SETTLED = 120.0
"""Seconds after a run in which a ticket it read cannot have changed once more within the same second."""

_INCLUDE = "description,stats"
_GONE = ("deleted", "spam")
_MANY = 100


class Tickets:
    """Reads the tickets; its cursor has the last change seen, a stamp of each ticket, what failed, and the sweep."""

    def __init__(self, options: FreshdeskOptions) -> None:
        self._options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield what changed; a sweep lists all tickets and ends with a complete listing.

        Raises:
            ConnectorError: a list cannot be read.
            MissingExtra: ``redact`` needs a package that is not installed.
        """
        scope = self._options.scope()
        raw = cursor if cursor and cursor.get("scope") == scope else {}
        with Api(self._options) as api:
            yield from _Run(api, self._options, scope, raw).changes()


class _Run:
    def __init__(self, api: Api, options: FreshdeskOptions, scope: str, raw: Mapping[str, Any]) -> None:
        self._api = api
        self._options = options
        self._scope = scope
        self._conversations = Conversations(options)
        self._now = time.time()
        self._oldest = options.oldest(self._now)
        self._mark: float = raw.get("mark", 0.0)
        self._last = self._mark
        self._gone: float = raw.get("gone", 0.0)
        self._known: dict[str, str] = dict(raw.get("known", {}))
        self._failed: dict[str, int] = dict.fromkeys(raw.get("failed", []), 1)
        # What may have changed again within the second of its change, after it was read.
        self._loose: dict[str, float] = dict(raw.get("loose", {}))
        self._swept: float | None = raw.get("swept")
        self._sweeping: bool = bool(raw.get("sweeping"))
        self._unseen: dict[str, int] = dict.fromkeys(raw.get("unseen", []), 1)
        self._settled = self._mark if self._now - raw.get("at", self._now) >= SETTLED else 0.0
        self._cost = 0

    def changes(self) -> Iterator[Change]:
        for number in list(self._failed):
            yield from self._again(number)
        if not self._sweeping and (self._swept is None or self._now - self._swept >= self._options.sweep_seconds):
            self._sweeping, self._unseen, self._mark = True, dict.fromkeys([*self._known, *self._failed], 1), 0.0
        yield from self._changed()
        # Their second is over now; most were met once more by the list.
        for number in [number for number, moment in self._loose.items() if moment < self._last]:
            yield from self._again(number)
        yield from self._deleted()
        if self._sweeping:
            # What no list has is asked for: it may be archived, or have changed while the list was read.
            for number in list(self._unseen):
                yield from self._again(number)
            self._sweeping, self._unseen, self._swept = False, {}, self._now
            yield self._checkpoint()
            yield Complete(self._ids())
        yield self._checkpoint()

    def _changed(self) -> Iterator[Change]:
        start = max(self._oldest, self._mark - OVERLAP)
        for page in _rolling(self._api, start, {"include": _INCLUDE}):
            # What changed in the second of the last change that is known of may change in it once more.
            last = max((_moment(ticket) for ticket in page), default=0.0)
            self._last = max(self._last, last)
            for ticket in page:
                yield from self._ticket(ticket, racy=_moment(ticket) >= self._last)
            self._mark = max(self._mark, last)
            self._cost += 1
            # A cursor grows with what it knows, so it is not written for every page of a large account.
            if self._cost > len(self._known) // _MANY:
                yield self._checkpoint()

    def _deleted(self) -> Iterator[Change]:
        """Deleted tickets and spam vanish from the list and are in one of their own."""
        if self._known or self._failed:
            for kind in _GONE:
                for page in _rolling(self._api, max(self._oldest, self._gone - OVERLAP), {"filter": kind}):
                    for ticket in page:
                        if self._drop(str(ticket["id"])):
                            yield Delete(document_id(ticket["id"]))
        self._gone = self._mark

    def _again(self, number: str) -> Iterator[Change]:
        """Ask for one ticket: it failed, no list has it any more, or it is to be read once more."""
        try:
            ticket = self._one(number)
        except ConnectorError as error:
            yield from self._refused({"id": number}, error)
            return
        stamp, known = self._conversations.stamp(ticket), self._known.get(number, "")
        gone = ticket.get("deleted") or ticket.get("spam") or self._conversations.left_out(ticket, self._oldest)
        if known[:TIMED] == stamp[:TIMED] and not gone and number not in self._loose:
            # An archived ticket is told less of, and did not change.
            self._unseen.pop(number, None)
            return
        yield from self._ticket(ticket, racy=_moment(ticket) >= self._last)

    def _one(self, number: str) -> dict[str, Any]:
        try:
            ticket = self._api.get(f"{LIST}/{number}", {"include": "stats"})
        except ConnectorError as error:
            if error.status != 404:
                raise
            ticket = self._api.get(f"{LIST}/archived/{number}")
        if str(ticket.get("id")) != number:
            raise ConnectorError(f"Freshdesk's answer about ticket {number} holds another or none.")
        return ticket

    def _ticket(self, ticket: Mapping[str, Any], *, racy: bool) -> Iterator[Change]:
        number = str(ticket["id"])
        self._unseen.pop(number, None)
        if ticket.get("deleted") or ticket.get("spam"):
            if self._drop(number):
                yield Delete(document_id(number))
            return
        skipped = self._conversations.left_out(ticket, self._oldest)
        if skipped is not None:
            self._drop(number)
            yield skipped
            return
        stamp, known = self._conversations.stamp(ticket), self._known.get(number, "")
        if known.startswith(stamp) and number not in self._loose:
            if known == f"{stamp}-":
                yield self._conversations.skipped(ticket, "no public answer")
            return
        self._cost += 1
        try:
            found = self._conversations.of(ticket, self._entries(number))
        except ConnectorError as error:
            yield from self._refused(ticket, error)
            return
        except ValueError as error:
            yield from self._fail(ticket, f"Ticket {number}: {error}.", "decode")
            return
        self._drop(number)
        if racy and _moment(ticket) > self._settled:
            self._loose[number] = _moment(ticket)
        if isinstance(found, Skipped):
            self._known[number] = f"{stamp}-"
            yield found
            return
        self._known[number] = f"{stamp}-{found.version[:8]}{found.version[-4:]}"
        if self._known[number] != known:
            yield Upsert(found)

    def _entries(self, number: str) -> list[dict[str, Any]]:
        return list(self._api.all(f"{LIST}/{number}/conversations"))

    def _refused(self, ticket: Mapping[str, Any], error: ConnectorError) -> Iterator[Change]:
        """One ticket cannot be read: gone, no longer for us, or a passing fault."""
        number = str(ticket["id"])
        if isinstance(error, AuthError) and error.status != 403:
            raise error
        self._unseen.pop(number, None)
        if error.status in (404, 405):  # "Errors": what is in the bin may be looked at by nothing
            self._drop(number)
            yield Delete(document_id(number))
        elif error.status == 403:
            self._drop(number)
            yield Skipped(document_id(number), "no access")
        else:
            yield from self._fail(ticket, str(error), "fetch")

    def _fail(self, ticket: Mapping[str, Any], error: str, step: str) -> Iterator[Change]:
        number = str(ticket["id"])
        self._drop(number)
        self._failed[number] = 1
        title = self._conversations.title(ticket) if ticket.get("subject") else None
        yield Failed(document_id(number), error, step=step, title=title, url=self._conversations.url(ticket))

    def _drop(self, number: str) -> bool:
        """Forget a ticket; returns whether it was on the shelf or had failed."""
        self._loose.pop(number, None)
        self._unseen.pop(number, None)
        stamp, failed = self._known.pop(number, None), self._failed.pop(number, None)
        return failed is not None or (stamp is not None and not stamp.endswith("-"))

    def _ids(self) -> frozenset[str]:
        shelf = [number for number, stamp in self._known.items() if not stamp.endswith("-")]
        return frozenset(document_id(number) for number in [*shelf, *self._failed])

    def _checkpoint(self) -> Checkpoint:
        self._cost = 0
        state: dict[str, Any] = {"scope": self._scope, "mark": self._mark, "gone": self._gone, "at": time.time()}
        state |= {"known": dict(self._known), "swept": self._swept}
        if self._sweeping:
            state["sweeping"] = True
        if self._loose:
            state["loose"] = dict(self._loose)
        for key, numbers in (("failed", self._failed), ("unseen", self._unseen)):
            if numbers:
                state[key] = list(numbers)
        return Checkpoint(state)


def _rolling(api: Api, start: float, params: Mapping[str, str | int]) -> Iterator[list[dict[str, Any]]]:
    """Tickets that changed since ``start`` in the order of their changes, page by page.

    Raises:
        ConnectorError: the list broke off, or one second has more tickets than Freshdesk gives.
    """
    start, number, more = float(int(start)), 1, True
    while more:
        asked = {**params, "updated_since": _iso(start), "order_by": "updated_at", "order_type": "asc"}
        page, more = api.page(LIST, number, asked, tickets=True)
        yield page
        # A second earlier, as Freshdesk does not say whether `updated_since` includes its own second.
        last = max((_moment(ticket) for ticket in page), default=start) - 1.0
        if last > start:
            start, number = last, 1
        elif number >= LAST_PAGE and more:
            raise ConnectorError(
                f"More than {LAST_PAGE} pages of tickets changed in the same second ({_iso(start)}); Freshdesk gives "
                "no more.",
                hint="Narrow the source with `since` to a later day.",
            )
        else:
            number += 1


def _moment(ticket: Mapping[str, Any]) -> float:
    found = time_of(ticket.get("updated_at"))
    return 0.0 if found is None else found.timestamp()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
