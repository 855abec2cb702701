"""``/v1/vector_stores/{id}/search``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from openshelf.server.access import Reader
from openshelf.server.contract import Ranking, StoreHit
from openshelf.server.replies import FoundPage
from openshelf.server.requests import RankingOptions, SearchStore
from openshelf.server.services import Services


def router(services: Services) -> APIRouter:
    """The routes over ``services``."""
    made = APIRouter(prefix="/v1/vector_stores", tags=["vector stores"])

    @made.post("/{vector_store_id}/search", response_model=FoundPage, response_model_exclude_unset=True)
    def search_vector_store(vector_store_id: str, body: SearchStore, caller: Reader) -> dict[str, Any]:
        """Search a vector store."""
        queries = [body.query] if isinstance(body.query, str) else body.query
        ranking = body.ranking_options or RankingOptions.model_validate({})
        hits = services.finding(
            caller,
            [vector_store_id],
            queries,
            filters=body.filters,
            max_num_results=body.max_num_results,
            ranking=Ranking(score_threshold=ranking.score_threshold),
            rerank=ranking.ranker != "none",
        )
        return {
            "object": "vector_store.search_results.page",
            "search_query": queries,
            "data": [_shown(hit, explain=body.explain) for hit in hits],
            "has_more": False,
            "next_page": None,
        }

    return made


def _shown(found: StoreHit, *, explain: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "file_id": found.file_id,
        "filename": found.filename,
        "score": found.score,
        "attributes": dict(found.attributes),
        "content": [{"type": "text", "text": found.hit.text}],
    }
    if explain:
        answer["explanation"] = explanation(found)
    return answer


def explanation(found: StoreHit) -> dict[str, Any]:
    """Why a hit is where it is, and where in its file the text stands."""
    hit, why = found.hit, found.hit.why
    return {
        "summary": str(why),
        "keyword_rank": why.keyword_rank,
        "keyword_score": why.keyword_score,
        "vector_rank": why.vector_rank,
        "vector_score": why.vector_score,
        "fused": why.fused,
        "reranked": why.reranked,
        "matched": list(why.matched),
        "notes": list(why.notes),
        "chunk_id": hit.chunk_id,
        "chunker": why.chunker,
        "start": hit.start,
        "end": hit.end,
        "page": hit.page,
        "heading_path": list(hit.heading_path),
    }
