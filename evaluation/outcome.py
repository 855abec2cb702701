"""What evaluating gives: for each question what came back and how good it was; and the whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """One hit as a run keeps it.

    Attributes:
        start, end: span in the parsed document's text, in characters.
        tokens: of the hit's text, in tokens of cl100k_base.
        why: the hit's ``Why`` as a mapping (ranks, scores, matched words).
    """

    chunk_id: str
    source: str
    document: str
    title: str
    start: int
    end: int
    score: float
    tokens: int
    text: str
    why: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question's result.

    Attributes:
        case: the case's id.
        evidence: what decides a refusal (``retrieval.evidence``), -1 to 1.
        context: spans (source, document, start, end) of the text that a model would be given.
        context_tokens: tokens of that text, in the answering model's tokens.
        seconds: of the search, query embedding included.
        cost: money for the question (query embedding, and the answer where one was made).
        measures: by name (``recall@5``, ``ndcg@10``, ``span_recall`` ...), each 0 to 1 unless its name says otherwise;
            a measure that the case has no gold for is absent.
        error: why there is no result; then everything above is empty.
    """

    case: str
    hits: tuple[Found, ...] = ()
    evidence: float = -1.0
    context: tuple[tuple[str, str, int, int], ...] = ()
    context_tokens: int = 0
    seconds: float = 0.0
    cost: float = 0.0
    measures: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """An evaluation of one configuration on one gold set.

    Attributes:
        manifest: what it was made with: configuration and its fingerprints, gold's and shelf's hashes, versions, seed,
            machine, time. JSON values only, no secrets.
    """

    name: str
    manifest: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
