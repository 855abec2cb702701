"""The shelf as a LlamaIndex retriever, for query engines, agents and evaluators written against that interface."""

from __future__ import annotations

import asyncio
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from retrieval.hit import Hit
from retrieval.search import Searcher

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever


def as_retriever(searcher: Searcher, **options: Any) -> BaseRetriever:
    """A LlamaIndex ``BaseRetriever`` over ``searcher``.

    Args:
        options: as for ``Searcher.search``, applied to every query (``top_k``, ``filters``, ``groups``...).

    Returns:
        A retriever whose nodes carry the hit's text, score and metadata; ``node.metadata["why"]`` says why.
    """
    retriever: BaseRetriever = _retriever_class()(searcher, options)
    return retriever


@lru_cache(maxsize=1)
def _retriever_class() -> Any:
    # Made on first use: importing llama_index takes two seconds.
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class ShelfRetriever(BaseRetriever):  # type: ignore[misc]
        """Searches a shelf."""

        def __init__(self, searcher: Searcher, options: dict[str, Any]) -> None:
            super().__init__()
            self._searcher = searcher
            self._options = options

        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [_node(hit) for hit in self._searcher.search(query_bundle.query_str, **self._options)]

        async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return await asyncio.to_thread(self._retrieve, query_bundle)

    def _node(hit: Hit) -> NodeWithScore:
        metadata = {key: value.isoformat() if isinstance(value, date) else value for key, value in hit.metadata.items()}
        shown = {"title": hit.title, "url": hit.url, "heading_path": " › ".join(hit.heading_path)}
        silent = {
            "source": hit.source,
            "document_id": hit.document_id,
            "page": hit.page,
            "start": hit.start,
            "end": hit.end,
            "why": str(hit.why),
        }
        node = TextNode(
            id_=hit.chunk_id,
            text=hit.text,
            metadata={**metadata, **shown, **silent},
            # A language model reads the title, not the machinery.
            excluded_llm_metadata_keys=[*metadata, *silent],
            excluded_embed_metadata_keys=[*metadata, *silent],
        )
        return NodeWithScore(node=node, score=hit.score)

    return ShelfRetriever
