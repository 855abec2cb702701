"""Rates, intervals and the threshold curve."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.simulate.rates import breakdowns, curve, rate, rates
from evaluation.simulate.replaying import at_threshold
from evaluation.simulate.result import Replayed
from tests.evaluation.simulate.world import day


def replayed(number: int, would_be: Any, evidence: float, **more: Any) -> Replayed:
    plain = Replayed(
        *(f"t{number}", day(number), "Why?", "So.", "en", None, None, (), "handed over", "agrees"),
        *(would_be, evidence, "", (), None, None, None, (), 1, 0, 0.1, 0.0),
    )
    return at_threshold(replace(plain, **more), 0.4)


some = st.lists(
    st.tuples(st.sampled_from(["right", "wrong", None]), st.integers(-10, 10).map(lambda tenth: tenth / 10)),
    max_size=40,
)


@given(some)
def test_right_wrong_and_handed_over_are_everything(given_tickets: list[tuple[str | None, float]]) -> None:
    tickets = [replayed(n, *one) for n, one in enumerate(given_tickets)]
    right, wrong, handed, clean, needless = rates(tickets)
    assert right.count + wrong.count + handed.count == len(tickets)
    assert clean.count + needless.count == handed.count
    assert needless.count == sum(would == "right" and evidence < 0.4 for would, evidence in given_tickets)
    assert all(one.low <= one.share <= one.high for one in (right, wrong, handed) if one.n)


@settings(max_examples=25)
@given(some)
def test_the_curve_is_what_each_threshold_gives(given_tickets: list[tuple[str | None, float]]) -> None:
    tickets = [replayed(n, *one) for n, one in enumerate(given_tickets)]
    points = curve(tickets, 0.4)
    assert [point.threshold for point in points] == sorted({point.threshold for point in points})
    assert sum(point.chosen for point in points) == 1
    for point in points:
        moved = rates([at_threshold(one, point.threshold) for one in tickets])
        assert (point.right.count, point.wrong.count) == (moved[0].count, moved[1].count)
        assert point.errors.n == point.answered.count == point.right.count + point.wrong.count
    shares = [point.answered.count for point in points]
    assert shares == sorted(shares, reverse=True)


@given(st.integers(0, 300), st.integers(1, 300))
def test_the_interval_is_wilsons(count: int, n: int) -> None:
    count = min(count, n)
    share, z = count / n, 1.959963984540054
    middle = (share + z * z / 2 / n) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
    found = rate("x", count, n)
    assert (found.low, found.high) == pytest.approx((max(0, middle - half), min(1, middle + half)), abs=1e-9)


def test_of_nothing_nothing_is_known() -> None:
    assert (rate("x", 0, 0).low, rate("x", 0, 0).high) == (0, 1)


def test_a_ticket_counts_under_each_of_its_tags_and_its_topic() -> None:
    tickets = [
        replayed(1, "right", 0.9, tags=("a", "b"), topic="care", language="fr", brand="X"),
        replayed(2, "wrong", 0.9, tags=("b",)),
    ]
    found = {(one.dimension, one.value): (one.n, one.rates[0].count) for one in breakdowns(tickets)}
    assert found == {
        ("topic", "care"): (1, 1),
        ("tag", "b"): (2, 1),
        ("tag", "a"): (1, 1),
        ("language", "fr"): (1, 1),
        ("language", "en"): (1, 0),
        ("brand", "X"): (1, 1),
    }
