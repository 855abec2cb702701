"""Remembered results: only of this generation, and never more than there is room for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from openshelf.server.remembering import Remembered
from tests.retrieval.hits import hit

asked = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 4000)), max_size=60)


@settings(max_examples=100, deadline=None)
@given(asked=asked, most=st.integers(0, 20_000))
def test_a_result_is_given_again_only_as_it_was_found_in_its_generation(asked, most: int) -> None:
    remembered = Remembered(most)
    latest = 0
    for step, (generation, key, length) in enumerate(asked):
        latest = max(latest, generation)
        made = []

        def search(step: int = step, length: int = length, made: list[object] = made) -> list[object]:
            made.append(hit("x" * length, f"c{step}"))
            return made

        given_back = remembered.get(generation, (generation, key), search)  # the generation, to tell them apart
        assert given_back == made or (generation == latest and not made)
        assert remembered.held <= most


def test_what_was_asked_for_last_stays() -> None:
    remembered = Remembered(5000)
    for key in ("a", "b", "a", "c"):
        remembered.get(1, key, lambda: [hit("x" * 200)])
    again: list[str] = []
    for key in ("a", "c", "b"):
        remembered.get(1, key, lambda key=key: again.append(key) or [])
    assert again == ["b"]
