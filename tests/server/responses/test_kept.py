"""What is kept: responses, what they were asked with, who may read them, and how they go on."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI
from sqlalchemy import text

from tests.retrieval.wire import Says
from tests.server.responses.conftest import Serve
from tests.server.responses.house import House
from tests.server.responses.provider import Provider
from tests.server.responses.saying import QUESTION, TOOL, WASHED, finds, given, stream


def test_a_response_is_read_again_and_deleted(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("tent"), Says("Done [1]."))
    made = client.responses.create(
        model="gpt-5-mini", input=QUESTION, tools=[TOOL], metadata={"ticket": "17"}, temperature=0.5
    )
    again = client.responses.retrieve(made.id)
    assert again.to_dict() == made.to_dict()
    assert again.metadata == {"ticket": "17"}
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.retrieve(made.id)
    assert caught.value.code == "response_not_found"
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(made.id)


def test_a_streamed_response_can_be_read_as_soon_as_it_is_complete(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("Hello."))
    for event in client.responses.create(model="gpt-5-mini", input="hello", stream=True):
        if event.type == "response.completed":
            assert client.responses.retrieve(event.response.id).output_text == "Hello."


def test_the_input_items_page(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("Yes."))
    asked = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
        {"role": "assistant", "content": "two"},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "nothing"},
        {"role": "user", "content": "three"},
    ]
    made = client.responses.create(model="gpt-5-mini", input=asked)  # type: ignore[arg-type]
    newest = client.responses.input_items.list(made.id, limit=4)
    assert [item.type for item in newest.data] == ["message", "function_call_output", "function_call", "message"]
    assert newest.has_more
    every = list(client.responses.input_items.list(made.id, limit=2, order="asc"))
    assert [getattr(item, "role", item.type) for item in every] == [
        *("developer", "user", "assistant", "function_call", "function_call_output", "user")
    ]
    rest = client.responses.input_items.list(made.id, order="asc", after=every[3].id)  # type: ignore[arg-type]
    assert [item.id for item in rest.data] == [item.id for item in every[4:]]
    assert not rest.has_more


def test_what_is_kept_holds_no_document(client: OpenAI, provider: Provider, house: House) -> None:
    provider.script(finds("wash the tent"), Says("By hand [1]."))
    made = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    assert WASHED in given(provider.bodies[1])
    with house.shelf.ledger.reading() as connection:
        row = connection.execute(text("SELECT input, body FROM api_responses WHERE id = :id"), {"id": made.id}).one()
    assert WASHED not in row.input + row.body
    assert "<<<source" not in row.input + row.body


def test_a_response_goes_on_without_the_documents(client: OpenAI, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says(f"{WASHED} [1]."), Says("In the shade."))
    first = client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL], instructions="Be brief.")
    second = client.responses.create(model="gpt-5-mini", input="Where?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert provider.bodies[2]["input"] == [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": f"{WASHED}.", "phase": "final_answer"},
        {"role": "user", "content": "Where?"},
    ]
    assert "instructions" not in provider.bodies[2]
    assert "previous_response_id" not in provider.bodies[2]


def test_a_chain_is_followed_to_its_beginning(client: OpenAI, provider: Provider) -> None:
    provider.script(*(Says(f"answer {n}") for n in range(4)))
    before = None
    for n in range(4):
        made = client.responses.create(model="gpt-5-mini", input=f"question {n}", previous_response_id=before)
        before = made.id
    sent = [item["content"] for item in provider.bodies[3]["input"]]
    assert sent == ["question 0", "answer 0", "question 1", "answer 1", "question 2", "answer 2", "question 3"]


def test_what_was_deleted_is_not_sent_again(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("one"), Says("two"), Says("three"))
    first = client.responses.create(model="gpt-5-mini", input="a")
    second = client.responses.create(model="gpt-5-mini", input="b", previous_response_id=first.id)
    client.responses.delete(first.id)
    client.responses.create(model="gpt-5-mini", input="c", previous_response_id=second.id)
    assert [item["content"] for item in provider.bodies[2]["input"]] == ["b", "two", "c"]


def test_store_false_keeps_nothing(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("one"))
    made = client.responses.create(model="gpt-5-mini", input="a", store=False)
    assert made.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="gpt-5-mini", input="b", previous_response_id=made.id)
    assert caught.value.param == "previous_response_id"


@pytest.mark.parametrize("stored", [True, False])
def test_what_the_upstream_keeps_is_the_owners_choice(serve: Serve, provider: Provider, stored: bool) -> None:
    provider.script(Says("one"))
    with serve().client() as client:
        client.responses.create(model="gpt-5-mini", input="a", store=stored)
    assert provider.bodies[0]["store"] is False


def test_a_response_is_its_makers(house: House, provider: Provider) -> None:
    provider.script(Says("one"), Says("two"))
    with house.client("anna") as anna, house.client("bert") as bert, house.client() as loopback:
        made = anna.responses.create(model="gpt-5-mini", input="a")
        for refused in (
            lambda: bert.responses.retrieve(made.id),
            lambda: bert.responses.delete(made.id),
            lambda: bert.responses.input_items.list(made.id),
            lambda: bert.responses.create(model="gpt-5-mini", input="b", previous_response_id=made.id),
        ):
            with pytest.raises(openai.NotFoundError):
                refused()
        assert loopback.responses.retrieve(made.id).output_text == "one"
        assert anna.responses.create(model="gpt-5-mini", input="b", previous_response_id=made.id).output_text == "two"


def test_a_key_that_may_not_read_may_not_ask(house: House, provider: Provider) -> None:
    with house.client("loader.write") as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.responses.create(model="gpt-5-mini", input="a")
    assert caught.value.code == "insufficient_permissions"
    assert not provider.requests


def test_reasoning_is_sent_again_only_where_it_can_be_understood(house: House, provider: Provider) -> None:
    def thought(n: int, **more: object) -> dict[str, object]:
        return {"type": "reasoning", "id": f"rs_{n}", "summary": [], **more}

    provider.script(Says("ok"))
    items = [
        *(thought(1), {"role": "assistant", "content": "a"}),
        *(thought(2, encrypted_content="x"), {"role": "assistant", "content": "b"}),
        *(
            thought(3, encrypted_content="y"),
            {"type": "file_search_call", "id": "fs_1", "queries": [], "status": "completed"},
        ),
        {"role": "user", "content": "c"},
    ]
    stream(house, model="gpt-5-mini", input=items)
    sent = provider.bodies[0]["input"]
    assert [item.get("id") or item.get("content") for item in sent] == ["a", "rs_2", "b", "c"]


def test_an_item_without_an_id_has_one_here_and_none_upstream(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("ok"))
    picture = {"type": "computer_screenshot", "image_url": "https://example.com/a.png"}
    given = {"type": "computer_call_output", "call_id": "call_1", "output": picture}
    made = client.responses.create(model="gpt-5-mini", input=[given])  # type: ignore[list-item]
    assert provider.bodies[0]["input"] == [given]
    (item,) = client.responses.input_items.list(made.id).data
    assert item.id
    assert item.status == "completed"  # type: ignore[union-attr]


def test_an_item_whose_id_cannot_stand_in_an_address_is_refused(house: House, provider: Provider) -> None:
    with house.http() as http:
        for key in (".", "..", "a/b", "a?b", "é", " ", "a" * 257):
            for path, field in (("/responses", "input"), ("/conversations", "items")):
                answer = http.post(path, json={field: [{"role": "user", "content": "a", "id": key}]})
                assert (answer.status_code, answer.json()["error"]["param"]) == (400, f"{field}[0].id")
    assert not provider.requests


def test_a_screenshot_that_is_in_progress_is_listed_as_the_document_has_it(client: OpenAI) -> None:
    given = {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}}
    made = client.conversations.create(items=[{**given, "status": "in_progress"}])  # type: ignore[list-item]
    (item,) = client.conversations.items.list(made.id).data
    assert item.status == "incomplete"  # type: ignore[union-attr]
