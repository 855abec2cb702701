"""One run of a ``shopify`` source: everything when that is due, else what changed; then what was deleted.

The order matters. What is read last is newest: a resumed bulk result may be days old, changes read after it correct
it, and deletions read after those let nothing come back.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Any

from configs.errors import AuthError, ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Delete, Expected, Failed, Skipped, SourceDocument, Upsert
from connectors.front_matter import two_letters
from connectors.shopify import bulk
from connectors.shopify.documents import KINDS, Documents, Shop, gid_of
from connectors.shopify.graphql import Graph
from connectors.shopify.metafields import definitions
from connectors.shopify.options import ShopifyOptions
from connectors.shopify.products import left_out_at_once, moment
from connectors.shopify.queries import EVENTS, LOCALES, PUBLISHED_COLLECTIONS, SHOP, Queries
from connectors.shopify.reader import BROKEN, Reader
from connectors.shopify.state import OVERLAP, State
from connectors.trail import Trail

BULK_CHECKPOINT = 500
"""Products of a bulk result between two checkpoints."""

_DONE = "done"
"""Where a reading of everything stands at its end."""

_DATED = ("products", "pages", "articles")
"""Content that can be asked for by its time of change, and whose deletions are told."""


class Crawl:
    """Yields the changes of one run and moves ``state`` along."""

    def __init__(self, graph: Graph, options: ShopifyOptions, state: State) -> None:
        self._graph = graph
        self._options = options
        self._state = state
        self._tried: set[str] = set()
        self._dated = [content for content in _DATED if content in options.content]
        shop, self._queries = read_shop(graph, options)
        self._reader = Reader(graph, self._queries)
        self._documents = Documents(options, shop)

    def changes(self) -> Iterator[Change]:
        """See ``Connector``."""
        state = self._state
        resumed, failed = state.walk is not None, state.failed()
        if not resumed and self._due(state.swept):
            yield from self._begin()
        while True:
            yield from self._listed_whole()
            if state.walk is None:
                break
            yield from self._walk()
            if not resumed or not self._due(state.walk["started"]):
                break
            resumed = False
            yield from self._begin()
        yield from self._again(failed)
        for content in self._dated:
            yield from self._updated(content)
        yield from self._deleted()
        if state.walk is not None:
            yield Checkpoint(state.cursor)
            yield Complete(state.listed())
            state.end()
        yield Checkpoint(state.cursor)

    def _due(self, last: float | None) -> bool:
        return last is None or time.time() - last >= self._options.sweep_seconds

    def _begin(self) -> Iterator[Change]:
        """Start to read everything, with marks taken before: what changes meanwhile is asked for afterwards."""
        state = self._state
        counts, marks = self._reader.overview(self._options.content, self._dated)
        if state.events is None and self._dated:
            variables = {"first": 1, "query": _destroyed(None), "reverse": True}
            newest = self._graph.ask(EVENTS, variables)["events"]["nodes"]
            state.events = newest[0]["createdAt"] if newest else ""
        state.since = marks
        state.begin(time.time(), products=counts.get("products", 0))
        yield Expected(sum(counts.values()))

    def _listed_whole(self) -> Iterator[Change]:
        """Collections and policies, which cannot be asked for by time; who is not among them is gone."""
        if "collections" in self._options.content:
            published: set[str] | None = None
            if self._options.published_only:
                what = "Shopify's collections"
                nodes = self._reader.every(PUBLISHED_COLLECTIONS, "collections", {}, what)
                published = {node["id"] for node in nodes}
            there, after, trail = set(), None, Trail("Shopify's collections")
            while True:
                found, after = self._reader.page("collections", after=after)
                for node in found:
                    there.add(node["id"])
                    yield from self._settle("collections", node, shown=published is None or node["id"] in published)
                yield Checkpoint(self._state.cursor)
                if after is None:
                    break
                trail.step(after)
            yield from self._gone("collections", there)
        if "policies" in self._options.content:
            policies = self._graph.ask(self._queries.policies())["shop"]["shopPolicies"]
            for node in policies:
                yield from self._settle("policies", node)
            yield from self._gone("policies", {node["id"] for node in policies})

    def _gone(self, content: str, there: set[str]) -> Iterator[Change]:
        for name in self._state.known(f"{KINDS[content][0]}:"):
            if gid_of(name)[1] not in there and self._state.drop(name):
                yield Delete(name)

    def _walk(self) -> Iterator[Change]:
        """Read on from where ``state.walk`` stands."""
        state = self._state
        walk = state.walk or {}
        left = self._dated
        if walk["content"] is not None:
            left = left[left.index(walk["content"]) :] if walk["content"] in left else []
        for content in left:
            if walk["content"] != content:
                state.walk = {**(state.walk or {}), "content": content, "after": None}
            if content == "products" and (yield from self._by_bulk()):
                continue
            yield from self._by_pages(content)
        state.walk = {**(state.walk or {}), "content": _DONE, "after": None}
        yield Checkpoint(state.cursor)

    def _by_pages(self, content: str) -> Iterator[Change]:
        state = self._state
        trail = Trail(f"Shopify's {content}")
        after = (state.walk or {})["after"]
        resumed = after is not None
        while True:
            try:
                nodes, following = self._reader.page(content, after=after)
            except AuthError:
                raise
            except ConnectorError as error:
                if not resumed or "cursor" not in error.message.lower():
                    raise
                resumed, after = False, None  # Shopify does not know the place any more
                continue
            resumed = False
            for node in nodes:
                yield from self._complete(content, node)
            after = following
            if after is None:
                return
            trail.step(after)
            state.walk = {**(state.walk or {}), "after": after}
            yield Checkpoint(state.cursor)

    def _by_bulk(self) -> Generator[Change, None, bool]:
        """All products by a bulk operation; returns whether that read them to the end."""
        state = self._state
        walk = state.walk or {}
        if walk["products"] <= self._options.bulk_above or walk["after"] is not None:
            return False
        operation = walk["operation"]
        if operation is None:
            operation = bulk.start(self._graph, self._queries.bulk())
            if operation is None:
                return False
            state.walk = {**walk, "operation": operation}
            yield Checkpoint(state.cursor)
        result = bulk.wait(self._graph, operation)
        read = 0
        for node in bulk.products(self._graph, result) if result else ():
            read += 1
            yield from self._settle("products", node)
            if read % BULK_CHECKPOINT == 0:
                yield Checkpoint(state.cursor)
        # Whatever a result lacks is read by pages: what is only missing must not be taken for deleted.
        state.walk = {**walk, "products": 0, "operation": None}
        return result is not None and result.whole and read == result.products

    def _again(self, names: list[str]) -> Iterator[Change]:
        """Try again what a run before could not read and this one did not come by."""
        failed: dict[str, list[str]] = {}
        for name in set(names).intersection(self._state.failed()) - self._tried:
            content, gid = gid_of(name)
            failed.setdefault(content, []).append(gid)
        for content, ids in failed.items():
            for gid, node in self._reader.by_id(content, sorted(ids)):
                if node is None:
                    yield from self._delete(content, gid)
                else:
                    yield from self._complete(content, node)

    def _updated(self, content: str) -> Iterator[Change]:
        """What changed since the mark; the oldest first, so that each page moves the mark."""
        state = self._state
        since = state.since.get(content)
        query = None
        if since:
            edge = _stamp(since, -OVERLAP)
            # What was to be published later comes out without a change.
            query = f"updated_at:>='{edge}' OR published_at:>='{edge}'"
        after, trail = None, Trail(f"Shopify's changed {content}")
        while True:
            nodes, after = self._reader.page(content, after=after, query=query, sort="UPDATED_AT")
            for node in nodes:
                yield from self._complete(content, node)
                state.since[content] = max(state.since.get(content, ""), node.get("updatedAt") or "")
            yield Checkpoint(state.cursor)
            if after is None:
                return
            trail.step(after)

    def _deleted(self) -> Iterator[Change]:
        """What was deleted since the mark; Shopify tells it for a year."""
        state = self._state
        if not self._dated:
            return
        mark = state.events or ""
        query = _destroyed(_stamp(mark, -OVERLAP) if mark else None)
        for event in self._reader.every(EVENTS, "events", {"query": query, "reverse": False}, "Shopify's deletions"):
            if "subjectId" not in event or state.recent.known(event["id"], event["createdAt"]):
                continue
            state.recent.note(event["id"], event["createdAt"], moment(event["createdAt"]).timestamp())
            mark = max(mark, event["createdAt"])
            for content in self._dated:
                if event["subjectType"] == KINDS[content][1].upper():
                    yield from self._delete(content, event["subjectId"])
        state.events = mark
        if mark:
            state.recent.trim(moment(mark).timestamp() - OVERLAP)

    def _delete(self, content: str, gid: str) -> Iterator[Change]:
        for name in self._documents.names(content, gid):
            if self._state.drop(name):
                yield Delete(name)

    def _complete(self, content: str, node: dict[str, Any]) -> Iterator[Change]:
        """``_settle`` a node of a page: what the page cut off is read first, unless the node is left out anyway."""
        found: dict[str, Any] | None = node
        try:
            if content == "products" and BROKEN not in node and not left_out_at_once(node, self._options):
                found = self._reader.whole(node)
        except AuthError:
            raise
        except ConnectorError as error:
            yield from self._fail(content, node, error.message, "fetch")
            return
        if found is not None:
            yield from self._settle(content, found)

    def _settle(self, content: str, node: dict[str, Any], *, shown: bool = True) -> Iterator[Change]:
        state = self._state
        if BROKEN in node:
            yield from self._fail(content, node, node[BROKEN], "fetch")
            return
        try:
            outcomes = self._documents.of(content, node, published=shown)
        except (KeyError, TypeError, ValueError) as error:
            yield from self._fail(
                content, node, f"Shopify's answer is not as expected ({type(error).__name__}).", "decode"
            )
            return
        for name, outcome in outcomes:
            if isinstance(outcome, SourceDocument):
                if state.note(name, outcome.version):
                    yield Upsert(outcome)
            elif isinstance(outcome, Skipped):
                state.drop(name)
                yield outcome
            elif state.drop(name):
                yield Delete(name)

    def _fail(self, content: str, node: dict[str, Any], error: str, step: str) -> Iterator[Change]:
        name, *others = self._documents.names(content, node["id"])
        self._state.fail(name)
        self._tried.add(name)
        for other in others:
            self._state.keep(other)
        yield Failed(name, error, step, node.get("title"), node.get("onlineStoreUrl"))


def read_shop(graph: Graph, options: ShopifyOptions) -> tuple[Shop, Queries]:
    """The shop, and the queries for it.

    Raises:
        ConnectorError: it cannot be read.
    """
    shop = graph.ask(SHOP)["shop"]
    language = None
    if options.locales:
        primary = [one["locale"] for one in graph.ask(LOCALES)["shopLocales"] if one["primary"]]
        language = two_letters(primary[0]) if primary else None
    names: dict[str, str] = {}
    keys: list[str] = []
    if "products" in options.content and options.metafields:
        known = definitions(graph)
        names = {key: name for key, (name, _) in known.items()}
        visible = [key for key, (_, shown) in known.items() if shown]
        keys = sorted(visible) if options.metafields == "visible" else list(options.metafields)
    url = str(shop["primaryDomain"]["url"]).rstrip("/")
    return Shop(shop["name"], url, language, names), Queries(options.locales, keys)


def _destroyed(edge: str | None) -> str:
    types = " OR ".join(f"subject_type:{KINDS[content][1].upper()}" for content in _DATED)
    return f"action:destroy AND ({types})" + (f" AND created_at:>='{edge}'" if edge else "")


def _stamp(text: str, seconds: int) -> str:
    return (moment(text) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
