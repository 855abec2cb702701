"""What a ``shopify`` source remembers between runs.

Much of what a shopper sees changes without a new ``updatedAt``: a product joins a collection, a translation is
written, a page's hour of publication comes. So each document's stamp (a digest of its version) is kept: a sweep reads
everything again and passes on only what differs. That is some 40 bytes a document.
"""

from __future__ import annotations

from typing import Any

from connectors.contract import Cursor
from connectors.recent import Recent
from connectors.version import digest

OVERLAP = 300
"""Seconds before its mark that a run asks from: several changes share a second, and Shopify's search index lags."""

_FAILED = "!"


class State:
    """A cursor, opened.

    Attributes:
        since: latest ``updatedAt`` read, by content.
        events: time of the latest deletion read; ``None`` before the first crawl.
        recent: deletions read within the overlap.
        walk: where a reading of everything stands: when it ``started``, the ``content`` that is read and the page
            ``after`` which it goes on, how many ``products`` there are to be read, and by which bulk ``operation``.
        swept: when the last whole reading began.
    """

    def __init__(self, cursor: Cursor | None, scope: str) -> None:
        held: dict[str, Any] = cursor if cursor and cursor.get("scope") == scope else {}
        self._scope = scope
        self._round: int = held.get("round", 0)
        self._stamps: dict[str, str] = dict(held.get("stamps", {}))
        self.since: dict[str, str] = dict(held.get("since", {}))
        self.events: str | None = held.get("events")
        self.recent = Recent(held.get("recent"))
        self.walk: dict[str, Any] | None = dict(held["walk"]) if held.get("walk") else None
        self.swept: float | None = held.get("swept")

    @property
    def cursor(self) -> Cursor:
        """For a checkpoint."""
        return {
            "scope": self._scope,
            "round": self._round,
            "stamps": dict(self._stamps),
            "since": dict(self.since),
            "events": self.events,
            "recent": self.recent.state,
            "walk": dict(self.walk) if self.walk else None,
            "swept": self.swept,
        }

    def begin(self, now: float, *, products: int) -> None:
        """Start to read everything: what is not noted from now on is gone at the end."""
        self._round += 1
        self.walk = {"started": now, "content": None, "after": None, "products": products, "operation": None}

    def end(self) -> None:
        """Everything was read, and the listing reported as complete."""
        if self.walk:
            self.swept = self.walk["started"]
        self.walk = None
        self._stamps = {name: stamp for name, stamp in self._stamps.items() if self._current(stamp)}

    def note(self, name: str, version: str) -> bool:
        """Document ``name`` is there; returns whether its version is another than the one passed on before."""
        stamp = digest(version)[:10]
        known = self._stamps.get(name, "").partition(":")[2]
        self._stamps[name] = f"{self._round}:{stamp}"
        return known != stamp

    def fail(self, name: str) -> None:
        """Document ``name`` cannot be read now. It stays listed, and is new whenever it can be read."""
        self._stamps[name] = f"{self._round}:{_FAILED}"

    def keep(self, name: str) -> None:
        """If ``name`` is on the shelf, it stays."""
        if name in self._stamps:
            self._stamps[name] = f"{self._round}:{self._stamps[name].partition(':')[2]}"

    def drop(self, name: str) -> bool:
        """Document ``name`` leaves; returns whether it was there."""
        return self._stamps.pop(name, None) is not None

    def known(self, start: str) -> list[str]:
        """Documents whose id starts with ``start``."""
        return [name for name in self._stamps if name.startswith(start)]

    def failed(self) -> list[str]:
        """Documents that could not be read."""
        return [name for name, stamp in self._stamps.items() if stamp.endswith(f":{_FAILED}")]

    def listed(self) -> frozenset[str]:
        """Documents noted since ``begin``."""
        return frozenset(name for name, stamp in self._stamps.items() if self._current(stamp))

    def _current(self, stamp: str) -> bool:
        return stamp.partition(":")[0] == str(self._round)
