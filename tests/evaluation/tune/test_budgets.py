"""When a study stops, and how long it says that it still takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.tune.budgets import Budgets, OutOfTime
from tests.evaluation.tune.shelves import tune_file

KNOB = "retrieval.top_k: [1]"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_counts_indexes_and_searches_apart(tmp_path: Path) -> None:
    budgets = Budgets(tune_file(tmp_path, KNOB), Clock())
    budgets.builds, budgets.searches = 3, 10
    assert budgets.seconds_left() is None
    budgets.took(search=2.0, build=30.0)
    assert budgets.seconds_left() == 9 * 2.0 + 2 * 30.0
    budgets.took(search=4.0, build=None)
    assert budgets.seconds_left() == 8 * 3.0 + 2 * 30.0


def test_it_is_never_longer_than_the_budget(tmp_path: Path) -> None:
    clock = Clock()
    budgets = Budgets(tune_file(tmp_path, KNOB, more="budget: {time: 1m}\n"), clock)
    budgets.searches = 100
    clock.now = 20.0
    budgets.took(search=20.0, build=None)
    assert budgets.seconds_left() == 40.0
    budgets.check_time()
    clock.now = 60.0
    with pytest.raises(OutOfTime):
        budgets.check_time()
    budgets.untimed(True)
    budgets.check_time()
    budgets.untimed(False)
    with pytest.raises(OutOfTime):
        budgets.check_time()


def test_money_is_never_less_than_nothing(tmp_path: Path) -> None:
    file = tune_file(tmp_path, KNOB, more="budget: {money: 2.5}\n")
    assert Budgets(file).money_left(1.0) == 1.5
    assert Budgets(file).money_left(9.0) == 0.0
    assert Budgets(tune_file(tmp_path, KNOB)).money_left(1.0) is None
