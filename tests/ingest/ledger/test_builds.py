"""Builds are made beside each other, swapped in one step, swapped back, and leave nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ingest.ledger import Ledger, builds, embeddings, flips
from ingest.ledger.tables import bodies, chunks
from ingest.ledger.tables import embeddings as cache
from tests.ingest.ledger.reading_postings import living
from tests.ingest.ledger.shelving import indexed, new_build


def states(ledger: Ledger, source: str = "faq") -> dict[int, str]:
    with ledger.reading() as connection:
        return {build.id: build.state for build in builds.every(connection) if build.source == source}


def test_a_rebuild_is_swapped_in_and_back(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        one = new_build(connection, fingerprint="one" * 7)
        assert builds.swap_back(connection, "faq") is None
        two = new_build(connection, state=builds.BUILDING, fingerprint="two" * 7)
        assert builds.swap_back(connection, "faq") is None
        assert [build.id for build in builds.active(connection)] == [one.id]
        builds.activate(connection, two)
    assert states(ledger) == {one.id: "retired", two.id: "active"}
    before = ledger.generation()
    with ledger.writing() as connection:
        swapped = builds.swap_back(connection, "faq")
        assert swapped is not None
        assert [build.id for build in swapped] == [one.id, two.id]
        assert builds.rejected(connection, "faq") == two.fingerprint
    assert states(ledger) == {one.id: "active", two.id: "retired"}
    assert ledger.generation() > before
    with ledger.writing() as connection:
        builds.accept(connection, "faq")
        assert builds.rejected(connection, "faq") is None


def test_activating_drops_what_was_retired_before_and_forgets_a_rejection(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        one = new_build(connection)
        two = new_build(connection, state=builds.BUILDING)
        builds.activate(connection, two)
        builds.swap_back(connection, "faq")
        three = new_build(connection, state=builds.BUILDING)
        builds.activate(connection, three)
        assert builds.rejected(connection, "faq") is None
    assert states(ledger) == {one.id: "retired", three.id: "active"}


def test_a_dropped_build_takes_its_documents_chunks_and_keywords_along(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        keep, gone = new_build(connection), new_build(connection, state=builds.BUILDING)
        for build in (keep, gone):
            made = [indexed(build, f"d{n}", ["shared", f"only {build.id} {n}"]) for n in range(600)]
            flips.flip(connection, build, made, [], cursor=None, visible=True)
            vectors = {key: np.ones(2, np.float32) for item in made for key in item.keys}
            embeddings.save(connection, vectors)
        builds.drop(connection, gone)
        builds.collect_garbage(connection)
        assert builds.document_count(connection, gone) == builds.chunk_count(connection, gone) == 0
        assert (builds.document_count(connection, keep), builds.chunk_count(connection, keep)) == (600, 1200)
        assert connection.scalar(select(func.count()).select_from(bodies)) == 600
        used = set(connection.scalars(select(chunks.c.embedding)))
        assert set(connection.scalars(select(cache.c.key))) == used
        rowids = set(connection.scalars(select(chunks.c.rowid)))
        assert living(connection).keys() == rowids


@pytest.mark.parametrize("source", ["faq", "é", "a b/c", "x" * 64, "....", "café.docs_2"])
def test_a_collections_name_is_one_that_every_store_takes(ledger: Ledger, source: str) -> None:
    with ledger.writing() as connection:
        names = [new_build(connection, source, state=state).collection for state in (builds.ACTIVE, builds.BUILDING)]
        again = builds.find(connection, source, builds.ACTIVE)
    assert again is not None
    assert again.collection == names[0] != names[1]
    for name in names:
        assert 3 <= len(name) <= 512
        assert name.isascii()
        assert name[0].isalnum()
        assert name[-1].isalnum()
        assert all(character.isalnum() or character in "-_." for character in name)


def test_a_build_comes_back_as_it_was_started(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        made = new_build(connection, settings={"chunker": {"size": 3}}, embedder={"model": "é"}, cursor={"page": [1]})
        assert builds.find(connection, "faq", builds.ACTIVE) == made
        assert builds.find(connection, "faq", builds.RETIRED) is None
        assert builds.find(connection, "other", builds.ACTIVE) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["start", "activate", "back", "drop"]), max_size=12))
def test_a_source_never_has_two_builds_in_one_state(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    ledger = Ledger.open(tmp_path_factory.mktemp("shelf"))
    with ledger.writing() as connection:
        new_build(connection)
        for step in steps:
            building = builds.find(connection, "faq", builds.BUILDING)
            if step == "start" and building is None:
                new_build(connection, state=builds.BUILDING)
            elif step == "activate" and building is not None:
                builds.activate(connection, building)
            elif step == "drop" and building is not None:
                builds.drop(connection, building)
            elif step == "back":
                builds.swap_back(connection, "faq")
            found = [build.state for build in builds.every(connection)]
            assert len(found) == len(set(found))
            assert builds.ACTIVE in found
    ledger.close()
