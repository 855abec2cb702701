"""Time and money: when a study stops, and how long it still takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from configs.errors import ConfigError
from evaluation.tune.settings import TuneFile
from evaluation.tune.space import Candidate
from ingest.plan import SourcePlan


class OutOfTime(Exception):
    """The time budget ended inside a trial; what was embedded is kept."""


class Budgets:
    """The budgets of one run of a study.

    Attributes:
        stopped: why the study has stopped, as a sentence; empty while it goes on.
        builds, searches: how many indexes and configurations are to come.
    """

    def __init__(self, file: TuneFile, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = file, clock
        seconds = file.tune.seconds
        self._deadline = None if seconds is None else clock() + seconds
        self._free = 0
        self._build_seconds: list[float] = []
        self._search_seconds: list[float] = []
        self.stopped = ""
        self.builds = self.searches = 0

    def untimed(self, needed: bool) -> None:
        """Whether what comes next is needed whatever the time: the base, and the verdict."""
        self._free += 1 if needed else -1

    def check_time(self) -> None:
        """Raise when the time is over.

        Raises:
            OutOfTime: it is.
        """
        if self._deadline is not None and not self._free and self._clock() >= self._deadline:
            raise OutOfTime

    def out_of_time(self) -> None:
        """Note that the study stops here."""
        self.stopped = f"stopped at the time budget ({self._file.tune.budget.time}); run it again to go on"

    def money_left(self, spent: float) -> float | None:
        """What is left of the money budget; ``None`` without one."""
        money = self._file.tune.budget.money
        return None if money is None else max(0.0, money - spent)

    def affords(self, candidate: Candidate, plans: Iterable[SourcePlan], spent: float) -> bool:
        """Whether the money budget allows a candidate's embeddings; notes why not.

        Raises:
            ConfigError: they cost money and no budget or no price is set.
        """
        plans = list(plans)
        tokens = sum(plan.tokens for plan in plans)
        model = candidate.loaded.config.embedder.model
        currency = candidate.loaded.config.costs.currency
        if any(plan.cost is None and plan.tokens for plan in plans):
            raise ConfigError(
                f"{model} has no price, so nobody can say what {tokens:,} tokens would cost.",
                hint=f"Set costs.prices.{model}.input in {self._file.config.name} (for a million tokens).",
            )
        cost = sum(plan.cost or 0.0 for plan in plans)
        left = self.money_left(spent)
        if left is None:
            if cost > 0:
                raise ConfigError(
                    f"{candidate.label} would embed {tokens:,} tokens with {model} for about {cost:.4f} {currency}, "
                    "and the study has no money budget.",
                    hint=f"Set budget.money in {self._file.path.name}.",
                )
            return True
        if cost > left:
            self.stopped = (
                f"stopped at the money budget ({self._file.tune.budget.money:g} {currency}): {candidate.label} would "
                f"cost about {cost:.4f} and {left:.4f} is left; raise it and run again to go on"
            )
            return False
        return True

    def took(self, search: float, build: float | None) -> None:
        """Learn from a finished configuration."""
        self._search_seconds.append(search)
        self.searches = max(0, self.searches - 1)
        if build is not None:
            self._build_seconds.append(build)
            self.builds = max(0, self.builds - 1)

    def seconds_left(self) -> float | None:
        """Estimated; ``None`` until something was measured."""
        if not self._search_seconds:
            return None
        left = self.searches * sum(self._search_seconds) / len(self._search_seconds)
        if self._build_seconds:
            left += self.builds * sum(self._build_seconds) / len(self._build_seconds)
        return left if self._deadline is None else min(left, max(0.0, self._deadline - self._clock()))
