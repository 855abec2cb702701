"""Measures one configuration: its index built where it is not there, every question asked, the result kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from configs.errors import BudgetExceeded, ConfigError, IngestError, RetrievalError
from evaluation.case import Gold
from evaluation.outcome import Run
from evaluation.tune import scoring
from evaluation.tune.budgets import Budgets, OutOfTime
from evaluation.tune.measuring import Ruler
from evaluation.tune.result import Trial
from evaluation.tune.space import Candidate
from evaluation.tune.storage import Storage
from evaluation.variant import Made, Variants

log = logging.getLogger("openshelf.tune")


@dataclass(frozen=True, slots=True)
class Step:
    """Where a study stands.

    Attributes:
        done, total: configurations.
        label: of the one in hand.
        doing: what is going on, for a person.
        seconds_left: estimated; ``None`` until there is something to estimate from.
    """

    done: int
    total: int
    label: str
    doing: str
    seconds_left: float | None


class Bench:
    """Where configurations are measured.

    Attributes:
        trials: everything that was measured, by key; failed ones too.
        base_failed: questions that cannot be asked of the base, with the reason; they count nowhere.
        done, total: configurations, for the progress.
    """

    def __init__(
        self, variants: Variants, ruler: Ruler, storage: Storage, budgets: Budgets, watch: Callable[[Step], None]
    ) -> None:
        self.variants, self.ruler, self.storage, self.budgets = variants, ruler, storage, budgets
        self.trials = storage.trials()
        self.base_failed: dict[str, str | None] = {}
        self.done = self.total = 0
        self._watch = watch
        self._label = ""

    @property
    def next_number(self) -> int:
        """The next trial's number."""
        return max((one.number for one in self.trials.values()), default=-1) + 1

    def has(self, key: str) -> bool:
        """Whether a configuration was measured and its scores are there."""
        return key in self.trials and self.trials[key].state == "done" and self.storage.scores(key) is not None

    def measure(self, candidate: Candidate, tuning: Gold) -> Trial:
        """Measure a candidate and keep the result. One that cannot be built or searched is kept as failed.

        Raises:
            OutOfTime: the time budget ended meanwhile.
            BudgetExceeded: a cap on money would be passed; what was paid for is kept.
            ConfigError, IngestError, RetrievalError: the base failed, so that there is nothing to compare with.
        """
        number = self.trials[candidate.key].number if candidate.key in self.trials else self.next_number
        trial = Trial(number, candidate.key, dict(candidate.choice), candidate.label, candidate.variant)
        started = time.monotonic()
        scores: scoring.Scores | None = None
        try:
            made, run, cost, search = self._searched(candidate, tuning)
        except (ConfigError, IngestError, RetrievalError) as error:
            if not candidate.choice or isinstance(error, BudgetExceeded):
                raise
            redacted = candidate.loaded.redactor.redact(str(error))
            trial = replace(trial, state="failed", reason=redacted, seconds=time.monotonic() - started)
        else:
            self.budgets.took(search, made.seconds if made.fresh else None)
            scores = scoring.scores_of(run)
            means, counts = scoring.means(scores)
            trial = replace(
                trial,
                means=means,
                cases=counts,
                chunks=made.chunks,
                embedded=made.embedded if made.fresh else 0,
                cached=made.cached if made.fresh else 0,
                seconds=time.monotonic() - started,
                build_seconds=made.seconds if made.fresh else 0.0,
                cost=cost,
            )
        self.storage.add(trial, scores)
        self.trials[trial.key] = trial
        log.info(
            "trial %d, %s: %s in %.1f s, %d embedded", number, trial.label, trial.state, trial.seconds, trial.embedded
        )
        return trial

    def full_run(self, candidate: Candidate, gold: Gold, part: str) -> Run:
        """A candidate on other questions, with its hits; kept under its key and ``part``, and not made twice."""
        name = f"{candidate.key}-{part}"
        known = self.storage.run(name)
        if known is None:
            _, known, _, _ = self._searched(candidate, gold, keep_text=True)
            self.storage.keep_run(name, known)
        return known

    def affords(self, candidate: Candidate) -> bool:
        """Whether the budgets allow the candidate."""
        try:
            self.budgets.check_time()
        except OutOfTime:
            self.budgets.out_of_time()
            return False
        if candidate.loaded.config.embedder.provider != "openai":
            return True
        return self.budgets.affords(candidate, self.variants.plan(candidate.loaded), self._spent())

    def say(self, doing: str) -> None:
        """Tell how far it is.

        Raises:
            OutOfTime: the time budget has ended.
        """
        self.budgets.check_time()
        self._watch(Step(self.done, self.total, self._label, doing, self.budgets.seconds_left()))

    def _searched(self, candidate: Candidate, gold: Gold, *, keep_text: bool = False) -> tuple[Made, Run, float, float]:
        """The index, the run, what both cost, and the seconds that asking took."""
        self._label = candidate.label
        money = self.budgets.money_left(self._spent())
        made = self.variants.make(
            candidate.loaded,
            progress=lambda source, counts: self.say(f"indexing {source}, {counts.chunks:,} chunks"),
            money_left=money,
        )
        cost = made.cost if made.fresh else 0.0
        started = time.monotonic()
        with self.variants.opened(candidate.loaded) as (subject, spent):
            run = self.ruler.measure(subject, gold, candidate.label, self.say, keep_text=keep_text)
            cost += spent()
        self._check_errors(candidate, run)
        return made, run, cost, time.monotonic() - started

    def _check_errors(self, candidate: Candidate, run: Run) -> None:
        """A question that failed would count for nothing: the mean would be of the others alone.

        Raises:
            RetrievalError: a question failed here and not with the base, or all of them did.
        """
        failed = {one.case: one.error for one in run.outcomes if one.error is not None}
        if not candidate.choice:
            self.base_failed.update(failed)
        new = failed.keys() - self.base_failed.keys()
        if new or (failed and len(failed) == len(run.outcomes)):
            case = min(new or failed)
            raise RetrievalError(f"{len(new or failed)} questions failed, the first: {failed[case]}")

    def _spent(self) -> float:
        return sum(one.cost for one in self.trials.values())
