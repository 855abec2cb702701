"""What is not ours goes to the upstream and back unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai import OpenAI

from tests.retrieval.wire import Says
from tests.server.responses.house import House
from tests.server.responses.provider import Provider
from tests.server.responses.saying import QUESTION, TOOL, finds, stream

LOOK: Any = {
    "type": "function",
    "name": "order_state",
    "description": "The state of an order.",
    "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    "strict": False,
}
ORDER = ("order_state", json.dumps({"order": "17"}))


def test_a_request_without_file_search_is_the_upstreams(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("See [1] and items[0] 【2】."))
    settings: dict[str, Any] = {
        "temperature": 0.3,
        "top_p": 0.5,
        "reasoning": {"effort": "low"},
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [LOOK, {"type": "web_search"}],
        "text": {"format": {"type": "json_object"}},
        "instructions": "Speak French.",
        "max_output_tokens": 1234,
        "truncation": "auto",
        "service_tier": "flex",
        "include": ["reasoning.encrypted_content"],
    }
    response = client.responses.create(model="gpt-4.1", input="hello", **settings)
    body = provider.bodies[0]
    assert {key: body[key] for key in settings} == settings
    assert body["model"] == "gpt-4.1"
    assert response.output_text == "See [1] and items[0] 【2】."
    assert response.model_extra["openshelf"]["searches"] == 0


def test_what_this_version_does_not_know_goes_out_too(house: House, provider: Provider) -> None:
    provider.script(Says("ok"))
    with house.http() as http:
        asked = {"model": "gpt-5-mini", "input": "a", "brand_new": {"x": [1]}}
        assert http.post("/responses", json=asked).status_code == 200
    assert provider.bodies[0]["brand_new"] == {"x": [1]}
    assert provider.problems.pop() == "the API knows no brand_new"


def test_a_call_for_the_client_ends_the_response_and_goes_on_with_its_output(
    client: OpenAI, provider: Provider
) -> None:
    provider.script(finds("tent"), Says(calls=(ORDER,)), Says("It is on its way [1]."))
    tools = [TOOL, LOOK]
    first = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=tools)
    assert [item.type for item in first.output] == ["file_search_call", "function_call"]
    call = first.output[1]
    assert (call.name, call.arguments) == ORDER  # type: ignore[union-attr]
    assert [tool["name"] for tool in provider.bodies[0]["tools"]] == ["search_knowledge", "order_state"]
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sent"}  # type: ignore[union-attr]
    second = client.responses.create(model="gpt-5-mini", input=[output], previous_response_id=first.id, tools=tools)
    assert second.output_text == "It is on its way [1]."
    assert [item.get("type") for item in provider.bodies[2]["input"]] == [None, "function_call", "function_call_output"]
    assert provider.bodies[2]["input"][1]["call_id"] == call.call_id  # type: ignore[union-attr]


def test_a_search_beside_a_call_for_the_client_waits(client: OpenAI, provider: Provider, house: House) -> None:
    provider.script(Says(calls=(ORDER, *finds("tent").calls)))
    before = len(house.search.asked)
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL, LOOK])
    assert [item.type for item in response.output] == ["function_call"]
    assert [asked["queries"] for asked in house.search.asked[before:]] == [[]]


def test_arguments_of_a_call_for_the_client_stream(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("tent"), Says(calls=(ORDER,), comment="Let me look."))
    with client.responses.stream(model="gpt-5-mini", input=QUESTION, tools=[TOOL, LOOK]) as events:
        deltas = [event for event in events if event.type == "response.function_call_arguments.delta"]
        final = events.get_final_response()
    assert "".join(event.delta for event in deltas) == ORDER[1]
    assert {event.output_index for event in deltas} == {2}
    assert [item.type for item in final.output] == ["file_search_call", "message", "function_call"]


def test_the_search_tool_is_taken_away_when_there_were_enough(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("a"), Says(calls=(ORDER,)))
    response = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL, LOOK], max_tool_calls=1)
    assert provider.bodies[1]["tools"] == [LOOK]
    assert [item.type for item in response.output] == ["file_search_call", "function_call"]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "name": "order_state"}, {"type": "function", "name": "order_state"}),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "file_search"}]},
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "search_knowledge"}],
            },
        ),
    ],
)
def test_choices_of_tools(client: OpenAI, provider: Provider, choice: Any, sent: Any) -> None:
    provider.script(Says("ok"))
    client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL, LOOK], tool_choice=choice)
    assert provider.bodies[0]["tool_choice"] == sent


def test_an_incomplete_answer_says_why(house: House, client: OpenAI, provider: Provider) -> None:
    answer = Says("It is as", incomplete="max_output_tokens")
    provider.script(answer, answer)
    response = client.responses.create(model="gpt-5-mini", input="a")
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")  # type: ignore[union-attr]
    assert stream(house, model="gpt-5-mini", input="a")[-1]["type"] == "response.incomplete"


def test_a_refusal_is_handed_on(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("tent"), Says("I cannot help with that.", refusal=True))
    with client.responses.stream(model="gpt-5-mini", input=QUESTION, tools=[TOOL]) as events:
        kinds = [event.type for event in events]
        final = events.get_final_response()
    assert "response.refusal.delta" in kinds
    assert final.output[1].content[0].refusal == "I cannot help with that."  # type: ignore[union-attr]


def test_pictures_go_through(house: House, provider: Provider) -> None:
    provider.script(Says("A tent."))
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 50_000, "detail": "auto"}
    parts = [{"type": "input_text", "text": "What is it?"}, picture]
    stream(house, model="gpt-5-mini", input=[{"role": "user", "content": parts}])
    assert provider.bodies[0]["input"] == [{"role": "user", "content": parts}]
    # The document's two kinds of messages cannot be told apart where the content is a list.
    assert all("input[0]" in problem for problem in provider.problems)
    provider.problems.clear()
