"""What the cursor of an article source holds of one help centre."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.zendesk.article_documents import document_id


class CentreState:
    """What is known of one help centre between two runs.

    Attributes:
        time: from where changes are asked for.
        floor: never from before this: a second that holds more changes than one page can show.
        known: article to locale to stamp of what is on the shelf.
        failed: article to the ids of its documents that could not be read.
        listing: an unfinished sweep: the next page, where changes are asked from behind it, what it has not met.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.time = int(raw.get("time", 0))
        self.floor = int(raw.get("floor", 0))
        self.shape: str | None = raw.get("shape")
        self.known: dict[str, dict[str, str]] = dict(raw.get("known", {}))
        self.failed: dict[str, list[str]] = dict(raw.get("failed", {}))
        listing = raw.get("listing")
        self.listing: dict[str, Any] | None = dict(listing) if listing else None
        self.unseen: dict[str, None] = dict.fromkeys(listing["unseen"]) if listing else {}
        self.finished = False

    def json(self) -> dict[str, Any]:
        """A copy for the cursor."""
        state: dict[str, Any] = {"time": self.time, "shape": self.shape, "known": dict(self.known)}
        if self.floor:
            state["floor"] = self.floor
        if self.failed:
            state["failed"] = dict(self.failed)
        if self.listing is not None:
            state["listing"] = {**self.listing, "unseen": list(self.unseen)}
        return state

    def settle(self) -> None:
        """The sweep is over: what it did not meet is gone."""
        for number in self.unseen:
            self.known.pop(number, None)
            self.failed.pop(number, None)
        self.listing, self.unseen = None, {}

    def ids(self) -> Iterator[str]:
        """Documents that are on the shelf or failed."""
        for number, locales in self.known.items():
            yield from (document_id(number, locale) for locale in locales)
        for names in self.failed.values():
            yield from names
