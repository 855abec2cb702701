"""``tool`` mode: the model searches by itself, and what it may decide is bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retrieval import prompt
from retrieval.events import Delta, Searching, Sources
from tests.retrieval.conftest import count_tokens
from tests.retrieval.hits import Library
from tests.retrieval.server import Provider
from tests.retrieval.test_answer import EVERY_WAY, QUESTION, STREAMS, Ask, Make, last, text_of
from tests.retrieval.wire import Says, search

ANSWER = Says("Worn shoes can be returned within 30 days [1].")


def outputs(body: dict[str, Any]) -> dict[str, str]:
    """What the functions gave back, by call."""
    return {item["call_id"]: item["output"] for item in body["input"] if item.get("type") == "function_call_output"}


@EVERY_WAY
def test_the_model_searches_then_answers(ask: Ask, answerer: Make, provider: Provider, library: Library) -> None:
    provider.script(Says(calls=(search("return worn shoes"),), comment="I look it up."), ANSWER)
    answer = last(ask(answerer(mode="tool"), QUESTION))
    assert (answer.text, answer.mode, answer.refused) == (ANSWER.text, "tool", False)
    assert [citation.document_id for citation in answer.citations] == ["returns"]
    assert (answer.usage.input, answer.usage.cached, answer.usage.output) == (200, 80, 40)
    assert [query for query, _ in library.asked] == ["return worn shoes"]
    first, second = (request.body for request in provider.requests)
    assert (first["tool_choice"], second["tool_choice"]) == ("required", "auto")
    assert first["tools"] == [prompt.search_tool()]
    assert first["input"] == [{"role": "user", "content": QUESTION}]
    assert "Worn shoes can be returned" in outputs(second)["call_1_0"]
    assert "Worn shoes" not in second["instructions"]
    assert [item["type"] for item in second["input"] if "type" in item] == [
        "message",
        "function_call",
        "function_call_output",
    ]


@STREAMS
def test_events_of_a_search_come_before_the_text_and_comments_are_not_shown(
    ask: Ask, answerer: Make, provider: Provider
) -> None:
    provider.script(Says(calls=(search("worn shoes"),), comment="I look it up."), ANSWER)
    events = ask(answerer(mode="tool"), QUESTION)
    assert [type(event) for event in events[:3]] == [Searching, Sources, Delta]
    assert text_of(events) == last(events).text == ANSWER.text


@EVERY_WAY
def test_the_loop_ends_although_the_model_never_stops_searching(
    ask: Ask, answerer: Make, provider: Provider, library: Library
) -> None:
    greedy = Says(calls=(search("worn shoes"),))
    provider.script(greedy, Says(calls=(search("repair boots"),)), Says("Shoes [1], boots [2].", calls=greedy.calls))
    answer = last(ask(answerer(mode="tool", max_searches=2), QUESTION))
    assert answer.text == "Shoes [1], boots [2]."
    assert [request.body["tool_choice"] for request in provider.requests] == ["required", "auto", "none"]
    assert len(library.asked) == 2
    assert outputs(provider.requests[2].body)["call_2_0"].endswith(prompt.SEARCHES_SPENT)


def test_calls_beyond_the_bound_in_one_response_are_not_made(
    answerer: Make, provider: Provider, library: Library
) -> None:
    many = tuple(search(f"shoes {number}") for number in range(5))
    provider.script(Says(calls=many), ANSWER)
    answerer(mode="tool", max_searches=2).answer(QUESTION)
    assert len(library.asked) == 2
    given = outputs(provider.requests[1].body)
    assert len(given) == 5
    assert list(given.values())[2:] == [prompt.SEARCHES_SPENT] * 3


@EVERY_WAY
def test_nothing_found_is_a_refusal_and_the_models_own_words_are_not_shown(
    ask: Ask, answerer: Make, provider: Provider
) -> None:
    provider.script(Says(calls=(search("moons of Jupiter"),)), Says("Ganymede, I happen to know."))
    events = ask(answerer(mode="tool"), "Which moon of Jupiter is largest?")
    answer = last(events)
    assert (answer.refused, answer.reason, answer.text) == (True, "threshold", prompt.REFUSALS["en"])
    assert "Ganymede" not in text_of(events)
    assert outputs(provider.requests[1].body)["call_1_0"] == prompt.NO_RESULTS


def test_when_every_search_found_nothing_no_last_call_is_made(answerer: Make, provider: Provider) -> None:
    provider.script(Says(calls=(search("moons"),)), Says(calls=(search("planets"),)))
    answer = answerer(mode="tool", max_searches=2).answer("Which moon of Jupiter is largest?")
    assert answer.reason == "threshold"


def test_a_model_that_does_not_search_has_no_answer(answerer: Make, provider: Provider) -> None:
    provider.script(Says("Shoes? Sure!"))
    answer = answerer(mode="tool").answer(QUESTION)
    assert (answer.reason, answer.text) == ("no-answer", prompt.REFUSALS["en"])


def test_filters_and_groups_are_never_the_models(answerer: Make, provider: Provider, library: Library) -> None:
    greedy = search("worn shoes", filters={"source": "secret"}, groups=["board"], top_k=50, max_results=3)
    provider.script(Says(calls=(greedy,)), ANSWER)
    answerer(mode="tool").answer(QUESTION, filters={"source": "kb"}, groups={"staff"})
    assert library.asked == [("worn shoes", {"top_k": 3, "filters": {"source": "kb"}, "groups": {"staff"}})]
    assert set(prompt.search_tool()["parameters"]["properties"]) == {"query", "max_results"}


@pytest.mark.parametrize(
    ("wanted", "own", "expected"),
    [
        (3, None, 3),
        (500, None, prompt.MAX_RESULTS),
        (7, 5, 5),
        (None, 5, 5),
        (0, 5, 5),
        (True, None, None),
        ("9", 4, 4),
    ],
)
def test_the_model_gets_no_more_results_than_its_caller_allows(
    wanted: Any, own: int | None, expected: int | None, answerer: Make, provider: Provider, library: Library
) -> None:
    provider.script(Says(calls=(search("worn shoes", max_results=wanted),)), ANSWER)
    answerer(mode="tool").answer(QUESTION, top_k=own)
    assert library.asked[0][1]["top_k"] == expected


@EVERY_WAY
@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("delete_everything", "{}"), "There is no function 'delete_everything'; use search_knowledge."),
        (("x" * 500, "{}"), f"There is no function '{'x' * 64}'"),
        (("search_knowledge", "{query: shoes"), "The arguments are not JSON"),
        (("search_knowledge", '["shoes"]'), "query must be a text"),
        (("search_knowledge", '{"query": 5}'), "query must be a text"),
        (("search_knowledge", '{"query": "  "}'), "query must be a text"),
    ],
    ids=["unknown", "long name", "no json", "a list", "a number", "blank"],
)
def test_a_bad_call_is_told_to_the_model_and_costs_a_turn_of_the_loop(
    ask: Ask, call: tuple[str, str], told: str, answerer: Make, provider: Provider, library: Library
) -> None:
    provider.script(Says(calls=(call,)), Says(calls=(search("worn shoes"),)), ANSWER)
    answer = last(ask(answerer(mode="tool"), QUESTION))
    assert answer.text == ANSWER.text
    assert outputs(provider.requests[1].body)["call_1_0"].startswith(told)
    assert [query for query, _ in library.asked] == ["worn shoes"]


def test_a_query_of_any_length_is_cut(answerer: Make, provider: Provider, library: Library) -> None:
    provider.script(Says(calls=(search("shoes " * 2000),)), ANSWER)
    answerer(mode="tool").answer(QUESTION)
    assert len(library.asked[0][0]) <= prompt.MAX_QUERY


def test_the_same_passage_is_not_sent_twice_and_numbers_go_on(answerer: Make, provider: Provider) -> None:
    provider.script(
        Says(calls=(search("worn shoes"),)),
        Says(calls=(search("shoes worn returned"),)),
        Says(calls=(search("repair of boots"),)),
        Says("Shoes [1], boots [2]."),
    )
    answer = answerer(mode="tool").answer(QUESTION)
    given = outputs(provider.requests[3].body)
    assert given["call_2_0"] == prompt.ALREADY_SENT
    assert "<<<source 2 " in given["call_3_0"]
    assert [(one.number, one.document_id) for one in answer.citations] == [(1, "returns"), (2, "repair")]


def test_all_searches_together_stay_within_the_budget(answerer: Make, provider: Provider, library: Library) -> None:
    long = " ".join(f"Paragraph {n} tells of shoes, laces and soles." for n in range(200))
    library.documents = {"long": long, "other": f"{long} And more.", "third": f"{long} Again."}
    provider.script(*[Says(calls=(search("shoes laces"),))] * 3, Says("Shoes [1]."))
    answer = answerer(mode="tool", budget=400).answer("shoes and laces")
    assert 0 < answer.context_tokens == sum(context.tokens for context in answer.contexts) <= 400
    assert all(count_tokens(context.text) == context.tokens for context in answer.contexts)


@EVERY_WAY
def test_a_conversation_that_openai_keeps_gets_only_what_is_new(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Says(calls=(search("moons"),)), Says(calls=(search("planets"),)), Says("I do not know."))
    answer = last(ask(answerer(mode="tool", max_searches=2), "Which moon?", openai_conversation="conv_abc"))
    assert answer.reason == "threshold"
    assert (answer.conversation, answer.history) == ("conv_abc", "provider")
    bodies = [request.body for request in provider.requests]
    assert [body["conversation"] for body in bodies] == ["conv_abc"] * 3
    # Every call that the conversation holds got its output, the last one too.
    assert [list(outputs(body)) for body in bodies] == [[], ["call_1_0"], ["call_2_0"]]
    assert len(bodies[1]["input"]) == len(bodies[2]["input"]) == 1


def test_the_mode_of_one_question_wins(answerer: Make, provider: Provider) -> None:
    provider.script(ANSWER)
    assert answerer(mode="tool").answer(QUESTION, mode="inject").mode == "inject"
    assert json.dumps(provider.requests[0].body).count("search_knowledge") == 0
