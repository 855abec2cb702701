"""Puts an ``Answerer`` together for a shelf: its search, its documents' texts, its money, its conversations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from configs.errors import RetrievalError
from ingest.chunk import tokenizer
from ingest.ledger.tables import bodies, chunks, documents
from retrieval.answer import Answerer
from retrieval.evidence import measure_for
from retrieval.hit import Hit

if TYPE_CHECKING:
    from openshelf.parts import Parts

_TEXTS = 64
"""Parsed documents kept at hand for merging neighbouring chunks."""


def count_tokens(text: str) -> int:
    """Tokens of ``text`` in cl100k_base, which every budget of the YAML counts in."""
    return tokenizer("cl100k_base").count(text)


def make_answerer(shelf: Parts) -> Answerer:
    """The answerer of ``shelf``."""

    @lru_cache(maxsize=_TEXTS)
    def text_of(body: str) -> str:
        with shelf.ledger.reading() as connection:
            return str(connection.execute(select(bodies.c.text).where(bodies.c.hash == body)).scalar_one())

    def body(hit: Hit) -> str:
        # By the chunk, not by the document's id: the hit's own version, even when a sync has just replaced it.
        with shelf.ledger.reading() as connection:
            found = connection.execute(
                select(documents.c.body)
                .join(chunks, chunks.c.document == documents.c.rowid)
                .where(chunks.c.id == hit.chunk_id)
            ).scalar()
        if found is None:
            raise RetrievalError(f"{hit.title!r} was replaced while it was being read.", hint="Ask again.")
        return text_of(found)

    def search(
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Collection[str] | None = None,
    ) -> list[Hit]:
        viewer = None if groups is None else frozenset(groups)
        return shelf.searcher.search(query, top_k=top_k, filters=filters, groups=viewer)

    return Answerer(
        search,
        shelf.config.answer,
        shelf.config.context,
        count_tokens=count_tokens,
        body=body,
        conversations=shelf.conversations,
        spend=shelf.spend,
        embedder=shelf.config.embedder.model,
        measure=measure_for(shelf.config.embedder.model, shelf.ledger, shelf.embedders.current),
    )
