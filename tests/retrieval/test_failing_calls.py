"""Responses calls that go wrong: what the user is told, what it costs, and what never appears in a message."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from configs.errors import AnswerError, BudgetExceeded, ConfigError
from retrieval.answer import Answerer
from retrieval.events import Delta, Event
from retrieval.failures import place, redact
from retrieval.spend import Spend
from tests.retrieval.conftest import KEY
from tests.retrieval.server import Breaks, Hangs, Provider, Refuses
from tests.retrieval.test_answer import (
    EVERY_WAY,
    GOOD,
    QUESTION,
    STREAMS,
    Ask,
    Make,
    async_stream,
    async_whole,
    last,
    sync_stream,
    sync_whole,
)
from tests.retrieval.wire import Says

RETRY_AT_ONCE = {"retry-after-ms": "1"}


def fail(ask: Ask, answerer: Answerer, **options: Any) -> AnswerError:
    """The error of a call, which must nowhere show the key."""
    with pytest.raises(AnswerError) as caught:
        ask(answerer, QUESTION, **options)
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    assert caught.value.hint
    return caught.value


def spent(answerer: Answerer) -> float:
    """Money in the ledger; nothing may stay reserved."""
    assert isinstance(answerer.spend, Spend)
    lines = answerer.spend.report()
    from sqlalchemy import select

    from ingest.ledger.tables import spend

    with answerer.spend._engine.connect() as connection:
        kinds = connection.execute(select(spend.c.kind)).scalars().all()
    assert not [kind for kind in kinds if kind.startswith("reserved")]
    return sum(line.cost for line in lines)


@EVERY_WAY
@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (Refuses(401, "Incorrect API key provided: {key}.", "invalid_api_key"), "refused the API key"),
        (Refuses(403, "no rights"), "does not allow this key to use gpt-5-mini"),
        (Refuses(404, "no such model", "model_not_found"), "knows no model 'gpt-5-mini'"),
        (Refuses(429, "slow down", "rate_limit_exceeded"), "limiting the rate"),
        (Refuses(429, "pay first", "insufficient_quota"), "no credit left"),
        (Refuses(500, "oops {key}"), "failed with HTTP 500"),
        (Refuses(400, "max_output_tokens is too small"), "refused the request with HTTP 400"),
    ],
    ids=lambda value: str(value.code or value.status) if isinstance(value, Refuses) else "",
)
def test_a_refused_call_says_what_to_do_and_costs_nothing(
    ask: Ask, refusal: Refuses, message: str, answerer: Make, provider: Provider
) -> None:
    provider.script(refusal)
    one = answerer()
    error = fail(ask, one)
    assert message in error.message
    assert error.message.startswith(provider.url.removesuffix("/v1"))
    assert spent(one) == 0


@EVERY_WAY
def test_a_limited_rate_is_tried_again(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Refuses(429, "slow down", headers=RETRY_AT_ONCE), Refuses(500, headers=RETRY_AT_ONCE), GOOD)
    assert last(ask(answerer(retries=2), QUESTION)).text == GOOD.text
    assert len(provider.requests) == 3


@EVERY_WAY
def test_a_server_that_does_not_answer_in_time(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Hangs())
    one = answerer(timeout=0.3)
    error = fail(ask, one)
    assert "did not answer within 0.3 s" in error.message
    assert spent(one) > 0  # the provider may have charged for it


@STREAMS
def test_a_stream_that_stalls(ask: Ask, answerer: Make, provider: Provider) -> None:
    provider.script(Hangs(GOOD, events=6))
    assert "did not answer within 0.3 s" in fail(ask, answerer(timeout=0.3)).message


@STREAMS
@pytest.mark.parametrize("events", [0, 3, 6])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut", "broke off before the answer was whole"),
        ("end", "ended before the answer did"),
        ("error", "The model broke off: server_error: sorry"),
        ("garbage", "no Responses answer"),
    ],
)
def test_a_stream_that_breaks(
    ask: Ask, how: str, message: str, events: int, answerer: Make, provider: Provider
) -> None:
    provider.script(Breaks(GOOD, events, how))
    one = answerer()
    error = fail(ask, one)
    assert message in error.message
    assert (spent(one) > 0) == (how != "error" or events > 3)


@pytest.mark.parametrize("ask", [sync_whole, async_whole])
@pytest.mark.parametrize(
    ("how", "message"), [("cut", "broke off"), ("garbage", "no Responses answer"), ("foreign", "no Responses answer")]
)
def test_a_body_that_breaks(ask: Ask, how: str, message: str, answerer: Make, provider: Provider) -> None:
    provider.script(Breaks(GOOD, 0, how))
    assert message in fail(ask, answerer()).message


@EVERY_WAY
def test_a_server_that_is_not_there(ask: Ask, answerer: Make) -> None:
    gone = Provider()
    gone.close()
    one = answerer(base_url=gone.url)
    assert "cannot be reached" in fail(ask, one).message
    assert spent(one) == 0


@EVERY_WAY
@pytest.mark.parametrize(
    ("says", "message"),
    [
        (Says(failed=("server_error", "sorry")), r"did not finish \(failed\). server_error: sorry"),
        (Says(failed=("server_error", "sorry"), tokens=None), r"did not finish"),
        (Says(), "sent no text"),
        (Says(incomplete="max_output_tokens", tokens=(100, 0, 800, 790)), "used its 800 output tokens, 790 of them"),
        (Says(incomplete="max_output_tokens", tokens=None), "used its 800 output tokens before"),
    ],
)
def test_a_response_of_no_use(ask: Ask, says: Says, message: str, answerer: Make, provider: Provider) -> None:
    provider.script(says)
    one = answerer()
    with pytest.raises(AnswerError, match=message):
        ask(one, QUESTION)
    assert (spent(one) > 0) == (says.tokens is not None)


@pytest.mark.parametrize("ask", [sync_stream, async_stream, sync_whole, async_whole])
def test_a_cap_stops_the_call_before_it_is_made(ask: Ask, answerer: Make, provider: Provider) -> None:
    one = answerer(costs={"caps": {"per_call": 0.000001}})
    with pytest.raises(BudgetExceeded, match="Nothing was sent"):
        ask(one, QUESTION)
    with pytest.raises(ConfigError, match="has no price"):
        ask(answerer(model="gpt-x", costs={"caps": {"per_day": 1}}), QUESTION)
    assert not provider.requests


def test_a_reader_who_leaves_stops_the_stream_and_pays_for_what_came(answerer: Make, provider: Provider) -> None:
    provider.script(Hangs(GOOD, events=8))
    one = answerer()
    stream = one.stream(QUESTION)
    events: list[Event] = []
    while not any(isinstance(event, Delta) for event in events):
        events.append(next(stream))
    stream.close()  # type: ignore[attr-defined]
    assert spent(one) > 0


async def test_an_async_reader_who_leaves_stops_the_stream_too(answerer: Make, provider: Provider) -> None:
    provider.script(Hangs(GOOD, events=8))
    one = answerer()
    stream = one.astream(QUESTION)
    async for event in stream:
        if isinstance(event, Delta):
            break
    await stream.aclose()  # type: ignore[attr-defined]
    assert spent(one) > 0


@pytest.mark.parametrize("whole", [True, False])
async def test_a_cancelled_question_leaves_nothing_reserved(whole: bool, answerer: Make, provider: Provider) -> None:
    provider.script(Hangs(GOOD, events=8))
    one = answerer()

    async def ask() -> None:
        if whole:
            await one.aanswer(QUESTION)
        else:
            async for _ in one.astream(QUESTION):
                pass

    task = asyncio.create_task(ask())
    await asyncio.to_thread(provider.asked.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert spent(one) > 0


def test_a_failed_question_is_not_kept_in_its_conversation(answerer: Make, provider: Provider) -> None:
    provider.script(Refuses(401))
    one = answerer()
    assert one.conversations is not None
    key = one.conversations.create().id
    fail(sync_stream, one, conversation=key)
    assert one.conversations.turns(key) == []


@pytest.mark.parametrize(
    "text", [f"bad key {KEY}!", "sk-proj-abc*****def", "Bearer abcdefgh", "key sk_live", "pk-12345 and key-67890"]
)
def test_nothing_that_looks_like_a_key_is_shown(text: str) -> None:
    shown = redact(text, KEY)
    for secret in (KEY, "abc*", "abcdefgh", "12345", "67890"):
        assert secret not in shown


def test_a_long_message_is_shortened_and_an_address_shows_no_credentials() -> None:
    assert len(redact("x" * 1000, None)) == 300
    assert place("https://user:secret@host.test:8443/v1/responses?key=secret") == "https://host.test:8443"
    assert place("https://host.test/v1") == "https://host.test"
