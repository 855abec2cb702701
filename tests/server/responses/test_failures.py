"""What goes wrong is said: as a status while that is possible, as an event afterwards, and never with a key in it."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from configs.errors import StoreError
from tests.retrieval.server import Breaks, Refuses
from tests.retrieval.wire import Says
from tests.server.responses.conftest import Serve
from tests.server.responses.house import KEY, House
from tests.server.responses.provider import Provider, Stalls
from tests.server.responses.saying import QUESTION, TOOL, finds, stream


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refuses(429, "slow down", "rate_limit_exceeded"), 429, "rate_limit_exceeded"),
        (Refuses(429, "no money", "insufficient_quota"), 429, "insufficient_quota"),
        (Refuses(500, "oops {key}"), 500, "upstream_error"),
        (Refuses(503, "busy"), 503, "upstream_error"),
        (Refuses(401, "wrong key {key}", "invalid_api_key"), 502, "upstream_error"),
        (Refuses(403, "not for {key}"), 502, "upstream_error"),
        (Refuses(404, "no model {key}", "model_not_found"), 404, "model_not_found"),
        (Refuses(400, "temperature is not for this model, {key}", "unsupported_value"), 400, "unsupported_value"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_statuses_of_the_upstream(
    house: House, provider: Provider, refusal: Refuses, status: int, code: str, streamed: bool
) -> None:
    provider.script(refusal)
    with house.http() as http:
        answer = http.post("/responses", json={"model": "gpt-5-mini", "input": "a", "stream": streamed})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert KEY not in answer.text
    assert KEY[-12:] not in answer.text


def test_an_upstream_that_is_not_there(serve: Serve) -> None:
    with (
        serve(base_url="http://127.0.0.1:9/v1").client() as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.responses.create(model="gpt-5-mini", input="a")
    assert caught.value.status_code == 502
    assert "cannot be reached" in caught.value.message


def test_an_upstream_that_says_nothing(serve: Serve, provider: Provider) -> None:
    go = threading.Event()
    provider.script(Stalls(Says("late"), 0, go))
    with serve(timeout=0.2).client() as client, pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(model="gpt-5-mini", input="a")
    assert caught.value.status_code == 504
    assert provider.hung_up.wait(30)


@pytest.mark.parametrize("how", ["cut", "end", "error", "garbage"])
def test_a_stream_that_breaks_ends_in_a_failed_event(house: House, provider: Provider, how: str) -> None:
    provider.script(Breaks(Says("It is a long answer."), 6, how))
    events = stream(house, model="gpt-5-mini", input="a")
    assert events[-1]["type"] == "response.failed"
    assert any(event["type"] == "response.output_text.delta" for event in events)
    failed = events[-1]["response"]
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == "server_error"
    assert failed["usage"]["output_tokens"] > 0
    with house.http() as http:
        assert http.get(f"/responses/{failed['id']}").json() == failed


@pytest.mark.parametrize("how", ["cut", "end", "error", "garbage"])
def test_a_whole_answer_that_breaks_is_a_status(client: OpenAI, provider: Provider, how: str) -> None:
    provider.script(Breaks(Says("It is a long answer."), 6, how))
    with pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(model="gpt-5-mini", input="a")
    assert caught.value.status_code == 502


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [("server_error", 502, "server_error"), ("rate_limit_exceeded", 429, "rate_limit_exceeded")],
)
def test_a_response_that_failed_upstream(
    client: OpenAI, house: House, provider: Provider, code: str, status: int, told: str
) -> None:
    provider.script(Says(failed=(code, "no luck")), Says(failed=(code, "no luck")))
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(model="gpt-5-mini", input="a")
    assert caught.value.status_code == status
    last = stream(house, model="gpt-5-mini", input="a")[-1]
    assert (last["type"], last["response"]["error"]["code"]) == ("response.failed", told)


@pytest.mark.parametrize(
    ("text", "asked", "parts"),
    [
        ("", None, ("all of its 800 output tokens, 790 of them for reasoning", "before it wrote", "Set max_output")),
        ("It is", None, ("before its answer was whole", "answer.max_output_tokens of the server")),
        ("", 100, ("all of its 100 output tokens", "Raise max_output_tokens, or lower reasoning.effort")),
    ],
)
def test_a_model_that_ran_out_of_tokens_says_what_to_do(
    client: OpenAI, provider: Provider, text: str, asked: int | None, parts: tuple[str, ...]
) -> None:
    provider.script(Says(text, incomplete="max_output_tokens", tokens=(100, 0, asked or 800, (asked or 800) - 10)))
    more: dict[str, Any] = {} if asked is None else {"max_output_tokens": asked}
    response = client.responses.create(model="gpt-5-mini", input="a", **more)
    assert (response.status, response.output_text) == ("incomplete", text)
    hint = response.model_extra["openshelf"]["hint"]  # type: ignore[index]
    assert [part for part in parts if part not in hint] == []


def test_only_what_can_be_helped_has_a_hint(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("It is", incomplete="content_filter"), Says("It is."))
    for _ in range(2):
        response = client.responses.create(model="gpt-5-mini", input="a")
        assert "hint" not in response.model_extra["openshelf"]  # type: ignore[index]


class _Broken:
    """Knows the stores, and fails when it searches."""

    def __call__(self, _caller: object, _stores: object, queries: list[str], **_options: Any) -> list[Any]:
        if queries:
            raise StoreError("The vector store cannot be read.", hint="Run `openshelf doctor --repair`.")
        return []


BROKEN = _Broken()


@pytest.mark.parametrize("settings", [{}, {"provider": "extractive"}], ids=["upstream", "extractive"])
def test_a_failed_search_is_an_error_and_not_an_empty_result(
    serve: Serve, provider: Provider, settings: dict[str, Any]
) -> None:
    if not settings:
        provider.script(finds("tent"), finds("tent"))
    house = serve(search=BROKEN, **settings)
    events = stream(house, model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    assert [event["type"] for event in events[-2:]] == ["response.output_item.done", "response.failed"]
    assert events[-2]["item"]["status"] == "failed"
    assert events[-2]["item"]["results"] is None
    assert "cannot be read" in events[-1]["response"]["error"]["message"]
    with house.client() as client, pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL])
    assert "cannot be read" in caught.value.message


def test_a_failure_that_nobody_thought_of_ends_the_stream_too(
    serve: Serve, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    def search(_caller: object, _stores: object, queries: list[str], **_options: Any) -> list[Any]:
        return [] if not queries else [1 / 0]

    provider.script(finds("tent"))
    last = stream(serve(search=search), model="gpt-5-mini", input=QUESTION, tools=[TOOL])[-1]
    assert last["type"] == "response.failed"
    assert "division" not in json.dumps(last)
    assert "ZeroDivisionError" in caplog.text


# --- money --------------------------------------------------------------------------------------


def test_a_cap_holds_before_anything_is_sent(serve: Serve, provider: Provider) -> None:
    house = serve(costs={"caps": {"per_call": 0.001}})
    with house.http() as http:
        for streamed in (False, True):
            answer = http.post("/responses", json={"input": "a", "stream": streamed})
            assert answer.status_code == 402
            assert answer.json()["error"]["code"] == "budget_exceeded"
    assert not provider.requests


def test_a_cap_holds_in_the_middle_of_the_loop(serve: Serve, provider: Provider) -> None:
    provider.script(finds("tent"))
    house = serve(costs={"caps": {"per_call": 0.0093}})
    last = stream(house, input=QUESTION, tools=[TOOL])[-1]
    assert last["type"] == "response.failed"
    assert "costs.caps.per_call" in last["response"]["error"]["message"]
    assert last["response"]["openshelf"]["cost"] > 0


def test_a_model_without_a_price_is_refused_where_caps_hold(serve: Serve, provider: Provider) -> None:
    with serve(costs={"caps": {"per_day": 100.0}}).client() as client, pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-9", input="a")
    assert (caught.value.code, caught.value.param) == ("model_without_price", "model")
    assert not provider.requests


def test_the_cost_is_said_and_written_down(serve: Serve, provider: Provider) -> None:
    house = serve(instructions="Of the cost.")
    before = sum(line.cost for line in house.shelf.costs())
    provider.script(finds("tent"), Says("Done [1].", tokens=(1000, 400, 50, 10)))
    with house.client() as client:
        response = client.responses.create(input=QUESTION, tools=[TOOL])
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (1100, 70, 1170)
    assert response.usage.input_tokens_details.cached_tokens == 440
    assert response.usage.output_tokens_details.reasoning_tokens == 10
    cost = (660 * 1.0 + 440 * 0.1 + 70 * 10.0) / 1e6
    assert response.model_extra["openshelf"]["cost"] == pytest.approx(cost)  # type: ignore[index]
    assert response.model_extra["openshelf"]["currency"] == "USD"  # type: ignore[index]
    assert sum(line.cost for line in house.shelf.costs()) - before == pytest.approx(cost)


def test_a_model_without_a_price_has_no_cost(client: OpenAI, provider: Provider) -> None:
    provider.script(Says("ok"))
    response = client.responses.create(model="gpt-9", input="a")
    assert response.model_extra["openshelf"]["cost"] is None  # type: ignore[index]


# --- leaving ------------------------------------------------------------------------------------


def test_words_go_out_while_the_upstream_still_writes(client: OpenAI, provider: Provider) -> None:
    go = threading.Event()
    provider.script(finds("tent"), Stalls(Says("Hello there [1]. More.", piece=5), 5, go))
    seen = []
    for event in client.responses.create(model="gpt-5-mini", input=QUESTION, tools=[TOOL], stream=True):
        if event.type == "response.output_text.delta":
            seen.append(event.delta)
            go.set()
    assert seen[0] == "Hello"
    assert "".join(seen) == "Hello there. More."


@pytest.mark.parametrize("searching", [False, True])
def test_leaving_closes_the_upstream_and_settles_the_money(
    serve: Serve, provider: Provider, monkeypatch: pytest.MonkeyPatch, searching: bool
) -> None:
    house = serve(instructions="Of leaving.")
    settled = threading.Event()
    original = house.shelf.spend.settle

    def settle(*arguments: Any) -> float | None:
        cost = original(*arguments)
        if arguments[1].output < 20:  # not the first call of the two
            settled.set()
        return cost

    monkeypatch.setattr(house.shelf.spend, "settle", settle)
    stalls = Stalls(Says("It is a long answer.", piece=3), 6, threading.Event())
    provider.script(*([finds("tent"), stalls] if searching else [stalls]))
    body = {"input": QUESTION, "stream": True, "tools": [TOOL] if searching else []}
    with house.http() as http, http.stream("POST", "/responses", json=body) as response:
        for line in response.iter_lines():
            if "output_text.delta" in line:
                break
    assert provider.hung_up.wait(30)
    assert settled.wait(30)


def test_leaving_a_whole_answer_closes_the_upstream(house: House, provider: Provider) -> None:
    provider.script(Stalls(Says("It is a long answer."), 6, threading.Event()))
    left = threading.Event()

    def ask() -> None:
        with house.http() as http, pytest.raises(httpx.ReadTimeout):
            http.post("/responses", json={"input": "a"}, timeout=0.5)
        left.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert provider.hung_up.wait(30)
    asking.join()
    assert left.is_set()
