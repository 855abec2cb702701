"""Items that a request only names are found among what was kept for its key; tokens are counted beforehand."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.retrieval import openai_schema
from tests.retrieval.wire import Says
from tests.server.responses.house import House
from tests.server.responses.provider import Provider
from tests.server.responses.saying import QUESTION, TOOL, finds


def ref(key: str | None, **more: Any) -> Any:
    return {"type": "item_reference", "id": key, **more}


def test_items_of_responses_and_conversations_are_sent_again(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("one", calls=(("look", '{"at": 1}'),)), Says("two"))
    conversation = client.conversations.create(items=[{"role": "user", "content": "Of before."}])
    (before,) = client.conversations.items.list(conversation.id).data
    first = client.responses.create(model="gpt-5-mini", input="a")
    (asked,) = client.responses.input_items.list(first.id).data
    said, call = first.output
    second = client.responses.create(
        model="gpt-5-mini",
        input=[
            *(ref(before.id), ref(asked.id), {"id": said.id}, ref(call.id, type=None)),
            {"type": "function_call_output", "call_id": call.call_id, "output": "nothing"},  # type: ignore[union-attr]
        ],
    )
    sent = provider.bodies[1]["input"]
    assert [item["content"] for item in sent[:3]] == ["Of before.", "a", "one"]
    assert [item["type"] for item in sent[3:]] == ["function_call", "function_call_output"]
    assert sent[3]["arguments"] == '{"at": 1}'
    kinds = [item.type for item in client.responses.input_items.list(second.id, order="asc")]
    assert kinds == ["message"] * 3 + ["function_call", "function_call_output"]


def test_a_search_that_is_named_is_not_sent_with_its_documents(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("tent"), Says("By hand [1]."), Says("two"))
    first = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    client.responses.create(
        model="gpt-5-mini", input=[*(ref(item.id) for item in first.output), {"role": "user", "content": "b"}]
    )
    assert [item["content"] for item in provider.bodies[2]["input"]] == ["By hand.", "b"]


def test_what_was_not_kept_or_is_another_keys_is_not_found(house: House, provider: Provider) -> None:
    provider.script(Says("one"), Says("two"))
    with house.client("anna") as anna, house.client("bert") as bert:
        (said,) = anna.responses.create(model="gpt-5-mini", input="a").output
        (lost,) = anna.responses.create(model="gpt-5-mini", input="a", store=False).output
        conversation = anna.conversations.create(items=[{"role": "user", "content": "Mine."}])
        (mine,) = anna.conversations.items.list(conversation.id).data
        for client, key in ((bert, said.id), (bert, mine.id), (anna, lost.id), (anna, "msg_none"), (anna, "ms")):
            with pytest.raises(openai.NotFoundError) as caught:
                client.responses.create(model="gpt-5-mini", input=[{"role": "user", "content": "b"}, ref(key)])
            assert (caught.value.code, caught.value.param) == ("item_not_found", "input[1].id")
    assert len(provider.requests) == 2


@pytest.mark.parametrize("wrong", [ref(None), {"type": "item_reference"}, ref('a"b'), {}])
def test_a_reference_without_an_id_is_refused(house: House, provider: Provider, wrong: Any) -> None:
    with house.http() as http:
        answer = http.post("/responses", json={"input": [wrong]})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input[0]")
        assert http.post("/conversations", json={"items": [ref("msg_1")]}).status_code == 400
    assert not provider.requests


# --- counting -----------------------------------------------------------------------------------


def test_tokens_are_counted_without_asking_the_model(client: OpenAI, provider: Provider) -> None:
    def count(**body: Any) -> int:
        counted = client.responses.input_tokens.count(model="gpt-5-mini", **body)
        assert openai_schema.problem("TokenCountsResource", counted.to_dict()) is None
        return counted.input_tokens

    short, long = count(input="tent"), count(input="tent " * 1000)
    assert 900 < long - short < 1500
    assert count(input="tent", tools=[TOOL]) > short
    assert not provider.requests
    provider.script(Says("word " * 500))
    first = client.responses.create(model="gpt-5-mini", input="a")
    assert count(input="tent", previous_response_id=first.id) > short + 400
    with pytest.raises(openai.NotFoundError):
        count(input="tent", previous_response_id="resp_none")
    with pytest.raises(openai.NotFoundError):
        count(input="tent", tools=[{**TOOL, "vector_store_ids": ["vs_other"]}])


async def test_tokens_are_counted_by_the_asynchronous_client_too(house: House) -> None:
    async with house.async_client() as client:
        assert (await client.responses.input_tokens.count(model="gpt-5-mini", input="tent")).input_tokens > 0
