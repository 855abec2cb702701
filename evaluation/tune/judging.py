"""Judges a study: the leaderboard, the front, the winner, and whether the winner holds on questions it never met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evaluation.case import Gold
from evaluation.tune import scoring
from evaluation.tune.bench import Bench
from evaluation.tune.effects import Measured, effects
from evaluation.tune.front import front
from evaluation.tune.manifest import manifest
from evaluation.tune.objective import limits
from evaluation.tune.result import TOKENS, Change, Difference, KnobEffect, StudyResult, Trial
from evaluation.tune.settings import Objective, TuneFile
from evaluation.tune.space import Candidate, Space
from evaluation.tune.wording import verdict

_FRONT_HELD_OUT = 20
"""Most trials of the front that are measured on the held-out half too."""
WHOLE, HELD_OUT = "whole", "held-out"


class Judge:
    """Judges what a bench has measured.

    Args:
        gold: all cases, of which ``tuning`` and ``held_out`` are the halves.
    """

    def __init__(
        self,
        file: TuneFile,
        space: Space,
        bench: Bench,
        objective: Objective,
        gold: Gold,
        tuning: Gold,
        held_out: Gold,
    ) -> None:
        self.file, self.space, self.bench, self.objective = file, space, bench, objective
        self.gold, self.tuning, self.held_out = gold, tuning, held_out

    def result(
        self, candidates: Sequence[Candidate], importances: Mapping[str, float], notes: Sequence[str]
    ) -> StudyResult:
        """The study's result.

        Args:
            candidates: the base first; each was measured or has failed.
        """
        base = candidates[0]
        by_number = {self.bench.trials[one.key].number: one for one in candidates}
        trials = [self._with_intervals(self.bench.trials[one.key]) for one in candidates]
        values = {knob.name: self.space.base_value(knob, base.key) for knob in self.space.knobs}
        trials[0] = replace(trials[0], knobs=values)
        done = [one for one in trials if one.state == "done"]
        ranked = sorted(done, key=self._rank)
        base_trial = next(one for one in done if one.key == base.key)
        allowed = [one for one in ranked if one.meets]
        winner = allowed[0] if allowed else base_trial
        on_front = self._front(done)
        self.bench.budgets.untimed(True)
        base_run = self.bench.full_run(base, self.gold, WHOLE)
        winning = by_number[winner.number]
        winner_run = base_run if winning.key == base.key else self.bench.full_run(winning, self.gold, WHOLE)
        front_held_out = self._front_held_out([by_number[number] for number in on_front])
        self.bench.budgets.untimed(False)
        before, after = scoring.scores_of(base_run), scoring.scores_of(winner_run)
        held_out = self._differences(before, after, self.held_out)
        measure = self.objective.maximise[0]
        changes = self._changes(before, after, measure)
        failed = [one for one in trials if one.state == "failed"]
        return StudyResult(
            name=self.file.path.stem,
            measures=tuple(self.objective.maximise),
            limits=limits(self.objective),
            search=self.file.tune.search,
            seed=self.file.tune.seed,
            state=self.bench.budgets.stopped or "complete",
            trials=(*ranked, *failed),
            skipped=dict(self.space.skipped),
            front=tuple(on_front),
            base=base_trial.number,
            winner=winner.number,
            held_out=held_out,
            verdict=verdict(base_trial, winner, held_out, measure, self._none_meets(allowed)),
            knobs=tuple(self._effects(candidates, values, importances)),
            worse=tuple(sorted((one for one in changes if one.after < one.before), key=_size)),
            better=tuple(sorted((one for one in changes if one.after > one.before), key=_size)),
            manifest=manifest(self.file, self.space, self.bench, self.gold, winning, base),
            cases={"tuning": len(self.tuning.cases), "held-out": len(self.held_out.cases)},
            notes=tuple(dict.fromkeys(notes)),
            front_held_out=front_held_out,
            whole=self._differences(before, after, self.gold),
            gold=self.gold,
            base_run=base_run,
            winner_run=winner_run,
        )

    def _rank(self, trial: Trial) -> tuple[bool, float, float, int]:
        """Best first: within the limits, larger measure, fewer tokens, earlier."""
        measure = self.objective.maximise[0]
        return not trial.meets, -trial.means.get(measure, 0.0), trial.means.get(TOKENS, 0.0), trial.number

    def _with_intervals(self, trial: Trial) -> Trial:
        scores = self.bench.storage.scores(trial.key) if trial.state == "done" else None
        if scores is None:
            return replace(trial, meets=False)
        found = {}
        for name in dict.fromkeys([*self.objective.maximise, TOKENS]):
            pair = scoring.interval(list(scoring.column(scores, name).values()))
            if pair is not None:
                found[name] = pair
        return replace(trial, intervals=found, meets=scoring.meets(self.objective, trial.means))

    def _front(self, done: Sequence[Trial]) -> list[int]:
        measure = self.objective.maximise[0]
        points = [(one.means.get(measure, 0.0), -one.means.get(TOKENS, 0.0)) for one in done]
        best = [done[i] for i in front(points)]
        return [one.number for one in sorted(best, key=lambda one: one.means.get(TOKENS, 0.0))]

    def _front_held_out(self, candidates: Sequence[Candidate]) -> dict[int, dict[str, float]]:
        if not self.held_out.cases:
            return {}
        found = {}
        for one in candidates[:_FRONT_HELD_OUT]:
            run = self.bench.full_run(one, self.held_out, HELD_OUT)
            means, _ = scoring.means(scoring.scores_of(run))
            found[self.bench.trials[one.key].number] = means
        return found

    def _differences(self, before: scoring.Scores, after: scoring.Scores, gold: Gold) -> tuple[Difference, ...]:
        named = dict.fromkeys([*self.objective.maximise, *self.objective.at_most, *self.objective.at_least, TOKENS])
        found = (
            scoring.difference(scoring.of_gold(before, gold), scoring.of_gold(after, gold), name) for name in named
        )
        return tuple(one for one in found if one is not None)

    def _changes(self, before: scoring.Scores, after: scoring.Scores, measure: str) -> list[Change]:
        one, other = scoring.column(before, measure), scoring.column(after, measure)
        tuned = {case.id for case in self.tuning.cases}
        return [
            Change(case.id, case.question, "tuning" if case.id in tuned else HELD_OUT, one[case.id], other[case.id])
            for case in self.gold.cases
            if case.id in one and case.id in other and abs(one[case.id] - other[case.id]) > 1e-9
        ]

    def _effects(
        self, candidates: Sequence[Candidate], values: Mapping[str, Any], importances: Mapping[str, float]
    ) -> list[KnobEffect]:
        measured = []
        for one in candidates:
            scores = self.bench.storage.scores(one.key)
            if scores is not None and self.bench.trials[one.key].state == "done":
                measured.append(Measured({**values, **one.choice}, scores))
        return effects(self.space.knobs, measured, values, self.objective.maximise[0], importances)

    def _none_meets(self, allowed: Sequence[Trial]) -> str | None:
        return None if allowed else ", ".join(limits(self.objective))


def _size(change: Change) -> tuple[float, str]:
    return -abs(change.after - change.before), change.case
