"""The vector store is a projection: whatever happens to it, the ledger writes it again, and no embedder is called."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import portalocker
import pytest

from configs.schema import Embedder as EmbedderSettings
from configs.schema import HeadingChunker, Retrieval, Source, Store
from configs.schema import Sync as SyncSettings
from ingest import repair
from ingest.embed.contract import Vectors
from ingest.embedders import Embedders
from ingest.forget import forget
from ingest.ledger import Ledger
from ingest.report import Report
from ingest.stores import open_store
from ingest.stores.chroma_process import DATA, OWNER_LOCK
from ingest.sync import SourceSync
from retrieval.search import Searcher
from tests.ingest.corpus import CorpusConnector, article, document
from tests.ingest.snapshot import snapshot, snapshot_of

DOCUMENTS = {f"doc-{n}": document(f"doc-{n}", article(n)) for n in range(12)}


def sync(folder: Path, cache: Path, name: str = "kb", **options: Any) -> Report:
    ledger, store = Ledger.open(folder), open_store(Store(), folder)
    try:
        return SourceSync(
            ledger=ledger,
            store=store,
            embedders=Embedders(EmbedderSettings(), cache),
            source=Source(name=name, type="corpus", chunker=HeadingChunker(size=80)),
            connector=CorpusConnector(DOCUMENTS),
            settings=SyncSettings(),
            **options,
        ).run()
    finally:
        store.close()
        ledger.close()


@pytest.fixture
def folder(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A synced shelf whose server has stopped."""
    monkeypatch.setenv("OPENSHELF_STORE_IDLE", "0.1")
    assert sync(tmp_path, model_cache).outcome == "clean"
    stopped(tmp_path)
    yield tmp_path


def stopped(folder: Path) -> None:
    deadline = time.monotonic() + 30
    with (folder / OWNER_LOCK).open("a+") as handle:
        while True:
            try:
                portalocker.lock(handle, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
                return
            except portalocker.LockException:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def delete(folder: Path) -> None:
    shutil.rmtree(folder / DATA)


def truncate(folder: Path) -> None:
    (folder / DATA / "chroma.sqlite3").write_bytes(b"")


def overwrite(folder: Path) -> None:
    (folder / DATA / "chroma.sqlite3").write_bytes(np.random.default_rng(1).bytes(300_000))


def scribble(folder: Path) -> None:
    file = folder / DATA / "chroma.sqlite3"
    content = bytearray(file.read_bytes())
    for at in range(4096, len(content), 4096 * 3):
        content[at : at + 2048] = b"\xff" * 2048
    file.write_bytes(bytes(content))


DAMAGE = [delete, truncate, overwrite, scribble]


class NoEmbedder:
    """The embedder for questions alone: a document that it is given fails the test."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def embed_documents(self, texts: Any) -> Vectors:
        raise AssertionError(f"{len(texts)} texts were embedded again")


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_sync_mends_what_was_done_to_the_folder(
    folder: Path, model_cache: Path, damage: Callable[[Path], None]
) -> None:
    before = snapshot_of(folder)
    stopped(folder)
    damage(folder)
    report = sync(folder, model_cache)
    assert (report.outcome, report.counts.embedded) == ("clean", 0)
    assert snapshot_of(folder) == before


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_search_mends_it_too(folder: Path, model_cache: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    ledger, store = Ledger.open(folder), open_store(Store(), folder)
    embedder = NoEmbedder(Embedders(EmbedderSettings(), model_cache).current())
    searcher = Searcher(
        ledger,
        store,
        lambda _stored: embedder,  # type: ignore[arg-type, return-value]
        Retrieval(),
        repair=lambda: repair.heal(ledger, store),
    )
    try:
        hits = searcher.search("the tent in the rain", top_k=3)
        assert len(hits) == 3
        assert all(hit.why.vector_rank for hit in hits)
        collection = store.collections()
        assert len(collection) == 1
        assert store.count(collection[0]) == len(snapshot(ledger, store)["chunks"])
    finally:
        store.close()
        ledger.close()


def test_a_lost_file_of_the_index_is_noticed_though_chroma_says_nothing(
    tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSHELF_STORE_IDLE", "0.1")
    # Chroma writes its index to files from 1,000 vectors on.
    many = {f"doc-{n}": document(f"doc-{n}", f"Parcel {n} is late.") for n in range(1100)}
    monkeypatch.setitem(globals(), "DOCUMENTS", many)
    assert sync(tmp_path, model_cache).outcome == "clean"
    stopped(tmp_path)

    def lose() -> None:
        segments = [path for path in (tmp_path / DATA).iterdir() if path.is_dir()]
        assert segments
        for path in segments:
            shutil.rmtree(path)

    lose()
    ledger, store = Ledger.open(tmp_path), open_store(Store(), tmp_path)
    embedders = Embedders(EmbedderSettings(), model_cache)
    searcher = Searcher(ledger, store, embedders.of, Retrieval(), repair=lambda: repair.heal(ledger, store))
    hits = searcher.search("Parcel 577", top_k=5)
    assert len([hit for hit in hits if hit.why.vector_rank]) >= 1
    assert len(store.query(store.collections()[0], embedders.current().embed_query("late"), 50)) == 50
    store.close()
    ledger.close()
    stopped(tmp_path)
    lose()
    assert sync(tmp_path, model_cache).counts.embedded == 0
    store = open_store(Store(), tmp_path)
    assert len(store.query(store.collections()[0], embedders.current().embed_query("late"), 50)) == 50
    store.close()


def test_orphans_are_swept_and_missing_vectors_written(folder: Path, model_cache: Path) -> None:
    before = snapshot_of(folder)
    ledger, store = Ledger.open(folder), open_store(Store(), folder)
    collection = store.collections()[0]
    ids = sorted(store.ids(collection))
    store.delete(collection, ids[:3])
    store.upsert(collection, ["orphan"], np.full((1, 384), 384**-0.5, np.float32), [{}])
    store.create(f"os-{ledger.shelf_id}-gone-9", 384)
    store.create("os-another-shelf-1", 384)
    store.close()
    ledger.close()
    report = sync(folder, model_cache)
    assert (report.counts.repaired, report.counts.embedded) == (4, 0)
    assert snapshot_of(folder) == before
    store = open_store(Store(), folder)
    assert sorted(store.collections()) == sorted([collection, "os-another-shelf-1"])
    store.close()


def test_forgetting_a_source_leaves_the_other_whole(folder: Path, model_cache: Path) -> None:
    before = snapshot_of(folder)
    sync(folder, model_cache, "other")
    ledger, store = Ledger.open(folder), open_store(Store(), folder)
    forget(ledger, store, "other")
    assert snapshot(ledger, store) == before
    store.close()
    ledger.close()
