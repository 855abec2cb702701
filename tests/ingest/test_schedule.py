"""The scheduler syncs on time, once at a time, and catches up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.schema import Schedule, Source
from ingest.ledger import Ledger, runs
from ingest.schedule import Scheduler, missed, trigger

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path)
    yield ledger
    ledger.close()


def source(name: str, **schedule: str) -> Source:
    return Source(name=name, type="files", schedule=Schedule(**schedule))


def run_until(scheduler: Scheduler, done: threading.Event, seconds: float = 10) -> None:
    thread = threading.Thread(target=scheduler.run)
    thread.start()
    assert done.wait(seconds)
    scheduler.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_run_that_was_due_during_a_downtime_is_caught_up_once() -> None:
    nightly = Schedule(cron="0 3 * * *")
    assert missed(nightly, NOON - timedelta(days=3), NOON)
    assert not missed(nightly, NOON - timedelta(hours=2), NOON)
    assert missed(Schedule(every="1h"), NOON - timedelta(hours=1), NOON)
    assert not missed(Schedule(every="1h"), NOON - timedelta(minutes=59), NOON)
    assert missed(nightly, None, NOON)


def test_cron_is_read_in_its_time_zone() -> None:
    fires = trigger(Schedule(cron="0 3 * * *", timezone="Europe/Paris")).get_next_fire_time(None, NOON)
    assert fires is not None
    assert fires.astimezone(UTC).hour == 2


@given(every=st.integers(1, 5000), ago=st.integers(0, 10_000))
def test_an_interval_is_missed_exactly_when_it_has_passed(every: int, ago: int) -> None:
    assert missed(Schedule(every=f"{every}s"), NOON - timedelta(seconds=ago), NOON) == (ago >= every)


@pytest.mark.parametrize(("cron", "zone"), [("0 25 * * *", "UTC"), ("often", "UTC"), ("0 3 * * *", "Mars/Olympus")])
def test_a_bad_schedule_is_one_sentence(cron: str, zone: str) -> None:
    with pytest.raises(ConfigError, match="not valid"):
        trigger(Schedule(cron=cron, timezone=zone))


def test_no_schedule_at_all_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="No source has a schedule"):
        Scheduler([Source(name="a", type="files")], ledger, lambda _name: None)


def test_a_source_never_overlaps_itself_and_a_failing_run_does_not_end_the_service(ledger: Ledger) -> None:
    running, most, calls, enough = 0, 0, 0, threading.Event()

    def sync(_name: str) -> None:
        nonlocal running, most, calls
        running += 1
        most = max(most, running)
        calls += 1
        time.sleep(1.2)
        running -= 1
        if calls == 1:
            raise RuntimeError("once")
        enough.set()

    run_until(Scheduler([source("a", every="1s")], ledger, sync), enough)
    assert most == 1
    assert calls >= 2


def test_stopping_waits_for_the_running_sync(ledger: Ledger) -> None:
    started, finished = threading.Event(), []

    def sync(name: str) -> None:
        started.set()
        time.sleep(0.5)
        finished.append(name)

    run_until(Scheduler([source("a", every="1h")], ledger, sync), started)
    assert finished == ["a"]


def test_a_source_that_ran_lately_waits_for_its_turn(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        runs.finish(connection, runs.begin(connection, "fresh"), "clean", {}, None)
    called, other = [], threading.Event()

    def sync(name: str) -> None:
        called.append(name)
        other.set()

    run_until(Scheduler([source("fresh", every="1h"), source("stale", every="1h")], ledger, sync), other)
    assert called == ["stale"]


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("0", "sun"),
        ("7", "sun"),
        ("1", "mon"),
        ("1-5", "mon tue wed thu fri"),
        ("0-2", "sun mon tue"),
        ("5-7", "fri sat sun"),
        ("1-5/2", "mon wed fri"),
        ("1,sat", "mon sat"),
        ("mon-wed", "mon tue wed"),
        ("*", "sun mon tue wed thu fri sat"),
    ],
)
def test_weekdays_count_as_cron_counts_them(field: str, days: str) -> None:
    due = trigger(Schedule(cron=f"0 12 * * {field}"))
    fires, at = set(), datetime(2026, 11, 22, tzinfo=UTC)  # a Sunday
    for _ in range(7):
        found = due.get_next_fire_time(None, at)
        assert found is not None
        fires.add(f"{found:%a}".lower())
        at = found + timedelta(hours=1)
    assert fires == set(days.split())


@pytest.mark.parametrize("field", ["8", "5-3", "1-9", "1/0", "someday"])
def test_a_weekday_that_is_none_is_said(field: str) -> None:
    with pytest.raises(ConfigError, match="not valid"):
        trigger(Schedule(cron=f"0 12 * * {field}"))
