"""Conversations: kept, resumed, trimmed, summarised, deleted; and never a document's text in their history."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import schema
from configs.errors import RetrievalError
from ingest.ledger import Ledger
from retrieval.conversations import QUOTED, Conversations, History, Turn, search_query, transcript
from retrieval.events import Answer
from retrieval.prompt import SUMMARY_INSTRUCTIONS
from tests.retrieval.conftest import count_tokens
from tests.retrieval.hits import RETURNS, Library
from tests.retrieval.server import Provider, Refuses
from tests.retrieval.test_answer import EVERY_WAY, GOOD, QUESTION, Ask, Make, last
from tests.retrieval.test_failing_calls import fail, spent
from tests.retrieval.wire import Says


@pytest.fixture
def kept(ledger: Ledger) -> Conversations:
    return Conversations(ledger.engine, schema.Conversations(), count_tokens)


def with_budget(kept: Conversations, budget: int, strategy: str = "trim") -> Conversations:
    settings = schema.Conversations.model_construct(budget=budget, strategy=strategy)  # type: ignore[arg-type]
    return Conversations(kept._engine, settings, count_tokens)


def test_a_conversation_is_kept_with_its_citations_and_named_by_its_first_question(
    answerer: Make, provider: Provider
) -> None:
    provider.script(GOOD)
    one = answerer()
    assert one.conversations is not None
    key = one.conversations.create().id
    answer = one.answer(QUESTION, conversation=key)
    question, reply = one.conversations.turns(key)
    assert (question.role, question.text, question.ordinal) == ("user", QUESTION, 1)
    assert (reply.role, reply.text, reply.ordinal) == ("assistant", answer.text, 2)
    assert reply.citations == answer.citations
    assert not reply.extractive
    conversation = one.conversations.get(key)
    assert (conversation.title, conversation.turns) == (QUESTION, 2)
    assert answer.conversation == key


def test_the_latest_used_comes_first_and_a_given_title_stays(kept: Conversations) -> None:
    first, second = kept.create("Shoes"), kept.create()
    kept.add(first.id, "one\n two", Answer("yes"))
    kept.add(second.id, "x" * 100, Answer("yes"))
    kept.add(first.id, "three", Answer("no"))
    assert [(one.id, one.title, one.turns) for one in kept.list()] == [
        (first.id, "Shoes", 4),
        (second.id, "x" * 80, 2),
    ]
    assert [one.id for one in kept.list(limit=1)] == [first.id]


def test_a_deleted_conversation_is_gone_with_its_turns(kept: Conversations, ledger: Ledger) -> None:
    from sqlalchemy import func, select

    from ingest.ledger.tables import turns

    key = kept.create().id
    kept.add(key, "one", Answer("yes"))
    kept.delete(key)
    with ledger.reading() as connection:
        assert connection.execute(select(func.count()).select_from(turns)).scalar_one() == 0
    for missing in (kept.get, kept.turns, kept.history, kept.delete):
        with pytest.raises(RetrievalError, match="There is no conversation"):
            missing(key)
    with pytest.raises(RetrievalError, match="There is no conversation"):
        kept.add(key, "one", Answer("yes"))


@EVERY_WAY
def test_the_next_question_carries_the_history_but_no_document_text(
    ask: Ask, answerer: Make, provider: Provider
) -> None:
    provider.script(GOOD, Says("With the receipt [1]."))
    one = answerer()
    assert one.conversations is not None
    key = one.conversations.create().id
    assert last(ask(one, QUESTION, conversation=key)).history == "none"
    answer = last(ask(one, "And where do I bring the receipt?", conversation=key))
    assert answer.history == "full"
    earlier = provider.requests[1].body["input"][:2]
    assert earlier == [
        {"role": "user", "content": QUESTION},
        {
            "role": "assistant",
            "content": "Yes, worn shoes can be returned within 30 days. You get the full price back.",
        },
    ]
    assert provider.requests[1].body["input"][-1]["content"] == "And where do I bring the receipt?"
    sources = [item for item in provider.requests[1].body["input"] if "Sources:" in item["content"]]
    assert len(sources) == 1  # of this question only


def test_a_follow_up_is_searched_with_the_question_before_it(
    answerer: Make, provider: Provider, library: Library
) -> None:
    provider.script(GOOD, GOOD)
    one = answerer()
    assert one.conversations is not None
    key = one.conversations.create().id
    one.answer(QUESTION, conversation=key)
    one.answer("And the box?", conversation=key)
    assert [query for query, _ in library.asked] == [QUESTION, f"{QUESTION} And the box?"]


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("And the box?", True),
        ("How much does it cost to send a parcel?", True),
        ("Et les bottes de randonnée en cuir véritable de Lyon ?", True),
        ("Which hiking boots have rubber soles and waterproof leather?", False),
        ("What about delivery times for hiking boots to northern Scotland?", True),
        ("Price?", True),
    ],
)
def test_what_counts_as_a_follow_up(question: str, leans: bool) -> None:
    assert search_query(question, "Before?") == (f"Before? {question}" if leans else question)
    assert search_query(question, None) == question


def test_an_extract_is_not_history(answerer: Make) -> None:
    one = answerer(key=None)
    assert one.conversations is not None
    key = one.conversations.create().id
    assert "30 days" in one.answer(QUESTION, conversation=key).text
    one.answer("Which moons circle the planets Jupiter, Saturn and Neptune?", conversation=key)
    items = one.conversations.history(key).items
    assert [item["content"] for item in items][1] == QUOTED
    assert not any(sentence in str(items) for sentence in RETURNS.split(". "))
    assert "no answer" in items[3]["content"]  # a refusal holds no document text: it stays
    assert one.conversations.turns(key)[1].extractive


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=12), st.integers(16, 300))
@settings(deadline=None)
def test_history_keeps_the_newest_whole_turns_that_fit(sizes: list[tuple[int, int]], budget: int) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    from ingest.ledger.tables import metadata

    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    settings = schema.Conversations.model_construct(budget=budget, strategy="trim")
    kept = Conversations(engine, settings, lambda text: len(text.split()))
    key = kept.create().id
    for question, answer in sizes:
        kept.add(key, "q " * question, Answer("a " * answer))
    history = kept.history(key)
    sent = [item["content"] for item in history.items]
    every = [text for question, answer in sizes for text in ("q " * question, "a " * answer)]
    assert sent == every[len(every) - len(sent) :]
    assert len(sent) % 2 == 0
    assert sum(len(text.split()) + 4 for text in sent) <= budget
    assert [turn.text for turn in history.overflow] == every[: len(every) - len(sent)]
    if history.overflow:  # one more pair would not have fitted
        pair = every[len(every) - len(sent) - 2 : len(every) - len(sent)]
        assert sum(len(text.split()) + 4 for text in [*pair, *sent]) > budget
    assert history.last_question == (every[-2] if every else None)
    engine.dispose()


def long_talk(kept: Conversations, turns: int = 6) -> str:
    key = kept.create().id
    for n in range(turns):
        kept.add(key, f"Question {n}: " + "shoes and boots " * 8, Answer(f"Answer {n}: " + "laces and soles " * 8))
    return key


def test_turns_that_do_not_fit_are_left_out(answerer: Make, provider: Provider) -> None:
    provider.script(GOOD)
    one = answerer(history={"budget": 100})
    assert one.conversations is not None
    key = long_talk(one.conversations)
    answer = one.answer(QUESTION, conversation=key)
    assert answer.history == "trimmed"
    contents = [item["content"] for item in provider.requests[0].body["input"]]
    assert "Question 5" in contents[0]
    assert not any("Question 4" in content for content in contents)


@EVERY_WAY
def test_turns_that_do_not_fit_are_summarised_once(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Says("They talked of shoes."), GOOD)
    one = answerer(history={"budget": 150, "strategy": "summarise"}, store=True)
    assert one.conversations is not None
    key = long_talk(one.conversations)
    answer = last(ask(one, QUESTION, conversation=key))
    assert (answer.text, answer.history) == (GOOD.text, "summarised")
    assert (answer.usage.input, len(provider.requests)) == (200, 2)  # the summary's call is part of the bill
    summarising, asking = (request.body for request in provider.requests)
    assert summarising["instructions"] == SUMMARY_INSTRUCTIONS
    assert (summarising["store"], asking["store"]) == (False, True)
    (told,) = summarising["input"]
    assert "Question 0" in told["content"]
    assert "Question 5" not in told["content"]
    first, *rest = [item["content"] for item in asking["input"]]
    assert first == "Earlier in this conversation (a summary):\nThey talked of shoes."
    assert "Question 5" in rest[0]
    assert not any("Question 0" in content for content in rest)
    assert one.conversations.get(key).summary == "They talked of shoes."


def test_a_summary_is_used_again_and_grows_with_what_follows(answerer: Make, provider: Provider) -> None:
    one = answerer(history={"budget": 150, "strategy": "summarise"})
    assert one.conversations is not None
    key = long_talk(one.conversations)
    overflow = one.conversations.history(key).overflow
    one.conversations.save_summary(key, "Shoes.", overflow[-1].ordinal)
    history = one.conversations.history(key)
    assert (history.overflow, history.summary) == ((), "Shoes.")
    provider.script(GOOD)
    assert one.answer(QUESTION, conversation=key).history == "summarised"
    long = "Question 6: " + "shoes " * 60
    one.conversations.add(key, long, Answer("laces " * 60))
    history = one.conversations.history(key)
    assert history.overflow
    assert history.overflow[0].ordinal == overflow[-1].ordinal + 1
    assert transcript(history).startswith("Summary so far: Shoes.\n\nuser: Question 5")


def test_an_older_summary_never_replaces_a_newer(kept: Conversations) -> None:
    key = long_talk(kept)
    kept.save_summary(key, "newer", 8)
    kept.save_summary(key, "older", 6)
    assert kept.get(key).summary == "newer"


def test_a_summary_that_fails_fails_the_question_and_costs_nothing(answerer: Make, provider: Provider) -> None:
    provider.script(Refuses(500))
    one = answerer(history={"budget": 150, "strategy": "summarise"})
    assert one.conversations is not None
    key = long_talk(one.conversations)
    fail(lambda *args, **options: [one.answer(*args[1:], **options)], one, conversation=key)  # type: ignore[list-item]
    assert spent(one) == 0
    assert len(one.conversations.turns(key)) == 12


@pytest.mark.parametrize(("budget", "tokens"), [(16, 32), (400, 100), (100_000, 400)])
def test_a_summary_gets_a_quarter_of_the_budget(kept: Conversations, budget: int, tokens: int) -> None:
    assert with_budget(kept, budget).summary_tokens == tokens


def test_openais_conversation_carries_its_own_history(answerer: Make, provider: Provider) -> None:
    provider.script(GOOD)
    answer = answerer().answer(QUESTION, openai_conversation="conv_abc")
    assert (answer.history, answer.conversation) == ("provider", "conv_abc")
    assert provider.requests[0].body["conversation"] == "conv_abc"
    assert len(provider.requests[0].body["input"]) == 2


def test_turns_added_by_many_threads_keep_question_and_answer_together(kept: Conversations) -> None:
    key = kept.create().id
    start = threading.Barrier(4)

    def add(number: int) -> None:
        if number < 4:
            start.wait()
        kept.add(key, f"q{number}", Answer(f"a{number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(16)))
    turns = kept.turns(key)
    assert [turn.ordinal for turn in turns] == list(range(1, 33))
    for question, answer in zip(turns[::2], turns[1::2], strict=True):
        assert answer.text == question.text.replace("q", "a")


def test_a_transcript_says_who_spoke() -> None:
    turns = (Turn(1, "user", "Why?", 0.0), Turn(2, "assistant", "Because [1].", 0.0))
    assert transcript(History((), turns, None, None)) == "user: Why?\n\nassistant: Because."
