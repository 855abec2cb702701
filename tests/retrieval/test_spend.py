"""The ledger of money: caps hold whatever runs side by side, and every call is in the report."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, select
from sqlalchemy.pool import StaticPool

from configs import schema
from configs.errors import BudgetExceeded, ConfigError
from ingest.ledger import Ledger
from ingest.ledger.tables import metadata
from ingest.ledger.tables import spend as table
from retrieval.events import Usage
from retrieval.spend import By, Reservation, Spend

PRICES = {"m": {"input": 2.0, "cached_input": 0.5, "output": 8.0}, "plain": {"input": 2.0, "output": 8.0}}
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
DAY = 86_400


@dataclass
class Clock:
    now: float = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(engine: Any, clock: Clock, prices: Any = PRICES, **caps: float) -> Spend:
    costs = schema.Costs.model_validate({"currency": "EUR", "prices": prices, "caps": caps})
    return Spend(engine, costs, clock=clock, reservation_seconds=100)


def in_ledger(spend: Spend) -> float:
    """Everything spent or reserved."""
    with spend._engine.connect() as connection:
        return float(connection.execute(select(func.coalesce(func.sum(table.c.cost), 0.0))).scalar_one())


def test_prices_are_for_a_million_tokens_and_cached_ones_have_their_own(ledger: Ledger, clock: Clock) -> None:
    spend = make(ledger.engine, clock)
    usage = Usage(input=1_000_000, cached=400_000, output=500_000)
    assert spend.price("m", usage) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.5 * 8)
    assert spend.price("plain", usage) == pytest.approx(2 + 4)
    assert spend.price("m-2026-08-07", usage) == spend.price("m", usage)  # a dated snapshot of it
    assert spend.price("m-mini", usage) is None
    assert spend.price("m", Usage(input=5, cached=10)) == pytest.approx(10 * 0.5 / 1e6)


@pytest.mark.parametrize("cap", ["per_call", "per_conversation", "per_day"])
def test_a_cap_that_could_be_passed_stops_the_call_and_leaves_nothing(cap: str, ledger: Ledger, clock: Clock) -> None:
    spend = make(ledger.engine, clock, **{cap: 0.002})
    with pytest.raises(BudgetExceeded, match=f"costs.caps.{cap}.*Nothing was sent") as caught:
        spend.check("answer", "m", 1001, 0, conversation="c")
    assert "EUR" in caught.value.message
    assert in_ledger(spend) == 0
    assert spend.check("answer", "m", 1000, 0, conversation="c").cost == pytest.approx(0.002)


@pytest.mark.parametrize("cap", ["per_conversation", "per_day"])
def test_what_was_spent_and_what_is_reserved_count_against_a_cap(cap: str, ledger: Ledger, clock: Clock) -> None:
    spend = make(ledger.engine, clock, **{cap: 0.01})
    first = spend.check("answer", "m", 2000, 0, conversation="c")
    spend.check("answer", "m", 2000, 0, conversation="c")
    spend.record("embedding", "m", Usage(input=1000), conversation="c")
    with pytest.raises(BudgetExceeded):
        spend.check("answer", "m", 500, 250, conversation="c")
    spend.settle(first, Usage(input=100))  # much less than was set aside
    spend.check("answer", "m", 500, 125, conversation="c")


def test_another_conversation_and_another_day_start_at_nothing(ledger: Ledger, clock: Clock) -> None:
    spend = make(ledger.engine, clock, per_conversation=0.002, per_day=0.004)
    spend.settle(spend.check("answer", "m", 1000, conversation="a"), Usage(input=1000))
    with pytest.raises(BudgetExceeded, match="per_conversation"):
        spend.check("answer", "m", 1, conversation="a")
    spend.settle(spend.check("answer", "m", 1000, conversation="b"), Usage(input=1000))
    with pytest.raises(BudgetExceeded, match="per_day"):
        spend.check("answer", "m", 1)
    clock.now = datetime(2026, 11, 25, tzinfo=UTC).timestamp()  # midnight in UTC
    spend.check("answer", "m", 1)
    with pytest.raises(BudgetExceeded, match="per_conversation"):
        spend.check("answer", "m", 1, conversation="a")


def test_a_cap_needs_a_price(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(ConfigError, match=r"the model x has no price.*costs\.prices\.x"):
        make(ledger.engine, clock, per_day=1).check("answer", "x", 10)
    reservation = make(ledger.engine, clock).check("answer", "x", 10)
    assert reservation.cost == 0
    assert make(ledger.engine, clock).settle(reservation, Usage(input=10)) is None


def test_a_released_reservation_leaves_nothing(ledger: Ledger, clock: Clock) -> None:
    spend = make(ledger.engine, clock, per_day=0.002)
    spend.release(spend.check("answer", "m", 1000))
    assert in_ledger(spend) == 0
    assert spend.report() == []
    spend.check("answer", "m", 1000)


def test_the_reservation_of_a_process_that_died_expires(ledger: Ledger, clock: Clock) -> None:
    spend = make(ledger.engine, clock, per_day=0.002)
    dead = spend.check("answer", "m", 1000)
    clock.now += 99
    with pytest.raises(BudgetExceeded):
        spend.check("answer", "m", 1000)
    clock.now += 2
    alive = spend.check("answer", "m", 1000)
    spend.settle(dead, Usage(input=500))  # it was only slow: what it used is written down
    spend.settle(alive, Usage(input=500))
    assert in_ledger(spend) == pytest.approx(0.002)


@pytest.mark.parametrize("cap", ["per_conversation", "per_day"])
def test_calls_side_by_side_never_pass_a_cap_together(cap: str, ledger: Ledger, clock: Clock) -> None:
    spends = [make(ledger.engine, clock, **{cap: 0.0105}) for _ in range(4)]
    start = threading.Barrier(8)

    def call(number: int) -> Reservation | None:
        start.wait()
        try:
            return spends[number % 4].check("answer", "m", 500, 0, conversation="c")  # 0.001 each
        except BudgetExceeded:
            return None

    with ThreadPoolExecutor(8) as pool:
        got = [one for one in pool.map(call, range(24)) if one]
    assert len(got) == 10
    assert in_ledger(spends[0]) == pytest.approx(0.010)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: spends[0].settle(one, Usage(input=400)), got))
    assert in_ledger(spends[0]) == pytest.approx(0.008)


STEPS = st.lists(
    st.tuples(st.sampled_from(["check", "settle", "release"]), st.integers(0, 3000), st.integers(0, 100)), max_size=30
)


@given(steps=STEPS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_order_money_never_passes_the_cap(steps: list[tuple[str, int, int]]) -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    spend = make(engine, Clock(), per_day=0.01)
    opened: list[tuple[Reservation, int]] = []
    expected = 0.0
    for kind, tokens, share in steps:
        if kind == "check":
            try:
                opened.append((spend.check("answer", "m", tokens), tokens))
                expected += tokens * 2 / 1e6
            except BudgetExceeded:
                assert expected + tokens * 2 / 1e6 > 0.01 - 1e-12
        elif opened:
            reservation, tokens = opened.pop(share % len(opened))
            expected -= reservation.cost
            if kind == "settle":
                used = tokens * share // 100
                spend.settle(reservation, Usage(input=used))
                expected += used * 2 / 1e6
            else:
                spend.release(reservation)
        assert in_ledger(spend) == pytest.approx(expected, abs=1e-9)
        assert in_ledger(spend) <= 0.01 + 1e-9
    engine.dispose()


def test_the_report_adds_up_by_day_source_conversation_and_model(ledger: Ledger, clock: Clock) -> None:
    spend = make(ledger.engine, clock)
    spend.record("embedding", "m", Usage(input=1000), source="faq")
    spend.record("answer", "m-2026-08-07", Usage(input=1000, cached=500, output=100), conversation="c1")
    clock.now += DAY
    spend.record("answer", "m", Usage(input=3000, output=10), conversation="c1")
    spend.record("answer", "free", Usage(input=7), conversation="c2")
    spend.check("answer", "m", 1000)  # still running: not in the report

    def lines(by: By) -> list[tuple[Any, ...]]:
        return [(one.key, one.calls, one.input_tokens, one.unpriced) for one in spend.report(by)]

    assert lines("day") == [("2026-11-24", 2, 2000, 0), ("2026-11-25", 2, 3007, 1)]
    assert lines("source") == [("", 3, 4007, 1), ("faq", 1, 1000, 0)]
    assert lines("conversation") == [("", 1, 1000, 0), ("c1", 2, 4000, 0), ("c2", 1, 7, 1)]
    assert lines("model") == [("free", 1, 7, 1), ("m", 2, 4000, 0), ("m-2026-08-07", 1, 1000, 0)]
    total = sum(one.cost for one in spend.report("day"))
    assert total == pytest.approx(sum(one.cost for one in spend.report("conversation")))
    first = spend.report("day")[0]
    assert (first.cached_tokens, first.output_tokens, first.currency) == (500, 100, "EUR")
    assert first.cost == pytest.approx((1000 * 2 + 500 * 2 + 500 * 0.5 + 100 * 8) / 1e6)


def test_currencies_are_never_added_up(ledger: Ledger, clock: Clock) -> None:
    make(ledger.engine, clock).record("answer", "m", Usage(input=1000))
    costs = schema.Costs.model_validate({"currency": "USD", "prices": PRICES, "caps": {"per_day": 0.002}})
    dollars = Spend(ledger.engine, costs, clock=clock)
    dollars.settle(dollars.check("answer", "m", 1000), Usage(input=1000))
    assert [(one.currency, one.calls) for one in dollars.report()] == [("EUR", 1), ("USD", 1)]
