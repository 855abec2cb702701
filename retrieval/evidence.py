"""How much the hits have to do with the question: decides a refusal before any model is called.

The evidence is compared with ``answer.no_answer_threshold``. How it is measured belongs to the embedder:

- ``closeness`` for all-MiniLM-L6-v2, which is fast enough to read a few sentences beside each question: 0 to 1;
- ``evidence`` for others: the largest, over the hits, of the vector cosine (-1 to 1) and the keyword coverage, which is
  the share of the question's terms found in the chunk, squared, because one common word of four says little (0.06) and
  three of four say much (0.56). Cosines differ between embedders: unrelated texts are above 0.7 with the e5 family.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

from retrieval.hit import Hit
from retrieval.wording import LANGUAGES

if TYPE_CHECKING:
    from ingest.embed.contract import Embedder
    from ingest.ledger import Ledger

Measure: TypeAlias = Callable[[str, Sequence[Hit]], float]
"""Gives the evidence of hits for a question."""

_CLOSE = "all-MiniLM-L6-v2"
_CALIBRATED = {_CLOSE: 0.393, "multilingual": 0.83}
"""Measured with the default chunker and fusion (docs/answers.md has the table). At .393, all-MiniLM-L6-v2 keeps 90% of
clapnq's answerable questions and refuses 70% of its unanswerable ones, which are about the right document (also where
the fit had not seen the question). At .83, the multilingual model refuses 0.3% and 0.0% of the answerable, 31% and 89%
of another domain's, and 17% of clapnq's unanswerable."""

_UNKNOWN = 0.2


def calibrated_threshold(model: str | None) -> float:
    """The evidence below which an answer is refused, for an embedder's model name."""
    return _CALIBRATED.get(model or "", _UNKNOWN)


def measure_for(model: str, ledger: Ledger, embedder: Callable[[], Embedder]) -> Measure:
    """How evidence is measured with an embedder, which is opened when it is needed."""
    if model != _CLOSE:
        return evidence
    from retrieval.closeness import Closeness, Weights

    return Closeness(ledger, embedder, Weights(6.72, 4.81, 2.52, 1.30, -0.23, -7.37))


def evidence(query: str, hits: Sequence[Hit]) -> float:
    """The largest evidence among ``hits``, -1 to 1, by cosine and coverage; -1 when there are none."""
    languages = {*LANGUAGES, *(hit.language for hit in hits)}
    return max((_of_hit(hit, query, languages) for hit in hits), default=-1.0)


def _of_hit(hit: Hit, query: str, languages: Collection[str | None]) -> float:
    from ingest.ledger.terms import query_terms

    # As ``why.matched`` was made: stop words of the question's language, stems of the document's.
    asked = len(query_terms(query, sorted(languages, key=str), stems=[hit.language]))
    coverage = min(1.0, len(set(hit.why.matched)) / asked) if asked else 0.0
    return max(hit.why.vector_score if hit.why.vector_score is not None else -1.0, coverage**2)
