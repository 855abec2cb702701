"""Without a model: passages in the same shapes."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from tests.server.responses.conftest import Serve
from tests.server.responses.provider import Provider
from tests.server.responses.saying import QUESTION, TOOL, stream


def test_passages_with_citations(quoting: OpenAI, provider: Provider) -> None:
    response = quoting.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    assert [item.type for item in response.output] == ["file_search_call", "message"]
    assert response.model == "extractive"
    text, citations = response.output_text, response.output[1].content[0].annotations  # type: ignore[union-attr]
    assert "no model was called" in text
    assert "[1]" not in text
    assert 1 <= len(citations) <= 3
    assert all(text[: one.index].endswith("”") for one in citations)  # type: ignore[union-attr]
    assert citations[0].filename.startswith("tent-wash")  # type: ignore[union-attr]
    assert response.usage.total_tokens == 0  # type: ignore[union-attr]
    assert response.model_extra["openshelf"]["cost"] == 0  # type: ignore[index]
    assert quoting.responses.retrieve(response.id).output_text == text
    assert not provider.requests


def test_the_stream_is_the_whole(quoting: OpenAI) -> None:
    whole = quoting.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    with quoting.responses.stream(model="gpt-5-mini", input=QUESTION, tools=[TOOL]) as events:
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        final = events.get_final_response()
    assert "".join(deltas) == final.output_text == whole.output_text
    assert final.output[1].content[0].annotations == whole.output[1].content[0].annotations  # type: ignore[union-attr]


def test_the_events_are_those_of_a_model(serve: Serve) -> None:
    events = stream(serve(provider="extractive"), input=QUESTION, tools=[TOOL])
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[:9] == [
        *("created", "in_progress", "output_item.added", "file_search_call.in_progress"),
        *("file_search_call.searching", "file_search_call.completed", "output_item.done"),
        *("output_item.added", "content_part.added"),
    ]
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]


def test_no_answer_where_nothing_has_to_do_with_the_question(quoting: OpenAI) -> None:
    response = quoting.responses.create(model="x", input="Who was the third emperor of Rome?", tools=[TOOL])
    assert response.output_text == "The knowledge base has no answer to this question."
    assert response.output[1].content[0].annotations == []  # type: ignore[union-attr]


def test_a_follow_up_is_searched_with_the_question_before_it(quoting: OpenAI) -> None:
    first = quoting.responses.create(model="x", input=QUESTION, tools=[TOOL])
    second = quoting.responses.create(model="x", input="And the rope?", tools=[TOOL], previous_response_id=first.id)
    assert second.output[0].queries == [f"{QUESTION} And the rope?"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({}, "tools"),
        ({"tools": [TOOL], "text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"tools": [TOOL], "input": [{"role": "developer", "content": "a"}]}, "input"),
    ],
)
def test_what_needs_a_model_is_refused(quoting: OpenAI, more: dict[str, object], param: str) -> None:
    for streamed in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            quoting.responses.create(**{"model": "x", "input": "a", "stream": streamed, **more})  # type: ignore[call-overload]
        assert caught.value.param == param


def test_no_key_means_no_model(serve: Serve) -> None:
    with serve(api_key=None).client() as client:
        assert client.responses.create(input=QUESTION, tools=[TOOL]).model == "extractive"
