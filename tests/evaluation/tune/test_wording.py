"""The sentence about the winner promises no more than the held-out questions bear out."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.tune.result import TOKENS, Difference, Trial
from evaluation.tune.wording import verdict


def trial(number: int, recall: float, tokens: float = 500.0, **options: Any) -> Trial:
    label = "base" if number == 0 else f"retrieval.top_k={number}"
    return Trial(number, f"k{number}", {}, label, "v", means={"recall": recall, TOKENS: tokens},
                 cases={"recall": 70, TOKENS: 80}, **options)  # fmt: skip


def held(before: float, after: float, low: float, high: float, n: int = 40) -> list[Difference]:
    clear = low > 0 or high < 0
    return [
        Difference("recall", n, before, after, after - before, low, high, clear),
        Difference(TOKENS, n, 500, 420, -80, -100, -60, True),
    ]


def test_a_clear_gain_is_told_with_its_interval() -> None:
    said = verdict(trial(0, 0.8), trial(3, 0.9), held(0.82, 0.9, 0.02, 0.14), "recall", None)
    assert "retrieval.top_k=3 has recall 90.0% against 80.0% on the 70 tuning questions." in said
    assert "(n=40): 90.0% against 82.0% (+8.0 points, 95% interval +2.0 to +14.0)" in said
    assert "420 tokens of context against 500" in said
    assert "distinguishable" not in said


def test_a_gain_that_does_not_hold_is_not_distinguishable() -> None:
    said = verdict(trial(0, 0.8), trial(3, 0.9), held(0.82, 0.84, -0.03, 0.07, n=12), "recall", None)
    assert "not distinguishable from the base (n=12)" in said
    assert "12 questions are few" in said


@pytest.mark.parametrize(("base", "by_chance"), [(0.8, True), (0.95, False)])
def test_a_loss_is_called_chance_only_where_it_was_chosen_for_a_gain(base: float, by_chance: bool) -> None:
    said = verdict(trial(0, base, meets=by_chance), trial(3, 0.9), held(0.9, 0.8, -0.2, -0.01), "recall", None)
    assert ("chosen by chance" in said) == by_chance
    assert ("The base itself is beyond the limits" in said) == (not by_chance)


def test_nothing_better_and_nothing_allowed_leave_the_base() -> None:
    base = trial(0, 0.8)
    assert "the base stays" in verdict(base, base, [], "recall", None)
    assert "No configuration keeps within x <= 1" in verdict(base, base, [], "recall", "x <= 1")


def test_without_held_out_questions_it_says_so() -> None:
    assert "nothing says that this is no overfit" in verdict(trial(0, 0.8), trial(3, 0.9), [], "recall", None)
