"""What a run was told since the last cursor, on its way to the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.contract import Failed, SourceDocument
from ingest.document import Document
from ingest.ledger.flips import Indexed

HELD = 2000
"""Documents that wait for their cursor at most: they go into one transaction, and other writers wait for that."""

HELD_BYTES = 64 * 1024 * 1024
"""Bytes of text and of failed content that wait for their cursor at most."""


@dataclass(slots=True)
class Batch:
    """Changes that are not in the ledger yet. A document's last change counts.

    Attributes:
        upserts: as given, still to be parsed and embedded.
        items: parsed, and their texts in the embedding cache.
        copied: which of ``items`` came from the ledger itself, so that an open failure of theirs stays open.
        deletes: documents of the shelf that leave it.
        hidden: the same, because some of their readers may not see what they became, and that could not be read.
        cleared: documents whose open failure is to be forgotten.
        given: how many documents were given, some of them perhaps more than once.
        size: bytes held, about.
    """

    upserts: dict[str, SourceDocument | Document] = field(default_factory=dict)
    items: dict[str, Indexed] = field(default_factory=dict)
    copied: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    failures: dict[str, tuple[Failed, SourceDocument | None]] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    given: int = 0
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.given or self.deletes or self.cleared)

    @property
    def full(self) -> bool:
        """Whether it must not wait for a cursor any longer."""
        return len(self.items) >= HELD or self.size >= HELD_BYTES

    def forget(self, document_id: str) -> None:
        """Drop what was to happen to a document: something later takes its place."""
        self.upserts.pop(document_id, None)
        self.items.pop(document_id, None)
        self.copied.discard(document_id)
        self.failures.pop(document_id, None)
        self.deletes.discard(document_id)
        self.hidden.discard(document_id)

    def add(self, document: SourceDocument | Document) -> None:
        """A document is to be written."""
        self.forget(document.id)
        self.given += 1
        self.upserts[document.id] = document

    def ready(self, item: Indexed, *, copied: bool) -> None:
        """One of ``upserts`` is parsed and embedded."""
        self.items[item.document.id] = item
        self.size += len(item.document.text)
        if copied:
            self.copied.add(item.document.id)

    def fail(self, failure: Failed, document: SourceDocument | None) -> None:
        """A document could not be read, parsed or embedded."""
        self.failures[failure.id] = (failure, document)
        self.size += len(document.content) if document else 0
