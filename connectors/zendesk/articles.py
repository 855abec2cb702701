"""Follows the articles of an account's help centres.

Zendesk tells of changed articles by an incremental export, and of those that are gone by silence: only a listing
that was read to its end shows them. Nor does it tell of everything (a section that moves, a translation, a user
segment that is lost). So the cursor holds a stamp of every document on the shelf, and a sweep compares all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from configs.errors import AuthError, ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Cursor, Delete, Expected, Failed, Skipped, Upsert
from connectors.trail import Trail
from connectors.zendesk.api import Api, credentials_of
from connectors.zendesk.article_documents import ArticleDocuments, document_id
from connectors.zendesk.brands import read_brands
from connectors.zendesk.centre import HelpCentre, choose_everywhere
from connectors.zendesk.centre_state import CentreState
from connectors.zendesk.options import ZendeskOptions

OVERLAP = 120
"""Seconds before the cursor from which changes are asked for: times are whole seconds, and an index may lag."""

STAMP = 8
"""Characters of a version that are kept for each document."""

MANY = 5000
"""Articles known for each further page between two checkpoints: a cursor grows with what it knows."""


class Articles:
    """Reads the help centres; its cursor is ``{"scope", "swept", "centres": {brand: state}}``."""

    def __init__(self, options: ZendeskOptions) -> None:
        self._options = options
        self._documents = ArticleDocuments(options)

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield what changed, and a complete listing when a sweep is due.

        Raises:
            ConnectorError: a help centre cannot be read.
        """
        scope = self._options.scope()
        state = cursor if cursor and cursor.get("scope") == scope else {}
        with ExitStack() as stack:
            centres = open_centres(self._options, stack)
            old = state.get("centres", {})
            states = {str(centre.brand.id): CentreState(old.get(str(centre.brand.id), {})) for centre in centres}
            swept, started = state.get("swept"), time.time()
            due = swept is None or started - swept >= self._options.sweep_seconds or old.keys() != states.keys()
            # What changed shape is swept in this run, however often it has to be started again.
            for centre in centres:
                one = states[str(centre.brand.id)]
                due = due or one.listing is not None or one.shape not in (None, centre.shape)

            def snapshot() -> Checkpoint:
                # A state without `swept` is swept again: an unfinished sweep must reach its end.
                about = {name: one.json() for name, one in states.items()}
                return Checkpoint({"scope": scope, "swept": None if due else swept, "centres": about})

            for centre in centres:
                run = _Run(centre, states[str(centre.brand.id)], self._documents, started)
                for change in run.changes(due, self._options.sweep_seconds):
                    yield snapshot() if change is None else change
                due = due or run.stuck
                if run.stuck:
                    for change in run.sweep():
                        yield snapshot() if change is None else change
            if due and all(one.finished for one in states.values()):
                for one in states.values():
                    one.settle()
                yield Complete(frozenset(name for one in states.values() for name in one.ids()))
                due, swept = False, started
            yield snapshot()


class _Run:
    """One help centre in one run. ``None`` among its changes is where a checkpoint may stand."""

    def __init__(self, centre: HelpCentre, state: CentreState, documents: ArticleDocuments, started: float) -> None:
        self._centre = centre
        self._state = state
        self._documents = documents
        self._started = started
        self.stuck = False
        self._pages = 0

    def changes(self, sweep: bool, every: float) -> Iterator[Change | None]:
        """Everything new; with a ``sweep`` where one is due, which is to happen ``every`` so many seconds."""
        yield from self._again()
        if not sweep:
            yield from self._incremental(self._state.time)
            return
        resumed = self._state.listing
        yield from self.sweep()
        if resumed is not None and self._started - resumed["at"] >= every:
            # It began so long ago that the next one is due: its first pages are no longer true.
            self._state.listing = None
            yield from self.sweep()

    def _again(self) -> Iterator[Change | None]:
        """Try what failed before."""
        for number in list(self._state.failed):
            try:
                yield from self._article(self._centre.article(number))
            except ConnectorError as error:
                yield from self._refused(number, error)
        if self._state.failed:
            yield None

    def _incremental(self, since: int, *, listed: bool = False) -> Iterator[Change | None]:
        """Changes since a moment. ``listed``: everything was listed after it, so a full second may be passed over."""
        state, trail = self._state, Trail("Zendesk's changed articles")
        start, more = max(0, since - OVERLAP, state.floor), True
        while more:
            trail.step(start)
            articles, end, more = self._centre.changed(start)
            for article in articles:
                yield from self._article(article)
            state.time = max(state.time, end)
            if more and end == start:
                # A page full of one second: Zendesk cannot go on from here, a listing can.
                if not listed:
                    self.stuck = True
                    return
                end = state.floor = start + 1
            start = end
            if more:
                yield from self._checkpoint()

    def sweep(self) -> Iterator[Change | None]:
        """List all articles, then what changed meanwhile; the state then knows what was not met."""
        state, shape = self._state, self._centre.shape
        if state.listing is None:
            mark, count = self._centre.newest()
            yield Expected(count)
            state.listing = {"after": None, "mark": mark, "at": self._started}
            state.unseen = dict.fromkeys([*state.known, *state.failed])
        listing = state.listing
        if not listing.get("read"):
            try:
                yield from self._listing(listing)
            except ConnectorError as error:
                if listing["after"] is None or error.status not in (400, 404, 410, 422):
                    raise
                # The page of an earlier run is no longer known: from the start, and nothing counts as met.
                listing["after"] = None
                state.unseen = dict.fromkeys([*state.known, *state.failed])
                yield from self._listing(listing)
            listing["read"] = True
            yield None
        # What changed while the pages were read may have been on none of them.
        yield from self._incremental(listing["mark"], listed=True)
        state.time = max(state.time, listing["mark"])
        state.shape, state.finished = shape, True

    def _listing(self, listing: dict[str, Any]) -> Iterator[Change | None]:
        for page in self._centre.listing(listing["after"]):
            for article in page.items:
                yield from self._article(article)
            listing["after"] = page.after
            if page.after is not None:
                yield from self._checkpoint()

    def _checkpoint(self) -> Iterator[None]:
        self._pages += 1
        if self._pages > len(self._state.known) // MANY:
            self._pages = 0
            yield None

    def _article(self, article: Mapping[str, Any]) -> Iterator[Change]:
        """What is new of one article that Zendesk shows."""
        number, state = str(article.get("id")), self._state
        try:
            found = list(self._documents.of(article, self._centre))
        except ConnectorError as error:
            if isinstance(error, AuthError) and error.status != 403:
                raise
            yield from self._refused(number, error, article)
            return
        except (ValueError, KeyError, TypeError) as error:
            yield from self._fail(number, f"Article {number} is not as Zendesk describes it: {error}.", article)
            return
        state.unseen.pop(number, None)
        before, now = state.known.pop(number, {}), {}
        failed = set(state.failed.pop(number, ()))
        for one in found:
            failed.discard(one.id)
            locale = one.id.rpartition(":")[2]
            if isinstance(one, Skipped):
                yield one
                continue
            now[locale] = one.version[-STAMP:] + one.version[:STAMP]
            if before.get(locale) != now[locale]:
                yield Upsert(one)
        here = {one.id for one in found}
        for name in sorted(failed | {document_id(number, locale) for locale in before}):
            if name not in here:
                yield Delete(name)
        if now:
            state.known[number] = now

    def _refused(
        self, number: str, error: ConnectorError, article: Mapping[str, Any] | None = None
    ) -> Iterator[Change]:
        """One article cannot be read: gone, no longer for us, or a passing fault."""
        if isinstance(error, AuthError) and error.status != 403:
            raise error
        if error.status not in (403, 404, 410):
            yield from self._fail(number, error.message, article, step="fetch")
            return
        state = self._state
        state.unseen.pop(number, None)
        names = {document_id(number, locale) for locale in state.known.pop(number, {})}
        names.update(state.failed.pop(number, ()))
        if error.status == 403:
            # Listed and yet refused: whoever lost the right must not find it on the shelf.
            names.update([document_id(number, article.get("locale"))] if article else [])
            yield from (Skipped(name, "no access") for name in sorted(names))
        else:
            yield from (Delete(name) for name in sorted(names))

    def _fail(
        self, number: str, error: str, article: Mapping[str, Any] | None, *, step: str = "decode"
    ) -> Iterator[Change]:
        state = self._state
        names = [document_id(number, locale) for locale in state.known.get(number, {})]
        names = names or state.failed.get(number, [])
        about = article or {}
        names = names or [document_id(number, about.get("locale") or about.get("source_locale") or "?")]
        title = self._documents.title(about) or None
        for name in names:
            yield Failed(name, error, step=step, title=title, url=about.get("html_url"))
        # Its stamps go, so that it counts as changed when it can be read again.
        state.unseen.pop(number, None)
        state.known.pop(number, None)
        state.failed[number] = names


def open_centres(options: ZendeskOptions, stack: ExitStack) -> list[HelpCentre]:
    """The help centres that the options take, with their structure read.

    Raises:
        ConnectorError: there is none, one cannot be read, or a name in the options fits nothing.
    """
    credentials = credentials_of(options)
    account = stack.enter_context(Api(options, credentials))
    centres = []
    for brand in read_brands(account, options.brands):
        if brand.url is not None:
            own = account if brand.url == account.base else Api(options, credentials, brand.url)
            centres.append(HelpCentre(stack.enter_context(own), brand))
    if not centres:
        raise ConnectorError(
            f"None of the chosen brands of {options.url} has a help centre that is switched on.",
            hint="Look at Admin Center › Account › Brand management.",
        )
    for centre in centres:
        centre.read_structure()
    choose_everywhere(centres, options)
    return centres
