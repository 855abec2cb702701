"""How much of an answer its citations support."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evaluation.simulate.facts import facts, without
from retrieval.citations import without_markers
from retrieval.events import Answer
from retrieval.wording import overlap, sentences, terms

SUPPORTED: Final = 0.5
_FEW = 3
"""Sentences with fewer terms ("Yes.", "I hope this helps.") claim nothing that could be checked."""


def groundedness(statements: str, sources: Sequence[str]) -> float | None:
    """Share of the sentences of ``statements`` that one of ``sources`` supports: it holds at least half of the
    sentence's terms and every fact (amount, date, code) of it. ``None`` where no sentence claims anything."""
    claims = [statements[slice(*span)] for span in sentences(statements)]
    claims = [claim for claim in claims if len(terms(claim)) >= _FEW or facts(claim)]
    if not claims:
        return None
    return sum(any(_supports(source, claim) for source in sources) for claim in claims) / len(claims)


def statements_of(answer: Answer) -> str:
    """What an answer claims: its text without markers, and without the line that says how it was made."""
    text = without_markers(answer.text)
    return text.partition("\n\n")[2] if answer.mode == "extractive" else text


def cited_texts(answer: Answer) -> list[str]:
    """The whole text of every source that the answer cites."""
    numbers = {citation.number for citation in answer.citations}
    return [
        f"{source.header or ''}\n{source.text}"
        for context in answer.contexts
        for source in context.sources
        if source.number in numbers
    ]


def _supports(source: str, claim: str) -> bool:
    return overlap(terms(claim), source) >= SUPPORTED and not without(facts(claim), facts(source))
