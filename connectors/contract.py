"""What every connector promises: a stream of changes, each safe to apply twice.

A connector is given its last committed cursor and yields ``Upsert``, ``Delete``, ``Checkpoint`` and,
only when it has listed everything it can see, ``Complete``. It never deletes by silence: a document
that is no longer there leaves either by a ``Delete`` or by its absence from a ``Complete``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

MetaValue: TypeAlias = str | int | float | bool | date | datetime | list[str]
"""Metadata that a filter can use. ``date`` and ``datetime`` compare as points in time (naive = UTC)."""

Cursor: TypeAlias = dict[str, Any]
"""JSON-serialisable state of a connector; opaque to everybody else."""


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document as its source holds it, before parsing.

    Attributes:
        id: stable inside its source for as long as it is the same document.
        content: the bytes, to be parsed as ``media_type`` says.
        media_type: for example ``text/html``; ``text/x-row`` is one row of a table as "column: value"
            lines; ``application/x-conversation+json`` is a list of ``{"role", "text"}`` turns.
        title: what a citation shows.
        version: changes whenever content, metadata or readers change; equal versions are skipped.
        url: where a person opens it.
        metadata: filterable values.
        readers: groups that may see it; ``None`` is everybody, an empty set is nobody.
        language: ISO 639-1 code where the source knows it.
        filename: its name where it has one; helps format detection.
    """

    id: str
    content: bytes
    media_type: str
    title: str
    version: str
    url: str | None = None
    metadata: Mapping[str, MetaValue] = field(default_factory=dict)
    readers: frozenset[str] | None = None
    language: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Upsert:
    """The document is new or changed."""

    document: SourceDocument


@dataclass(frozen=True, slots=True)
class Delete:
    """The source says that the document is gone (a tombstone)."""

    id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """One document cannot be read; recorded and tried again next time. Its old version stays.

    Attributes:
        step: ``fetch``, ``decode`` or ``row``: where it went wrong.
        error: one sentence for a person.
    """

    id: str
    error: str
    step: str = "fetch"
    title: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """The source has the document and the settings leave it out. It is not on the shelf, or leaves it now.

    Attributes:
        reason: a short phrase, the same for all documents of a kind (``draft``, ``other brand``): it is counted.
    """

    id: str
    reason: str
    title: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """About so many documents are to come in this run; only for progress. The last one counts."""

    documents: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All changes so far may be committed together with this cursor.

    Changes that no checkpoint follows are as if they had not been told when a run breaks off: the next one starts from
    the last checkpoint, or from ``None``. So give one after every few hundred documents, and at the end.
    """

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Complete:
    """The listing is whole: documents of this source whose id is not in ``ids`` are gone.

    ``ids`` includes the ids of documents reported as ``Failed``, and none of those that are ``Skipped``.
    """

    ids: frozenset[str]


Change: TypeAlias = Upsert | Delete | Failed | Skipped | Expected | Checkpoint | Complete


@dataclass(frozen=True, slots=True)
class Reachability:
    """What ``check`` found: ``ok``, one sentence, and the next step when it is not ok."""

    ok: bool
    detail: str
    hint: str | None = None


@runtime_checkable
class Connector(Protocol):
    """Reads one source. Constructed by its factory with validated options (see ``registry``)."""

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield what changed since ``cursor`` (``None``: everything).

        Raises:
            ConnectorError: the source cannot be read at all; what was yielded stays valid.
        """
        ...

    def check(self) -> Reachability:
        """Prove in a few seconds that credentials, path or URL work. Never raises for bad input."""
        ...
