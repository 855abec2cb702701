"""Durable indexing: a killed server goes on where it was, two servers share a shelf, and trouble ends in a status."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest
from openai import OpenAI
from sqlalchemy import func, select, update

from configs.errors import EmbedError
from ingest.ledger.tables import builds, chunks, documents
from ingest.locks import source_lock
from openshelf import Shelf
from openshelf.server import attaching
from openshelf.server.attaching import Wanted
from openshelf.server.tables import attachments
from tests.openshelf.command import spawn
from tests.server.live import ARTICLES, Live, open_shelf, serving

CONFIG = "path: shelf\nsync: {batch: 4}\n"


@contextmanager
def process(config: Path) -> Iterator[tuple[subprocess.Popen[str], OpenAI]]:
    """A server as a process of its own."""
    server = spawn("serve", "--port", "0", "--quiet", "--config", config)
    assert server.stdout is not None
    try:
        base_url = server.stdout.readline().strip()
        assert base_url, server.stderr.read() if server.stderr else ""
        with OpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
            yield server, client
    finally:
        server.kill()
        server.communicate()


def test_a_server_that_is_killed_while_it_indexes_goes_on_at_its_next_start(tmp_path: Path, model_cache: Path) -> None:
    config = tmp_path / "openshelf.yaml"
    config.write_text(CONFIG)
    texts = {f"{n}.txt": f"Note {n}. " + f"The shelf in room {n} holds books about zebras. " * 15 for n in range(40)}
    with process(config) as (server, client):
        store = client.vector_stores.create(name="notes").id
        files = [
            client.files.create(file=(name, text.encode()), purpose="assistants").id for name, text in texts.items()
        ]
        batch = client.vector_stores.file_batches.create(store, file_ids=files).id
        while not client.vector_stores.retrieve(store).file_counts.completed:
            time.sleep(0.02)
        server.send_signal(signal.SIGKILL)
        server.wait(30)
    with Shelf.open(config) as shelf:
        assert 0 < _documents(shelf, store) < 40
    with process(config) as (server, client):
        done = client.vector_stores.file_batches.poll(batch, vector_store_id=store, poll_interval_ms=50)
        assert (done.id, done.file_counts.completed, done.file_counts.failed) == (batch, 40, 0)
        hits = client.vector_stores.search(store, query="books about zebras", max_num_results=50).data
        assert {hit.file_id for hit in hits} <= set(files)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    with Shelf.open(config) as shelf:
        assert _documents(shelf, store) == 40
        with shelf.ledger.reading() as connection:
            build = connection.execute(select(builds).where(builds.c.source == store)).one()
            count = connection.execute(select(func.count()).where(chunks.c.build == build.id)).scalar()
        # As many vectors as chunks: nothing is there twice, and nothing is missing.
        assert shelf.store.count(build.collection) == count


def test_a_file_that_ends_the_server_again_and_again_is_given_up(tmp_path: Path, model_cache: Path) -> None:
    with open_shelf(tmp_path) as shelf:
        with serving(shelf) as live:
            good, bad = (live.upload(name, ARTICLES[name]) for name in ("returns.md", "shipping.md"))
            store = live.client().vector_stores.create().id
        with shelf.ledger.writing() as connection:
            attaching.attach(connection, store, [Wanted(good), Wanted(bad)])
            connection.execute(update(attachments).where(attachments.c.file_id == bad).values(tries=3))
        with serving(shelf) as live:
            files = live.client().vector_stores.files
            assert files.poll(good, vector_store_id=store, poll_interval_ms=50).status == "completed"
            done = files.poll(bad, vector_store_id=store, poll_interval_ms=50)
            assert done.status == "failed"
            assert done.last_error is not None
            assert (done.last_error.code, "given up" in done.last_error.message) == ("server_error", True)
            again = files.create_and_poll(bad, vector_store_id=store, poll_interval_ms=50)
            assert (again.status, again.last_error) == ("completed", None)


def test_two_servers_share_a_shelf(tmp_path: Path, model_cache: Path) -> None:
    with (
        Shelf.open({"path": "shelf"}, base_dir=tmp_path) as one,
        Shelf.open({"path": "shelf"}, base_dir=tmp_path) as two,
        serving(one) as first,
        serving(two) as second,
    ):
        store = first.client().vector_stores.create().id
        names = {}
        for live, (name, text) in zip((first, second, first), ARTICLES.items(), strict=True):
            names[name] = live.upload(name, text)
            live.client().vector_stores.files.create(store, file_id=names[name])
        for file in names.values():
            done = second.client().vector_stores.files.poll(file, vector_store_id=store, poll_interval_ms=50)
            assert done.status == "completed"
        for live in (first, second):
            hits = live.client().vector_stores.search(store, query="shoes parcels cards").data
            assert {hit.file_id for hit in hits} == set(names.values())
        indexed = [live.services.indexing.tally.completed for live in (first, second)]
        assert sum(indexed) == 3


def test_a_source_that_somebody_else_indexes_is_taken_up_later(live: Live, client: OpenAI) -> None:
    store = client.vector_stores.create().id
    file = live.upload("returns.md", ARTICLES["returns.md"])
    with source_lock(live.shelf.folder, store):
        client.vector_stores.files.create(store, file_id=file)
        _wait(lambda: store in live.services.indexing.tally.troubles)
        assert client.vector_stores.files.retrieve(file, vector_store_id=store).status == "in_progress"
    done = client.vector_stores.files.poll(file, vector_store_id=store, poll_interval_ms=50)
    assert done.status == "completed"


def test_an_embedder_that_stays_down_ends_in_a_status_that_says_so(
    live: Live, client: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = live.shelf.embedders.current()

    def down(*_texts: object) -> None:
        raise EmbedError("The embedder cannot be reached.")

    monkeypatch.setattr("openshelf.server.indexing._LONGEST_WAIT", 0.05)
    monkeypatch.setattr(type(embedder), "embed_documents", down)
    store = client.vector_stores.create().id
    file = live.upload("new.md", "Words that nobody embedded before.")
    done = client.vector_stores.files.create_and_poll(file, vector_store_id=store, poll_interval_ms=50)
    assert done.status == "failed"
    assert done.last_error is not None
    assert (done.last_error.code, "cannot be reached" in done.last_error.message) == ("server_error", True)
    monkeypatch.undo()
    again = client.vector_stores.files.create_and_poll(file, vector_store_id=store, poll_interval_ms=50)
    assert (again.status, again.last_error) == ("completed", None)


def test_a_store_that_is_deleted_while_it_is_indexed_leaves_nothing(live: Live, client: OpenAI) -> None:
    files = [live.upload(f"{n}.txt", f"Number {n} speaks of otters. " * 100) for n in range(20)]
    store = client.vector_stores.create(file_ids=files).id
    client.vector_stores.delete(store)
    _wait(lambda: not live.services.indexing._waiting())
    with live.shelf.ledger.reading() as connection:
        assert not connection.execute(select(builds).where(builds.c.source == store)).first()
    assert not [name for name in live.shelf.store.collections() if store.replace("_", "-") in name]
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.search(store, query="otters")


def test_an_index_that_was_lost_is_made_again_at_the_next_start(tmp_path: Path, model_cache: Path) -> None:
    with open_shelf(tmp_path) as shelf:
        with serving(shelf) as live:
            store, _ = live.store_with(ARTICLES)
        # As pruning does with a source that the configuration does not name.
        from ingest.forget import forget

        forget(shelf.ledger, shelf.store, store)
        with serving(shelf) as live:
            _wait(lambda: _documents(shelf, store) == 3)
            assert live.client().vector_stores.search(store, query="unworn shoes").data[0].filename == "returns.md"


def test_files_are_made_anew_for_another_embedder_and_stay_searchable(tmp_path: Path, model_cache: Path) -> None:
    with open_shelf(tmp_path) as shelf, serving(shelf) as live:
        store, _ = live.store_with(ARTICLES)
    other = {"embedder": {"document_prefix": "passage: "}}
    with open_shelf(tmp_path, **other) as shelf, serving(shelf) as live:
        before = _fingerprint(shelf, store)
        assert live.client().vector_stores.search(store, query="unworn shoes").data[0].filename == "returns.md"
        _wait(lambda: _fingerprint(shelf, store) != before)
        assert live.client().vector_stores.search(store, query="unworn shoes").data[0].filename == "returns.md"
        assert live.client().vector_stores.retrieve(store).file_counts.completed == 3


def test_serving_says_where_and_how_and_stops_when_told(tmp_path: Path, model_cache: Path) -> None:
    config = tmp_path / "openshelf.yaml"
    config.write_text("path: shelf\nstore: {mode: embedded}\n")
    server = spawn("serve", "--port", "0", "--log", "json", "--config", config)
    assert server.stdout is not None
    base_url = server.stdout.readline().strip()
    with OpenAI(base_url=base_url, api_key="none") as client:
        assert client.vector_stores.list().data == []
        taken = spawn("serve", "--port", base_url.split(":")[2].split("/")[0], "--config", config)
        _, said = taken.communicate(timeout=60)
        assert (taken.returncode, "cannot listen" in said) == (1, True)
    server.send_signal(signal.SIGINT)
    rest, log = server.communicate(timeout=60)
    assert (server.returncode, rest) == (0, "")
    assert all(json.loads(line)["level"] in ("info", "warning") for line in log.splitlines())


def _documents(shelf: Shelf, source: str) -> int:
    with shelf.ledger.reading() as connection:
        statement = (
            select(func.count())
            .select_from(documents)
            .join(builds, builds.c.id == documents.c.build)
            .where(builds.c.source == source, builds.c.state == "active")
        )
        return connection.execute(statement).scalar() or 0


def _fingerprint(shelf: Shelf, source: str) -> str:
    with shelf.ledger.reading() as connection:
        return str(
            connection.execute(
                select(builds.c.fingerprint).where(builds.c.source == source, builds.c.state == "active")
            ).scalar_one()
        )


def _wait(until: object, seconds: float = 30) -> None:
    """Until a thread of the server has got so far."""
    assert callable(until)
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        pause.wait(0.02)
