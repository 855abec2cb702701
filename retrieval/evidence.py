"""How much the hits have to do with the question: decides a refusal before any model is called.

The evidence of a hit is the larger of

- its vector cosine, -1 to 1, and
- its keyword coverage: the share of the question's terms found in the chunk, squared, because one common word of
  four says little (0.06) and three of four say much (0.56).

The question's evidence is that of its best hit. It is compared with ``answer.no_answer_threshold``. Cosines differ
between embedders (unrelated texts: near 0 with all-MiniLM-L6-v2, above 0.7 with the e5 family), so the threshold
belongs to the embedder.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.hit import Hit


def evidence(query: str, hits: Sequence[Hit]) -> float:
    """The largest evidence among ``hits``, -1 to 1; -1 when there are none."""
    from ingest.ledger.terms import query_terms

    asked = len(query_terms(query, ("en",)))
    return max((_of_hit(hit, asked) for hit in hits), default=-1.0)


def _of_hit(hit: Hit, asked: int) -> float:
    coverage = min(1.0, len(set(hit.why.matched)) / asked) if asked else 0.0
    return max(hit.why.vector_score if hit.why.vector_score is not None else -1.0, coverage**2)
