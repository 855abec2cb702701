"""Whether an answer says what the agent said, with the real embedder."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.schema import Embedder as Settings
from evaluation.simulate.agreement import Comparer, answer_passages
from evaluation.simulate.boilerplate import Boilerplate
from evaluation.simulate.grounding import groundedness
from ingest.embed import open_embedder

QUESTION = "How long do I have to send the jacket back? I bought it 12 days ago."
AGENT = "You can send it back within 30 days of delivery, as long as it is unworn."
RIGHT = "Anything bought from us can be sent back within thirty days of delivery, unworn and with its label."
OLD = "Anything bought from us can be sent back within 14 days of delivery, unworn and with its label."
ELSE = "The Leeds shop is in Briggate, two minutes from the station. It closes at 18:30."


@pytest.fixture(scope="module")
def comparer(model_cache: Path) -> Comparer:
    return Comparer(open_embedder(Settings(), model_cache))


def test_the_same_fact_in_other_words_agrees(comparer: Comparer) -> None:
    found = comparer.compare(QUESTION, AGENT, [ELSE, RIGHT])
    assert found.agrees
    assert found.facts == 1
    assert (found.reason, found.nearest) == ("agrees", 1)


def test_the_same_subject_with_another_amount_contradicts(comparer: Comparer) -> None:
    found = comparer.compare(QUESTION, AGENT, [ELSE, OLD])
    assert not found.agrees
    assert found.reason == "contradicts"
    assert found.conflicts == ("14 days, not 30 days",)
    assert found.nearest == 1


def test_another_subject_is_off_topic_even_with_the_same_amount(comparer: Comparer) -> None:
    found = comparer.compare(QUESTION, AGENT, ["Dry the tent for 30 days in the attic before winter storage of poles."])
    assert not found.agrees
    assert comparer.compare(QUESTION, AGENT, [ELSE]).reason == "off topic"


def test_what_the_customer_wrote_is_not_the_agents_fact(comparer: Comparer) -> None:
    echoed = "You bought it 12 days ago, so that is all right: you can send it back within 30 days of delivery."
    assert comparer.compare(QUESTION, echoed, [RIGHT]).facts == 1


def test_a_second_amount_beside_the_question_does_not_make_it_wrong(comparer: Comparer) -> None:
    more = f"{AGENT} As a small apology I have put £5 on your account."
    assert comparer.compare(QUESTION, more, [RIGHT]).agrees
    assert not comparer.compare(QUESTION, more, [OLD]).agrees


def test_one_of_two_amounts_in_a_sentence_that_differs_makes_it_wrong(comparer: Comparer) -> None:
    asked, agent = "How long does a canister burn?", "A canister of 230 g burns for 75 minutes at full flame."
    found = comparer.compare(asked, agent, ["A canister of 230 g burns for 60 minutes at full flame."])
    assert (found.agrees, found.reason, found.conflicts) == (False, "contradicts", ("60 minutes, not 75 minutes",))


def test_another_name_contradicts(comparer: Comparer) -> None:
    asked, agent = "Where do I send a torn jacket for repair?", "Repairs are done in our workshop in Hexham."
    assert comparer.compare(asked, agent, ["Repairs are done in our own workshop in Hexham, by four people."]).agrees
    found = comparer.compare(asked, agent, ["Repairs are done in our own workshop in Keswick, by four people."])
    assert (found.agrees, found.reason) == (False, "contradicts")


def test_without_facts_words_and_meaning_decide(comparer: Comparer) -> None:
    asked, agent = (
        "May I tumble dry the shell?",
        "Please hang it up to drip; gentle tumbling only wakes the coating up.",
    )
    near = "Hang the jacket up to drip. Gentle tumbling wakes the coating up again."
    assert comparer.compare(asked, agent, [near]).agrees
    assert not comparer.compare(asked, agent, [ELSE]).agrees


def test_nothing_to_compare_with_agrees_with_nothing(comparer: Comparer) -> None:
    assert not comparer.compare(QUESTION, AGENT, []).agrees
    assert not comparer.compare(QUESTION, AGENT, ["  "]).agrees


def test_phrases_go_and_canned_answers_stay() -> None:
    greetings, closing = "Hello, thank you for writing.", "Best regards, the team"
    pairs = [
        (f"{greetings} {'A refund takes 5 days.' if n % 2 else 'We repair tents in Hexham.'} {closing}",
         f"{'When is my refund there' if n % 2 else 'Do you repair my tent'}, number {n}? Thanks!")
        for n in range(40)
    ]  # fmt: skip
    phrases = Boilerplate(pairs, keep_facts=True)
    assert phrases.without(pairs[1][0]) == "A refund takes 5 days."
    assert phrases.without(pairs[2][0]) == "We repair tents in Hexham."
    assert phrases.empty(f"{greetings} {closing}")
    assert phrases.without(greetings) == greetings  # all of it, rather than nothing


def test_a_sentence_is_grounded_by_its_words_and_all_its_facts() -> None:
    source = "A gift card can be used for 24 months after it was bought. What is left stays on the card."
    assert groundedness("A gift card can be used for two years after it was bought.", [source]) == 1
    assert groundedness("A gift card can be used for 36 months after it was bought.", [source]) == 0
    assert groundedness("The card lasts 24 months. Our shop in Leeds repairs climbing ropes.", [source]) == 0.5
    assert groundedness("Yes.", [source]) is None


def test_a_written_answer_is_compared_a_few_sentences_at_a_time() -> None:
    assert answer_passages("One is here. Two is here. Three is here. Four is here.") == [
        "One is here. Two is here. Three is here.",
        "Four is here.",
    ]
