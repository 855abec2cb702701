"""After any sequence of flips the ledger holds exactly the last version of each document, in every table."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select, text

from ingest.document import Document
from ingest.ledger import Ledger, builds, flips
from ingest.ledger.tables import bodies, chunks, documents
from tests.ingest.ledger.reading_postings import living
from tests.ingest.ledger.shelving import indexed, new_build

SOURCES = ("faq", "docs")
NAMES = st.sampled_from(["a", "b", "c", "d"])
TEXTS = st.lists(st.sampled_from(["tent", "boot", "tent boot", "返品"]), max_size=3)


class Flips(RuleBasedStateMachine):
    """Two builds of two sources beside a plain dictionary of what each should hold."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(Path(self.folder.name))
        self.model: dict[str, dict[str, flips.Indexed]] = {source: {} for source in SOURCES}
        with self.ledger.writing() as connection:
            self.builds = {source: new_build(connection, source) for source in SOURCES}

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()

    @rule(
        source=st.sampled_from(SOURCES),
        upserts=st.dictionaries(NAMES, TEXTS, max_size=3),
        deletes=st.sets(NAMES, max_size=2),
        breaks=st.booleans(),
    )
    def flip(self, source: str, upserts: dict[str, list[str]], deletes: set[str], breaks: bool) -> None:
        build, model = self.builds[source], self.model[source]
        deletes -= upserts.keys()
        made = {name: indexed(build, name, texts) for name, texts in upserts.items()}
        before = {chunk for item in model.values() for chunk in item.ids}
        generation = self.ledger.generation()
        try:
            with self.ledger.writing() as connection:
                stale = flips.flip(connection, build, list(made.values()), deletes, cursor={"n": 1}, visible=True)
                if breaks:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            assert self.ledger.generation() == generation
            return
        model.update(made)
        for name in deletes:
            model.pop(name, None)
        after = {chunk for item in model.values() for chunk in item.ids}
        assert set(stale) == before - after
        assert self.ledger.generation() == generation + bool(made or stale)

    @rule()
    def collect(self) -> None:
        with self.ledger.writing() as connection:
            builds.collect_garbage(connection)
        with self.ledger.reading() as connection:
            used = {row.body for row in connection.execute(select(documents.c.body))}
            assert set(connection.scalars(select(bodies.c.hash))) == used

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "ledger"):
            return
        with self.ledger.reading() as connection:
            rowids = set(connection.scalars(select(chunks.c.rowid)))
            assert living(connection).keys() == rowids
            assert not list(connection.execute(text("PRAGMA foreign_key_check")))
            for source, model in self.model.items():
                build = self.builds[source]
                assert flips.versions(connection, build) == {n: item.document.version for n, item in model.items()}
                assert builds.document_count(connection, build) == len(model)
                assert builds.chunk_count(connection, build) == sum(len(item.ids) for item in model.values())
                rows = connection.execute(
                    select(chunks.c.id, chunks.c.text, chunks.c.embedding).where(chunks.c.build == build.id)
                )
                assert sorted(tuple(row) for row in rows) == sorted(
                    (chunk_id, chunk.text, key)
                    for item in model.values()
                    for chunk_id, chunk, key in zip(item.ids, item.chunks, item.keys, strict=True)
                )
                for name, item in model.items():
                    assert flips.stored(connection, build, name) == item.origin


Flips.TestCase.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestFlips = Flips.TestCase


def test_a_document_comes_back_as_it_was(ledger: Ledger) -> None:
    values = {
        "text": 'q"é',
        "n": 2**63 - 1,
        "real": 0.1,
        "yes": True,
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC),
        "tags": ["a", ""],
    }
    with ledger.writing() as connection:
        build = new_build(connection)
        item = indexed(build, "é/1", ["one", "two"], metadata=values, readers=frozenset({"b", "a"}), url="u", title="T")
        flips.flip(connection, build, [item], [], cursor=None, visible=True)
    with ledger.reading() as connection:
        back = flips.stored(connection, build, "é/1")
        assert back == item.origin
        assert isinstance(back, Document)
        assert {key: type(value) for key, value in back.metadata.items()} == {k: type(v) for k, v in values.items()}
        assert flips.stored(connection, build, "nothing") is None


def test_the_same_chunks_again_are_not_stale(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build = new_build(connection)
        item = indexed(build, "a", ["one"])
        assert flips.flip(connection, build, [item], [], cursor=None, visible=True) == []
        assert flips.flip(connection, build, [item], [], cursor=None, visible=True) == []
        assert flips.flip(connection, build, [], ["a", "never there"], cursor=None, visible=True) == list(item.ids)


def test_a_hidden_build_moves_no_generation_and_keeps_its_cursor(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build = new_build(connection, state=builds.BUILDING)
        before = connection.scalar(text("SELECT value FROM meta WHERE key = 'generation'"))
        flips.flip(connection, build, [indexed(build, "a")], [], cursor={"page": 2}, visible=False)
        assert connection.scalar(text("SELECT value FROM meta WHERE key = 'generation'")) == before
        again = builds.find(connection, "faq", builds.BUILDING)
        assert again is not None
        assert again.cursor == {"page": 2}
        flips.flip(connection, build, [], [], cursor=None, visible=False)
        again = builds.find(connection, "faq", builds.BUILDING)
        assert again is not None
        assert again.cursor == {"page": 2}


def test_equal_bodies_are_kept_once(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        for source in SOURCES:
            build = new_build(connection, source)
            made = [indexed(build, name, ["the same"]) for name in "ab"]
            flips.flip(connection, build, made, [], cursor=None, visible=True)
        assert connection.scalar(select(func.count()).select_from(bodies)) == 1


def test_a_document_twice_in_one_flip_is_its_last_version(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build = new_build(connection)
        made = [indexed(build, "a", ["one"]), indexed(build, "a", ["two"])]
        stale = flips.flip(connection, build, made, [], cursor=None, visible=True)
        assert flips.versions(connection, build) == {"a": made[1].document.version}
        assert stale == list(made[0].ids)


@pytest.mark.parametrize("body", ["a\0b", "\ud800 half", "x" * 3_000_000])
def test_odd_texts_are_kept_whole_or_refused_whole(ledger: Ledger, body: str) -> None:
    with ledger.writing() as connection:
        build = new_build(connection)
    try:
        with ledger.writing() as connection:
            flips.flip(connection, build, [indexed(build, "a", [body])], [], cursor=None, visible=True)
    except UnicodeEncodeError:
        body = ""
    with ledger.reading() as connection:
        back = flips.stored(connection, build, "a")
        assert (back.text if back else "") == body
