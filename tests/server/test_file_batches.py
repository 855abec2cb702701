"""File batches: each file with its own fate, and the batch's id all along."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from tests.server.live import ARTICLES, Live


def test_polling_a_batch_returns_the_batchs_id_and_counts(live: Live, client: OpenAI) -> None:
    store = client.vector_stores.create().id
    files = [live.upload(name, text) for name, text in ARTICLES.items()]
    made = client.vector_stores.file_batches.create(store, file_ids=files)
    done = client.vector_stores.file_batches.poll(made.id, vector_store_id=store, poll_interval_ms=50)
    assert done.id == made.id
    assert done.id.startswith("vsfb_")
    assert (done.status, done.vector_store_id) == ("completed", store)
    assert (done.file_counts.completed, done.file_counts.total) == (3, 3)
    assert client.vector_stores.file_batches.retrieve(made.id, vector_store_id=store) == done


def test_each_file_that_fails_is_named_with_its_reason(live: Live, client: OpenAI) -> None:
    store = client.vector_stores.create().id
    good = live.upload("returns.md", ARTICLES["returns.md"])
    bad = {live.upload("a.bin", bytes(range(256))): "unsupported_file", live.upload("b.txt", b"  "): "invalid_file"}
    done = client.vector_stores.file_batches.create_and_poll(store, file_ids=[good, *bad], poll_interval_ms=50)
    assert done.status == "completed"
    assert (done.file_counts.completed, done.file_counts.failed) == (1, 2)
    failed = list(client.vector_stores.file_batches.list_files(done.id, vector_store_id=store, filter="failed"))
    assert {file.id: file.last_error.code for file in failed if file.last_error} == bad
    whole = client.vector_stores.file_batches.list_files(done.id, vector_store_id=store, filter="completed")
    assert [file.id for file in whole] == [good]
    assert [file.id for file in client.vector_stores.files.list(store, filter="failed", order="asc")] == list(bad)


def test_a_batch_of_which_nothing_can_be_read_has_failed(live: Live, client: OpenAI) -> None:
    store = client.vector_stores.create().id
    files = [live.upload("b.txt", b"  "), live.upload("c.txt", b"\n")]
    done = client.vector_stores.file_batches.create_and_poll(store, file_ids=files, poll_interval_ms=50)
    assert (done.status, done.file_counts.failed) == ("failed", 2)


def test_files_of_a_batch_have_attributes_and_chunking_of_their_own(live: Live, client: OpenAI) -> None:
    store = client.vector_stores.create().id
    files = [live.upload(name, text) for name, text in ARTICLES.items()]
    small = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 10}}
    done = client.vector_stores.file_batches.create_and_poll(
        store,
        files=[
            {"file_id": files[0], "attributes": {"n": 0}},
            {"file_id": files[1], "attributes": {"n": 1}, "chunking_strategy": small},
            {"file_id": files[2]},
        ],
        poll_interval_ms=50,
    )
    assert done.file_counts.completed == 3
    attached = {file.id: file for file in client.vector_stores.files.list(store)}
    assert [attached[file].attributes for file in files] == [{"n": 0}, {"n": 1}, {}]
    sizes = [attached[file].chunking_strategy.static.max_chunk_size_tokens for file in files]
    assert sizes == [800, 100, 800]
    hits = client.vector_stores.search(
        store, query="shoes parcels cards", filters={"type": "in", "key": "n", "value": [0, 1]}
    )
    assert {hit.file_id for hit in hits} == set(files[:2])


def test_a_cancelled_batch_leaves_nothing_in_the_index(live: Live, client: OpenAI) -> None:
    store, names = live.store_with({"returns.md": ARTICLES["returns.md"]})
    files = [live.upload(f"{n}.txt", f"Number {n} speaks of zebras. " * 60) for n in range(40)]
    made = client.vector_stores.file_batches.create(store, file_ids=files)
    cancelled = client.vector_stores.file_batches.cancel(made.id, vector_store_id=store)
    assert cancelled.status in ("cancelled", "completed")
    done = client.vector_stores.file_batches.poll(made.id, vector_store_id=store, poll_interval_ms=50)
    counts = done.file_counts
    assert (counts.in_progress, counts.total, counts.failed) == (0, 40, 0)
    assert (done.id, done.status) == (made.id, "cancelled")
    kept = {
        file.id
        for file in client.vector_stores.file_batches.list_files(made.id, vector_store_id=store, filter="completed")
    }
    assert len(kept) == counts.completed
    hits = client.vector_stores.search(store, query="zebras", max_num_results=50).data
    assert {hit.file_id for hit in hits} - {names["returns.md"]} == kept
    # A cancelled file can be attached again.
    other = next(file for file in files if file not in kept)
    again = client.vector_stores.files.create_and_poll(other, vector_store_id=store, poll_interval_ms=50)
    assert again.status == "completed"


def test_pages_of_a_batchs_files(live: Live, client: OpenAI) -> None:
    store = client.vector_stores.create().id
    files = [live.upload(f"{n}.txt", f"text {n}") for n in range(5)]
    made = client.vector_stores.file_batches.create_and_poll(store, file_ids=files, poll_interval_ms=50)
    listed = client.vector_stores.file_batches.list_files(made.id, vector_store_id=store, limit=2, order="asc")
    assert [file.id for file in listed] == files


@pytest.mark.parametrize(
    "body", [{}, {"file_ids": []}, {"file_ids": ["a"], "files": [{"file_id": "a"}]}, {"files": [{}]}]
)
def test_a_batch_that_does_not_fit_is_refused(live: Live, body: dict[str, object]) -> None:
    store, _ = live.store_with({})
    with live.http() as http:
        assert http.post(f"/v1/vector_stores/{store}/file_batches", json=body).status_code == 400


def test_a_file_that_is_unknown_stops_the_whole_batch(live: Live, client: OpenAI) -> None:
    store, _ = live.store_with({})
    good = live.upload("returns.md", ARTICLES["returns.md"])
    with pytest.raises(openai.NotFoundError, match="file-unknown"):
        client.vector_stores.file_batches.create(store, file_ids=[good, "file-unknown"])
    assert client.vector_stores.retrieve(store).file_counts.total == 0
    with pytest.raises(openai.NotFoundError) as caught:
        client.vector_stores.file_batches.retrieve("vsfb_unknown", vector_store_id=store)
    assert caught.value.code == "file_batch_not_found"
