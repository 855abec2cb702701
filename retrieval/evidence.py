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

from collections.abc import Collection, Sequence

from retrieval.hit import Hit
from retrieval.wording import LANGUAGES

_CALIBRATED = {"all-MiniLM-L6-v2": 0.40, "multilingual": 0.83}
"""Measured with the default chunker and fusion. At .40, all-MiniLM-L6-v2 refuses 0.7%, 0.0% and 0.0% of the answerable
questions of clapnq, emanual and piaf, 77% and 98% of questions of another domain (emanual's asked of clapnq, and the
other way round), and 17% of clapnq's own unanswerable ones, which are about the right document. At .83, the
multilingual model refuses 0.3% and 0.0% of the answerable, 31% and 89% of the others, and 17% of the unanswerable."""

_UNKNOWN = 0.2


def calibrated_threshold(model: str | None) -> float:
    """The evidence below which an answer is refused, for an embedder's model name."""
    return _CALIBRATED.get(model or "", _UNKNOWN)


def evidence(query: str, hits: Sequence[Hit]) -> float:
    """The largest evidence among ``hits``, -1 to 1; -1 when there are none."""
    languages = {*LANGUAGES, *(hit.language for hit in hits)}
    return max((_of_hit(hit, query, languages) for hit in hits), default=-1.0)


def _of_hit(hit: Hit, query: str, languages: Collection[str | None]) -> float:
    from ingest.ledger.terms import query_terms

    # As ``why.matched`` was made: stop words of the question's language, stems of the document's.
    asked = len(query_terms(query, sorted(languages, key=str), stems=[hit.language]))
    coverage = min(1.0, len(set(hit.why.matched)) / asked) if asked else 0.0
    return max(hit.why.vector_score if hit.why.vector_score is not None else -1.0, coverage**2)
