"""Where the chunks of a document begin and end, as search returns them."""

from __future__ import annotations

import threading

from sqlalchemy import func, select

from evaluation.measures.spans import Document, Span
from ingest.ledger import Ledger
from ingest.ledger.builds import ACTIVE
from ingest.ledger.tables import builds, chunks, documents


class Pieces:
    """The chunks of the active builds, read once for each document. Safe from many threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[Document, list[Span]] = {}
        self._lock = threading.Lock()

    def of(self, document: Document) -> list[Span]:
        """Spans of a document's chunks in order; of parent-child chunks those of the parents, which are returned."""
        with self._lock:
            known = self._known.get(document)
        if known is None:
            known = self._read(document)
            with self._lock:
                self._known[document] = known
        return known

    def _read(self, document: Document) -> list[Span]:
        start = func.coalesce(chunks.c.parent_start, chunks.c.start)
        end = func.coalesce(chunks.c.parent_end, chunks.c.end)
        statement = (
            select(start, end)
            .join(documents, documents.c.rowid == chunks.c.document)
            .join(builds, builds.c.id == documents.c.build)
            .where(builds.c.state == ACTIVE, builds.c.source == document[0], documents.c.document_id == document[1])
            .distinct()
            .order_by(start, end)
        )
        with self._ledger.reading() as connection:
            return [Span(document, first, last) for first, last in connection.execute(statement)]
