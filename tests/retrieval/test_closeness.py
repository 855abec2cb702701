"""Evidence by sentences: an answer is told from a passage that is only about the right thing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openshelf import Shelf
from retrieval.closeness import Closeness
from retrieval.evidence import calibrated_threshold, evidence, measure_for
from retrieval.hit import Hit
from tests.retrieval.hits import REPAIR, RETURNS, hit, why


@pytest.fixture
def measure(shelf: Shelf) -> Closeness:
    made = measure_for("all-MiniLM-L6-v2", shelf.ledger, shelf.embedders.current)
    assert isinstance(made, Closeness)
    return made


def near(text: str, name: str = "doc"):
    return hit(text, name, why=why(vector_score=0.55))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How long do I have to return worn shoes?", RETURNS),
        ("What does it cost to resole boots?", REPAIR),
        ("Where are boots resoled?", REPAIR),
    ],
)
def test_a_sentence_that_answers_is_evidence_enough(measure: Closeness, question: str, text: str) -> None:
    assert measure(question, [near(text)]) > calibrated_threshold("all-MiniLM-L6-v2")


def test_a_near_miss_has_less_evidence_than_an_answer(measure: Closeness) -> None:
    for answered, missed, text in (
        ("Can worn shoes be returned?", "Who makes the shoes?", RETURNS),
        ("How long does a repair take?", "Which glue is used for a repair?", REPAIR),
    ):
        assert measure(answered, [near(text)]) > measure(missed, [near(text)])


def test_where_the_answer_stands_among_the_first_hits_matters_little(measure: Closeness) -> None:
    asked = "What does it cost to resole boots?"
    alone = measure(asked, [near(REPAIR)])
    second = measure(asked, [near(RETURNS, "other"), near(REPAIR)])
    assert second > calibrated_threshold("all-MiniLM-L6-v2")
    assert second < alone


def test_nothing_to_read_is_no_evidence(measure: Closeness) -> None:
    assert measure("Can worn shoes be returned?", []) == 0.0
    assert measure("Can worn shoes be returned?", [near("")]) == 0.0


def test_without_a_vector_list_the_closest_sentence_stands_for_it(measure: Closeness) -> None:
    found = near(RETURNS)
    assert measure("Can worn shoes be returned?", [by_sentence(found)]) > calibrated_threshold("all-MiniLM-L6-v2")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text(min_size=1, max_size=60), texts=st.lists(st.text(max_size=120), max_size=4))
def test_any_text_has_an_evidence_from_0_to_1(measure: Closeness, question: str, texts: list[str]) -> None:
    hits = [near(text, f"d{place}") for place, text in enumerate(texts)]
    value = measure(question, hits)
    assert 0.0 <= value <= 1.0
    assert measure(question, hits) == value


def test_other_embedders_keep_the_plain_measure(shelf: Shelf) -> None:
    assert measure_for("text-embedding-3-small", shelf.ledger, shelf.embedders.current) is evidence


def test_a_ticket_has_the_evidence_of_its_clearest_question(measure: Closeness) -> None:
    asked = "What does it cost to resole boots?"
    around = (
        "Hello, I have been a customer of yours for twelve years and have never written before. Last weekend we walked "
        f"along the coast in the rain, and my sister took the dog. {asked} Thank you for your help, and kind regards."
    )
    found = hit(REPAIR, why=why(vector_score=0.2))  # what a search with the whole message would have given
    assert measure(around, [found]) == pytest.approx(measure(asked, [by_sentence(found)]))
    assert measure(around, [found]) > calibrated_threshold("all-MiniLM-L6-v2")
    unasked = around.replace(asked, "Who was the first king of France?")
    assert measure(unasked, [found]) < calibrated_threshold("all-MiniLM-L6-v2")


def by_sentence(found: Hit) -> Hit:
    return replace(found, why=replace(found.why, vector_rank=None, vector_score=None))
