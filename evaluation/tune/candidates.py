"""Which configurations a study measures, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from configs.errors import BudgetExceeded
from evaluation.case import Gold
from evaluation.tune import scoring
from evaluation.tune.bench import Bench
from evaluation.tune.budgets import OutOfTime
from evaluation.tune.proposing import DEFAULT_TRIALS, Direction, Proposer, Told
from evaluation.tune.result import TOKENS, Trial
from evaluation.tune.settings import Objective, Tune
from evaluation.tune.space import Candidate, Space

_TRIES = 200
"""Proposals in a row that are known or invalid before the space counts as exhausted."""


class Course:
    """Walks through a study's configurations and has each measured that is not yet.

    Attributes:
        importances: share of each knob, where Optuna searched.
        notes: what the user should know.
    """

    def __init__(self, tune: Tune, space: Space, bench: Bench, tuning: Gold) -> None:
        self._tune, self._space, self._bench, self._tuning = tune, space, bench, tuning
        self.importances: dict[str, float] = {}
        self.notes: list[str] = []

    def measured(self, base: Candidate, objective: Objective) -> list[Candidate]:
        """The candidates that have been measured (or have failed) when this returns, the base first."""
        if self._tune.search == "optuna":
            return [base, *self._proposed(base, objective)]
        return [base, *self._planned(base)]

    def take(self, candidate: Candidate) -> bool:
        """Measure a candidate inside the budgets; whether it was."""
        if self._bench.has(candidate.key):
            self._bench.done += 1
            return True
        if not self._bench.affords(candidate):
            return False
        try:
            self._bench.measure(candidate, self._tuning)
        except OutOfTime:
            self._bench.budgets.out_of_time()
            return False
        except BudgetExceeded as error:
            self._bench.budgets.stopped = f"stopped: {error.message} Run it again to go on"
            return False
        self._bench.done += 1
        return True

    def _planned(self, base: Candidate) -> Iterator[Candidate]:
        if self._tune.search == "grid":
            planned = self._space.grid(self._tune.trials, self._tune.seed)
        else:
            planned = self._space.one_factor()[: self._tune.trials]
        planned = [one for one in planned if one.key != base.key]
        waiting = [one for one in planned if not self._bench.has(one.key)]
        self._bench.total = len(planned) + 1
        self._bench.budgets.searches = len(waiting)
        self._bench.budgets.builds = len({one.variant for one in waiting} - {base.variant})
        for one in planned:
            # Once a budget is used up, what an earlier run has measured still counts.
            if (self._bench.has(one.key) or not self._bench.budgets.stopped) and self.take(one):
                yield one

    def _proposed(self, base: Candidate, objective: Objective) -> Iterator[Candidate]:
        wanted = self._tune.trials or DEFAULT_TRIALS
        limited = bool(self._tune.objective.at_most or self._tune.objective.at_least)
        directions: list[Direction] = ["maximize" for _ in objective.maximise]
        if not limited:
            directions.append("minimize")
        proposer = Proposer(self._space.knobs, directions, self._tune.seed)

        def told(choice: Any, trial: Trial) -> Told:
            values = [trial.means.get(name, 0.0) for name in objective.maximise]
            broken = scoring.violations(objective, trial.means) if limited else {}
            return Told(choice, values if limited else [*values, trial.means.get(TOKENS, 0.0)], broken)

        base_values = {knob.name: self._space.base_value(knob, base.key) for knob in self._space.knobs}
        known = [told(base_values, self._bench.trials[base.key])]
        found = {base.key}
        self._bench.total = wanted + 1
        for candidate in self._earlier(base):
            found.add(candidate.key)
            self._bench.done += 1
            trial = self._bench.trials[candidate.key]
            if trial.state == "done":
                known.append(told(candidate.choice, trial))
            yield candidate
        tries = 0
        self._bench.budgets.searches = wanted + 1 - len(found)
        self._bench.budgets.builds = self._bench.budgets.searches if self._rebuilds() else 0
        while len(found) <= wanted and tries < _TRIES:
            choice = proposer.ask(known, len(found) * 1000 + tries)
            proposed = self._space.candidate(choice)
            if proposed is None or proposed.key in found:
                tries += 1
                continue
            if not self.take(proposed):
                break
            tries = 0
            found.add(proposed.key)
            trial = self._bench.trials[proposed.key]
            if trial.state == "done":
                known.append(told(choice, trial))
            yield proposed
        if tries >= _TRIES:
            self.notes.append(f"Optuna proposed nothing new {_TRIES} times in a row: the space is used up.")
        self.importances = proposer.importances(known)

    def _earlier(self, base: Candidate) -> Iterator[Candidate]:
        """Trials of earlier runs that today's knobs span."""
        names = {knob.name for knob in self._space.knobs}
        for trial in sorted(self._bench.trials.values(), key=lambda one: one.number):
            if trial.key == base.key or trial.knobs.keys() != names or not self._bench.has(trial.key):
                continue
            candidate = self._space.candidate(trial.knobs)
            if candidate is not None and candidate.key == trial.key:
                yield candidate

    def _rebuilds(self) -> bool:
        return any(knob.stage == "ingest" for knob in self._space.knobs)
