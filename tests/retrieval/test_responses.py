"""Reading responses: a stream and a whole answer read the same, and fields that servers leave out are not missed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai._models import construct_type
from openai.types.responses import Response, ResponseStreamEvent

from retrieval.responses import FunctionCall, Reply, estimate_tokens, search_arguments
from tests.retrieval import wire
from tests.retrieval.conftest import count_tokens
from tests.retrieval.wire import Says

REQUEST = {"model": "gpt-5-mini", "input": []}


def whole(body: dict[str, Any]) -> Reply:
    reply = Reply()
    reply.finish(construct_type(type_=Response, value=body))
    return reply


def streamed(events: list[dict[str, Any]]) -> Reply:
    reply = Reply()
    text = ""
    for event in events:
        text += reply.take(construct_type(type_=ResponseStreamEvent, value=event))  # type: ignore[arg-type]
    assert text == reply.text
    return reply


def alike(one: Reply, other: Reply) -> None:
    for name in ("text", "items", "calls", "declined", "usage", "id", "model", "status", "incomplete", "error"):
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize(
    "says",
    [
        Says("Yes [1]."),
        Says("Yes", comment="Let me see."),
        Says(calls=(wire.search("shoes"), wire.search("boots")), comment="Let me see."),
        Says("No.", refusal=True),
        Says("Half", incomplete="max_output_tokens"),
        Says(incomplete="content_filter", tokens=None),
        Says(failed=("server_error", "sorry")),
    ],
)
def test_a_stream_and_a_whole_answer_read_the_same(says: Says) -> None:
    alike(streamed(wire.events(says, REQUEST, 1)), whole(wire.whole(says, REQUEST, 1)))


def test_a_server_that_sends_only_the_end_of_a_stream_is_read() -> None:
    events = wire.events(Says("Yes [1]."), REQUEST, 1)
    alike(streamed([events[0], events[-1]]), whole(wire.whole(Says("Yes [1]."), REQUEST, 1)))


def test_parts_and_messages_are_paragraphs_streamed_or_not() -> None:
    body = wire.whole(Says("One."), REQUEST, 1)
    (message,) = body["output"]
    message["content"].append({**message["content"][0], "text": "Two."})
    body["output"].append({**message, "id": "msg_2", "content": [{**message["content"][0], "text": "Three."}]})
    assert whole(body).text == "One.\n\nTwo.\n\nThree."
    places = [("One.", 0, 0), ("Tw", 0, 1), ("o.", 0, 1), ("Three.", 1, 0)]
    events = [
        {"type": "response.output_text.delta", "delta": text, "output_index": item, "content_index": part}
        for text, item, part in places
    ]
    reply = streamed([*events, {"type": "response.completed", "response": body}])
    assert reply.text == "One.\n\nTwo.\n\nThree."


def test_fields_that_other_servers_leave_out_are_not_missed() -> None:
    content = [{"type": "output_text", "text": "Yes."}]
    reply = whole({"id": "r", "model": "m", "output": [{"type": "message", "content": content}]})
    assert (reply.text, reply.status, reply.usage, reply.declined) == ("Yes.", "completed", None, False)
    reply = whole({"id": "r", "model": "m", "output": None, "usage": {"input_tokens": 5, "output_tokens": None}})
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cached, reply.usage.output, reply.usage.reasoning) == (5, 0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"query": " worn shoes "}', ("worn shoes", None)),
        ('{"query": "a", "max_results": 4}', ("a", 4)),
        ('{"query": "a", "max_results": -4}', ("a", None)),
        ('{"query": "a", "max_results": 2.5}', ("a", None)),
        (json.dumps({"query": "x" * 50}), ("x" * 20, None)),
    ],
)
def test_arguments_of_a_search(arguments: str, expected: tuple[str, int | None]) -> None:
    assert search_arguments(FunctionCall("1", "search_knowledge", arguments), 20) == expected


@pytest.mark.parametrize("arguments", ["", "null", "[" * 100_000, "{", '"a"', '{"query": null}'])
def test_arguments_of_no_use_are_one_sentence(arguments: str) -> None:
    told = search_arguments(FunctionCall("1", "search_knowledge", arguments), 20)
    assert isinstance(told, str)
    assert told.endswith(".")


def test_the_estimate_is_above_what_is_counted() -> None:
    call = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "1", "output": "shoes " * 50}
    params = {"instructions": "Be kind. " * 20, "input": [{"role": "user", "content": "boots " * 30}, call, output]}
    parts = [params["instructions"], params["input"][0]["content"], output["output"]]  # type: ignore[index]
    assert estimate_tokens(params, count_tokens) > sum(count_tokens(part) for part in parts)  # type: ignore[arg-type]
    assert estimate_tokens({"input": []}, count_tokens) > 0
