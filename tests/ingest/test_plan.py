"""A plan says what the next sync then does, and spends and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.errors import ConnectorError
from configs.schema import Costs, HeadingChunker, Source, TokenChunker
from configs.schema import Embedder as Settings
from connectors.contract import Change, Checkpoint, Complete, Delete, Failed, SourceDocument, Upsert
from ingest import plan as planning
from ingest.embedders import Embedders
from ingest.ledger import Ledger
from ingest.ledger.ledger import FILE
from ingest.plan import SourcePlan, plan_source
from tests.ingest.corpus import CorpusConnector, article, document
from tests.ingest.test_sync import Bench, Scripted, _bench


@pytest.fixture
def bench(tmp_path: Path, model_cache: Path) -> Iterator[Bench]:
    yield from _bench(tmp_path, model_cache)


def plan(bench: Bench, connector: Any, source: Source | None = None, costs: Costs | None = None) -> SourcePlan:
    return plan_source(
        ledger=bench.ledger,
        embedders=bench.embedders,
        source=source or bench.source,
        connector=connector,
        costs=costs or Costs(),
    )


def corpus(*numbers: int, revision: int = 0) -> dict[str, SourceDocument]:
    return {f"doc-{n}": document(f"doc-{n}", article(n, revision)) for n in numbers}


def edited(documents: dict[str, SourceDocument]) -> list[Change]:
    return [Upsert(item) for item in documents.values()]


BROKEN = SourceDocument("broken", b"%PDF-1.4 nothing", "application/pdf", "broken", "v1")


@pytest.mark.parametrize(
    ("changes", "totals"),
    [
        (
            [*edited(corpus(0, 1, 2, 3)), Checkpoint({"n": 2}), Complete(frozenset(corpus(0, 1, 2, 3)))],
            {"unchanged": 4},
        ),
        (
            [
                *edited({**corpus(0), **corpus(1, 2, revision=1), **corpus(9)}),
                Complete(frozenset({"doc-0", "doc-1", "doc-2", "doc-9"})),
            ],
            {"add": 1, "update": 2, "delete": 1, "unchanged": 1},
        ),
        (
            # Told of twice: by a tombstone and by absence.
            [Delete("doc-3"), Delete("never there"), Complete(frozenset({"doc-0", "doc-1", "doc-2"}))],
            {"delete": 1, "unchanged": 3},
        ),
        (
            # The same document twice, and one that is deleted and comes back.
            [*edited(corpus(1, revision=1)), *edited(corpus(1, revision=1)), Delete("doc-2"), *edited(corpus(2))],
            {"update": 1, "unchanged": 3},
        ),
        ([*edited(corpus(7)), Delete("doc-7")], {"unchanged": 4}),
        ([*edited(corpus(1, revision=1)), Delete("doc-1")], {"delete": 1, "unchanged": 3}),
        (
            [Failed("doc-0", "It cannot be fetched."), Upsert(BROKEN), *edited(corpus(8))],
            {"failing": 2, "add": 1, "unchanged": 3},
        ),
    ],
)
def test_a_plan_counts_what_the_sync_then_does(bench: Bench, changes: list[Change], totals: dict[str, int]) -> None:
    bench.sync(CorpusConnector(corpus(0, 1, 2, 3)))
    made = plan(bench, Scripted(*changes))
    assert made.error is None
    assert {kind: count for kind, count in made.totals.items() if count} == totals
    report = bench.sync(Scripted(*changes), allow_mass_delete=True)
    gone = {change.id for change in changes if isinstance(change, Delete)}
    if not gone & {change.document.id for change in changes if isinstance(change, Upsert)}:
        assert report.counts.embedded == made.texts
    assert report.counts.deleted == made.totals["delete"]
    assert report.counts.failed == made.totals["failing"]
    assert report.counts.upserted == made.totals["add"] + made.totals["update"]


def test_a_first_plan_writes_nothing_and_says_what_is_to_embed(bench: Bench) -> None:
    documents = corpus(0, 1, 2)
    before = bench.ledger.generation()
    made = plan(bench, CorpusConnector(documents))
    assert (made.totals["add"], made.add) == (3, ["doc-0", "doc-1", "doc-2"])
    assert made.tokens > made.texts > 0
    assert (made.cost, made.rebuild) == (0.0, None)
    assert made.seconds > 0
    assert bench.ledger.generation() == before
    assert plan(bench, CorpusConnector(documents)) == made
    assert bench.sync(CorpusConnector(documents)).counts.embedded == made.texts


def test_a_changed_chunker_is_planned_from_the_parsed_text(bench: Bench) -> None:
    documents = corpus(0, 1, 2)
    bench.sync(CorpusConnector(documents))
    source = Source(name="kb", type="corpus", chunker=TokenChunker(size=20, overlap=0))
    made = plan(bench, CorpusConnector(documents), source)
    assert "parsed text is used again" in (made.rebuild or "")
    assert (made.totals["rebuild"], made.totals["unchanged"]) == (3, 3)
    report = bench.sync(CorpusConnector(documents), source=source)
    assert report.rebuilt
    assert report.counts.embedded == made.texts


def test_a_changed_parser_is_planned_as_a_new_reading(bench: Bench) -> None:
    documents = corpus(0, 1)
    bench.sync(CorpusConnector(documents))
    source = bench.source.model_copy(update={"parser": bench.source.parser.model_copy(update={"keep_links": True})})
    made = plan(bench, CorpusConnector(documents), source)
    assert "read again in full" in (made.rebuild or "")
    assert made.texts == 0  # the same texts: all in the cache
    assert bench.sync(CorpusConnector(documents), source=source).counts.embedded == 0


def test_a_source_that_breaks_off_is_reported_with_what_was_seen(bench: Bench) -> None:
    made = plan(bench, Scripted(*edited(corpus(0)), ConnectorError("The server is down.", hint="Wait.")))
    assert made.error == "The server is down. Wait."
    assert made.totals["add"] == 1


def test_examples_are_few_and_totals_are_whole(bench: Bench) -> None:
    made = plan(bench, CorpusConnector(corpus(*range(25))))
    assert (len(made.add), made.totals["add"]) == (20, 25)


def test_a_paid_embedder_has_a_price_or_says_that_none_is_known(tmp_path: Path) -> None:
    settings = Settings.model_validate({"provider": "openai", "model": "text-embedding-3-small", "api_key": "k"})
    ledger = Ledger.open(tmp_path)
    source = Source(name="kb", type="corpus", chunker=HeadingChunker(size=80))
    costs = Costs.model_validate({"prices": {"text-embedding-3-small": {"input": 0.02}}})
    made = [
        plan_source(
            ledger=ledger,
            embedders=Embedders(settings, tmp_path),
            source=source,
            connector=CorpusConnector(corpus(0, 1)),
            costs=given,
        )
        for given in (Costs(), costs)
    ]
    ledger.close()
    assert made[0].cost is None
    assert made[1].cost == pytest.approx(made[1].tokens * 0.02 / 1e6)
    assert (tmp_path / FILE).is_file()


def test_time_is_estimated_from_the_shelfs_own_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = plan(bench, CorpusConnector(corpus(*range(30))))
    assert first.seconds == pytest.approx(first.texts / planning._DEFAULT_TEXTS_PER_SECOND)
    bench.sync(CorpusConnector(corpus(*range(30))))
    again = plan(bench, CorpusConnector(corpus(*range(30, 60))))
    assert again.seconds != pytest.approx(again.texts / planning._DEFAULT_TEXTS_PER_SECOND)


@pytest.mark.parametrize("metadata", [{"price": float("inf")}, {"n": 2**64}, {"text": "x" * 30_000}])
def test_metadata_that_cannot_be_kept_fails_one_document_in_plan_and_sync(bench: Bench, metadata: dict) -> None:
    documents = {**corpus(0, 1), "odd": SourceDocument("odd", b"text", "text/plain", "odd", "v", metadata=metadata)}
    made = plan(bench, CorpusConnector(documents))
    assert (made.error, made.totals["failing"], made.totals["add"]) == (None, 1, 2)
    report = bench.sync(CorpusConnector(documents))
    assert (report.outcome, report.counts.upserted, report.counts.failed) == ("failures", 2, 1)
    # The next sync tries it again, also when the source has no news.
    assert plan(bench, Scripted()).totals["failing"] == bench.sync(Scripted()).counts.failed == 1
