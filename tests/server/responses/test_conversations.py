"""Conversations and their items through the official client, and responses in them."""

from __future__ import annotations

import threading
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.retrieval.wire import Says
from tests.server.responses.house import House
from tests.server.responses.provider import Provider, Stalls
from tests.server.responses.saying import QUESTION, TOOL, finds


def _said(client: OpenAI, conversation: str) -> list[str]:
    items = client.conversations.items.list(conversation, order="asc")
    return [item.content[0].text if item.type == "message" else item.type for item in items]  # type: ignore[union-attr]


def test_a_conversation_from_its_beginning_to_its_end(client: OpenAI) -> None:
    made = client.conversations.create(
        metadata={"topic": "tents"}, items=[{"type": "message", "role": "user", "content": "Hello!"}]
    )
    assert client.conversations.retrieve(made.id).metadata == {"topic": "tents"}
    assert client.conversations.update(made.id, metadata={"topic": "boots"}).metadata == {"topic": "boots"}
    assert client.conversations.retrieve(made.id).metadata == {"topic": "boots"}
    assert _said(client, made.id) == ["Hello!"]
    assert client.conversations.delete(made.id).deleted
    for gone in (
        lambda: client.conversations.retrieve(made.id),
        lambda: client.conversations.items.list(made.id),
        lambda: client.conversations.update(made.id, metadata={}),
        lambda: client.conversations.delete(made.id),
        lambda: client.responses.create(model="gpt-5-mini", input="a", conversation=made.id),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            gone()
        assert caught.value.code == "conversation_not_found"


def test_items_are_added_read_paged_and_removed(client: OpenAI) -> None:
    made = client.conversations.create()
    assert client.conversations.items.list(made.id).data == []
    words = [f"word {n}" for n in range(20)]
    added = client.conversations.items.create(made.id, items=[{"role": "user", "content": word} for word in words])
    assert [item.content[0].text for item in added.data] == words  # type: ignore[union-attr]
    newest = client.conversations.items.list(made.id, limit=3)
    assert [item.content[0].text for item in newest.data] == ["word 19", "word 18", "word 17"]  # type: ignore[union-attr]
    assert newest.has_more
    every = [item.content[0].text for item in client.conversations.items.list(made.id, limit=7)]  # type: ignore[union-attr]
    assert every == words[::-1]
    third = added.data[2]
    assert client.conversations.items.retrieve(third.id, conversation_id=made.id) == third  # type: ignore[arg-type]
    assert client.conversations.items.delete(third.id, conversation_id=made.id).id == made.id  # type: ignore[arg-type]
    for gone in (client.conversations.items.retrieve, client.conversations.items.delete):
        with pytest.raises(openai.NotFoundError) as caught:
            gone(third.id, conversation_id=made.id)  # type: ignore[arg-type]
        assert caught.value.code == "item_not_found"
    assert _said(client, made.id) == [*words[:2], *words[3:]]


def test_an_item_that_is_added_again_is_another_item(client: OpenAI) -> None:
    made = client.conversations.create()
    item: Any = {"type": "message", "id": "msg_1", "role": "user", "content": "a"}
    client.conversations.items.create(made.id, items=[item])
    client.conversations.items.create(made.id, items=[item, item])
    ids = [one.id for one in client.conversations.items.list(made.id)]
    assert len(set(ids)) == 3


def test_responses_of_a_conversation_go_on_from_each_other(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("tent"), Says("By hand [1]."), Says("In the shade."))
    made = client.conversations.create(items=[{"role": "developer", "content": "Be kind."}])
    first = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL], conversation=made.id)
    assert first.conversation is not None
    assert first.conversation.id == made.id
    with client.responses.stream(model="gpt-5-mini", input="Where?", conversation={"id": made.id}) as events:
        events.until_done()
    assert [item["content"] for item in provider.bodies[2]["input"]] == ["Be kind.", QUESTION, "By hand.", "Where?"]
    assert "conversation" not in provider.bodies[2]
    assert _said(client, made.id) == ["Be kind.", QUESTION, "file_search_call", "By hand.", "Where?", "In the shade."]


def test_a_response_that_is_not_kept_is_in_its_conversation(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("one"))
    made = client.conversations.create()
    client.responses.create(model="gpt-5-mini", input="a", conversation=made.id, store=False)
    assert _said(client, made.id) == ["a", "one"]


def test_a_failed_response_leaves_nothing_in_its_conversation(client: OpenAI, provider: Provider) -> None:
    provider.script(Says(failed=("server_error", "no luck")))
    made = client.conversations.create()
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="gpt-5-mini", input="a", conversation=made.id)
    assert _said(client, made.id) == []


def test_a_conversation_that_is_deleted_meanwhile_fails_its_response(client: OpenAI, provider: Provider) -> None:
    go = threading.Event()
    provider.script(Stalls(Says("It is a long answer.", piece=5), 6, go))
    made = client.conversations.create()
    for event in client.responses.create(model="gpt-5-mini", input="a", conversation=made.id, stream=True):
        if event.type == "response.output_text.delta" and not go.is_set():
            client.conversations.delete(made.id)
            go.set()
    assert event.type == "response.failed"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(event.response.id)


def test_a_conversation_is_its_makers(house: House, provider: Provider) -> None:
    with house.client("anna") as anna, house.client("bert") as bert:
        made = anna.conversations.create()
        for refused in (
            lambda: bert.conversations.retrieve(made.id),
            lambda: bert.conversations.delete(made.id),
            lambda: bert.conversations.items.create(made.id, items=[{"role": "user", "content": "a"}]),
            lambda: bert.responses.create(model="gpt-5-mini", input="a", conversation=made.id),
        ):
            with pytest.raises(openai.NotFoundError):
                refused()
    assert not provider.requests


def test_limits_of_conversations(client: OpenAI) -> None:
    many: Any = [{"role": "user", "content": "a"}] * 21
    made = client.conversations.create()
    for refused in (
        lambda: client.conversations.create(items=many),
        lambda: client.conversations.items.create(made.id, items=many),
        lambda: client.conversations.create(metadata={"k" * 65: "v"}),
        lambda: client.conversations.update(made.id, metadata={"k": "v" * 513}),
        lambda: client.conversations.create(metadata={f"k{n}": "v" for n in range(17)}),
        lambda: client.conversations.items.list(made.id, limit=101),
        lambda: client.conversations.items.list(made.id, after="msg_none"),
        lambda: client.conversations.items.list(made.id, order="up"),  # type: ignore[arg-type]
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            refused()
        assert caught.value.param
