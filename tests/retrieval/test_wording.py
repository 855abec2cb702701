"""Sentences, shared words and evidence."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ledger.keywords import matched
from ingest.ledger.terms import query_terms
from retrieval.evidence import evidence
from retrieval.wording import guess_language, overlap, sentences, terms
from tests.retrieval.hits import hit, why


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("He paid 3.50 euros. It was e.g. cheap.", ["He paid 3.50 euros.", "It was e.g. cheap."]),
        ("« Bonjour. » Il part.", ["« Bonjour. »", "Il part."]),
        ("« Va. »\nil part", ["« Va. »", "il part"]),
        ("« Va. » dit-il. Il part.", ["« Va. » dit-il.", "Il part."]),
        ("“Stay.” She stays.", ["“Stay.”", "She stays."]),
        ("靴は返品できます。箱は不要です。", ["靴は返品できます。", "箱は不要です。"]),
        ("| a | 1 |\n| b | 2 |", ["| a | 1 |", "| b | 2 |"]),
        ("  \n\n ", []),
        ("no end", ["no end"]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == parts


@given(st.text(st.characters(exclude_categories=("Cs",))))
@settings(deadline=None)
def test_sentences_hold_every_character_that_is_not_blank_once(text: str) -> None:
    spans = sentences(text)
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert "".join("".join(text[slice(*span)].split()) for span in spans) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order?", "en"),
        ("Où est ma commande ?", "fr"),
        ("Est-ce que l'article est en stock ?", "fr"),
        ("GTX-3000", None),
        ("", None),
    ],
)
def test_the_language_of_a_question(text: str, language: str | None) -> None:
    assert guess_language(text) == language


def test_overlap_is_the_share_of_wanted_terms() -> None:
    wanted = terms("worn soap receipt")
    assert overlap(wanted, "A receipt for the SOAP.") == pytest.approx(2 / 3)
    assert overlap(wanted, "nothing here") == 0
    assert overlap(frozenset(), "shoes") == 0
    assert terms("") == frozenset()
    assert overlap(terms("Les chaussures usées"), "une chaussure usée") == 1


@given(st.text(max_size=60))
@settings(deadline=None)
def test_a_text_overlaps_itself_wholly_or_has_no_terms(text: str) -> None:
    wanted = terms(text)
    assert overlap(wanted, text) == (1.0 if wanted else 0.0)


@pytest.mark.parametrize(
    ("score", "words", "expected"),
    [
        (0.7, (), 0.7),
        (0.1, ("worn", "shoe", "receipt"), 1.0),
        (0.1, ("worn", "shoe"), 4 / 9),
        (None, ("worn",), 1 / 9),
        (None, (), 0.0),
        (-0.2, (), 0.0),
    ],
)
def test_evidence_is_the_cosine_or_the_share_of_words_squared(
    score: float | None, words: tuple[str, ...], expected: float
) -> None:
    found = hit("text", why=why(vector_score=score, matched=words))
    assert evidence("worn shoes receipt", [found]) == pytest.approx(expected)


def test_evidence_is_that_of_the_best_hit_and_none_without_hits() -> None:
    hits = [hit("a", why=why(vector_score=0.2)), hit("b", why=why(vector_score=0.5)), hit("c", why=why(vector_score=0))]
    assert evidence("anything", hits) == 0.5
    assert evidence("anything", []) == -1
    assert evidence("?", [hit("a", why=why(vector_score=-0.5))]) == 0.0


@pytest.mark.parametrize("query", ["GTX-3000", "靴", "靴の箱", "Can worn shoes be returned?", "l'article en stock"])
def test_a_text_that_holds_every_word_is_full_evidence(query: str) -> None:
    found = hit(
        query, why=why(vector_score=0.0, matched=matched(query_terms(query, ["en", "fr"], stems=["en"]), query, "en"))
    )
    assert evidence(query, [found]) == 1.0
