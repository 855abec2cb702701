"""Hits as a search would give them, for the rooms behind it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.ledger.terms import query_terms, terms
from retrieval.context import Source
from retrieval.hit import Hit, Why

RETURNS = (
    "Worn shoes can be returned within 30 days. Bring the receipt to any shop. "
    "We refund the full price to your card. The box is not needed."
)
REPAIR = "Our workshop in Lyon resoles hiking boots. A repair takes ten working days and costs 45 euros."
SIZES = "Size 42 fits feet of 26.5 centimetres. Measure your foot in the evening."


def why(**values: Any) -> Why:
    known: dict[str, Any] = {
        "keyword_rank": 1,
        "keyword_score": 3.0,
        "vector_rank": 1,
        "vector_score": 0.6,
        "fused": 1.0,
        "reranked": None,
        "fingerprint": "f" * 16,
        "chunker": "heading",
    }
    return Why(**(known | values))


def hit(text: str, document: str = "doc", start: int = 0, score: float = 1.0, **values: Any) -> Hit:
    """A hit over ``text``; its id is its place, so that the same place is the same chunk."""
    source = values.pop("source", "kb")
    known: dict[str, Any] = {
        "chunk_id": f"{source}/{document}@{start}-{start + len(text)}",
        "document_id": document,
        "source": source,
        "text": text,
        "title": document.title(),
        "url": f"https://help.test/{document}",
        "heading_path": (),
        "page": None,
        "start": start,
        "end": start + len(text),
        "score": score,
        "why": why(),
    }
    return Hit(**(known | values))


def sentence_hits(text: str, document: str, score: float = 1.0) -> list[Hit]:
    """Each sentence of ``text`` as a chunk of its own."""
    return [
        hit(match[0], document, match.start(), score - match.start() / 10_000)
        for match in re.finditer(r"[^.]+\.\s?", text)
    ]


def source(number: int, text: str, document: str = "doc", **values: Any) -> Source:
    """A source that one hit covers."""
    return Source(number, 0, len(text), text, None, (hit(text, document, **values),))


@dataclass
class Library:
    """A search over a few documents by shared words; remembers what it was asked, and by whom."""

    documents: Mapping[str, str] = field(default_factory=lambda: {"returns": RETURNS, "repair": REPAIR, "sizes": SIZES})
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(
        self,
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Collection[str] | None = None,
    ) -> Sequence[Hit]:
        self.asked.append((query, {"top_k": top_k, "filters": filters, "groups": groups}))
        wanted = query_terms(query, ["en"])
        found = []
        for name, text in self.documents.items():
            matched = tuple(term for term in wanted if term in set(terms(text, "en")))
            if matched:
                score = len(matched) / len(wanted)
                found.append(hit(text, name, score=score, why=why(matched=matched, vector_score=score / 2)))
        return sorted(found, key=lambda one: -one.score)[: top_k or 8]

    def body(self, hit: Hit) -> str:
        return self.documents[hit.document_id]
