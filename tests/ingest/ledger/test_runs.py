"""Runs and failures: what happened, and what is tried again with its content."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from connectors.contract import Failed, SourceDocument
from ingest.ledger import Ledger, runs
from ingest.ledger.tables import failures
from ingest.ledger.tables import runs as table


def test_the_outcome_of_the_run_before_is_known(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        first = runs.begin(connection, "faq")
        assert runs.last_outcome(connection, "faq", before=first) == "clean"
        second = runs.begin(connection, "faq")
        assert runs.last_outcome(connection, "faq", before=second) is None  # killed
        runs.finish(connection, second, "failures", {"added": 2}, "one sentence")
        other = runs.begin(connection, "docs")
        third = runs.begin(connection, "faq")
        assert runs.last_outcome(connection, "faq", before=third) == "failures"
        assert runs.last_outcome(connection, "docs", before=other) == "clean"
        row = connection.execute(select(table).where(table.c.id == second)).one()
    assert (row.outcome, row.counts, row.error) == ("failures", {"added": 2}, "one sentence")
    assert row.finished >= row.started


DOCUMENT = SourceDocument(
    "a",
    b"\x00\xffbytes",
    "text/html",
    "Title",
    "v1",
    url="https://x.org/",
    metadata={"day": date(2026, 1, 2), "at": datetime(2026, 1, 2, 3, tzinfo=UTC), "tags": ["x"], "n": 1.0},
    readers=frozenset({"b", "a"}),
    language="fr",
    filename="a.html",
)


@pytest.mark.parametrize("readers", [frozenset({"b", "a"}), frozenset(), None])
def test_what_was_fetched_is_tried_again_as_it_came(ledger: Ledger, readers: frozenset[str] | None) -> None:
    import dataclasses

    document = dataclasses.replace(DOCUMENT, readers=readers)
    failed = Failed("a", "It cannot be parsed.", step="parse", title="Title", url="https://x.org/")
    with ledger.writing() as connection:
        runs.record_failure(connection, "faq", failed, document)
        runs.record_failure(connection, "faq", Failed("b", "It cannot be fetched."), None)
        assert list(runs.to_retry(connection, "faq")) == [document]
        assert list(runs.to_retry(connection, "docs")) == []
        assert runs.failed_ids(connection, "faq") == {"a", "b"}
        assert runs.failed_ids(connection, "docs") == set()


def test_a_failure_is_counted_and_keeps_its_first_time(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        runs.record_failure(connection, "faq", Failed("a", "one", step="parse"), DOCUMENT)
        first = connection.execute(select(failures)).one()
        runs.record_failure(connection, "faq", Failed("a", "two"), None)
        row = connection.execute(select(failures)).one()
        assert (row.times, row.error, row.step, row.first) == (2, "two", "fetch", first.first)
        assert row.last >= first.last
        # It could not even be fetched any more, so there is nothing to try again with.
        assert list(runs.to_retry(connection, "faq")) == []


def test_what_made_it_is_forgotten_for_its_source_only(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        for source in ("faq", "docs"):
            runs.record_failure(connection, source, Failed("a", "x"), None)
        runs.clear_failures(connection, "faq", ["a", "never failed"])
        assert runs.failed_ids(connection, "faq") == set()
        assert runs.failed_ids(connection, "docs") == {"a"}


def test_a_failure_that_is_retried_while_it_is_read_does_no_harm(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        for name in ("a", "b"):
            runs.record_failure(connection, "faq", Failed(name, "x"), DOCUMENT)
        seen = []
        for document in runs.to_retry(connection, "faq"):
            seen.append(document.id)
            runs.record_failure(connection, "faq", Failed("b", "y"), None)
        assert seen == ["a"]
