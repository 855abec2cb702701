"""Searches during which something happens: the store breaks, a writer flips builds, a collection goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.errors import StoreBroken, StoreError
from ingest import repair
from ingest.ledger import builds
from ingest.ledger.ledger import next_generation
from openshelf import Shelf
from retrieval.search import Searcher
from tests.retrieval import stock

QUERY = "How do I wash the rain jacket?"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Shelf]:
    """A shelf that a test may break."""
    (tmp_path / "kb").mkdir()
    for article in stock.articles()[:12]:
        article.write(tmp_path / "kb")
    with Shelf.open(stock.config(tmp_path)) as shelf:
        assert shelf.sync()[0].outcome == "clean"
        yield shelf


def collection(shelf: Shelf) -> str:
    with shelf.ledger.reading() as connection:
        return builds.active(connection)[0].collection


class Between(Searcher):
    """A searcher during whose every look at the store something happens first."""

    def __init__(self, shelf: Shelf, happens: Any, **options: Any) -> None:
        self.times = 0
        between = self

        class Store:
            def query(self, *arguments: Any) -> Any:
                between.times += 1
                happens(between.times)
                return shelf.store.query(*arguments)

        super().__init__(shelf.ledger, Store(), shelf.embedders.of, shelf.config.retrieval, **options)  # type: ignore[arg-type]


def test_a_store_that_lost_its_collection_is_mended_from_the_ledger(own: Shelf) -> None:
    before = own.search(QUERY)
    own.store.drop(collection(own))
    assert own.search(QUERY) == before
    assert own.store.count(collection(own)) > 0


def test_a_store_that_breaks_in_the_middle_of_a_search_is_mended_once(own: Shelf) -> None:
    before = own.search(QUERY)

    def breaks(times: int) -> None:
        if times == 1:
            own.store.drop(collection(own))

    searcher = Between(own, breaks, repair=lambda: repair.heal(own.ledger, own.store))
    assert searcher.search(QUERY) == before
    assert searcher.times == 2


def test_a_store_that_stays_broken_is_said_to_be_so(own: Shelf) -> None:
    repairs = []
    searcher = Between(own, lambda _: own.store.drop(collection(own)), repair=lambda: repairs.append(1))
    with pytest.raises(StoreBroken):
        searcher.search(QUERY)
    assert repairs == [1]
    with pytest.raises(StoreBroken):
        Between(own, lambda _: None).search(QUERY)
    assert own.search(QUERY)


def test_a_rebuild_that_ends_in_the_middle_of_a_search_is_what_it_finds(own: Shelf) -> None:
    before = own.search(QUERY)

    def rebuilds(times: int) -> None:
        if times == 1:
            assert own.sync(rebuild=True)[0].outcome == "clean"
            assert own.sync(rebuild=True)[0].outcome == "clean"  # the first build's collection is gone now

    searcher = Between(own, rebuilds, repair=lambda: repair.heal(own.ledger, own.store))
    found = searcher.search(QUERY)
    assert searcher.times == 2
    assert found == own.search(QUERY)
    assert len(found) == len(before)
    assert found[0].document_id == before[0].document_id
    assert not {hit.chunk_id for hit in found} & {hit.chunk_id for hit in before}


def test_a_writer_that_never_rests_does_not_stop_a_search(own: Shelf) -> None:
    before = own.search(QUERY)

    def flips(_: int) -> None:
        with own.ledger.writing() as connection:
            next_generation(connection)

    searcher = Between(own, flips)
    assert searcher.search(QUERY) == before
    assert searcher.times == 4


def test_a_failing_store_that_no_writer_explains_is_reported(own: Shelf) -> None:
    class Down:
        def query(self, *_: Any) -> Any:
            raise StoreError("The server is down.")

    searcher = Searcher(own.ledger, Down(), own.embedders.of, own.config.retrieval)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="The server is down"):
        searcher.search(QUERY)
    assert searcher.search(QUERY, vector_weight=0)  # keywords need no store


def test_an_empty_shelf_finds_nothing(tmp_path: Path) -> None:
    with Shelf.open({"path": str(tmp_path / "shelf"), "store": {"mode": "embedded"}}) as shelf:
        assert shelf.search(QUERY) == []
