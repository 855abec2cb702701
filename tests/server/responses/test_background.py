"""Responses in the background: queued, followed, left and found again, cancelled, deleted."""

from __future__ import annotations

import json
import threading
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response
from sqlalchemy import text

from openshelf.server.responses.jobs import Jobs
from tests.retrieval.server import Refuses
from tests.retrieval.wire import Says
from tests.server.responses.conftest import Serve
from tests.server.responses.house import House
from tests.server.responses.provider import Provider, Stalls
from tests.server.responses.saying import QUESTION, TOOL, WASHED, finds, stream

ASK: dict[str, Any] = {"model": "gpt-5-mini", "input": QUESTION, "background": True}
LONG = Says("It is a long answer.", piece=3)


def ended(client: OpenAI, key: str) -> Response:
    """The response once it is over."""
    while (response := client.responses.retrieve(key)).status in ("queued", "in_progress"):
        pass
    return response


def kept_events(house: House, key: str, after: int | None = None) -> list[dict[str, Any]]:
    """The events that are read again, by a client that is not OpenAI's."""
    query: dict[str, Any] = {"stream": "true"} | ({} if after is None else {"starting_after": after})
    with house.http() as http, http.stream("GET", f"/responses/{key}", params=query) as response:
        assert response.status_code == 200, response.read()
        return [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: ")]


def test_it_answers_at_once_and_is_made_afterwards(client: OpenAI, provider: Provider) -> None:
    go = threading.Event()
    provider.script(finds("wash the tent"), Stalls(Says(f"{WASHED} [1]."), 0, go))
    made = client.responses.create(**ASK, tools=[TOOL], metadata={"ticket": "17"})
    assert (made.status, made.background, made.output) == ("queued", True, [])
    while len(provider.requests) < 2:
        assert client.responses.retrieve(made.id).status in ("queued", "in_progress")
    assert client.responses.retrieve(made.id).status == "in_progress"
    assert [item.type for item in client.responses.input_items.list(made.id)] == ["message"]
    go.set()
    final = ended(client, made.id)
    assert (final.status, final.output_text, final.background) == ("completed", f"{WASHED}.", True)
    assert final.output[1].content[0].annotations  # type: ignore[union-attr]
    assert final.metadata == {"ticket": "17"}
    assert final.created_at == made.created_at


async def test_with_the_asynchronous_client(house: House, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says(f"{WASHED} [1]."), Says("Hello."))
    async with house.async_client() as client:
        made = await client.responses.create(**ASK, tools=[TOOL])
        while (final := await client.responses.retrieve(made.id)).status in ("queued", "in_progress"):
            pass
        assert final.output_text == f"{WASHED}."
        events = await client.responses.create(**ASK, stream=True)
        kinds = [event.type async for event in events]
        assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
        assert kinds[-1] == "response.completed"
        assert (await client.responses.cancel(made.id)).status == "completed"


def test_it_streams_and_is_streamed_again(client: OpenAI, house: House, provider: Provider) -> None:
    provider.script(finds("wash the tent"), Says(f"{WASHED} [1]."))
    live = stream(house, **ASK, tools=[TOOL])
    key = live[-1]["response"]["id"]
    assert [event["type"] for event in live[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert [event["response"]["status"] for event in live[:3]] == ["queued", "queued", "in_progress"]
    assert live[-1]["response"]["status"] == "completed"
    assert kept_events(house, key) == live
    for after in range(len(live)):
        assert kept_events(house, key, after) == live[after + 1 :]
    assert kept_events(house, key, 10**9) == []
    with client.responses.stream(response_id=key) as events:
        assert events.get_final_response().output_text == f"{WASHED}."
    assert client.responses.retrieve(key).to_dict() == live[-1]["response"]


def test_it_goes_on_when_its_client_leaves_and_is_followed_from_where_that_was(
    client: OpenAI, house: House, provider: Provider
) -> None:
    go = threading.Event()
    provider.script(Stalls(LONG, 8, go))
    seen = []
    with client.responses.create(**ASK, stream=True) as events:
        for event in events:
            seen.append(event)
            if event.type == "response.output_text.delta":
                break
    key = seen[0].response.id  # type: ignore[union-attr]
    assert not provider.hung_up.is_set()
    words = [event.delta for event in seen if event.type == "response.output_text.delta"]
    for event in client.responses.retrieve(key, stream=True, starting_after=seen[-1].sequence_number):
        assert event.sequence_number == seen[-1].sequence_number + 1
        seen.append(event)
        if event.type == "response.output_text.delta":
            words.append(event.delta)
            go.set()  # what follows is followed live
    assert "".join(words) == "It is a long answer."
    assert seen[-1].type == "response.completed"
    assert [event["sequence_number"] for event in kept_events(house, key)] == list(range(len(seen)))


def test_two_followers_see_the_same(house: House, client: OpenAI, provider: Provider) -> None:
    go, both = threading.Event(), threading.Barrier(3)
    provider.script(Stalls(LONG, 8, go))
    with client.responses.create(**ASK, stream=True) as events:
        key = next(iter(events)).response.id  # type: ignore[union-attr]
    found: list[list[dict[str, Any]]] = []

    def follow() -> None:
        both.wait(30)
        found.append(kept_events(house, key))

    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    both.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert found[0] == found[1]
    assert found[0][-1]["type"] == "response.completed"


def test_another_server_of_the_shelf_follows_reads_and_cancels(house: House, serve: Serve, provider: Provider) -> None:
    other = serve(instructions="Of another server.")
    go = threading.Event()
    provider.script(Stalls(LONG, 8, go), Stalls(LONG, 8, threading.Event()))
    with house.client() as client, other.client() as far:
        with client.responses.create(**ASK, stream=True) as events:
            key = next(iter(events)).response.id  # type: ignore[union-attr]
        assert far.responses.retrieve(key).status in ("queued", "in_progress")
        kinds = []
        for event in far.responses.retrieve(key, stream=True):
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                go.set()
        assert kinds[-1] == "response.completed"
        made = client.responses.create(**ASK)
        while len(provider.requests) < 2:
            pass
        assert far.responses.cancel(made.id).status == "cancelled"
        assert provider.hung_up.wait(30)
        assert ended(client, made.id).status == "cancelled"


# --- cancelling and deleting --------------------------------------------------------------------


def begun(client: OpenAI, **more: Any) -> str:
    """A streamed response whose first words were read; its id."""
    with client.responses.create(**ASK, **more, stream=True) as events:
        for event in events:
            if event.type == "response.created":
                key = event.response.id
            if event.type == "response.output_text.delta":
                break
    return key


def test_cancelling_stops_the_model_keeps_what_there_was_and_writes_down_what_it_cost(
    serve: Serve, provider: Provider
) -> None:
    house = serve(instructions="Of cancelling.")
    before = sum(line.cost for line in house.shelf.costs())
    provider.script(finds("tent"), Stalls(LONG, 8, threading.Event()))
    with house.client() as client:
        key = begun(client, tools=[TOOL])
        cancelled, again = client.responses.cancel(key), client.responses.cancel(key)
        assert client.responses.retrieve(key).to_dict() == cancelled.to_dict() == again.to_dict()
    assert provider.hung_up.wait(30)
    assert (cancelled.status, cancelled.error) == ("cancelled", None)
    assert [item.type for item in cancelled.output] == ["file_search_call"]
    assert cancelled.usage is not None
    assert cancelled.usage.output_tokens > 20
    cost = cancelled.model_extra["openshelf"]["cost"]  # type: ignore[index]
    assert sum(line.cost for line in house.shelf.costs()) - before == pytest.approx(cost)


def test_the_stream_of_a_cancelled_response_ends_without_a_word_about_it(client: OpenAI, provider: Provider) -> None:
    provider.script(Stalls(LONG, 8, threading.Event()))
    key, kinds = begun(client), []
    for event in client.responses.retrieve(key, stream=True):
        kinds.append(event.type)
        if event.type == "response.output_text.delta":
            client.responses.cancel(key)
    assert set(kinds[-1:]) <= {"response.output_text.delta"}
    assert provider.hung_up.wait(30)


def test_what_is_over_is_not_cancelled(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("Hello."))
    key = client.responses.create(**ASK).id
    whole = ended(client, key)
    assert client.responses.cancel(key).to_dict() == whole.to_dict()
    assert whole.status == "completed"


def test_only_background_responses_can_be_cancelled_or_streamed_again(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("Hello."), Says("Hello."))
    made = client.responses.create(model="gpt-5-mini", input="a")
    for refused in (lambda: client.responses.cancel(made.id), lambda: client.responses.retrieve(made.id, stream=True)):
        with pytest.raises(openai.BadRequestError):
            refused()
    silent = client.responses.create(**ASK)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.retrieve(silent.id, stream=True)
    assert "stream: true" in caught.value.message
    assert ended(client, silent.id).status == "completed"


def test_deleting_stops_it_and_nothing_of_it_comes_back(client: OpenAI, house: House, provider: Provider) -> None:
    provider.script(Stalls(LONG, 8, threading.Event()))
    conversation = client.conversations.create().id
    key = begun(client, conversation=conversation)
    client.responses.delete(key)
    assert provider.hung_up.wait(30)
    for path in (key, f"{key}?stream=true", f"{key}/input_items"):
        with house.http() as http:
            assert http.get(f"/responses/{path}").status_code == 404
    assert list(client.conversations.items.list(conversation)) == []
    with house.shelf.ledger.reading() as connection:
        for table, column in (("api_background", "id"), ("api_background_events", "response")):
            found = connection.execute(text(f"SELECT 1 FROM {table} WHERE {column} = :key"), {"key": key})
            assert found.first() is None


@pytest.mark.parametrize("call", ["cancel", "retrieve", "delete"])
def test_a_background_response_is_its_makers(house: House, provider: Provider, call: str) -> None:
    go = threading.Event()
    provider.script(Stalls(LONG, 8, go))
    with house.client("anna") as anna, house.client("bert") as bert:
        key = begun(anna)
        with pytest.raises(openai.NotFoundError):
            getattr(bert.responses, call)(key)
        with pytest.raises(openai.NotFoundError):
            bert.responses.retrieve(key, stream=True)
        go.set()
        assert ended(anna, key).status == "completed"


# --- what goes wrong ----------------------------------------------------------------------------


def test_what_is_refused_is_refused_at_once(client: OpenAI, house: House, provider: Provider) -> None:
    for more, error in (
        ({"tools": [{**TOOL, "vector_store_ids": ["vs_other"]}]}, openai.NotFoundError),
        ({"tools": [{**TOOL, "filters": {"type": "eq", "key": "a", "value": {}}}]}, openai.BadRequestError),
        ({"previous_response_id": "resp_none"}, openai.NotFoundError),
        ({"conversation": "conv_none"}, openai.NotFoundError),
        ({"store": False}, openai.BadRequestError),
    ):
        for streamed in (False, True):
            with pytest.raises(error):
                client.responses.create(**ASK, **more, stream=streamed)  # type: ignore[call-overload]
    with house.http() as http:
        for after in ("x", "-1", "1.5", "", "9" * 30, "١"):
            answer = http.get("/responses/resp_1", params={"stream": "true", "starting_after": after})
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, "starting_after")
        assert http.get("/responses/resp_1", params={"starting_after": 1}).status_code == 400
        assert http.get("/responses/resp_1", params={"stream": "perhaps"}).status_code == 400
        assert http.post("/responses/resp_1/cancel").status_code == 404
    assert not provider.requests


@pytest.mark.parametrize("streamed", [False, True])
def test_a_failure_of_the_upstream_is_a_failed_response(
    client: OpenAI, house: House, provider: Provider, streamed: bool
) -> None:
    provider.script(Refuses(429, "slow down", "rate_limit_exceeded"))
    if streamed:
        key = stream(house, **ASK)[-1]["response"]["id"]
        assert kept_events(house, key)[-1]["type"] == "response.failed"
    else:
        key = client.responses.create(**ASK).id
    failed = ended(client, key)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.code == "rate_limit_exceeded"


def test_an_answer_that_was_cut_off_is_incomplete(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("It is a", incomplete="max_output_tokens"))
    final = ended(client, client.responses.create(**ASK).id)
    assert final.status == "incomplete"
    assert final.incomplete_details is not None
    assert final.incomplete_details.reason == "max_output_tokens"


def test_a_cap_holds_in_the_background_too(serve: Serve, provider: Provider) -> None:
    with serve(costs={"caps": {"per_call": 0.001}}).client() as client:
        failed = ended(client, client.responses.create(**ASK).id)
    assert (failed.status, failed.error is not None) == ("failed", True)
    assert "costs.caps.per_call" in str(failed.error)
    assert not provider.requests


def test_what_it_cost_is_written_down(serve: Serve, provider: Provider) -> None:
    house = serve(instructions="Of the cost in the background.")
    before = sum(line.cost for line in house.shelf.costs())
    provider.script(Says("Hello.", tokens=(1000, 0, 100, 0)))
    with house.client() as client:
        final = ended(client, client.responses.create(**ASK).id)
    assert final.model_extra["openshelf"]["cost"] == pytest.approx(0.002)  # type: ignore[index]
    assert sum(line.cost for line in house.shelf.costs()) - before == pytest.approx(0.002)


def test_events_that_cannot_be_kept_fail_the_response(
    house: House, client: OpenAI, provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original, tried = Jobs.append, []

    def append(jobs: Jobs, key: str, events: Any, **options: Any) -> None:
        tried.append(key)
        if len(tried) == 2:
            raise OSError("the disk is full")
        original(jobs, key, events, **options)

    monkeypatch.setattr(Jobs, "append", append)
    provider.script(Stalls(LONG, 8, threading.Event()))
    events = stream(house, **ASK)
    assert provider.hung_up.wait(30)
    assert events[-1]["type"] == "response.failed"
    assert "disk" not in json.dumps(events[-1])
    assert "the disk is full" in caplog.text
    assert client.responses.retrieve(events[-1]["response"]["id"]).status == "failed"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_nobody_goes_on_from_what_is_still_being_made(client: OpenAI, provider: Provider) -> None:
    go = threading.Event()
    provider.script(Stalls(Says("one"), 8, go), Says("two"))
    first = begun(client)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-5-mini", input="b", previous_response_id=first)
    assert caught.value.param == "previous_response_id"
    go.set()
    ended(client, first)
    second = client.responses.create(model="gpt-5-mini", input="b", previous_response_id=first)
    assert second.output_text == "two"
    assert [item["content"] for item in provider.bodies[1]["input"]] == [QUESTION, "one", "b"]


def test_it_is_part_of_its_conversation_when_it_is_complete(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("one"))
    conversation = client.conversations.create().id
    ended(client, client.responses.create(**ASK, conversation=conversation).id)
    said = [item.content[0].text for item in client.conversations.items.list(conversation, order="asc")]  # type: ignore[union-attr]
    assert said == [QUESTION, "one"]


def test_so_many_are_made_at_once_so_many_wait_and_more_are_refused(serve: Serve, provider: Provider) -> None:
    go = threading.Event()
    provider.script(Stalls(LONG, 8, go), Says("two"))
    with serve(most=1).client() as client:
        first = begun(client)
        second = client.responses.create(**ASK)
        with pytest.raises(openai.RateLimitError) as caught:
            client.responses.create(**ASK)
        assert caught.value.code == "too_many_requests"
        assert client.responses.retrieve(second.id).status == "queued"
        assert len(provider.requests) == 1
        go.set()
        assert ended(client, first).status == "completed"
        assert ended(client, second.id).output_text == "two"


def test_what_waits_can_be_cancelled_before_anything_is_sent(serve: Serve, provider: Provider) -> None:
    go = threading.Event()
    provider.script(Stalls(LONG, 8, go))
    with serve(most=1).client() as client:
        first = begun(client)
        second = client.responses.create(**ASK)
        assert client.responses.cancel(second.id).status == "cancelled"
        go.set()
        assert ended(client, first).status == "completed"
        assert client.responses.retrieve(second.id).status == "cancelled"
    assert len(provider.requests) == 1


def test_without_a_model_too(quoting: OpenAI) -> None:
    made = quoting.responses.create(**ASK, tools=[TOOL])
    final = ended(quoting, made.id)
    assert (final.status, final.model) == ("completed", "extractive")
    assert "by hand" in final.output_text
