"""Comparing: real differences are found, chance is called chance, and what is not fair is said."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.compare import FEWEST, Change, compare
from evaluation.outcome import Run
from tests.evaluation import made


def changes(before: Run, after: Run) -> dict[str, Change]:
    return {one.measure: one for one in compare(before, after).changes}


def noisy(mean: float, seed: int, n: int = 60) -> list[float]:
    numbers = random.Random(seed)
    return [min(1.0, max(0.0, numbers.gauss(mean, 0.2))) for _ in range(n)]


def test_the_interval_is_around_the_difference() -> None:
    found = changes(made.run(noisy(0.5, 1)), made.run(noisy(0.6, 2)))["context_recall"]
    assert found.low is not None and found.high is not None
    assert found.low < found.difference < found.high and found.difference == pytest.approx(found.after - found.before)


# --- chance and difference ----------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_a_run_compared_with_itself_has_no_difference(values: list[float]) -> None:
    found = compare(made.run(values), made.run(values))
    assert all(one.difference == 0 and not one.distinguishable and one.better is None for one in found.changes)
    assert not found.better and not found.worse and not found.notes and not found.settings and not found.regressions
    assert found.changes[0].verdict == f"not distinguishable (n={len(values)})"


def test_a_real_difference_is_found_in_both_directions() -> None:
    low, high = made.run(noisy(0.5, 1)), made.run([value + 0.1 for value in noisy(0.5, 1)])
    up, down = changes(low, high)["context_recall"], changes(high, low)["context_recall"]
    assert up.distinguishable and up.verdict == "better" and up.difference == pytest.approx(0.1)
    assert down.distinguishable and down.verdict == "worse"
    assert [one.measure for one in compare(high, low).regressions] == ["context_recall"]
    assert not compare(low, high).regressions


def test_pairs_are_compared_not_means() -> None:
    """Questions that differ a lot among themselves, each a little better: only pairs can tell."""
    values = [n / 100 for n in range(0, 90, 2)]
    assert changes(made.run(values), made.run([one + 0.02 for one in values]))["context_recall"].better is True


def test_chance_is_rarely_called_a_difference() -> None:
    """Two samples of one distribution, 200 times: about 5% are distinguishable, as 95% intervals promise."""
    told = sum(
        changes(made.run(noisy(0.5, seed)), made.run(noisy(0.5, seed + 1000)))["context_recall"].distinguishable
        for seed in range(200)
    )
    assert told <= 20


@pytest.mark.parametrize("moved", range(1, 9))
def test_a_few_questions_that_moved_tell_nothing(moved: int) -> None:
    found = changes(made.run([0.0] * moved + [1.0] * 30), made.run([1.0] * (moved + 30)))["context_recall"]
    assert found.distinguishable == (moved >= FEWEST)


def test_one_pair_has_no_interval() -> None:
    found = changes(made.run([0.0]), made.run([1.0]))["context_recall"]
    assert (found.low, found.high, found.distinguishable) == (None, None, False)


def test_fewer_tokens_and_seconds_are_better_and_never_a_regression() -> None:
    before = made.run([1.0] * 20)
    after = replace(
        before,
        outcomes=tuple(
            replace(one, context_tokens=50 + n, seconds=0.5 + n / 1000) for n, one in enumerate(before.outcomes)
        ),
    )
    found = changes(before, after)
    assert found["context_tokens"].better is True and found["seconds"].better is False
    assert not compare(before, after).regressions


# --- questions ----------------------------------------------------------------------------------------------


def test_questions_that_moved_are_told_the_furthest_first() -> None:
    found = compare(made.run([0.5, 0.0, 1.0, 0.2, 1.0]), made.run([0.6, 1.0, 0.0, 0.2, 0.7]), made.gold(5))
    assert [(one.question, one.before, one.after) for one in found.better] == [
        ("Question 1?", 0.0, 1.0),
        ("Question 0?", 0.5, 0.6),
    ]
    assert [one.case for one in found.worse] == ["q2", "q4"]


def test_questions_that_failed_are_in_no_mean_and_newly_failed_ones_are_named() -> None:
    found = compare(made.run([1.0, None, 1.0, None]), made.run([0.5, 1.0, None, None]))
    assert found.n == 4 and found.changes[0].n == 1 and found.changes[0].difference == -0.5
    assert found.newly_failed == ("q2",)
    assert any("3 questions are in no mean" in note for note in found.notes)


def test_runs_without_a_common_question_compare_nothing() -> None:
    other = replace(made.run([1.0]), outcomes=(replace(made.run([1.0]).outcomes[0], case="else"),))
    found = compare(made.run([1.0]), other)
    assert (found.n, found.changes) == (0, ())
    assert any("2 questions are in one of the runs only" in note for note in found.notes)


def test_a_smaller_gold_compares_its_own_questions_and_says_nothing_false() -> None:
    found = compare(made.run([1.0] * 5), made.run([1.0] * 5), made.gold(2))
    assert found.n == 2
    assert not any("one of the runs only" in note for note in found.notes)
    assert compare(made.run([1.0] * 5), made.run([1.0] * 4), made.gold(4)).notes == (
        "1 question is in one of the runs only and left out.",
    )


# --- fairness -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("gold", {"sha256": "c" * 64}, "gold files differ"),
        ("measuring", {**made.MANIFEST["measuring"], "span_k": 20}, "measured differently"),
        ("measuring", {**made.MANIFEST["measuring"], "workers": 8}, "seconds do not compare"),
        ("machine", {"system": "Darwin", "processors": 8}, "seconds do not compare"),
    ],
)
def test_what_makes_it_less_than_fair_is_said(key: str, value: object, words: str) -> None:
    found = compare(made.run([1.0] * 3), made.run([1.0] * 3, **{key: value}))
    assert [words in note for note in found.notes] == [True]


def test_settings_that_differ_are_listed() -> None:
    config = {**made.MANIFEST["config"], "retrieval": {"top_k": 5}}
    measuring = {**made.MANIFEST["measuring"], "budget": 800}
    found = compare(made.run([1.0]), made.run([1.0], config=config, measuring=measuring, threshold=0.3))
    assert found.settings == {"retrieval.top_k": (8, 5), "context.budget": (1600, 800), "threshold": (0.4, 0.3)}
