"""A variant is what a sync with its settings would have given, and the shelf that it came from stays as it was."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.errors import BudgetExceeded, ConfigError, LedgerError
from configs.loader import Loaded, from_mapping, load
from configs.yaml_lines import read_yaml
from evaluation.variant import Variants
from ingest.ledger import Ledger
from ingest.ledger.where import ALL_GROUPS
from openshelf import Shelf
from tests.ingest.embed.embeddings_server import EmbeddingsServer
from tests.ingest.snapshot import snapshot
from tests.openshelf.command import write_shelf

QUESTIONS = ("Can I return worn shoes?", "What does a parcel to France cost?", "How long is a gift card valid?")


def changed(config: Path, **changes: Any) -> Loaded:
    """The configuration with top-level sections replaced."""
    raw, _ = read_yaml(config.read_text(), config.name)
    return from_mapping({**raw, **changes}, config.parent)


def digest(config: Path) -> str:
    """Of the rows of the shelf's ledger that are not the cache of SQLite itself."""
    with sqlite3.connect(config.parent / "shelf" / "ledger.sqlite") as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_shelf(tmp_path_factory.mktemp("shelf"))
    with Shelf.open(path) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean", "clean"]
    return path


@pytest.fixture
def variants(config: Path, tmp_path: Path) -> Variants:
    return Variants(load(config), tmp_path / "study", Shelf)


CHUNKERS = (
    {"type": "token", "size": 12},
    {"type": "sentence", "size": 20, "overlap": 5},
    {"type": "whole"},
)


@pytest.mark.parametrize("chunker", CHUNKERS, ids=lambda chunker: str(chunker["type"]))
def test_a_variant_equals_a_shelf_synced_with_its_settings(
    config: Path, variants: Variants, tmp_path: Path, chunker: dict[str, Any]
) -> None:
    wanted = changed(config, defaults={"chunker": chunker, "metadata": {"team": "support"}})
    made = variants.make(wanted)
    (tmp_path / "fresh").mkdir()
    path = write_shelf(tmp_path / "fresh")
    path.write_text(f"{path.read_text()}defaults: {{chunker: {chunker}, metadata: {{team: support}}}}\n")
    with Shelf.open(path) as fresh, variants.opened(wanted) as (variant, _):
        fresh.sync()
        assert snapshot(variant.ledger, variant.store) == snapshot(fresh.ledger, fresh.store)
        for question in QUESTIONS:
            one = variant.search(question, groups=ALL_GROUPS)  # type: ignore[arg-type]
            other = fresh.search(question, groups=ALL_GROUPS)  # type: ignore[arg-type]
            assert [(hit.document_id, hit.start, hit.end) for hit in one] == [
                (hit.document_id, hit.start, hit.end) for hit in other
            ]
            assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-6)
    assert made.chunks == sum(1 for _ in snapshot_chunks(tmp_path / "study" / "variants" / made.name))


def snapshot_chunks(folder: Path) -> Iterator[str]:
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        yield from (row[0] for row in connection.execute("SELECT id FROM chunks"))


def test_the_shelf_is_only_read(config: Path, variants: Variants) -> None:
    before = digest(config)
    for chunker in CHUNKERS:
        variants.make(changed(config, defaults={"chunker": chunker}))
    assert digest(config) == before
    assert not variants.moved_on()


def test_a_copy_is_another_shelf_without_what_people_said(config: Path, tmp_path: Path) -> None:
    with Shelf.open(config) as shelf:
        shelf.answer("Can I return worn shoes?", conversation=shelf.conversations.create().id)
        own = shelf.ledger.shelf_id
    variants = Variants(load(config), tmp_path / "study", Shelf)
    copy = Ledger.open(variants.frozen)
    assert copy.shelf_id != own
    copy.close()
    with sqlite3.connect(variants.frozen / "ledger.sqlite") as connection:
        for table in ("conversations", "turns", "runs", "failures"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        collections = [row[0] for row in connection.execute("SELECT collection FROM builds")]
    assert collections
    assert not any(own in name for name in collections)


def test_no_text_is_embedded_twice(config: Path, variants: Variants) -> None:
    first = {"chunker": {"type": "token", "size": 12}}
    other = {"chunker": {"type": "whole"}}
    assert variants.make(load(config)).embedded == 0
    made = variants.make(changed(config, defaults=first))
    assert made.embedded > 0
    assert variants.make(changed(config, defaults=other)).embedded > 0
    # The same texts again, under another fingerprint: `metadata` is not embedded.
    again = variants.make(changed(config, defaults={**first, "metadata": {"team": "support"}}))
    assert (again.embedded, again.cached, again.chunks) == (0, made.chunks, made.chunks)
    # And after the folder of a variant is gone.
    for marker in (variants.folder / "variants").glob("*/variant.json"):
        marker.unlink()
        (marker.parent / "ledger.sqlite").unlink()
    assert variants.make(changed(config, defaults=first)).embedded == 0


def test_settings_of_search_share_a_variant(config: Path, variants: Variants) -> None:
    base = load(config)
    for section in ({"retrieval": {"top_k": 3, "keyword_weight": 0.1}}, {"context": {"budget": 100}}):
        assert variants.name(changed(config, **section)) == variants.name(base)
    assert variants.name(changed(config, embedder={"document_prefix": "passage: "})) != variants.name(base)


def test_a_build_that_was_stopped_goes_on(config: Path, variants: Variants) -> None:
    wanted = changed(config, defaults={"chunker": {"type": "token", "size": 9}}, sync={"batch": 1})

    def stop(_source: str, counts: Any) -> None:
        if counts.embedded > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        variants.make(wanted, progress=stop)
    rest = variants.make(wanted)
    assert rest.fresh
    assert 0 < rest.embedded < rest.chunks
    with variants.opened(wanted) as (shelf, _):
        assert len(shelf.search("worn shoes", top_k=100)) == rest.chunks - 2  # without the agents' own document


def test_what_cannot_be_made_from_the_parsed_texts_is_refused(config: Path, variants: Variants, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="read again"):
        variants.make(changed(config, defaults={"parser": {"keep_links": True}}))
    raw, _ = read_yaml(config.read_text(), "x")
    more = {**raw["sources"], "new": {"type": "files", "path": "kb"}}
    with pytest.raises(ConfigError, match="'new' has no documents"):
        variants.make(changed(config, sources=more))
    never = write_shelf(tmp_path)
    with pytest.raises(LedgerError, match="openshelf sync"):
        Variants(load(never), tmp_path / "other", Shelf)


def test_only_so_many_variants_stay_on_disk(config: Path, tmp_path: Path) -> None:
    variants = Variants(load(config), tmp_path / "study", Shelf, keep=2)
    for size in (8, 10, 12, 14):
        variants.make(changed(config, defaults={"chunker": {"type": "token", "size": size}}))
    assert len(list((variants.folder / "variants").iterdir())) == 2


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    running = EmbeddingsServer()
    yield running
    running.close()


def paid(folder: Path, server: EmbeddingsServer) -> Path:
    path = write_shelf(folder)
    path.write_text(
        path.read_text() + "embedder: {provider: openai, model: text-embedding-3-small, api_key: sk-test-123456, "
        f"dimensions: 8, base_url: '{server.url}'}}\n"
        "costs: {prices: {text-embedding-3-small: {input: 1000}}}\n"
    )
    with Shelf.open(path) as shelf:
        shelf.sync()
    return path


def test_money_is_planned_written_down_on_the_shelf_and_capped(tmp_path: Path, server: EmbeddingsServer) -> None:
    config = paid(tmp_path, server)
    with Shelf.open(config) as shelf:
        before = sum(line.cost for line in shelf.costs())
    variants = Variants(load(config), tmp_path / "study", Shelf)
    wanted = changed(config, defaults={"chunker": {"type": "token", "size": 12}})
    asked = len(server.asked)
    planned = sum(plan.cost or 0 for plan in variants.plan(wanted))
    assert planned > 0
    with pytest.raises(BudgetExceeded):
        variants.make(wanted, money_left=planned / 100)
    assert len(server.asked) == asked
    # The server counts words and not tokens, so it is cheaper than planned.
    made = variants.make(wanted, money_left=planned * 2)
    assert 0 < made.cost <= planned
    with variants.opened(wanted) as (shelf, spent):
        shelf.search("gift card")
        shelf.search("gift card")
        question = spent()
        assert question > 0
    with Shelf.open(config) as shelf:
        assert sum(line.cost for line in shelf.costs()) == pytest.approx(before + made.cost + question)
    texts = "".join(path.read_text(errors="replace") for path in (tmp_path / "study").rglob("*.json"))
    assert "sk-test-123456" not in texts
