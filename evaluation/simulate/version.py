"""An article as it stood during a span of time, and what of all versions is known at a moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connectors.contract import MetaValue, SourceDocument
from connectors.version import version_of

KNOWN_SINCE = "known_since"
"""Metadata of every document of a rehearsal: when its text became known. The guard against leaks reads it."""


@dataclass(frozen=True, slots=True)
class Version:
    """A text of an article, known after ``start``.

    Attributes:
        until: when it was taken down, unless a later version replaces it before.
        content: the text; ``None``: the article was removed at ``start``.
    """

    source: str
    id: str
    start: datetime
    content: bytes | None
    title: str
    until: datetime | None = None
    media_type: str = "text/markdown"
    url: str | None = None
    language: str | None = None
    metadata: Mapping[str, MetaValue] = field(default_factory=dict)
    readers: frozenset[str] | None = None
    where: str = ""

    def document(self) -> SourceDocument:
        """This version for the index, stamped with when it became known.

        Raises:
            ValueError: it is a removal.
        """
        if self.content is None:
            raise ValueError(f"{self.id} was removed: there is no text to index")
        metadata: dict[str, MetaValue] = {"updated": self.start, **self.metadata, KNOWN_SINCE: self.start}
        version = version_of(
            self.content,
            title=self.title,
            url=self.url,
            metadata=metadata,
            readers=self.readers,
            language=self.language,
        )
        return SourceDocument(
            id=self.id,
            content=self.content,
            media_type=self.media_type,
            title=self.title,
            version=version,
            url=self.url,
            metadata=metadata,
            readers=self.readers,
            language=self.language,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """From ``moment`` on, ``id`` reads as ``version`` says; ``None``: it is gone."""

    moment: datetime
    id: str
    version: Version | None


class History:
    """All that happened to one source, in time order.

    A moment sees what happened *before* it: an article of the same second is not known yet.
    """

    def __init__(self, versions: Iterable[Version]) -> None:
        by_id: dict[str, list[Version]] = {}
        for version in sorted(versions, key=lambda one: one.start):
            by_id.setdefault(version.id, []).append(version)
        events = [event for name, own in by_id.items() for event in _events(name, own)]
        self.events = sorted(events, key=lambda event: (event.moment, event.version is not None, event.id))
        self._moments = [event.moment for event in self.events]

    def before(self, moment: datetime) -> int:
        """How many events lie before ``moment``."""
        return bisect_left(self._moments, moment)

    def state(self, position: int) -> dict[str, Version]:
        """What is known after the first ``position`` events, by id."""
        known: dict[str, Version] = {}
        for event in self.events[:position]:
            if event.version is None:
                known.pop(event.id, None)
            else:
                known[event.id] = event.version
        return known


def _events(name: str, versions: list[Version]) -> Iterable[Event]:
    for place, version in enumerate(versions):
        yield Event(version.start, name, None if version.content is None else version)
        following = versions[place + 1].start if place + 1 < len(versions) else None
        if version.until is not None and (following is None or version.until < following):
            yield Event(version.until, name, None)
