"""Reads all products by a bulk operation: Shopify runs the query by itself and offers the result as a file.

Rules from shopify.dev, "Perform bulk operations with the GraphQL Admin API": a line of JSON an object, children with
``__parentId`` and, where asked for, right behind their parent; a failed operation may have a partial result.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from configs.errors import AuthError, ConnectorError
from connectors.shopify.graphql import DOWNLOADS, GRANT, Graph
from connectors.shopify.queries import BULK_RUN, BULK_STATE

FIRST_POLL, LAST_POLL = 1.0, 30.0
"""Seconds between two looks at a running operation; they double."""

LONGEST = 6 * 3600.0
"""Seconds that one run waits. The next one goes on with the same operation."""

_PAGES = "With `bulk_above: 1000000` products are read by pages."
_CHILDREN = {"ProductVariant": "variants", "Metafield": "metafields", "Collection": "collections"}
_RUNNING = frozenset({"CREATED", "RUNNING", "CANCELING"})


@dataclass(frozen=True, slots=True)
class Result:
    """Of a finished operation: where its file is (``None``: nothing was found), if it is whole, how much is in it."""

    url: str | None
    whole: bool
    products: int


def start(graph: Graph, query: str) -> str | None:
    """Start an operation; returns its id, or ``None`` where the app runs as many already as it may.

    Raises:
        ConnectorError: Shopify does not take the query.
    """
    answer = graph.ask(BULK_RUN, {"query": query})["bulkOperationRunQuery"]
    errors = answer["userErrors"]
    if any(error["code"] in ("LIMIT_REACHED", "OPERATION_IN_PROGRESS") for error in errors):
        return None
    if errors or not answer["bulkOperation"]:
        said = "; ".join(str(error["message"])[:200] for error in errors) or "no reason given"
        raise ConnectorError(
            f"Shopify started no bulk operation: {said.rstrip('.')}.",
            hint=_PAGES,
        )
    return str(answer["bulkOperation"]["id"])


def wait(graph: Graph, operation: str) -> Result | None:
    """Wait for an operation. ``None``: it was cancelled, ran out or failed with nothing to show.

    Raises:
        AuthError: it was denied access.
        ConnectorError: it still runs after ``LONGEST``.
    """
    until, pause = time.monotonic() + LONGEST, FIRST_POLL
    while True:
        state = graph.ask(BULK_STATE, {"id": operation})["bulkOperation"]
        if state is None:
            return None
        status = state["status"]
        if status == "COMPLETED":
            return Result(state["url"], True, int(state["rootObjectCount"]))
        if status == "FAILED" and state["errorCode"] == "ACCESS_DENIED":
            raise AuthError("Shopify denied the bulk operation access to products.", hint=GRANT)
        if status not in _RUNNING:
            return Result(state["partialDataUrl"], False, 0) if state["partialDataUrl"] else None
        if time.monotonic() + pause > until:
            raise ConnectorError(
                "Shopify's bulk operation is still running.", hint="The next sync goes on with its result."
            )
        time.sleep(pause)
        pause = min(LAST_POLL, pause * 2)


def products(graph: Graph, result: Result) -> Iterator[dict[str, Any]]:
    """The products of a result, with their children as lists; of a partial one without the last, which may be cut.

    Raises:
        ConnectorError: the file cannot be read, or a child stands away from its parent.
    """
    if result.url is None:
        return
    with tempfile.TemporaryFile() as file:
        try:
            graph.downloads.download(result.url, file)
        except ConnectorError as error:
            raise ConnectorError(
                f"The result of Shopify's bulk operation cannot be read: {error.message}",
                hint=f"{DOWNLOADS} must be reachable from here. {_PAGES}",
                status=error.status,
            ) from None
        file.seek(0)
        waiting: dict[str, Any] | None = None
        for line in _lines(file, whole=result.whole):
            parent = line.pop("__parentId", None)
            if parent is None:
                if waiting is not None:
                    yield waiting
                waiting = line | {name: [] for name in _CHILDREN.values()}
                continue
            child = _CHILDREN.get(str(line.get("id")).removeprefix("gid://shopify/").split("/")[0])
            if waiting is None or parent != waiting.get("id") or child is None:
                raise ConnectorError(
                    "A line of Shopify's bulk result does not stand behind its product.",
                    hint=_PAGES,
                )
            waiting[child].append(line)
        if waiting is not None and result.whole:
            yield waiting


def _lines(file: IO[bytes], *, whole: bool) -> Iterator[dict[str, Any]]:
    for text in file:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        if isinstance(line, dict):
            yield line
        elif text.strip() and whole:
            raise ConnectorError("Shopify's bulk result has a line that is no JSON.", hint="Try again later.")
        elif text.strip():
            return  # a partial result may end anywhere
