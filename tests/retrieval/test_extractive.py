"""Extractive answers: the best passages word for word, and a label that says what they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.schema import Context
from retrieval.citations import Piece
from retrieval.context import ContextBlock, build_context
from retrieval.extractive import LABELS, PASSAGES, extract, language_of, passages
from retrieval.hit import Hit
from tests.retrieval.conftest import count_tokens
from tests.retrieval.hits import REPAIR, RETURNS, SIZES, hit, source

QUESTION = "Can worn shoes be returned?"


def context(*hits: Hit) -> ContextBlock:
    return build_context(hits, Context(budget=4000), count_tokens)


def shown(question: str, block: ContextBlock) -> str:
    return "".join(piece.text for piece in extract(question, block))


def test_the_best_passage_is_quoted_with_its_citation_and_a_label() -> None:
    block = context(hit(RETURNS, "returns"), hit(REPAIR, "repair", score=0.4))
    pieces = list(extract(QUESTION, block))
    text = "".join(piece.text for piece in pieces)
    assert pieces[0] == Piece(LABELS["en"])
    assert text == f"{LABELS['en']}\n\n“Worn shoes can be returned within 30 days.” [1]"
    (citation,) = pieces[1].citations
    assert text[citation.position :] == "[1]"
    assert RETURNS[citation.start : citation.end] == citation.quote == "Worn shoes can be returned within 30 days."
    assert (citation.document_id, citation.inferred) == ("returns", False)


def test_at_most_three_sources_speak_best_first() -> None:
    hits = [hit(f"Shoe number {n} is worn.", f"d{n}", score=n / 10) for n in range(6)]
    found = passages("worn shoes", context(*hits))
    assert len(found) == PASSAGES
    assert [passage.source.best.document_id for passage in found] == ["d5", "d4", "d3"]


def test_without_a_shared_word_the_best_hit_speaks() -> None:
    block = context(hit(SIZES, "sizes"), hit(REPAIR, "repair", score=0.4))
    assert [passage.source.best.document_id for passage in passages("Chaussures usées ?", block)] == ["sizes"]
    assert passages(QUESTION, ContextBlock("", (), 0, 0, (), ())) == []


@pytest.mark.parametrize(
    ("question", "language", "label"),
    [
        ("Can I return shoes?", "fr", "en"),
        ("Puis-je rendre les chaussures ?", "en", "fr"),
        ("GTX-3000", "fr-CA", "fr"),
        ("GTX-3000", None, "en"),
    ],
)
def test_the_label_speaks_the_questions_language(question: str, language: str | None, label: str) -> None:
    assert language_of(question, context(hit("GTX-3000", language=language))) == label
    assert language_of("GTX-3000") == "en"


TABLE = "| name | price | stock |\n| Lark boot | 90 | 3 |\n| Finch tent | 200 | 0 |"


def test_a_row_is_quoted_with_the_names_of_its_columns() -> None:
    block = context(hit(TABLE, "table"))
    assert "“name: Finch tent; price: 200; stock: 0” [1]" in shown("price of the Finch tent", block)
    rows = hit("| name | price |\n| Lark boot | 90 |", "rows", header="| name | price |", start=40, end=56)
    assert "“name: Lark boot; price: 90” [1]" in shown("Lark boot", context(rows))


def test_a_row_that_does_not_fit_its_header_is_quoted_as_cells() -> None:
    odd = hit("| name | price |\n| Lark boot | 90 | red |")
    assert "“Lark boot · 90 · red” [1]" in shown("Lark boot", context(odd))


def test_the_names_of_the_columns_are_no_answer() -> None:
    assert "“name: Lark boot; price: 90; stock: 3” [1]" in shown("name, price and stock", context(hit(TABLE)))
    assert "“name · price” [1]" in shown("price name", context(hit("| name | price |")))


def test_a_record_is_quoted_from_its_name_on() -> None:
    record = "Name: Lark boot\nPrice: 90\nColour: red\nSole: rubber"
    assert "“Name: Lark boot; Price: 90; Colour: red; Sole: rubber” [1]" in shown("which colour", context(hit(record)))
    long = "Name: Lark boot\n" + "\n".join(f"Field {n}: {'x' * 100}" for n in range(20)) + "\nColour: red and blue"
    assert "“Colour: red and blue” [1]" in shown("which colour", context(hit(long)))


def test_a_question_in_the_text_takes_its_answer_along() -> None:
    faq = "Can worn shoes be returned? Yes, in the first thirty days. Call us. We are open."
    assert "“Can worn shoes be returned? Yes, in the first thirty days.” [1]" in shown(QUESTION, context(hit(faq)))


def test_neighbours_that_share_a_word_come_along() -> None:
    text = "Bring the receipt along. Worn shoes need a receipt for a return. Lamps are bright all night long."
    assert "“Bring the receipt along. Worn shoes need a receipt for a return.” [1]" in shown(
        "receipt for return of worn shoes", context(hit(text))
    )


WORDS = st.sampled_from(["shoes", "worn", "|", "receipt", ".", "\n", ":", "?", " ", "Price: 5", "é", "靴。", "\t"])


@given(st.lists(st.lists(WORDS, min_size=1, max_size=40).map(" ".join), min_size=1, max_size=4))
@settings(deadline=None, max_examples=60)
def test_every_citation_quotes_its_document_word_for_word(texts: list[str]) -> None:
    texts = [f"{n}. {text}" for n, text in enumerate(texts)]
    block = context(*(hit(text, str(n), score=1 - n / 10) for n, text in enumerate(texts)))
    text, citations = "", []
    for piece in extract("worn shoes: price and receipt?", block):
        text += piece.text
        citations += piece.citations
    assert citations
    for citation in citations:
        assert text[citation.position :].startswith(f"[{citation.number}]")
        assert texts[int(citation.document_id)][citation.start : citation.end] == citation.quote
        assert citation.quote.strip()
    for passage in passages("worn shoes", block):
        assert len(passage.shown) <= 700 or len(passage.source.text) > 600


def test_a_long_passage_does_not_grow() -> None:
    text = f"{'word ' * 110}shoes. {'Shoes ' * 30}end."
    (passage,) = passages("shoes", ContextBlock("", (source(1, text),), 0, 0, (), ()))
    assert 500 < passage.end - passage.start <= 600
