"""``/v1/vector_stores/{id}/search``: filters, ranking, several queries, and errors that are errors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from configs.errors import StoreError
from tests.server.live import Live

PEOPLE = {
    f"{number}.txt": f"Note {number}: the shelf in room {number} holds books about shoes." for number in range(12)
}
ATTRIBUTES: dict[int, dict[str, Any]] = {
    number: {
        "number": number,
        "parity": "even" if number % 2 == 0 else "odd",
        "large": number > 6,
        # Names that the ledger has fields of: here they are the caller's own.
        "title": f"t{number % 3}",
        "source": "web" if number < 4 else "paper",
    }
    for number in range(12)
}


@pytest.fixture(scope="module")
def store(live: Live, client: OpenAI) -> Iterator[str]:
    made = client.vector_stores.create(name="notes").id
    files = [
        {"file_id": live.upload(name, text), "attributes": ATTRIBUTES[number]}
        for number, (name, text) in enumerate(PEOPLE.items())
    ]
    done = client.vector_stores.file_batches.create_and_poll(made, files=files, poll_interval_ms=50)
    assert done.file_counts.completed == 12
    yield made


def test_hits_are_ordered_and_bounded(client: OpenAI, store: str) -> None:
    found = client.vector_stores.search(store, query="books about shoes in room 7")
    assert found.search_query == ["books about shoes in room 7"]
    assert len(found.data) == 10
    scores = [hit.score for hit in found.data]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert found.data[0].attributes["number"] == 7
    assert found.data[0].content[0].text == PEOPLE["7.txt"]
    assert len(client.vector_stores.search(store, query="books", max_num_results=50).data) == 12
    assert len(client.vector_stores.search(store, query="books", max_num_results=1).data) == 1


def test_several_queries_are_searched_together(client: OpenAI, store: str) -> None:
    found = client.vector_stores.search(store, query=["room 3", "room 9"], max_num_results=2)
    assert found.search_query == ["room 3", "room 9"]
    assert {hit.attributes["number"] for hit in found.data} == {3, 9}


def test_every_filter_finds_what_python_finds(client: OpenAI, store: str) -> None:
    rng = random.Random(4)
    for _ in range(25):
        wanted = _some_filter(rng, 0)
        found = client.vector_stores.search(store, query="books about shoes", filters=wanted, max_num_results=50)
        numbers = {int(hit.attributes["number"]) for hit in found.data}
        assert numbers == {n for n, attributes in ATTRIBUTES.items() if _matches(wanted, attributes)}, wanted


def test_a_threshold_leaves_out_what_scores_below(client: OpenAI, store: str) -> None:
    everything = client.vector_stores.search(store, query="room 5", max_num_results=50).data
    threshold = everything[4].score
    found = client.vector_stores.search(
        store,
        query="room 5",
        max_num_results=50,
        ranking_options={"ranker": "auto", "score_threshold": threshold},
    ).data
    assert found == [hit for hit in everything if hit.score >= threshold]
    assert 0 < len(found) < len(everything)


def test_rewriting_and_rankers_are_accepted(client: OpenAI, store: str) -> None:
    plain = client.vector_stores.search(store, query="room 5").data
    for ranker in ("none", "auto", "default-2024-11-15"):
        found = client.vector_stores.search(
            store, query="room 5", rewrite_query=True, ranking_options={"ranker": ranker}
        )
        assert found.data == plain


def test_explain_says_why(live: Live, client: OpenAI, store: str) -> None:
    with live.http() as http:
        body = {"query": "books in room 5", "explain": True, "max_num_results": 1}
        hit = http.post(f"/v1/vector_stores/{store}/search", json=body).json()["data"][0]
        chunks = http.get(f"/v1/vector_stores/{store}/files/{hit['file_id']}/chunks").json()["data"]
    why = hit["explanation"]
    assert why["keyword_rank"] == 1
    assert set(why["matched"]) >= {"book", "room", "5"}
    assert "keywords #1" in why["summary"]
    assert (why["chunk_id"], why["start"], why["end"]) == (chunks[0]["id"], chunks[0]["start"], chunks[0]["end"])


def test_a_search_that_fails_is_an_error_and_not_an_empty_list(
    live: Live, client: OpenAI, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise StoreError("The vector store cannot be reached.")

    monkeypatch.setattr(live.shelf.store, "query", broken)
    with pytest.raises(openai.InternalServerError, match="cannot be reached"):
        client.vector_stores.search(store, query="books")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "  "}, None),
        ({"query": []}, "query"),
        ({"query": ["a"] * 17}, "query"),
        ({"query": 5}, "query"),
        ({"query": "a", "max_num_results": 0}, "max_num_results"),
        ({"query": "a", "max_num_results": 51}, "max_num_results"),
        ({"query": "a", "ranking_options": {"score_threshold": 1.1}}, "ranking_options.score_threshold"),
        ({"query": "a", "ranking_options": {"ranker": "best"}}, "ranking_options.ranker"),
        ({"query": "a", "filters": {"type": "near", "key": "k", "value": 1}}, "filters"),
        ({"query": "a", "filters": {"type": "eq", "key": "k"}}, "filters"),
        ({"query": "a", "filters": {"type": "and", "filters": []}}, "filters"),
        ({"query": "a", "filters": {"type": "and", "filters": [5]}}, "filters"),
        ({"query": "a", "filters": {"type": "and", "filters": {"a": 1}}}, "filters"),
        ({"query": "a", "filters": {"type": "eq", "key": 5, "value": 1}}, "filters"),
        ({"query": "a", "filters": {"number": 5}}, "filters"),
        ({"query": "a", "filters": {"type": "in", "key": "k", "value": []}}, "filters"),
        ({"query": "a", "filters": {"type": "gt", "key": "k", "value": "words"}}, "filters"),
    ],
)
def test_what_does_not_fit_is_refused(live: Live, store: str, body: dict[str, object], param: str | None) -> None:
    with live.http() as http:
        answer = http.post(f"/v1/vector_stores/{store}/search", json=body)
    assert answer.status_code == 400, answer.text
    found = answer.json()["error"]["param"]
    assert found == param or (param is not None and found.startswith(param))


def test_an_empty_store_has_nothing_and_says_so(client: OpenAI) -> None:
    empty = client.vector_stores.create().id
    assert client.vector_stores.search(empty, query="books").data == []


def _some_filter(rng: random.Random, depth: int) -> dict[str, Any]:
    if depth < 3 and rng.random() < 0.5:
        parts = [_some_filter(rng, depth + 1) for _ in range(rng.randint(1, 3))]
        return {"type": rng.choice(["and", "or"]), "filters": parts}
    key = rng.choice(["number", "parity", "large", "title", "source", "missing"])
    if key == "number":
        kind = rng.choice(["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"])
        value: Any = [rng.randrange(12) for _ in range(3)] if kind in ("in", "nin") else rng.randrange(12)
        return {"type": kind, "key": key, "value": value}
    values = {"parity": ["odd", "even"], "large": [True, False], "title": ["t0", "t1"], "source": ["web", "paper"]}
    return {"type": rng.choice(["eq", "ne"]), "key": key, "value": rng.choice(values.get(key, ["x"]))}


def _matches(wanted: dict[str, Any], attributes: dict[str, Any]) -> bool:
    kind = wanted["type"]
    if kind in ("and", "or"):
        parts = [_matches(part, attributes) for part in wanted["filters"]]
        return all(parts) if kind == "and" else any(parts)
    mine, value = attributes.get(wanted["key"]), wanted["value"]
    return {
        "eq": lambda: mine == value,
        "ne": lambda: mine != value,
        "gt": lambda: mine > value,
        "gte": lambda: mine >= value,
        "lt": lambda: mine < value,
        "lte": lambda: mine <= value,
        "in": lambda: mine in value,
        "nin": lambda: mine not in value,
    }[kind]()


def test_a_search_is_remembered_until_something_changes(
    live: Live, client: OpenAI, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    original = live.shelf.store.query

    def counting(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(live.shelf.store, "query", counting)
    first = client.vector_stores.search(store, query="books in the last room").data
    assert client.vector_stores.search(store, query="books in the last room").data == first
    assert len(asked) == 1
    other = {"type": "eq", "key": "parity", "value": "odd"}
    client.vector_stores.search(store, query="books in the last room", filters=other)
    assert len(asked) == 2
    client.vector_stores.files.upload_and_poll(
        vector_store_id=store, file=("new.txt", b"The last room has the last books."), poll_interval_ms=50
    )
    again = client.vector_stores.search(store, query="books in the last room").data
    assert again[0].filename == "new.txt"
    client.vector_stores.files.delete(again[0].file_id, vector_store_id=store)
    assert "new.txt" not in [
        hit.filename for hit in client.vector_stores.search(store, query="books in the last room").data
    ]
