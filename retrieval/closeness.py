"""Evidence with the embedder's help: how close single sentences come to the question.

A passage about the right thing that does not answer is close as a whole; one that answers has a sentence that is.
Five signals of the best hits are weighed by a logistic regression:

- the largest cosine of a hit's vector;
- the largest cosine of one sentence of the first three hits, and the mean of the three closest of the first hit;
- the largest share of the question's terms in one sentence, each term by its rarity, ``log(1 + N / (df + 0.5))``;
- how many terms the question has, up to six: a long one is harder to match, and what a whole ticket has was not seen.

It was fitted on clapnq's 600 questions, half of which have an unanswerable near miss, and, at a twentieth of their
weight, on questions of a manual (English) and of an encyclopedia (French), and some asked of the wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ingest.embed.contract import Embedder, Vectors
from ingest.ledger import Ledger, builds, postings
from ingest.ledger.terms import query_terms, terms
from retrieval.hit import Hit
from retrieval.wording import LANGUAGES, sentences

_HITS, _SENTENCES, _SHORTEST, _LONGEST = 3, 12, 10, 600  # read of each question; in characters of a sentence
_QUESTIONS = 5  # of one message
_TERMS = 6  # counted; the questions of the fit have 4 on average and 12 at most
_CHUNKS = 2048  # whose sentences' vectors are kept


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted model: weights of the signals, and what is added to their sum."""

    vector: float
    sentence: float
    three: float
    coverage: float
    terms: float
    constant: float


@dataclass(frozen=True, slots=True)
class Signals:
    """The five signals, in the order of the list above."""

    vector: float
    sentence: float
    three: float
    coverage: float
    terms: int


class Closeness:
    """Measures evidence, 0 to 1: how likely the hits answer, as the fitted model has it. Safe from many threads.

    Args:
        embedder: gives the embedder that the hits were found with.
    """

    def __init__(self, ledger: Ledger, embedder: Callable[[], Embedder], weights: Weights) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._weights = weights
        self._vectors = lru_cache(_CHUNKS)(self._sentence_vectors)

    def __call__(self, query: str, hits: Sequence[Hit]) -> float:
        """The evidence that ``hits`` give for ``query``; 0 where there is nothing to read.

        A message of several sentences has the evidence of its clearest question: what a ticket says beside it is near
        to no passage.

        Raises:
            EmbedError: the embedder cannot be loaded.
        """
        scores = [hit.why.vector_score for hit in hits if hit.why.vector_score is not None]
        found = [self.signals(query, hits, scores), *(self.signals(one, hits) for one in _questions(query))]
        return max((self._weighed(one) for one in found if one is not None), default=0.0)

    def _weighed(self, found: Signals) -> float:
        weights = self._weights
        total = (
            weights.vector * found.vector
            + weights.sentence * found.sentence
            + weights.three * found.three
            + weights.coverage * found.coverage
            + weights.terms * found.terms
            + weights.constant
        )
        return 1 / (1 + math.exp(-total))

    def signals(self, query: str, hits: Sequence[Hit], scores: Sequence[float] = ()) -> Signals | None:
        """What is weighed; ``None`` where there is nothing to read.

        Args:
            scores: cosines of the hits with ``query``; without any the closest sentence's stands for them.
        """
        best = hits[:_HITS]
        texts = [_sentences(hit) for hit in best]
        if not any(texts):
            return None
        asked = self._embedder().embed_query(query)
        cosines = [
            self._vectors(hit.chunk_id, found) @ asked if found else np.empty(0, np.float32)
            for hit, found in zip(best, texts, strict=True)
        ]
        first = np.sort(next(one for one in cosines if len(one)))[::-1]
        sentence = max(float(one.max()) for one in cosines if len(one))
        coverage, count = self._coverage(query, best, texts)
        return Signals(max(scores, default=sentence), sentence, float(first[:3].mean()), coverage, min(count, _TERMS))

    def _sentence_vectors(self, _chunk_id: str, texts: tuple[str, ...]) -> Vectors:
        return self._embedder().embed_documents(texts)

    def _coverage(self, query: str, hits: Sequence[Hit], texts: Sequence[Sequence[str]]) -> tuple[float, int]:
        """The largest share of the question's terms, by rarity, in one sentence; and how many terms it has."""
        languages = sorted({*LANGUAGES, *(hit.language for hit in hits)}, key=str)
        best, count = 0.0, 0
        rarity: dict[str | None, dict[str, float]] = {}
        for hit, found in zip(hits, texts, strict=True):
            if hit.language not in rarity:
                asked = query_terms(query, languages, stems=[hit.language])
                rarity[hit.language] = self._rarity(asked)
                count = count or len(asked)
            weighed = rarity[hit.language]
            total = sum(weighed.values()) or 1.0
            for text in found:
                there = set(terms(text, hit.language))
                best = max(best, sum(weight for term, weight in weighed.items() if term in there) / total)
        return best, count

    def _rarity(self, asked: Sequence[str]) -> dict[str, float]:
        with self._ledger.reading() as connection:
            of = [build.id for build in builds.active(connection)]
            chunks, _ = postings.statistics(connection, of)
            found = postings.read(connection, of, asked)
        return {term: math.log(1 + chunks / (len(found.get(term, ())) + 0.5)) for term in asked}


def _questions(query: str) -> list[str]:
    """The questions of a message that says more than one of them."""
    found = [query[start:end] for start, end in sentences(query)]
    return [one for one in found if one.endswith("?")][:_QUESTIONS] if len(found) > 1 else []


def _sentences(hit: Hit) -> tuple[str, ...]:
    found = [hit.text[start:end][:_LONGEST] for start, end in sentences(hit.text) if end - start >= _SHORTEST]
    return tuple(found[:_SENTENCES])
