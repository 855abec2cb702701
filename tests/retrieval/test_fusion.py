"""Fusion: what the formulas promise, whatever the lists."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.fusion import convex, ranks, rrf

SCORES = st.dictionaries(st.integers(0, 30), st.floats(-50, 50), max_size=15)
LISTS = st.lists(st.tuples(SCORES, st.floats(0, 10)), min_size=1, max_size=4)


@given(SCORES)
@settings(deadline=None)
def test_ranks_count_from_one_and_follow_the_scores(scores: dict[int, float]) -> None:
    found = ranks(scores)
    assert sorted(found.values()) == list(range(1, len(scores) + 1))
    order = sorted(found, key=lambda candidate: found[candidate])
    assert [scores[candidate] for candidate in order] == sorted(scores.values(), reverse=True)


def test_equal_scores_keep_the_lists_order() -> None:
    assert ranks({"b": 1.0, "a": 1.0, "c": 2.0}) == {"c": 1, "b": 2, "a": 3}


@given(LISTS, st.integers(1, 100))
@settings(deadline=None)
def test_rrf_is_the_sum_of_weighted_reciprocal_ranks(lists: list[tuple[dict[int, float], float]], k: int) -> None:
    fused = rrf([scores for scores, _ in lists], [weight for _, weight in lists], k)
    assert fused.keys() == {candidate for scores, _ in lists for candidate in scores}
    for candidate, score in fused.items():
        expected = sum(
            weight / (k + sum(other > scores[candidate] for other in scores.values()) + 1 + before(scores, candidate))
            for scores, weight in lists
            if candidate in scores
        )
        assert score == pytest.approx(expected)


def before(scores: dict[int, float], candidate: int) -> int:
    """Equal scores that come first in the list."""
    names = list(scores)
    return sum(scores[name] == scores[candidate] for name in names[: names.index(candidate)])


@given(LISTS, st.booleans())
@settings(deadline=None)
def test_convex_scores_lie_between_nothing_and_one(lists: list[tuple[dict[int, float], float]], known: bool) -> None:
    minimums = [0.0 if known else None] * len(lists)
    fused = convex([scores for scores, _ in lists], [weight for _, weight in lists], minimums)
    assert fused.keys() == {candidate for scores, _ in lists for candidate in scores}
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in fused.values())


@given(SCORES.filter(lambda scores: len(scores) > 1), st.floats(0.5, 4), st.floats(-5, 5))
@settings(deadline=None)
def test_convex_does_not_care_in_what_units_a_list_scores(scores: dict[int, float], scale: float, shift: float) -> None:
    if max(scores.values()) - min(scores.values()) < 1e-3:
        return
    other = {candidate: score * scale + shift for candidate, score in scores.items()}
    assert convex([scores], [1], [None]) == pytest.approx(convex([other], [1], [None]), abs=1e-6)


def test_convex_by_hand() -> None:
    keywords, vectors = {"a": 8.0, "b": 4.0}, {"b": 0.9, "c": 0.5, "d": 0.7}
    assert convex([keywords, vectors], [1, 3], [0.0, None]) == pytest.approx(
        {"a": 0.25, "b": 0.125 + 0.75, "c": 0.0, "d": 0.375}
    )


def test_a_list_of_one_is_at_its_best_unless_it_says_nothing() -> None:
    assert convex([{"a": 0.3}], [1], [None]) == {"a": 1.0}
    assert convex([{"a": 0.3}], [1], [0.0]) == {"a": 1.0}
    assert convex([{"a": 0.0}], [1], [0.0]) == {"a": 0.0}
    assert convex([{"a": -2.0, "b": 4.0}], [1], [0.0]) == {"a": 0.0, "b": 1.0}
    assert convex([{}, {}], [0, 0], [None, 0.0]) == {}
