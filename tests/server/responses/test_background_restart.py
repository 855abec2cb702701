"""Background responses outlive their readers, and a server that ends says what became of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from openshelf import Shelf
from tests.retrieval import stock
from tests.retrieval.wire import Says
from tests.server.responses.house import KEY, PRICES, House, StoreSearch, serving
from tests.server.responses.provider import Provider, Stalls
from tests.server.responses.test_background import ASK, LONG, begun, ended, kept_events
from tests.server.test_jobs import process


def test_a_server_that_is_killed_fails_what_it_had_begun_and_makes_what_waited(
    tmp_path: Path, model_cache: Path, provider: Provider
) -> None:
    config = tmp_path / "openshelf.yaml"
    config.write_text(
        f"path: shelf\nserver: {{max_concurrent: 1}}\nanswer: {{base_url: '{provider.url}', api_key: {KEY}}}\n"
    )
    provider.script(Stalls(LONG, 8, threading.Event()))
    with process(config) as (server, client):
        seen = []
        with client.responses.create(**ASK, stream=True) as events:
            for event in events:
                seen.append(event)
                if event.type == "response.output_text.delta":
                    break
        first = seen[0].response.id  # type: ignore[union-attr]
        second = client.responses.create(**{**ASK, "input": "And after that?"}).id
        assert client.responses.retrieve(first).status == "in_progress"
        assert client.responses.retrieve(second).status == "queued"
        server.send_signal(signal.SIGKILL)
        server.wait(30)
    provider.script(Says("Now."))
    with process(config) as (server, client):
        failed = client.responses.retrieve(first)
        assert failed.status == "failed"
        assert failed.error is not None
        assert failed.error.code == "server_error"
        assert "not tried again" in failed.error.message
        assert client.responses.cancel(first).status == "failed"
        rest = list(client.responses.retrieve(first, stream=True, starting_after=seen[-1].sequence_number))
        assert rest[-1].type == "response.failed"
        numbers = [event.sequence_number for event in [*seen, *rest]]
        assert numbers == list(range(len(numbers)))
        assert ended(client, second).output_text == "Now."
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    # Nothing was asked twice.
    assert [body["input"][0]["content"] for body in provider.bodies] == [ASK["input"], "And after that?"]


@contextmanager
def restarted(stocked: tuple[Path, Shelf], provider: Provider, **options: Any) -> Iterator[tuple[House, OpenAI]]:
    """A server of its own over the stocked shelf."""
    folder, shelf = stocked
    config = stock.config(folder, answer={"base_url": provider.url, "api_key": KEY}, costs={"prices": PRICES})
    with (
        Shelf.open(config) as other,
        serving(other, StoreSearch(shelf), **options) as house,
        house.client() as client,
    ):
        yield house, client
    assert house.problems == []


def test_a_server_that_is_stopped_lets_what_it_had_begun_come_to_its_end(
    stocked: tuple[Path, Shelf], provider: Provider
) -> None:
    go = threading.Event()
    provider.script(Stalls(LONG, 8, go))
    with restarted(stocked, provider) as (_, client):
        key = begun(client)
        go.set()
    with restarted(stocked, provider) as (_, client):
        assert client.responses.retrieve(key).output_text == "It is a long answer."


def test_what_does_not_come_to_its_end_in_time_is_failed_and_what_waits_waits(
    stocked: tuple[Path, Shelf], provider: Provider
) -> None:
    provider.script(Stalls(LONG, 8, threading.Event()))
    with restarted(stocked, provider, most=1, patience=0.1) as (house, client):
        first = begun(client)
        second = client.responses.create(**ASK).id
    assert provider.hung_up.wait(30)
    assert sum(line.cost for line in house.shelf.costs()) > 0
    provider.script(Says("two"))
    with restarted(stocked, provider) as (house, client):
        failed = client.responses.retrieve(first)
        assert (failed.status, failed.error is not None and failed.error.code) == ("failed", "server_error")
        assert "stopped" in str(failed.error)
        assert failed.usage is not None
        assert failed.usage.output_tokens > 0
        events = kept_events(house, first)
        assert events[-1]["type"] == "response.failed"
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert ended(client, second).output_text == "two"


def test_what_was_cancelled_while_its_server_was_dead_stays_cancelled(
    stocked: tuple[Path, Shelf], provider: Provider, serve: Any
) -> None:
    provider.script(Stalls(LONG, 8, threading.Event()))
    with serve().client() as far:  # lives, and does not look for dead servers so soon
        far.conversations.create()
        with restarted(stocked, provider, most=1, patience=0.1) as (_, client):
            begun(client)
            with client.responses.create(**ASK, stream=True) as waiting:
                key = next(iter(waiting)).response.id  # type: ignore[union-attr]
        assert far.responses.retrieve(key).status == "queued"
        assert far.responses.cancel(key).status == "cancelled"
    with restarted(stocked, provider) as (house, client):
        assert client.responses.retrieve(key).status == "cancelled"
        assert [event["type"] for event in kept_events(house, key)] == ["response.created", "response.queued"]
    assert len(provider.requests) == 1


@pytest.mark.parametrize("kept", [True, False])
def test_events_are_kept_for_some_time_and_the_response_for_good(
    stocked: tuple[Path, Shelf], provider: Provider, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    provider.script(Says("Hello."))
    with restarted(stocked, provider) as (_, client), client.responses.create(**ASK, stream=True) as events:
        key = next(event.response.id for event in events if event.type == "response.completed")
    if not kept:
        monkeypatch.setattr("openshelf.server.responses.background._KEPT", 0.0)
    with restarted(stocked, provider) as (house, client), house.http() as http:
        assert http.get(f"/responses/{key}", params={"stream": "true"}).status_code == (200 if kept else 400)
        assert client.responses.retrieve(key).output_text == "Hello."
        assert client.responses.cancel(key).status == "completed"
