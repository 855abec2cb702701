"""What a search returns: hits that explain themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.contract import MetaValue


@dataclass(frozen=True, slots=True)
class Why:
    """How a hit got its place. Ranks start at 1; ``None`` means absent from that list.

    Attributes:
        keyword_score: BM25 (higher is better), unbounded.
        vector_score: cosine similarity, -1 to 1.
        fused: score after fusion.
        reranked: cross-encoder score, where one ran.
        fingerprint: of the build the chunk belongs to.
        matched: query terms (stemmed) found in the chunk.
        notes: what else moved it, for example ``diversity: was 3rd``.
    """

    keyword_rank: int | None
    keyword_score: float | None
    vector_rank: int | None
    vector_score: float | None
    fused: float
    reranked: float | None
    fingerprint: str
    chunker: str
    matched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for a person: ``keywords 2nd (7.31: worn, shoe) · vectors 1st (0.71) · fused 0.98``."""
        parts = []
        if self.keyword_rank is not None:
            terms = f": {', '.join(self.matched)}" if self.matched else ""
            parts.append(f"keywords #{self.keyword_rank} ({self.keyword_score:.2f}{terms})")
        else:
            parts.append("no keyword match")
        if self.vector_rank is not None:
            parts.append(f"vectors #{self.vector_rank} ({self.vector_score:.2f})")
        else:
            parts.append("not among the nearest vectors")
        parts.append(f"fused {self.fused:.3f}")
        if self.reranked is not None:
            parts.append(f"reranked {self.reranked:.3f}")
        return " · ".join([*parts, *self.notes])


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a question.

    Attributes:
        text: what to show: repeated table header included; the parent's text for parent-child.
        start, end: span of ``text`` (without the header) in the parsed document's text, in characters.
        score: what the list is ordered by; higher is better.
    """

    chunk_id: str
    document_id: str
    source: str
    text: str
    title: str
    url: str | None
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    score: float
    why: Why
    header: str | None = None
    language: str | None = None
    metadata: Mapping[str, MetaValue] = field(default_factory=dict)
