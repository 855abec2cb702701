"""What every vector store promises (``ingest.stores.contract``), shown on each of them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from configs.errors import StoreBroken, StoreError
from configs.schema import Store
from ingest.embed.contract import Vectors
from ingest.filters import parse_filter
from ingest.stores import VectorStore, open_store

STORES = {
    "auto": Store(),
    "embedded": Store(mode="embedded"),
    "llama-index": Store(type="llama-index", adapter="simple"),
}
WIDTH = 8
Reopen = Callable[[], VectorStore]


def unit(count: int, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(params=STORES)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Closes the store that is open, and opens it again."""
    current: list[VectorStore] = []

    def again() -> VectorStore:
        while current:
            current.pop().close()
        current.append(open_store(STORES[request.param], tmp_path))
        return current[-1]

    yield again
    while current:
        current.pop().close()


@pytest.fixture
def store(reopen: Reopen) -> VectorStore:
    opened = reopen()
    opened.create("os-a-1", WIDTH)
    return opened


def test_an_empty_collection_finds_nothing(store: VectorStore) -> None:
    assert store.query("os-a-1", unit(1)[0], 5) == []
    assert (store.count("os-a-1"), list(store.ids("os-a-1"))) == (0, [])


def test_neighbours_come_best_first_with_their_cosine_similarity(store: VectorStore) -> None:
    vectors = unit(60)
    store.upsert("os-a-1", [f"c{n}" for n in range(60)], vectors, [{} for _ in range(60)])
    query = unit(1, seed=9)[0]
    exact = sorted(((float(vectors[n] @ query), f"c{n}") for n in range(60)), reverse=True)[:10]
    found = store.query("os-a-1", query, 10)
    assert [neighbour.id for neighbour in found] == [name for _, name in exact]
    assert [neighbour.score for neighbour in found] == pytest.approx([score for score, _ in exact], abs=1e-4)


def test_more_neighbours_than_there_are_is_no_error(store: VectorStore) -> None:
    store.upsert("os-a-1", ["x", "y"], unit(2), [{}, {}])
    assert {neighbour.id for neighbour in store.query("os-a-1", unit(1)[0], 100)} == {"x", "y"}


def test_writing_twice_is_writing_once_and_the_last_one_counts(store: VectorStore) -> None:
    first, second = unit(2, seed=1), unit(2, seed=2)
    store.upsert("os-a-1", ["x", "y"], first, [{"n": 1.0}, {"n": 2.0}])
    store.upsert("os-a-1", ["x", "y"], second, [{"n": 3.0}, {"n": 4.0}])
    assert sorted(store.ids("os-a-1")) == ["x", "y"]
    assert store.query("os-a-1", second[0], 1)[0].score == pytest.approx(1.0, abs=1e-4)
    assert {found.id for found in store.query("os-a-1", second[0], 5, parse_filter({"n": 4.0}))} == {"y"}


def test_deleting_ids_that_are_not_there_is_no_error(store: VectorStore) -> None:
    store.upsert("os-a-1", ["x", "y"], unit(2), [{}, {}])
    store.delete("os-a-1", ["x", "never"])
    store.delete("os-a-1", [])
    assert (list(store.ids("os-a-1")), store.count("os-a-1")) == (["y"], 1)


def test_many_ids_are_written_listed_and_deleted_beyond_one_page(store: VectorStore) -> None:
    names = [f"c{n}" for n in range(5500)]
    store.upsert("os-a-1", names, unit(5500), [{} for _ in names])
    assert (store.count("os-a-1"), set(store.ids("os-a-1"))) == (5500, set(names))
    store.delete("os-a-1", names[:5400])
    assert set(store.ids("os-a-1")) == set(names[5400:])


def test_collections_are_made_once_listed_and_dropped(store: VectorStore) -> None:
    store.upsert("os-a-1", ["x"], unit(1), [{}])
    store.create("os-a-1", WIDTH)
    store.create("os-a-2", WIDTH)
    assert sorted(store.collections()) == ["os-a-1", "os-a-2"]
    assert store.count("os-a-1") == 1
    store.drop("os-a-2")
    store.drop("os-a-2")
    assert store.collections() == ["os-a-1"]


def test_what_was_written_is_there_after_closing(store: VectorStore, reopen: Reopen) -> None:
    vectors = unit(3)
    store.upsert("os-a-1", ["x", "y", "z"], vectors, [{}, {}, {}])
    again = reopen()
    assert again.query("os-a-1", vectors[1], 1)[0].id == "y"


def test_a_collection_that_is_not_there_is_broken_and_can_be_made(store: VectorStore) -> None:
    for use in (
        lambda: store.query("os-a-9", unit(1)[0], 1),
        lambda: store.upsert("os-a-9", ["x"], unit(1), [{}]),
        lambda: store.count("os-a-9"),
        lambda: list(store.ids("os-a-9")),
    ):
        with pytest.raises(StoreBroken):
            use()
    store.create("os-a-9", WIDTH)
    assert store.count("os-a-9") == 0


def test_wiping_leaves_an_empty_store_that_works(store: VectorStore) -> None:
    store.upsert("os-a-1", ["x"], unit(1), [{}])
    store.wipe(["os-a-1"])
    assert store.collections() == []
    store.create("os-a-1", WIDTH)
    store.upsert("os-a-1", ["y"], unit(1), [{}])
    assert list(store.ids("os-a-1")) == ["y"]


def test_a_closed_store_says_so(store: VectorStore) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.count("os-a-1")


def test_a_filter_never_leaves_out_what_it_allows(store: VectorStore) -> None:
    rng = random.Random(3)
    flats = [
        {
            **({"n": float(rng.randint(0, 5))} if rng.random() < 0.8 else {}),
            **({"tag:a": True} if rng.random() < 0.5 else {}),
            **({"kind": rng.choice("xyz")} if rng.random() < 0.8 else {}),
        }
        for _ in range(40)
    ]
    store.upsert("os-a-1", [f"c{n}" for n in range(40)], unit(40), flats)
    holds: list[tuple[dict[str, object], Callable[[dict[str, object]], bool]]] = [
        ({"kind": "x"}, lambda flat: flat.get("kind") == "x"),
        ({"kind": ["x", "y"]}, lambda flat: flat.get("kind") in ("x", "y")),
        ({"n": {"gte": 2, "lt": 4}}, lambda flat: 2 <= float(flat.get("n", -1)) < 4),  # type: ignore[arg-type]
        (
            {"or": [{"tag:a": True}, {"and": [{"kind": "z"}, {"n": {"gt": 3}}]}]},
            lambda flat: bool(flat.get("tag:a")) or (flat.get("kind") == "z" and float(flat.get("n", -1)) > 3),  # type: ignore[arg-type]
        ),
        ({"kind": {"ne": "x"}}, lambda flat: flat.get("kind") != "x"),
        ({"kind": {"nin": ["x", "y"]}}, lambda flat: flat.get("kind") not in ("x", "y")),
    ]
    for raw, allowed in holds:
        found = {neighbour.id for neighbour in store.query("os-a-1", unit(1)[0], 40, parse_filter(raw))}
        assert {f"c{n}" for n, flat in enumerate(flats) if allowed(flat)} <= found, raw


def test_equality_narrows_the_search(store: VectorStore) -> None:
    flats = [{"source": "a" if n % 2 else "b"} for n in range(20)]
    store.upsert("os-a-1", [f"c{n}" for n in range(20)], unit(20), flats)
    found = {neighbour.id for neighbour in store.query("os-a-1", unit(1)[0], 20, parse_filter({"source": "a"}))}
    assert found == {f"c{n}" for n in range(20) if n % 2}


def test_many_threads_may_use_it_at_once(store: VectorStore) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            names = [f"t{number}-{n}" for n in range(50)]
            store.upsert("os-a-1", names, unit(50, seed=number), [{} for _ in names])
            for row in unit(5, seed=number):
                assert store.query("os-a-1", row, 1)[0].score == pytest.approx(1.0, abs=1e-4)
            store.delete("os-a-1", names[:25])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.count("os-a-1") == 6 * 25
