"""Requests that are wrong are told so, field by field, and nothing is sent for them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.server.responses.conftest import Serve
from tests.server.responses.house import House
from tests.server.responses.provider import Provider
from tests.server.responses.saying import TOOL


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({}, "input"),
        ({"input": 3}, "input"),
        ({"input": [3]}, "input[0]"),
        ({"input": [{"role": "king", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"text": "a"}]}]}, "input[0].content[0].type"),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input[0].content[0].type",
        ),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "n"}]}, "input[0].arguments"),
        ({"input": [{"type": 7}]}, "input[0].type"),
        ({"input": [{"type": ""}]}, "input[0].type"),
        ({"input": "a", "model": 5}, "model"),
        ({"input": "a", "stream": "yes"}, "stream"),
        ({"input": "a", "background": True, "store": False}, "store"),
        ({"input": "a", "max_output_tokens": 3}, "max_output_tokens"),
        ({"input": "a", "temperature": 3}, "temperature"),
        ({"input": "a", "metadata": {"a": 1}}, "metadata.a"),
        ({"input": "a", "tools": [{}]}, "tools[0].type"),
        ({"input": "a", "tools": [TOOL, TOOL]}, "tools[1]"),
        ({"input": "a", "tools": [{"type": "file_search"}]}, "tools[0].vector_store_ids"),
        ({"input": "a", "tools": [{**TOOL, "vector_store_ids": []}]}, "tools[0].vector_store_ids"),
        ({"input": "a", "tools": [{**TOOL, "max_num_results": 51}]}, "tools[0].max_num_results"),
        ({"input": "a", "tools": [{**TOOL, "filters": {"type": "eq", "key": 1, "value": 2}}]}, "filters"),
        (
            {"input": "a", "tools": [{**TOOL, "ranking_options": {"score_threshold": 2}}]},
            "tools[0].ranking_options.score_threshold",
        ),
        (
            {
                "input": "a",
                "tools": [
                    {**TOOL, "ranking_options": {"hybrid_search": {"embedding_weight": 0, "text_weight": 0}}},
                ],
            },
            "tools[0].ranking_options.hybrid_search",
        ),
        ({"input": "a", "tool_choice": "all"}, "tool_choice"),
        ({"input": "a", "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"input": "a", "conversation": "conv_1", "previous_response_id": "resp_1"}, "conversation"),
        ({"input": "a", "conversation": {}}, "conversation.id"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_field_is_named(house: House, provider: Provider, body: Any, param: str | None) -> None:
    with house.http() as http:
        answer = http.post("/responses", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["code"]
    assert not provider.requests


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"input": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json(house: House, raw: bytes) -> None:
    with house.http() as http:
        answer = http.post("/responses", content=raw)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_the_page_of_our_own_describes_the_bodies(house: House) -> None:
    with house.http() as http:
        document = http.get(house.url + "/openapi.json").json()
    text = str(document["paths"])
    assert "$defs" not in text
    assert "vector_store_ids" in text
    for path, method in (("/v1/responses", "post"), ("/v1/conversations/{conversation_id}/items", "post")):
        schema = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator.check_schema(schema)


def test_the_page_of_our_own_says_where_events_come(house: House) -> None:
    with house.http() as http:
        paths = http.get(house.url + "/openapi.json").json()["paths"]
    for path, method in (("/v1/responses", "post"), ("/v1/responses/{response_id}", "get")):
        assert set(paths[path][method]["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}


def test_half_a_character_is_replaced(serve: Serve) -> None:
    with serve(provider="extractive").http() as http:
        body = b'{"input": "wash the tent \\ud83d", "tools": [{"type": "file_search", "vector_store_ids": ["vs_kb"]}]}'
        answer = http.post("/responses", content=body)
        assert answer.status_code == 200
        items = http.get(f"/responses/{answer.json()['id']}/input_items").json()["data"]
    assert items[0]["content"][0]["text"] == "wash the tent ?"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    [
        *("input", "tools", "tool_choice", "conversation", "previous_response_id", "metadata", "include", "text"),
        *("reasoning", "stream", "store", "max_tool_calls", "model", "instructions", "truncation", "items"),
    ]
)
items = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["message", "function_call", "reasoning", "file_search_call", "function_call_output"]),
        "role": st.sampled_from(["user", "assistant", "system", "developer"]),
        "content": json_values | st.lists(st.fixed_dictionaries({"type": st.just("input_text"), "text": json_values})),
        "id": json_values,
        "call_id": json_values,
        "output": json_values,
        "status": json_values,
        "summary": json_values,
    },
)


@given(st.dictionaries(fields, json_values | st.lists(items, max_size=3), max_size=4), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_sent_breaks_the_server(serve: Serve, body: dict[str, Any], searching: bool) -> None:
    house = serve(provider="extractive")
    asked = {"tools": [TOOL], **body} if searching else body
    with house.http() as http:
        for path in ("/responses", "/conversations", "/conversations/conv_1/items", "/conversations/conv_1"):
            answer = http.post(path, json=asked)
            assert answer.status_code < 500, answer.text
    house.problems.clear()  # an item that is nonsense is answered as it came
