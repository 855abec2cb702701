"""Means, intervals and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.tune.result import TOKENS
from evaluation.tune.scoring import difference, interval, means, meets, violations
from evaluation.tune.settings import Objective

shares = st.floats(0, 1)
scores = st.dictionaries(
    st.sampled_from([f"q{i}" for i in range(30)]),
    st.fixed_dictionaries({TOKENS: st.floats(0, 2000)}, optional={"recall": shares, "iou": shares}),
)


@given(scores)
def test_a_mean_is_over_the_cases_that_have_the_measure(found: dict[str, dict[str, float]]) -> None:
    averages, counts = means(found)
    for name in ("recall", "iou", TOKENS):
        values = [measures[name] for measures in found.values() if name in measures]
        assert counts.get(name, 0) == len(values)
        if values:
            assert averages[name] == pytest.approx(np.mean(values))


@given(scores, scores)
def test_swapping_before_and_after_swaps_the_sign(
    one: dict[str, dict[str, float]], other: dict[str, dict[str, float]]
) -> None:
    there, back = difference(one, other, "recall"), difference(other, one, "recall")
    if there is None:
        assert back is None
        assert not [case for case in one.keys() & other.keys() if "recall" in one[case] and "recall" in other[case]]
        return
    assert back is not None
    assert there.difference == pytest.approx(-back.difference)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.low - 1e-9 <= there.difference <= there.high + 1e-9 or there.n > 1
    assert there.after - there.before == pytest.approx(there.difference)
    assert there.distinguishable == back.distinguishable


@given(st.lists(shares, min_size=2, max_size=40))
def test_an_interval_lies_between_the_extremes(values: list[float]) -> None:
    found = interval(values)
    assert found is not None
    low, high = found
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_a_clear_difference_is_distinguishable_and_noise_is_not() -> None:
    random = np.random.default_rng(3)
    base = random.random(200) * 0.5
    noise = random.normal(0, 0.2, 200)
    noise -= noise.mean()
    before = {str(i): {"recall": value} for i, value in enumerate(base)}
    same = {str(i): {"recall": value} for i, value in enumerate(base + noise)}
    better = {str(i): {"recall": value + 0.2} for i, value in enumerate(base + noise)}
    found = difference(before, same, "recall")
    assert found is not None
    assert not found.distinguishable
    found = difference(before, better, "recall")
    assert found is not None
    assert found.distinguishable
    assert found.low < 0.2 < found.high


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(11)
    covered = 0
    for _ in range(200):
        found = interval(list(random.random(60)))
        assert found is not None
        covered += found[0] <= 0.5 <= found[1]
    assert 180 <= covered <= 200  # 95% of 200, less than three standard deviations away


def test_one_question_has_no_interval() -> None:
    assert interval([0.5]) is None
    found = difference({"q": {"recall": 0.0}}, {"q": {"recall": 1.0}}, "recall")
    assert found is not None
    assert (found.n, found.distinguishable) == (1, False)


def test_limits_hold_from_above_and_below() -> None:
    wanted = Objective(at_most={TOKENS: 100}, at_least={"iou": 0.07})
    assert meets(wanted, {TOKENS: 100.0, "iou": 0.07})
    assert not meets(wanted, {TOKENS: 101.0, "iou": 0.07})
    assert not meets(wanted, {TOKENS: 10.0, "iou": 0.069})
    broken = violations(wanted, {TOKENS: 150.0, "iou": 0.14})
    assert broken == pytest.approx({"context_tokens <= 100": 0.5, "iou >= 0.07": -1.0})
