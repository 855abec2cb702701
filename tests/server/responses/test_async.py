"""The async client, and many at once."""

from __future__ import annotations

import asyncio

from tests.retrieval.wire import Says
from tests.server.responses.conftest import Serve
from tests.server.responses.house import House
from tests.server.responses.provider import Provider
from tests.server.responses.saying import QUESTION, TOOL, WASHED, finds


async def test_whole_and_streamed(house: House, provider: Provider) -> None:
    answer = Says(f"{WASHED} [1].")
    provider.script(finds("wash the tent"), answer, finds("wash the tent"), answer)
    async with house.async_client() as client:
        whole = await client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
        async with client.responses.stream(model="gpt-5-mini", input=QUESTION, tools=[TOOL]) as events:
            kinds = [event.type async for event in events]
            final = await events.get_final_response()
    assert whole.output_text == final.output_text == f"{WASHED}."
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.output_text.annotation.added" in kinds


async def test_keeping_and_conversations(house: House, provider: Provider) -> None:
    provider.script(Says("one"), Says("two"))
    async with house.async_client() as client:
        made = await client.conversations.create()
        for word in "ab":
            response = await client.responses.create(model="gpt-5-mini", input=word, conversation=made.id)
        said = [item.content[0].text async for item in client.conversations.items.list(made.id, order="asc")]  # type: ignore[union-attr]
        assert said == ["a", "one", "b", "two"]
        assert (await client.responses.retrieve(response.id)).output_text == "two"
        assert (await client.conversations.delete(made.id)).deleted


async def test_many_streams_at_once(serve: Serve) -> None:
    async with serve(provider="extractive").async_client() as client:

        async def ask(n: int) -> str:
            async with client.responses.stream(model="x", input=f"{QUESTION} {n}", tools=[TOOL]) as events:
                return (await events.get_final_response()).output_text

        texts = await asyncio.gather(*(ask(n) for n in range(12)))
    assert all("by hand" in text for text in texts)
