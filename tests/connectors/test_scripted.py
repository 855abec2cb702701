"""The scripted connector and its fault knobs."""

from __future__ import annotations

import random

import pytest

from configs.errors import ConnectorError, CursorError
from connectors.contract import Checkpoint, Complete, Delete, Upsert
from connectors.guard import checked
from connectors.scripted import Corpus, Faults, Scripted
from tests.connectors.conformance import Shelf


@pytest.fixture
def corpus() -> Corpus:
    corpus = Corpus()
    corpus.edit(30, random.Random(1))
    return corpus


def test_a_script_is_played_as_it_is() -> None:
    script = [Delete("a"), Checkpoint({"n": 1}), ConnectorError("down")]
    played = []
    with pytest.raises(ConnectorError, match="down"):
        played.extend(Scripted(script).changes(None))
    stream = Scripted(script).changes({"any": 1})
    assert [next(stream), next(stream)] == script[:2]


def test_equal_seeds_make_equal_corpora() -> None:
    one, two = Corpus(), Corpus()
    one.edit(50, random.Random(3))
    two.edit(50, random.Random(3))
    assert one == two
    assert len({document.version for document in one.documents.values()}) == len(one.documents)


def test_documents_that_failed_come_in_a_later_run(corpus: Corpus) -> None:
    connector = Scripted(corpus=corpus, faults=Faults(fail_prob=0.5))
    shelf, failures = Shelf(), 0
    for _ in range(20):
        shelf.apply(connector.changes(shelf.cursor))
        failures += len(shelf.failed)
    assert failures
    assert shelf.documents == corpus.documents


def test_a_run_that_raises_goes_on_from_its_last_checkpoint(corpus: Corpus) -> None:
    shelf = Shelf()
    with pytest.raises(ConnectorError):
        shelf.apply(Scripted(corpus=corpus, faults=Faults(raise_after=10)).changes(None))
    assert 0 < len(shelf.documents) < len(corpus.documents)
    shelf.apply(Scripted(corpus=corpus).changes(shelf.cursor))
    assert shelf.documents == corpus.documents


def test_duplicates_come_twice(corpus: Corpus) -> None:
    changes = list(Scripted(corpus=corpus, faults=Faults(duplicate=True)).changes(None))
    assert sum(isinstance(change, Upsert) for change in changes) == 2 * len(corpus.documents)


def test_a_stalled_cursor_is_caught_by_the_guard(corpus: Corpus) -> None:
    connector = Scripted(corpus=corpus, faults=Faults(stall_cursor=True))
    with pytest.raises(CursorError):
        list(checked(connector.changes(None), "s", None))


def test_a_listing_can_be_left_out_or_be_empty(corpus: Corpus) -> None:
    without = Scripted(corpus=corpus, faults=Faults(omit_complete=True)).changes(None)
    assert not any(isinstance(change, Complete) for change in without)
    empty = list(Scripted(corpus=corpus, faults=Faults(empty_listing=True)).changes(None))
    assert empty[-1] == Complete(frozenset())


def test_a_script_and_a_corpus_together_are_refused() -> None:
    with pytest.raises(ValueError, match="script or a corpus"):
        Scripted([], corpus=Corpus())
