"""Sentences, shared words and the language of a text: what extracts, evidence and inferred citations compare.

Words are compared as the keyword index sees them (``ingest.ledger.terms``), stemmed in English and in French on both
sides, because a single sentence's language is too little to be sure of.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Language = Literal["en", "fr"]

LANGUAGES: tuple[Language, ...] = ("en", "fr")
_WORD = re.compile(r"[^\W\d_]+")
# A closing quotation mark belongs to the sentence; French puts a space before it.
_SENTENCE_END = re.compile(r"(?<=[.!?…])(?:[\"'”’)\]]|[ \u00a0\u202f]?»)*\s+(?=[^\s\da-z»])|(?<=[。！？])|\n+")


def guess_language(text: str) -> Language | None:
    """English or French by their stop words; ``None`` where neither leads."""
    words = [word.casefold() for word in _WORD.findall(text)]
    english, french = (sum(word in _stop_words(code) for word in words) for code in LANGUAGES)
    if english == french:
        return None
    return "en" if english > french else "fr"


def terms(text: str) -> frozenset[str]:
    """The terms to look for when ``text`` is a question or a statement: stems without stop words."""
    from ingest.ledger.terms import query_terms

    return frozenset(query_terms(text, LANGUAGES)) if text else frozenset()


def overlap(wanted: frozenset[str], text: str) -> float:
    """Share of the ``wanted`` terms that ``text`` holds, 0 to 1; 0 when nothing is wanted."""
    from ingest.ledger.terms import terms as terms_of

    if not wanted:
        return 0.0
    there = {term for code in LANGUAGES for term in terms_of(text, code)}
    starts = [term[:-1] for term in wanted if term.endswith("*")]  # a character of CJK stands for what begins with it
    started = sum(any(term.startswith(start) for term in there) for start in starts)
    return (len(wanted & there) + started) / len(wanted)


def sentences(text: str) -> list[tuple[int, int]]:
    """Half-open spans of the sentences of ``text``, blank ends left out. A line break ends a sentence, so a
    table's row or a list's item is one by itself."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        _append(spans, text, start, match.end())
        start = match.end()
    _append(spans, text, start, len(text))
    return spans


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        spans.append((start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())))


@lru_cache(maxsize=4)
def _stop_words(code: Language) -> frozenset[str]:
    import stop_words

    # "l'article" is cut at the apostrophe in ``_WORD``, so the list is too.
    return frozenset(part for word in stop_words.get_stop_words(code) for part in _WORD.findall(word))
