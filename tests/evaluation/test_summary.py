"""Summaries: means over who has the measure, groups, percentiles, abstention; and intervals that cover."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.case import Case, Gold, Passage, Relevant
from evaluation.intervals import bootstrap_intervals, estimate, estimates, share_interval
from evaluation.outcome import Outcome, Run
from evaluation.summary import measure_order, summarise
from tests.evaluation import made

shares = st.floats(0, 1)


# --- intervals ----------------------------------------------------------------------------------------------


@given(st.lists(shares, min_size=1, max_size=30))
def test_an_estimate_says_mean_sd_and_n_and_its_interval_is_within_the_values(values: list[float]) -> None:
    found = estimate(values)
    mean = sum(values) / len(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(mean)
    assert found.sd == pytest.approx(math.sqrt(sum((one - mean) ** 2 for one in values) / len(values)))
    assert found == estimate(values), "the same every time"
    if len(values) == 1:
        assert found.low is None and found.high is None
        return
    assert found.low is not None and found.high is not None and found.low <= found.high
    if set(values) <= {0, 1}:
        assert 0 <= found.low <= mean <= found.high <= 1 and found.low < found.high
    else:
        assert min(values) - 1e-9 <= found.low and found.high <= max(values) + 1e-9


def test_intervals_of_equal_shares_keep_a_width() -> None:
    """Wilson by hand: of 8 of 8, the lower bound is n / (n + z²)."""
    for found in (estimate([1.0] * 8), estimate([0.0] * 8)):
        assert found.low is not None and found.high is not None
        assert found.high - found.low == pytest.approx(1 - 8 / (8 + 1.959964**2), abs=1e-5)
    assert share_interval(0, 8)[0] == 0


@pytest.mark.parametrize("n", [8, 40])
def test_intervals_cover_the_true_mean(n: int) -> None:
    """Of 300 samples of a skewed distribution with mean 1/3, some 95% of intervals hold it (fewer for few values)."""
    numbers = random.Random(5)
    columns = {str(sample): [numbers.betavariate(1, 2) for _ in range(n)] for sample in range(300)}
    held = sum((one.low or 0) <= 1 / 3 <= (one.high or 0) for one in estimates(columns).values())
    assert (0.85 if n < 10 else 0.91) <= held / 300 <= 0.99


def test_columns_do_not_touch_each_other() -> None:
    numbers = random.Random(1)
    columns = {name: [numbers.random() for _ in range(n)] for name, n in (("a", 12), ("b", 12), ("c", 7), ("d", 1))}
    columns["e"] = [1.0, 0.0] * 6
    for name, found in estimates(columns).items():
        alone = estimate(columns[name])
        assert (found.mean, found.sd, found.n) == (alone.mean, alone.sd, alone.n)
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high))


def test_a_column_that_does_not_move_has_no_width_and_an_empty_one_is_an_error() -> None:
    assert bootstrap_intervals([[0.3] * 12, [0.1, 0.9] * 6], "BCa")[0] == (0.3, 0.3)
    with pytest.raises(ValueError, match="nothing"):
        estimate([])


# --- summaries ----------------------------------------------------------------------------------------------


def test_failed_questions_are_counted_and_in_no_mean() -> None:
    group = summarise(made.run([1.0, 0.5, None, None]), made.gold(4)).overall
    assert (group.n, group.errors) == (4, 2)
    assert (group.measures["context_recall"].mean, group.measures["context_recall"].n) == (0.75, 2)
    assert group.context_tokens is not None and group.context_tokens.n == 2


def test_a_run_in_which_all_failed_has_no_figures() -> None:
    group = summarise(made.run([None, None]), made.gold(2)).overall
    assert (group.n, group.errors, dict(group.measures), group.context_tokens) == (2, 2, {}, None)
    assert group.seconds_p50 is None and group.seconds_p95 is None


def test_questions_of_only_one_side_are_left_out() -> None:
    assert summarise(made.run([1.0, 0.0, 0.0]), made.gold(1)).overall.measures["context_recall"].mean == 1
    assert summarise(made.run([1.0]), made.gold(3)).overall.n == 1


def test_groups_are_sources_languages_and_tags_the_largest_first() -> None:
    cases = (
        Case("q0", "?", (Passage("a", "x", "kb"), Passage("b", "x", "wiki")), language="en", tags=("t", "u", "t")),
        Case("q1", "?", documents=(Relevant("a", "kb"),), language="fr", tags=("u",)),
        Case("q2", "?", answerable=False, language="en"),
    )
    found = summarise(made.run([1.0, 0.0, 0.5]), Gold("g", cases, "0"))
    assert [(group.kind, group.name, group.n, group.measures["context_recall"].mean) for group in found.groups] == [
        ("source", "kb", 2, 0.5),
        ("source", "wiki", 1, 1.0),
        ("language", "en", 2, 0.75),
        ("language", "fr", 1, 0.0),
        ("tag", "u", 2, 0.5),
        ("tag", "t", 1, 1.0),
    ]
    assert [group.name for group in found.of("language")] == ["en", "fr"]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_percentiles_are_values_that_were_measured(seconds: list[float]) -> None:
    run = Run("r", {}, tuple(Outcome(f"q{n}", seconds=value) for n, value in enumerate(seconds)))
    group = summarise(run, made.gold(len(seconds))).overall
    for found, share in ((group.seconds_p50, 0.5), (group.seconds_p95, 0.95)):
        assert found in seconds
        assert sum(one <= found for one in seconds) >= share * len(seconds) - 1e-9
        assert sum(one < found for one in seconds) < share * len(seconds)


def test_costs_add_up() -> None:
    run = made.run([1.0, 1.0])
    run = replace(run, outcomes=tuple(replace(one, cost=0.25) for one in run.outcomes))
    assert summarise(run, made.gold(2)).overall.cost == 0.5


def test_abstention_uses_the_runs_threshold_and_suggests_one() -> None:
    cases = tuple(Case(f"q{n}", "?", answerable=n < 10) for n in range(14))
    evidences = [0.3, *[0.6 + n / 100 for n in range(9)], 0.1, 0.2, 0.35, 0.5]
    run = Run("r", {"threshold": 0.4}, tuple(Outcome(f"q{n}", evidence=value) for n, value in enumerate(evidences)))
    found = summarise(run, Gold("g", cases, "0")).abstention
    assert found is not None and (found.answerable, found.unanswerable) == (10, 4)
    assert (found.configured.threshold, found.configured.kept, found.configured.refused) == (0.4, 0.9, 0.75)
    assert found.suggested is not None and 0.5 < found.suggested.threshold <= 0.6
    assert (found.suggested.kept, found.suggested.refused) == (0.9, 1.0)
    assert found.auroc is not None and found.auroc.value == pytest.approx((9 * 4 + 2) / 40)
    # Without a question that has no answer there is nothing to say.
    assert summarise(run, Gold("g", cases[:10], "0")).abstention is None


def test_measures_are_in_the_order_that_people_read_them() -> None:
    names = ["recall@10", "zeta", "recall@5", "refusal_correct", "mrr", "span_recall", "context_recall", "alpha"]
    assert sorted(names, key=measure_order) == [
        "context_recall", "span_recall", "recall@5", "recall@10", "mrr", "refusal_correct", "alpha", "zeta",
    ]  # fmt: skip
