"""File search through the official client: what comes back, what the model is given, who decides what is searched."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import OpenAI

from openshelf.server.contract import Ranking
from tests.retrieval.wire import Says
from tests.server.responses.conftest import Serve
from tests.server.responses.house import STORE, House
from tests.server.responses.provider import Provider
from tests.server.responses.saying import QUESTION, TOOL, WASHED, finds, given, stream


def test_a_search_and_a_message_with_citations(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says(f"You can do it. {WASHED} [1]. Then pack it."))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    call, message = response.output
    assert (call.type, call.status, call.queries, call.results) == (
        "file_search_call",
        "completed",
        ["wash the tent"],
        None,
    )  # type: ignore[union-attr]
    text = f"You can do it. {WASHED}. Then pack it."
    assert response.output_text == text
    (citation,) = message.content[0].annotations  # type: ignore[union-attr]
    assert citation.type == "file_citation"
    assert citation.filename.startswith("tent-wash-")
    assert citation.file_id == f"file-{citation.filename}"
    assert citation.index == text.index(". Then pack")
    extra = citation.model_extra["openshelf"]
    assert extra["vector_store_id"] == STORE
    assert extra["document_id"] == citation.filename
    assert not extra["inferred"]


def test_the_span_of_a_citation_is_in_the_cited_chunk(client: OpenAI, provider: Provider, house: House) -> None:
    provider.script(finds("wash the tent"), Says(f"{WASHED} [1]."))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    extra = response.output[1].content[0].annotations[0].model_extra["openshelf"]  # type: ignore[union-attr]
    (hit,) = [hit for hit in house.search.shelf.search("wash the tent", top_k=50) if hit.chunk_id == extra["chunk_id"]]
    assert hit.document_id == extra["document_id"]
    assert WASHED in hit.text[extra["start"] - hit.start : extra["end"] - hit.start]


def test_a_sentence_without_marker_is_tied_to_its_source_by_its_words(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says(f"Sure! {WASHED}."))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    (citation,) = response.output[1].content[0].annotations  # type: ignore[union-attr]
    assert citation.filename.endswith(("wash-1.md", "wash-2.md"))
    assert citation.index == len(response.output_text)
    assert citation.model_extra["openshelf"]["inferred"]


def test_results_only_where_they_are_included(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says("Done [1]."))
    response = client.responses.create(
        model="gpt-5-mini", input=QUESTION, tools=[{**TOOL, "max_num_results": 3}], include=["file_search_call.results"]
    )
    results = response.output[0].results  # type: ignore[union-attr]
    assert len(results) == 3
    assert {result.attributes["thing"] for result in results} <= {"tent", "boot", "stove", "jacket", "lamp", "rope"}
    assert all(result.text and 0 <= result.score <= 1 and result.file_id for result in results)
    assert "include" not in provider.bodies[0]
    assert client.responses.retrieve(response.id).output[0].results is None  # type: ignore[union-attr]
    again = client.responses.retrieve(response.id, include=["file_search_call.results"])
    assert again.output[0].results == results  # type: ignore[union-attr]


def test_events_in_the_order_of_openai(house: House, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says(f"{WASHED} [1].", piece=1000))
    events = stream(house, model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    assert [event["type"].removeprefix("response.") for event in events] == [
        *("created", "in_progress"),
        *("output_item.added", "file_search_call.in_progress", "file_search_call.searching"),
        *("file_search_call.completed", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.annotation.added"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert [event["output_index"] for event in events if "output_index" in event] == [0] * 5 + [1] * 7
    assert events[-1]["response"]["output"] == [
        event["item"] for event in events if event["type"].endswith("item.done")
    ]


def test_the_streaming_helper_gives_what_the_whole_response_is(client: OpenAI, provider: Provider) -> None:
    answer = Says(f"{WASHED} [1]. Also [2][3] 【2】, not [99].", piece=3)
    provider.script(finds("wash the tent"), answer, finds("wash the tent"), answer)
    whole = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    with client.responses.stream(model="gpt-5-mini", input=QUESTION, tools=[TOOL]) as events:
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        final = events.get_final_response()
    assert len(deltas) > 10
    assert "".join(deltas) == final.output_text == whole.output_text == f"{WASHED}. Also, not."
    cited = [
        [(one.file_id, one.index) for one in response.output[1].content[0].annotations]  # type: ignore[union-attr]
        for response in (whole, final)
    ]
    assert cited[0] == cited[1]
    assert len(cited[0]) == 4


def test_the_model_sees_a_function_and_only_the_chosen_context(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says("Done [1]."))
    response = client.responses.create(
        model="gpt-5-mini", input=QUESTION, instructions="Be brief.", tools=[{**TOOL, "max_num_results": 2}]
    )
    first, second = provider.bodies
    assert [tool["type"] for tool in first["tools"]] == ["function"]
    assert list(first["tools"][0]["parameters"]["properties"]) == ["queries"]
    assert STORE not in json.dumps(provider.bodies)
    assert first["instructions"].endswith("Be brief.")
    assert response.instructions == "Be brief."
    sources = given(second)
    assert sources.count("<<<source ") == sources.count("<<<end ") == 2
    assert "<<<source" not in json.dumps(first["input"]) + second["instructions"].replace("<<<source N code>>>", "")
    assert response.model_extra["openshelf"]["context_tokens"] > 0


def test_the_request_decides_what_is_searched_and_not_the_model(
    client: OpenAI, provider: Provider, house: House
) -> None:
    hostile = {"vector_store_ids": ["vs_secret"], "filters": {}, "max_num_results": 50, "groups": ["staff"]}
    provider.script(finds("wash the tent", **hostile), Says("Done [1]."))
    tool = {
        **TOOL,
        "max_num_results": 4,
        "filters": {"type": "and", "filters": [{"type": "eq", "key": "thing", "value": "tent"}]},
        "ranking_options": {"score_threshold": 0.1, "hybrid_search": {"embedding_weight": 2, "text_weight": 1}},
    }
    response = client.responses.create(
        model="gpt-5-mini",
        input=QUESTION,
        tools=[tool],
        include=["file_search_call.results"],  # type: ignore[list-item]
    )
    asked = house.search.asked[-1]
    assert asked["stores"] == [STORE]
    assert asked["filters"] == tool["filters"]
    assert asked["most"] == 4
    assert asked["ranking"] == Ranking(keyword_weight=1, vector_weight=2, score_threshold=0.1)
    assert {result.attributes["thing"] for result in response.output[0].results} == {"tent"}  # type: ignore[union-attr]


def test_searches_are_bounded(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("tent"), finds("wash"), finds("soap"), Says("Done [1]."))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    assert [item.type for item in response.output] == ["file_search_call"] * 3 + ["message"]
    assert [body["tool_choice"] for body in provider.bodies] == ["auto", "auto", "auto", "none"]
    assert response.model_extra["openshelf"]["searches"] == 3
    assert response.usage.input_tokens == 400  # type: ignore[union-attr]


def test_searches_of_one_reply_are_bounded_too(client: OpenAI, provider: Provider) -> None:
    calls = tuple(finds(f"tent {n}").calls[0] for n in range(6))
    provider.script(Says(calls=calls), Says("Done [1]."))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL], max_tool_calls=2)
    assert [item.type for item in response.output] == ["file_search_call"] * 2 + ["message"]
    assert given(provider.bodies[1]).count("No more searches") == 5


def test_a_model_that_only_searches_is_stopped(serve: Serve, provider: Provider) -> None:
    provider.script(finds("tent"), finds("tent"))
    with serve(max_searches=1).client() as client, pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(input=QUESTION, tools=[TOOL])
    assert "more than 1 times" in caught.value.message


def test_nothing_is_given_twice(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("wash the tent"), finds("wash the tent"), Says("Done [1]."))
    client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[{**TOOL, "max_num_results": 2}])
    outputs = [item["output"] for item in provider.bodies[2]["input"] if item.get("type") == "function_call_output"]
    assert "<<<source 1" in outputs[0]
    assert "<<<source" not in outputs[1]


@pytest.mark.parametrize("choice", ["required", {"type": "file_search"}])
def test_a_search_first_where_that_is_asked_for(client: OpenAI, provider: Provider, choice: Any) -> None:
    provider.script(finds("tent"), Says("Done [1]."))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL], tool_choice=choice)
    assert provider.bodies[0]["tool_choice"] == {"type": "function", "name": "search_knowledge"}
    assert provider.bodies[1]["tool_choice"] == "auto"
    assert response.to_dict()["tool_choice"] == choice


def test_a_model_may_answer_without_a_search(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("Hello! Take item [1] of your list."))
    response = client.responses.create(model="gpt-5-mini", input="hello", tools=[TOOL])
    assert response.output_text == "Hello! Take item [1] of your list."
    assert response.output[0].content[0].annotations == []  # type: ignore[union-attr]


def test_an_empty_result_is_told_to_the_model(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("tent"), Says("I found nothing about it."))
    tool: Any = {"type": "file_search", "vector_store_ids": ["vs_none"]}
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[tool])
    assert given(provider.bodies[1]).startswith("No passage")
    assert response.output_text == "I found nothing about it."


@pytest.mark.parametrize("arguments", ["{", "[]", '{"queries": []}', '{"queries": 3}', '{"queries": [" ", 4]}', "{}"])
def test_a_malformed_call_is_answered_and_not_searched(client: OpenAI, provider: Provider, arguments: str) -> None:
    provider.script(Says(calls=(("search_knowledge", arguments),)), Says("I cannot."))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    assert [item.type for item in response.output] == ["message"]
    assert given(provider.bodies[1])


def test_json_is_left_as_it_is(client: OpenAI, provider: Provider) -> None:
    text = json.dumps({"answer": WASHED + ".", "steps": [1], "pages": [[1, 2]]})
    provider.script(finds("wash the tent"), Says(text, piece=2))
    form: Any = {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}}
    with client.responses.stream(model="gpt-5-mini", input=QUESTION, tools=[TOOL], text=form) as events:
        final = events.get_final_response()
    assert final.output_text == text
    assert provider.bodies[0]["text"] == form
    assert [one.index for one in final.output[1].content[0].annotations] == [len(text)]  # type: ignore[union-attr]


def test_an_unknown_store_is_refused_before_anything_is_sent(client: OpenAI, provider: Provider) -> None:
    tool: Any = {"type": "file_search", "vector_store_ids": [STORE, "vs_other"]}
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[tool])
    assert caught.value.code == "vector_store_not_found"
    assert not provider.requests


def test_a_key_with_other_stores_may_not_search(house: House, provider: Provider) -> None:
    with house.client("shop.read.vs_shop") as client, pytest.raises(openai.NotFoundError):
        client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL], stream=True)
    assert not provider.requests


def test_the_search_function_gives_way_to_one_of_the_client(client: OpenAI, provider: Provider) -> None:
    own: Any = {"type": "function", "name": "search_knowledge", "parameters": None, "strict": False}
    provider.script(Says(calls=(("search_knowledge", "{}"),)))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[own, TOOL])
    assert [tool["name"] for tool in provider.bodies[0]["tools"]] == ["search_knowledge", "search_knowledge_2"]
    assert [item.type for item in response.output] == ["function_call"]


def test_the_owner_sets_the_bound_the_budget_and_the_words(serve: Serve, provider: Provider) -> None:
    provider.script(finds("tent"), Says("Done [1]."))
    with serve(max_searches=1, instructions="Address the customer politely.").client() as client:
        client.responses.create(input=QUESTION, tools=[TOOL])
    assert provider.bodies[0]["model"] == "gpt-5-mini"
    assert "Address the customer politely." in provider.bodies[0]["instructions"]
    assert provider.bodies[1]["tool_choice"] == "none"
