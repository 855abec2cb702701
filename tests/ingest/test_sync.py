"""A sync makes the shelf equal to its source, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from configs.errors import ConnectorError, EmbedError, MassDelete, SyncBusy
from configs.schema import Embedder as EmbedderSettings
from configs.schema import HeadingChunker, Prefix, Source, Store, TokenChunker
from configs.schema import Sync as SyncSettings
from connectors.contract import (
    Change,
    Checkpoint,
    Complete,
    Cursor,
    Delete,
    Expected,
    Failed,
    Skipped,
    SourceDocument,
    Upsert,
)
from ingest.embedders import Embedders
from ingest.index import effective_readers
from ingest.ledger import Ledger, builds
from ingest.locks import source_lock
from ingest.report import Report
from ingest.stores import open_store
from ingest.stores.contract import VectorStore
from ingest.sync import SourceSync
from tests.ingest.corpus import CorpusConnector, article, document
from tests.ingest.snapshot import snapshot


@dataclass
class Bench:
    """A shelf in a temporary folder with one source called ``kb``."""

    ledger: Ledger
    store: VectorStore
    embedders: Embedders
    source: Source = field(default_factory=lambda: Source(name="kb", type="corpus", chunker=HeadingChunker(size=80)))

    def sync(self, connector: Any, **options: Any) -> Report:
        source = options.pop("source", self.source)
        limits = options.pop("limits", SyncSettings(batch=4))
        return SourceSync(
            ledger=self.ledger,
            store=self.store,
            embedders=self.embedders,
            source=source,
            connector=connector,
            settings=limits,
            **options,
        ).run()

    def ids(self) -> set[str]:
        return {document_id for _, document_id in snapshot(self.ledger, self.store)["documents"]}


@pytest.fixture
def bench(tmp_path: Path, model_cache: Path) -> Iterator[Bench]:
    yield from _bench(tmp_path, model_cache)


def _bench(folder: Path, cache: Path) -> Iterator[Bench]:
    ledger, store = Ledger.open(folder), open_store(Store(), folder)
    yield Bench(ledger, store, Embedders(EmbedderSettings(), cache))
    store.close()
    ledger.close()


def corpus(count: int, revision: int = 0) -> dict[str, SourceDocument]:
    return {f"doc-{n}": document(f"doc-{n}", article(n, revision)) for n in range(count)}


class Scripted:
    """Yields exactly these changes."""

    def __init__(self, *changes: Change | BaseException) -> None:
        self.script = changes

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        for change in self.script:
            if isinstance(change, BaseException):
                raise change
            yield change


def test_a_second_sync_reports_no_change_and_embeds_nothing(bench: Bench) -> None:
    first = bench.sync(CorpusConnector(corpus(6)))
    before = snapshot(bench.ledger, bench.store)
    generation = bench.ledger.generation()
    second = bench.sync(CorpusConnector(corpus(6)))
    assert (first.outcome, first.counts.upserted, second.outcome) == ("clean", 6, "clean")
    assert (second.counts.upserted, second.counts.unchanged, second.counts.embedded) == (0, 6, 0)
    assert snapshot(bench.ledger, bench.store) == before
    assert bench.ledger.generation() == generation


def test_an_edit_embeds_only_what_changed(bench: Bench) -> None:
    documents = corpus(5)
    bench.sync(CorpusConnector(documents))
    documents["doc-2"] = document("doc-2", article(2, revision=1))
    report = bench.sync(CorpusConnector(documents))
    assert report.counts.upserted == 1
    assert report.counts.embedded == 1  # the unchanged section comes from the cache
    assert report.counts.cached >= 1


def test_tombstones_and_absence_both_delete(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(6)))
    remaining = {name: item for name, item in corpus(6).items() if name != "doc-0"}
    bench.sync(CorpusConnector(remaining))
    assert bench.ids() == set(remaining)
    bench.sync(Scripted(Delete("doc-1"), Checkpoint({"n": 9})))
    assert bench.ids() == set(remaining) - {"doc-1"}


def test_a_listing_that_fails_deletes_nothing_and_keeps_what_came(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(4)))
    new = document("new", article(50))
    report = bench.sync(Scripted(Upsert(new), Checkpoint({"n": 1}), ConnectorError("The connection was lost.")))
    assert report.outcome == "failed"
    assert "connection was lost" in str(report.error)
    assert bench.ids() == {*corpus(4), "new"}


def test_an_empty_listing_deletes_nothing(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(4)))
    report = bench.sync(CorpusConnector({}))
    assert isinstance(report.error, MassDelete)
    assert "--allow-mass-delete" in str(report.error)
    assert len(bench.ids()) == 4


def test_a_mass_delete_stops_unless_it_is_allowed(bench: Bench) -> None:
    limits = SyncSettings(batch=4, max_delete_share=0.3, max_delete_floor=2)
    bench.sync(CorpusConnector(corpus(8)))
    few = {name: item for name, item in corpus(8).items() if name < "doc-3"}
    assert isinstance(bench.sync(CorpusConnector(few), limits=limits).error, MassDelete)
    assert len(bench.ids()) == 8
    assert bench.sync(CorpusConnector(few), limits=limits, allow_mass_delete=True).outcome == "clean"
    assert bench.ids() == set(few)


def test_mass_deletion_by_tombstones_is_stopped_too(bench: Bench) -> None:
    limits = SyncSettings(batch=4, max_delete_share=0.3, max_delete_floor=2)
    bench.sync(CorpusConnector(corpus(8)))
    changes = [Delete(f"doc-{n}") for n in range(6)]
    report = bench.sync(Scripted(*changes, Checkpoint({"n": 1})), limits=limits)
    assert isinstance(report.error, MassDelete)
    assert len(bench.ids()) == 8


def test_a_document_that_cannot_be_parsed_does_not_stop_its_siblings_and_is_retried(bench: Bench) -> None:
    documents = corpus(3)
    bad = SourceDocument("bad", b"\x00", "application/x-unheard-of", "Bad one", "v1", url="https://kb.example/bad")
    report = bench.sync(CorpusConnector({**documents, "bad": bad}))
    assert (report.outcome, report.counts.failed) == ("failures", 1)
    assert bench.ids() == set(documents)
    failure = next(iter(snapshot(bench.ledger, bench.store)["failures"]))
    assert failure == ("kb", "bad", "parse")
    # The connector has nothing new to say, and the failure is still open.
    assert bench.sync(Scripted(Checkpoint({"n": 5}))).outcome == "failures"
    good = document("bad", article(9))
    assert bench.sync(CorpusConnector({**documents, "bad": good})).outcome == "clean"
    assert bench.ids() == {*documents, "bad"}


def test_a_failing_update_keeps_the_old_version_searchable(bench: Bench) -> None:
    documents = corpus(3)
    bench.sync(CorpusConnector(documents))
    before = snapshot(bench.ledger, bench.store)["chunks"]
    bench.sync(Scripted(Failed("doc-1", "HTTP 500"), Checkpoint({"n": 2})))
    assert snapshot(bench.ledger, bench.store)["chunks"] == before


def test_a_changed_chunker_is_built_beside_and_swapped_without_embedding_known_texts(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(5)))
    other = bench.source.model_copy(update={"chunker": TokenChunker(size=30)})
    report = bench.sync(CorpusConnector(corpus(5)), source=other)
    assert report.rebuilt
    assert report.counts.embedded > 0
    back = bench.sync(CorpusConnector(corpus(5)))
    assert back.rebuilt
    assert back.counts.embedded == 0  # the retired build is swapped back


def test_a_reader_sees_the_old_build_until_the_new_one_is_whole(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(6)))
    before = snapshot(bench.ledger, bench.store)
    other = bench.source.model_copy(update={"parser": bench.source.parser.model_copy(update={"keep_links": True})})
    broken = Scripted(Upsert(corpus(1)["doc-0"]), Checkpoint({"n": 1}), ConnectorError("Down."))
    assert bench.sync(broken, source=other).outcome == "failed"
    assert snapshot(bench.ledger, bench.store)["chunks"] == before["chunks"]
    assert bench.sync(CorpusConnector(corpus(6)), source=other).outcome == "clean"
    assert bench.ids() == set(corpus(6))


def test_a_rollback_holds_until_the_settings_change(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(4)))
    before = snapshot(bench.ledger, bench.store)["chunks"]
    other = bench.source.model_copy(update={"prefix": Prefix(title=False)})
    bench.sync(CorpusConnector(corpus(4)), source=other)
    with bench.ledger.writing() as connection:
        assert builds.swap_back(connection, "kb")
    report = bench.sync(CorpusConnector(corpus(4)), source=other)
    assert not report.rebuilt
    assert snapshot(bench.ledger, bench.store)["chunks"] == before
    third = bench.source.model_copy(update={"prefix": Prefix(title=False, headings=False)})
    assert bench.sync(CorpusConnector(corpus(4)), source=third).rebuilt


@pytest.mark.parametrize(
    ("own", "visibility", "expected"),
    [
        (None, "public", frozenset({"staff"})),
        (frozenset({"wiki:hr"}), "public", frozenset({"wiki:hr"})),
        (frozenset(), "public", frozenset()),
        (None, "restricted", frozenset({"staff"})),
        (None, ["staff", "agents"], frozenset({"staff"})),
        (frozenset({"wiki:hr"}), ["staff"], frozenset()),
    ],
)
def test_default_readers_are_for_documents_that_name_none(
    own: frozenset[str] | None, visibility: Any, expected: frozenset[str]
) -> None:
    source = Source(name="kb", type="corpus", visibility=visibility, default_readers=["staff"])
    assert effective_readers(own, source) == expected


def test_visibility_and_metadata_settings_reach_the_documents(bench: Bench) -> None:
    closed = bench.source.model_copy(update={"visibility": ["agents"], "metadata": {"team": "support"}})
    bench.sync(CorpusConnector(corpus(1)), source=closed)
    stored = snapshot(bench.ledger, bench.store)["documents"]["kb", "doc-0"]
    assert stored[4:6] == ({"team": "support"}, ["agents"])
    bench.sync(CorpusConnector(corpus(1)))
    assert snapshot(bench.ledger, bench.store)["documents"]["kb", "doc-0"][4:6] == ({}, None)


def test_a_second_sync_at_the_same_time_is_refused_with_the_holders_name(bench: Bench) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with source_lock(bench.ledger.folder, "kb"):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    try:
        with pytest.raises(SyncBusy, match=r"process [0-9]+"):
            bench.sync(CorpusConnector(corpus(1)))
    finally:
        leave.set()
        holder.join()
    assert bench.sync(CorpusConnector(corpus(1))).outcome == "clean"


def test_lost_vectors_are_written_again_without_the_embedder(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(5)))
    before = snapshot(bench.ledger, bench.store)
    bench.store.wipe()
    report = bench.sync(CorpusConnector(corpus(5)))
    assert (report.outcome, report.counts.embedded) == ("clean", 0)
    assert report.counts.repaired == sum(len(found) for found in before["vectors"].values())
    assert snapshot(bench.ledger, bench.store) == before


EDITS = st.lists(
    st.tuples(st.sampled_from(["put", "drop", "hide"]), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=8
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(EDITS, min_size=2, max_size=4))
def test_incremental_syncs_equal_a_sync_from_nothing(
    rounds: list[list[tuple[str, int, int]]], tmp_path_factory: pytest.TempPathFactory, model_cache: Path
) -> None:
    state: dict[str, SourceDocument] = {"keep": document("keep", article(99))}
    for grown in _bench(tmp_path_factory.mktemp("grown"), model_cache):
        limits = SyncSettings(batch=2, max_delete_share=1.0)
        for edits in rounds:
            for action, number, revision in edits:
                name = f"doc-{number}"
                if action == "drop":
                    state.pop(name, None)
                else:
                    readers = frozenset({"agents"}) if action == "hide" else None
                    state[name] = document(name, article(number, revision), readers=readers)
            grown.sync(CorpusConnector(state), limits=limits)
        for clean in _bench(tmp_path_factory.mktemp("clean"), model_cache):
            clean.sync(CorpusConnector(state), limits=limits)
            assert snapshot(grown.ledger, grown.store) == snapshot(clean.ledger, clean.store)


def test_complete_is_only_believed_when_it_lists_what_failed(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(3)))
    failing = Scripted(Failed("doc-1", "HTTP 500"), Checkpoint({"n": 3}), Complete(frozenset(corpus(3))))
    assert bench.sync(failing).outcome == "failures"
    assert bench.ids() == set(corpus(3))


def test_a_document_that_a_rebuild_cannot_embed_is_kept_and_comes_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {**corpus(5), "odd": document("odd", "# Odd\n\nAn unembeddable sentence about tents.")}
    bench.sync(CorpusConnector(documents))
    embedder = bench.embedders.current()
    works = embedder.embed_documents

    def sometimes(texts: Sequence[str]) -> Any:
        if any("unembeddable" in text for text in texts):
            raise EmbedError("The model refuses this text.")
        return works(texts)

    monkeypatch.setattr(embedder, "embed_documents", sometimes)
    other = bench.source.model_copy(update={"prefix": Prefix(title=False, headings=False)})
    report = bench.sync(CorpusConnector(documents), source=other)
    assert (report.outcome, report.counts.failed) == ("failures", 1)
    assert bench.ids() == set(corpus(5))
    monkeypatch.setattr(embedder, "embed_documents", works)
    # The source has nothing new to say; the ledger has what it said.
    assert bench.sync(Scripted(Checkpoint({"n": 7})), source=other).outcome == "clean"
    assert bench.ids() == set(documents)


def test_one_document_that_cannot_be_embedded_is_a_failure_even_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = bench.embedders.current()
    works = embedder.embed_documents

    def sometimes(texts: Sequence[str]) -> Any:
        if any("unembeddable" in text for text in texts):
            raise EmbedError("The model refuses this text.")
        return works(texts)

    def never(texts: Sequence[str]) -> Any:
        raise EmbedError("The server is down.")

    odd = {"odd": document("odd", "An unembeddable sentence.")}
    monkeypatch.setattr(embedder, "embed_documents", sometimes)
    assert bench.sync(CorpusConnector(odd)).outcome == "failures"
    monkeypatch.setattr(embedder, "embed_documents", never)
    report = bench.sync(CorpusConnector({**odd, **corpus(2)}))
    assert (report.outcome, "server is down" in str(report.error)) == ("failed", True)
    monkeypatch.setattr(embedder, "embed_documents", works)
    assert bench.sync(CorpusConnector({**odd, **corpus(2)})).outcome == "clean"
    assert bench.ids() == {*odd, *corpus(2)}


class Killed(BaseException):
    """Ends a run as a SIGKILL would: nothing of it may be tidied up."""


def killed_behind(*changes: Change) -> Scripted:
    """Yields ``changes`` and then dies."""
    return Scripted(*changes, Killed())


@pytest.fixture
def following(bench: Bench) -> Bench:
    """Three documents and the cursor that belongs to them."""
    bench.sync(CorpusConnector(corpus(3)))
    return bench


@pytest.mark.parametrize("batch", [1, 4])
def test_what_a_killed_run_did_not_bring_to_a_cursor_is_as_if_it_never_was(following: Bench, batch: int) -> None:
    before = snapshot(following.ledger, following.store)
    new, edited = document("new", article(7)), document("doc-1", article(1, 5))
    bad = SourceDocument("bad", b"\x00", "application/x-unheard-of", "Bad one", "v1")
    changes: list[Change] = [Failed("doc-0", "HTTP 500"), Upsert(new), Upsert(edited), Upsert(bad), Delete("doc-2")]
    with pytest.raises(Killed):
        following.sync(killed_behind(*changes), limits=SyncSettings(batch=batch))
    # What the source holds is as its cursor knows it: a connector has nothing to say.
    assert following.sync(Scripted(Checkpoint({"n": 1}))).outcome == "clean"
    assert snapshot(following.ledger, following.store) == before


def test_a_failure_that_is_forgotten_comes_back_when_its_run_is_killed(following: Bench) -> None:
    bad = SourceDocument("bad", b"\x00", "application/x-unheard-of", "Bad one", "v1")
    following.sync(Scripted(Upsert(bad), Checkpoint({"n": 1})))
    before = snapshot(following.ledger, following.store)
    assert before["failures"]
    with pytest.raises(Killed):
        following.sync(killed_behind(Delete("bad")))
    following.sync(Scripted(Checkpoint({"n": 2})))
    assert snapshot(following.ledger, following.store) == before


def test_more_than_can_be_held_goes_in_without_its_cursor_and_has_the_source_read_afresh(
    following: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.batch.HELD", 8)
    more = [Upsert(document(f"more-{n}", article(50 + n))) for n in range(12)]
    with pytest.raises(Killed):
        following.sync(killed_behind(*more))
    assert len(following.ids()) == 15
    cursors: list[Cursor | None] = []

    class Watched(CorpusConnector):
        def changes(self, cursor: Cursor | None) -> Iterator[Change]:
            cursors.append(cursor)
            return super().changes(cursor)

    following.sync(Watched(corpus(3)), allow_mass_delete=True)
    assert following.ids() == set(corpus(3))
    following.sync(Watched(corpus(3)))
    assert cursors[0] is None
    assert cursors[1] is not None


def test_a_long_stretch_goes_in_whole_with_its_cursor(following: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.batch.HELD", 8)
    more = {f"more-{n}": document(f"more-{n}", article(50 + n)) for n in range(20)}
    report = following.sync(Scripted(*map(Upsert, more.values()), Delete("more-3"), Checkpoint({"n": 1})))
    assert (report.outcome, report.counts.upserted) == ("clean", 20)
    assert following.ids() == (set(corpus(3)) | set(more)) - {"more-3"}


def test_the_last_of_many_changes_before_a_cursor_counts(following: Bench) -> None:
    first, second = (document("new", article(7, revision)) for revision in (1, 2))
    filler = [Upsert(document(f"more-{n}", article(50 + n))) for n in range(5)]
    unchanged = corpus(3)["doc-1"]
    edited = document("doc-1", article(1, 5))
    script: list[Change] = [
        Upsert(first),
        Upsert(edited),
        *filler,
        Upsert(second),
        Upsert(unchanged),
        Delete("more-0"),
        *filler[:1],
    ]
    following.sync(Scripted(*script, Checkpoint({"n": 1})))
    found = snapshot(following.ledger, following.store)
    versions = {name: row[0] for (_, name), row in found["documents"].items()}
    assert (versions["new"], versions["doc-1"]) == (second.version, unchanged.version)
    assert set(versions) == {*corpus(3), "new", *(f"more-{n}" for n in range(5))}
    assert not any(name == "orphan" for name, _ in found["vectors"]["kb"])


def test_a_mass_delete_that_is_stopped_keeps_back_nothing_else(following: Bench) -> None:
    limits = SyncSettings(batch=1, max_delete_share=0.3, max_delete_floor=1)
    script: list[Change] = [Upsert(document("new", article(7))), Delete("doc-0"), Delete("doc-1"), Checkpoint({"n": 1})]
    assert isinstance(following.sync(Scripted(*script), limits=limits).error, MassDelete)
    assert following.ids() == {*corpus(3), "new"}


def test_a_document_that_the_settings_leave_out_leaves_the_shelf_and_is_counted_with_its_reason(bench: Bench) -> None:
    bench.sync(CorpusConnector(corpus(4)))
    report = bench.sync(
        Scripted(Expected(2), Skipped("doc-1", "draft"), Skipped("never-there", "other brand"), Checkpoint({"n": 1}))
    )
    assert bench.ids() == {"doc-0", "doc-2", "doc-3"}
    counts = report.counts
    assert (report.outcome, counts.fetched, counts.skipped, counts.deleted, counts.expected) == ("clean", 2, 2, 1, 2)
    assert counts.as_dict()["reasons"] == {"draft": 1, "other brand": 1}


NAMES = st.sampled_from(["a", "b", "c", "d"])
BROKEN = SourceDocument("x", b"\x00\x01 no pdf", "application/pdf", "broken", "1")
ANY_CHANGE = st.one_of(
    st.builds(lambda n, v: Upsert(document(n, article(v))), NAMES, st.integers(0, 3)),
    st.builds(lambda n: Upsert(replace(BROKEN, id=n)), NAMES),
    st.builds(Delete, NAMES),
    st.builds(lambda n: Failed(n, "No answer."), NAMES),
    st.builds(lambda n: Skipped(n, "draft"), NAMES),
    st.builds(lambda n: Checkpoint({"n": n}), st.integers(0, 10**6)),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(runs=st.lists(st.lists(ANY_CHANGE, max_size=12), min_size=1, max_size=3))
@example(runs=[[Checkpoint({"n": 0}), Upsert(document("a", article(0))), Checkpoint({"n": 0})]])
@example(runs=[[Checkpoint({"n": 0}), Upsert(replace(BROKEN, id="a")), Checkpoint({"n": 0})]])
def test_counts_add_up_for_every_run(runs: list[list[Change]], tmp_path_factory: Any, model_cache: Path) -> None:
    for bench in _bench(tmp_path_factory.mktemp("kb"), model_cache):
        for changes in runs:
            report = bench.sync(Scripted(*changes), limits=SyncSettings(batch=3))
            counts = report.counts
            ended = counts.upserted + counts.unchanged + counts.skipped + counts.rejected + counts.superseded
            # A run that broke off leaves what no cursor covers to the next one.
            assert counts.fetched + counts.again == ended or (report.error and counts.fetched > ended), counts
            assert min(counts.numbers.values()) >= 0


@pytest.mark.parametrize(
    ("before", "after", "stays"),
    [
        (None, None, True),
        (None, frozenset({"agents"}), False),
        (frozenset({"agents"}), frozenset(), False),
        (frozenset({"agents"}), frozenset({"agents", "leads"}), True),
        (frozenset({"agents"}), None, True),
    ],
)
def test_an_update_that_cannot_be_read_never_leaves_the_old_text_to_readers_it_takes_it_from(
    bench: Bench, before: frozenset[str] | None, after: frozenset[str] | None, stays: bool
) -> None:
    old = replace(document("doc", article(1)), readers=before)
    bench.sync(Scripted(Upsert(old), Checkpoint({"n": 1})))
    report = bench.sync(Scripted(Upsert(replace(BROKEN, id="doc", readers=after)), Checkpoint({"n": 2})))
    assert report.outcome == "failures"
    assert (bench.ids() == {"doc"}) is stays
