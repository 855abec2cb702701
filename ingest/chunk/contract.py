"""What every chunker promises."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ingest.document import Document, Span


@runtime_checkable
class Chunker(Protocol):
    """Decides where a document is cut. Deterministic, and safe to call from many threads."""

    def spans(self, document: Document) -> list[Span]:
        """Pieces ordered by start; their union covers every non-blank character of ``document.text``.

        Spans may overlap and may begin or end with blank space, which ``cut`` trims. A document without a
        non-blank character has no spans.
        """
        ...
