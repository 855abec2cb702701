"""A study that is stopped, run again or extended ends as if it had been run at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import ConfigError
from evaluation.tune.bench import Step
from evaluation.tune.budgets import Budgets
from evaluation.tune.settings import read_tune
from evaluation.tune.study import run_study
from openshelf import Shelf
from tests.evaluation.tune.shelves import (
    CHUNKERS,
    SEARCH,
    cached_texts,
    numbers,
    run,
    shelf_texts,
    write_study,
    write_tune,
)
from tests.openshelf.command import CONFIG


def test_running_again_measures_nothing_and_says_the_same(tmp_path: Path) -> None:
    tune = write_study(tmp_path, f"{CHUNKERS}\nretrieval.top_k: [2]")
    first = run(tune)
    kept = (tmp_path / "study" / "trials.jsonl").read_bytes()
    steps: list[Step] = []
    assert numbers(run(tune, watch=steps.append)) == numbers(first)
    assert (tmp_path / "study" / "trials.jsonl").read_bytes() == kept
    assert steps == []


@pytest.mark.parametrize("search", ["grid", "one-factor", "optuna\ntrials: 3"])
def test_a_study_that_is_stopped_at_any_step_ends_as_if_it_had_not_been(tmp_path: Path, search: str) -> None:
    knobs = "defaults.chunker.size: [12, 256]\nretrieval.keyword_weight: [0.2, 0.8]"
    tune = write_study(tmp_path, knobs, more=f"search: {search}\n")
    steps: list[Step] = []
    whole = run(tune, watch=steps.append)

    def stopping(after: int) -> Callable[[Step], None]:
        left = iter(range(after))

        def watch(_step: Step) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt

        return watch

    stopped = tmp_path / "stopped"
    for stop in (1, len(steps) // 3, len(steps) // 3):
        with pytest.raises(KeyboardInterrupt):
            run_study(read_tune(tune), stopped, Shelf, watch=stopping(stop))
    with (stopped / "trials.jsonl").open("a") as file:
        file.write('{"number": 99, "cut off')
    assert numbers(run_study(read_tune(tune), stopped, Shelf)) == numbers(whole)


def test_a_study_stops_at_its_time_and_goes_on(tmp_path: Path) -> None:
    tune = write_study(tmp_path, SEARCH, more="budget: {time: 1h}\n")
    now = iter(range(0, 10**9, 100))  # each look at the clock takes 100 seconds
    result = run(tune, budgets=Budgets(read_tune(tune), clock=lambda: float(next(now))))
    assert result.state.startswith("stopped at the time budget (1h)")
    assert 1 <= len(result.trials) < 5
    whole = run(tune)
    assert (whole.state, len(whole.trials)) == ("complete", 5)


def test_an_index_that_the_time_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    more = "budget: {time: 1h}\n"
    tune = write_study(tmp_path, CHUNKERS, more=more, config=CONFIG + "sync: {batch: 1}\n")
    now = [0.0]

    def watch(step: Step) -> None:
        if step.doing.startswith("indexing") and step.label != "base":
            now[0] += 4000

    result = run(tune, watch=watch, budgets=Budgets(read_tune(tune), clock=lambda: now[0]))
    assert result.state.startswith("stopped at the time budget")
    assert len(result.trials) == 1
    paid_for = cached_texts(tmp_path) - shelf_texts(tmp_path)
    assert paid_for > 0
    whole = run(tune)
    assert len(whole.trials) == 4
    embedded = sum(trial.embedded for trial in whole.trials)
    assert embedded == cached_texts(tmp_path) - shelf_texts(tmp_path) - paid_for


def test_the_base_is_measured_whatever_the_time(tmp_path: Path) -> None:
    tune = write_study(tmp_path, SEARCH, more="budget: {time: 0s}\n")
    result = run(tune)
    assert [trial.label for trial in result.trials] == ["base"]
    assert "run it again" in result.state


def test_more_values_extend_a_study_and_other_questions_do_not(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "retrieval.top_k: [1, 2]")
    first = {trial.key: trial for trial in run(tune).trials}
    more = run(write_tune(tmp_path, "retrieval.top_k: [1, 2, 3]\ncontext.budget: [2000, 60]"))
    known = {trial.key: trial for trial in more.trials}
    assert len(known) == 7
    for key in first.keys() & known.keys():
        assert known[key].seconds == first[key].seconds
    for line, what in (("seed: 3\n", "seed"), ("holdout: 0.5\n", "holdout")):
        tune.write_text(tune.read_text().replace("holdout: 0.25\n", "" if what == "holdout" else "holdout: 0.25\n"))
        tune.write_text(line + tune.read_text().replace(line, ""))
        with pytest.raises(ConfigError, match=f"something else.* {what} was"):
            run(tune)
    tune = write_tune(tmp_path, "retrieval.top_k: [1, 2]")
    gold = tmp_path / "gold.yaml"
    gold.write_text(gold.read_text().replace("Do you rent out skis?", "Do you rent out bikes?"))
    with pytest.raises(ConfigError, match="gold was"):
        run(tune)
    assert len(run(tune, fresh=True).trials) == 3


def test_a_shelf_that_has_moved_on_is_told(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "retrieval.top_k: [1, 2]")
    assert not any("other documents" in note for note in run(tune).notes)
    (tmp_path / "kb" / "new.md").write_text("# New\n\nWe also sell lamps.\n")
    with Shelf.open(tmp_path / "openshelf.yaml") as shelf:
        shelf.sync()
    assert any("--fresh" in note for note in run(tune).notes)
    assert not any("--fresh" in note for note in run(tune, fresh=True).notes)


def test_two_processes_do_not_share_a_study(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "retrieval.top_k: [1]")
    file = read_tune(tune)

    def second(_step: Step) -> None:
        with pytest.raises(ConfigError, match="Another process works on the study"):
            run_study(replace(file), tmp_path / "study", Shelf)

    run(tune, watch=second)
