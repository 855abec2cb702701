"""Refusing: thresholds, their curve, and the area under it, held to the definitions by counting."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.measures.abstention import MOST_POINTS, auroc, curve, point, threshold_keeping

# Few different values, so that there are ties; and all floats, so that there are neighbours without a middle.
evidence = st.one_of(st.integers(-4, 4).map(lambda n: n / 4), st.floats(-1, 1))
some = st.lists(evidence, min_size=1, max_size=12)
any_number = st.lists(evidence, max_size=12)


def test_what_a_threshold_does_by_hand() -> None:
    found = point([0.9, 0.5, 0.2], [0.6, 0.1], 0.5)
    assert (found.kept, found.refused, found.precision) == (2 / 3, 1 / 2, 1 / 2)
    assert point([0.9], [0.9], 0.1).precision is None
    assert point([], [0.3], 0.5).kept is None
    assert point([0.3], [], 0.5).refused is None


@given(any_number, any_number)
def test_the_curve_goes_from_refusing_nothing_to_refusing_all(answerable: list[float], rest: list[float]) -> None:
    found = curve(answerable, rest)
    if not answerable and not rest:
        assert found == []
        return
    for one, other in pairwise(found):
        assert one.threshold < other.threshold
        assert one.kept is None or (other.kept is not None and one.kept >= other.kept)
        assert one.refused is None or (other.refused is not None and one.refused <= other.refused)
    assert found[0].kept in (1, None) and found[0].refused in (0, None)
    assert found[-1].kept in (0, None) and found[-1].refused in (1, None)


@given(some, some, evidence)
def test_no_threshold_does_what_the_curve_does_not_show(answerable: list[float], rest: list[float], cut: float) -> None:
    shown = {(one.kept, one.refused) for one in curve(answerable, rest)}
    anywhere = point(answerable, rest, cut)
    assert (anywhere.kept, anywhere.refused) in shown


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    found = curve([n / 1000 for n in range(1000)], [-n / 1000 for n in range(1, 1000)])
    assert len(found) == MOST_POINTS
    assert (found[0].kept, found[0].refused, found[-1].kept, found[-1].refused) == (1, 0, 0, 1)


@given(any_number, any_number, st.floats(0, 1))
def test_the_suggested_threshold_is_the_best_there_is(answerable: list[float], rest: list[float], share: float) -> None:
    found = threshold_keeping(answerable, rest, share)
    if not answerable:
        assert found is None
        return
    assert found is not None and found.kept is not None
    enough = max(1 / len(answerable), share) - 1e-9
    assert found.kept >= enough
    cuts = [value for one in (*answerable, *rest) for value in (one, math.nextafter(one, math.inf))]
    allowed = [one for cut in cuts if (one := point(answerable, rest, cut)).kept is not None and one.kept >= enough]
    assert found.refused == max((one.refused for one in allowed if one.refused is not None), default=None)
    assert found == point(answerable, rest, found.threshold)


def test_a_share_is_not_lost_to_binary_fractions() -> None:
    """0.9 of 10 are 9, though 0.9 * 10 and 1 - 0.1 are not always 9 in floats."""
    for n in (10, 20, 30, 70, 110):
        found = threshold_keeping([one / n for one in range(n)], [0.0], 0.9)
        assert found is not None and found.kept == pytest.approx(0.9)


@given(some, some)
def test_auroc_is_the_share_of_pairs_in_the_right_order(answerable: list[float], rest: list[float]) -> None:
    found = auroc(answerable, rest)
    pairs = [(one > other) + (one == other) / 2 for one in answerable for other in rest]
    assert found is not None
    assert found.value == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(some, some)
def test_auroc_is_the_same_from_the_other_side(answerable: list[float], rest: list[float]) -> None:
    one, other = auroc(answerable, rest), auroc([-value for value in rest], [-value for value in answerable])
    assert one is not None and other is not None
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-6)


def test_aurocs_interval_has_a_width_and_narrows_with_more_questions() -> None:
    widths = []
    for n in (5, 50, 500):
        found = auroc([0.9] * n, [0.1] * n)
        assert found is not None and found.value == found.high == 1 and found.low < 1
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


def test_aurocs_interval_covers_what_is_true() -> None:
    """Two normal distributions 1 apart: the true area is Φ(1/√2). 95% of intervals hold it, give or take."""
    import numpy as np

    true = 0.5 * (1 + math.erf(0.5))
    numbers = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        found = auroc(numbers.normal(1, 1, 40).tolist(), numbers.normal(0, 1, 20).tolist())
        assert found is not None
        held += found.low <= true <= found.high
    assert 0.91 <= held / 300 <= 0.99


def test_auroc_needs_both_kinds() -> None:
    assert auroc([], [0.1]) is None
    assert auroc([0.1], []) is None
