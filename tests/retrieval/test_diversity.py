"""Diversity: the best first, then what is good and unlike."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.diversity import diversify


def unit(*angles: float) -> list[np.ndarray]:
    """Vectors at these angles, in degrees."""
    return [np.array([np.cos(np.radians(a)), np.sin(np.radians(a))], dtype=np.float32) for a in angles]


CASES = st.lists(st.tuples(st.floats(0, 1), st.one_of(st.none(), st.floats(0, 360))), max_size=12)


@given(CASES, st.floats(0, 1), st.integers(1, 15))
@settings(deadline=None)
def test_it_chooses_each_once_and_the_best_first(
    cases: list[tuple[float, float | None]], diversity: float, wanted: int
) -> None:
    scores = [score for score, _ in cases]
    chosen = diversify(scores, [None if a is None else unit(a)[0] for _, a in cases], diversity, wanted)
    assert len(chosen) == len(set(chosen)) == min(wanted, len(cases))
    if chosen:
        assert scores[chosen[0]] == max(scores)


@given(CASES)
@settings(deadline=None)
def test_none_of_it_is_the_order_of_the_scores(cases: list[tuple[float, float | None]]) -> None:
    scores = [score for score, _ in cases]
    chosen = diversify(scores, [None if a is None else unit(a)[0] for _, a in cases], 0, len(cases))
    assert [scores[position] for position in chosen] == sorted(scores, reverse=True)


def test_a_double_waits_behind_what_is_new() -> None:
    vectors = unit(0, 1, 90)
    assert diversify([1.0, 0.9, 0.5], vectors, 0.0, 3) == [0, 1, 2]
    assert diversify([1.0, 0.9, 0.5], vectors, 0.6, 3) == [0, 2, 1]
    assert diversify([1.0, 0.9, 0.5], vectors, 0.6, 2) == [0, 2]


def test_likeness_is_to_any_that_was_chosen_not_only_to_the_last() -> None:
    # The third is like the first, the fourth is like nothing: after the second it is the fourth's turn.
    vectors = unit(0, 90, 2, 180)
    assert diversify([1.0, 0.9, 0.8, 0.3], vectors, 0.7, 4) == [0, 1, 3, 2]


def test_vectors_that_do_not_compare_are_like_nothing() -> None:
    other = np.ones(3, dtype=np.float32) / np.sqrt(3)
    assert diversify([1.0, 0.9, 0.8], [*unit(0), other, None], 0.9, 3) == [0, 1, 2]
    assert diversify([], [], 0.5, 3) == []
    assert diversify([0.4, 0.4], unit(0, 0), 0.0, 2) == [0, 1]
