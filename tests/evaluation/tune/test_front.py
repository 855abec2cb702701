"""The front holds exactly what nothing else dominates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evaluation.tune.front import dominates, front

# Few distinct numbers, so that ties and equal points are common.
points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2)), max_size=40)


@given(points)
def test_it_is_what_its_definition_says(given_points: list[tuple[float, ...]]) -> None:
    best = set(front(given_points))
    for position, point in enumerate(given_points):
        beaten = any(dominates(other, point) for other in given_points)
        earlier_equal = point in given_points[:position]
        assert (position in best) == (not beaten and not earlier_equal)


@given(points)
def test_everything_beside_it_is_beaten_or_equalled_by_something_on_it(given_points: list[tuple[float, ...]]) -> None:
    best = [given_points[i] for i in front(given_points)]
    for point in given_points:
        assert any(point == one or dominates(one, point) for one in best)


@given(points, st.randoms())
def test_the_order_of_the_points_does_not_matter(given_points: list[tuple[float, ...]], random: object) -> None:
    shuffled = list(given_points)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {given_points[i] for i in front(given_points)} == {shuffled[i] for i in front(shuffled)}
