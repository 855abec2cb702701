"""Answering in ``inject`` mode, against a real local Responses server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from configs.errors import AnswerError, ConfigError
from retrieval import prompt
from retrieval.answer import MAX_QUESTION, Answerer
from retrieval.events import Answer, Cited, Delta, Done, Event, Searching, Sources
from tests.retrieval.conftest import KEY, PRICES
from tests.retrieval.hits import RETURNS, Library
from tests.retrieval.server import Provider
from tests.retrieval.wire import MODEL, Says

Make = Callable[..., Answerer]
Ask = Callable[..., list[Event]]
QUESTION = "Can worn shoes be returned?"
GOOD = Says("Yes, worn shoes can be returned within 30 days [1]. You get the full price back [1].")


def sync_stream(answerer: Answerer, question: str, **options: Any) -> list[Event]:
    return list(answerer.stream(question, **options))


def async_stream(answerer: Answerer, question: str, **options: Any) -> list[Event]:
    async def collect() -> list[Event]:
        return [event async for event in answerer.astream(question, **options)]

    return asyncio.run(collect())


def sync_whole(answerer: Answerer, question: str, **options: Any) -> list[Event]:
    return [Done(answerer.answer(question, **options))]


def async_whole(answerer: Answerer, question: str, **options: Any) -> list[Event]:
    return [Done(asyncio.run(answerer.aanswer(question, **options)))]


STREAMS = pytest.mark.parametrize("ask", [sync_stream, async_stream])
EVERY_WAY = pytest.mark.parametrize("ask", [sync_stream, async_stream, sync_whole, async_whole])


def last(events: Sequence[Event]) -> Answer:
    done = events[-1]
    assert isinstance(done, Done)
    return done.answer


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


@EVERY_WAY
def test_an_answer_has_its_text_citations_usage_and_cost(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(GOOD)
    answer = last(ask(answerer(), QUESTION))
    assert str(answer) == answer.text == GOOD.text
    assert (answer.refused, answer.reason, answer.mode, answer.model) == (False, None, "inject", MODEL)
    assert (answer.usage.input, answer.usage.cached, answer.usage.output) == (100, 40, 20)
    price = PRICES["gpt-5-mini"]
    expected = (60 * price["input"] + 40 * price["cached_input"] + 20 * price["output"]) / 1e6
    assert answer.cost == pytest.approx(expected)
    assert answer.response_id == "resp_0001"
    assert answer.context_tokens == answer.contexts[0].tokens > 0
    for citation in answer.citations:
        assert answer.text[citation.position :].startswith(f"[{citation.number}]")
        assert citation.document_id == "returns"
        assert citation.chunk_id in {hit.chunk_id for hit in answer.hits}
        assert RETURNS[citation.start : citation.end] == citation.quote
    assert [citation.quote for citation in answer.citations] == [
        "Worn shoes can be returned within 30 days.",
        "We refund the full price to your card.",
    ]


@STREAMS
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_events_come_in_order_and_deltas_joined_are_the_text(
    ask: Ask, piece: int, answerer: Make, provider: Provider
) -> None:
    provider.script(Says(GOOD.text, piece=piece))
    events = ask(answerer(), QUESTION)
    assert [type(event) for event in events[:2]] == [Searching, Sources]
    assert text_of(events) == last(events).text == GOOD.text
    seen = ""
    for event in events[2:-1]:
        assert isinstance(event, Delta | Cited)
        if isinstance(event, Delta):
            seen += event.text
        else:
            assert seen[event.citation.position :].startswith("[1]")
    assert tuple(event.citation for event in events if isinstance(event, Cited)) == last(events).citations


def test_text_is_shown_while_the_model_still_writes(answerer: Make, provider: Provider) -> None:
    provider.script(GOOD)
    stream = answerer().stream(QUESTION)
    first = next(event for event in stream if isinstance(event, Delta))
    assert first.text
    assert first.text != GOOD.text
    assert text_of([first, *stream]) == GOOD.text


def test_the_request_holds_the_sources_as_data_and_nothing_else_of_them(answerer: Make, provider: Provider) -> None:
    provider.script(GOOD)
    answerer(instructions="Be kind.", max_output_tokens=77).answer(QUESTION)
    request = provider.requests[0]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["instructions"] == f"{prompt.INSTRUCTIONS}\n\nBe kind."
    sources, question = request.body["input"]
    assert (sources["role"], question) == ("user", {"role": "user", "content": QUESTION})
    assert "Worn shoes can be returned" in sources["content"]
    assert "Worn shoes" not in request.body["instructions"]
    assert (request.body["max_output_tokens"], request.body["store"]) == (77, False)
    assert "tools" not in request.body


@EVERY_WAY
@pytest.mark.parametrize("question", ["Which moon of Jupiter is largest?", "Quelle est la plus grande lune ?"])
def test_below_the_threshold_it_refuses_and_sends_nothing(
    ask: Ask, question: str, answerer: Make, provider: Provider
) -> None:
    answer = last(ask(answerer(), question))
    assert answer.refused
    assert answer.reason == "threshold"
    assert answer.text == prompt.REFUSALS["fr" if "Quelle" in question else "en"]
    assert (answer.model, answer.cost, answer.usage.input, provider.requests) == (None, 0.0, 0, [])


def test_the_threshold_is_the_owners_and_says_why_hits_were_left_out(answerer: Make, provider: Provider) -> None:
    events = list(answerer(no_answer_threshold=0.99).stream("Do shoes float on water?"))
    sources = next(event for event in events if isinstance(event, Sources))
    assert sources.hits
    assert not sources.context.sources
    assert {"no_answer_threshold" in dropped.reason for dropped in sources.context.dropped} == {True}


@EVERY_WAY
@pytest.mark.parametrize("text", ["[NO_ANSWER]", " [no_answer]\n"])
def test_a_model_that_finds_no_answer_refuses(ask: Ask, text: str, answerer: Make, provider: Provider) -> None:
    provider.script(Says(text, piece=4))
    answer = last(ask(answerer(), QUESTION))
    assert (answer.reason, answer.text) == ("no-answer", prompt.REFUSALS["en"])
    assert answer.cost


@EVERY_WAY
def test_a_model_that_declines_is_a_refusal_in_its_own_words(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Says("I cannot help with that.", refusal=True))
    answer = last(ask(answerer(), QUESTION))
    assert (answer.reason, answer.text, answer.citations) == ("declined", "I cannot help with that.", ())


@EVERY_WAY
def test_an_answer_cut_at_its_limit_says_so(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Says("Worn shoes can be", incomplete="max_output_tokens"))
    answer = last(ask(answerer(), QUESTION))
    assert (answer.text, answer.incomplete, answer.refused) == ("Worn shoes can be", "max_output_tokens", False)


@EVERY_WAY
def test_a_content_filter_is_a_refusal(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Says(incomplete="content_filter"))
    answer = last(ask(answerer(), QUESTION))
    assert (answer.reason, answer.incomplete) == ("content-filter", "content_filter")


@EVERY_WAY
def test_markers_that_the_model_left_out_are_inferred(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Says("Worn shoes can be returned within 30 days. The moon is made of green cheese."))
    answer = last(ask(answerer(), QUESTION))
    assert [(one.inferred, one.quote) for one in answer.citations] == [
        (True, "Worn shoes can be returned within 30 days.")
    ]


def test_a_comment_on_the_way_is_not_part_of_the_answer(answerer: Make, provider: Provider) -> None:
    commented = Says(GOOD.text, comment="Let me see.")
    provider.script(commented, commented)
    assert answerer().answer(QUESTION).text == GOOD.text
    assert last(list(answerer().stream(QUESTION))).text == GOOD.text


def test_usage_that_the_server_does_not_send_is_estimated(answerer: Make, provider: Provider) -> None:
    provider.script(Says(GOOD.text, tokens=None))
    answer = answerer().answer(QUESTION)
    assert answer.usage.input > 100
    assert answer.usage.output > 10
    assert answer.cost


def test_a_model_without_a_price_has_no_cost(answerer: Make, provider: Provider) -> None:
    provider.script(GOOD, GOOD)
    assert answerer(costs={"prices": {}}).answer(QUESTION).cost is None
    assert answerer(spending=False).answer(QUESTION).cost is None


def test_without_a_key_it_quotes_and_calls_nobody(answerer: Make, provider: Provider) -> None:
    answer = answerer(key=None).answer(QUESTION)
    assert (answer.mode, answer.model, answer.cost) == ("extractive", None, 0.0)
    assert "Worn shoes can be returned within 30 days." in answer.text
    assert answer.citations
    assert answerer(provider="extractive").answer(QUESTION).text == answer.text
    with pytest.raises(ConfigError, match=r"there is no key.*OPENAI_API_KEY"):
        answerer(key=None, provider="openai").answer(QUESTION)


def test_the_key_of_the_yaml_wins(answerer: Make, provider: Provider) -> None:
    provider.script(GOOD)
    answerer(api_key="sk-from-yaml").answer(QUESTION)
    assert provider.requests[0].headers["authorization"] == "Bearer sk-from-yaml"


def test_filters_groups_and_top_k_reach_the_search(answerer: Make, provider: Provider, library: Library) -> None:
    provider.script(GOOD)
    answerer().answer(QUESTION, filters={"source": "kb"}, groups={"staff"}, top_k=2)
    assert library.asked == [(QUESTION, {"top_k": 2, "filters": {"source": "kb"}, "groups": {"staff"}})]


@pytest.mark.parametrize(
    ("question", "options", "message"),
    [
        ("  \n", {}, "empty"),
        ("x" * (MAX_QUESTION + 1), {}, "longer than"),
        (QUESTION, {"conversation": "conv_1", "openai_conversation": "conv_2"}, "or with OpenAI's"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_first(
    question: str, options: dict[str, str], message: str, answerer: Make, provider: Provider
) -> None:
    with pytest.raises(AnswerError, match=message):
        answerer().answer(question, **options)


def test_a_conversation_needs_a_place_to_be_kept(answerer: Make) -> None:
    one = answerer()
    one.conversations = None
    with pytest.raises(AnswerError, match="not kept here"):
        one.answer(QUESTION, conversation="conv_1")


def test_many_threads_share_one_answerer(answerer: Make, provider: Provider) -> None:
    from concurrent.futures import ThreadPoolExecutor

    provider.script(*[GOOD] * 12)
    one = answerer()
    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(lambda _: one.answer(QUESTION).text, range(12)))
    assert set(texts) == {GOOD.text}


@EVERY_WAY
def test_a_question_with_half_a_character_is_asked_and_kept(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(GOOD)
    one = answerer()
    assert one.conversations is not None
    key = one.conversations.create().id
    assert last(ask(one, f"\ud800 {QUESTION}", conversation=key)).text == GOOD.text
    assert one.conversations.turns(key)[0].text.endswith(QUESTION)
