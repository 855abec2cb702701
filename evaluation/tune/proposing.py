"""What Optuna would try next: a TPE sampler that is asked and told, and forgets nothing between runs.

The sampler is seeded anew for each proposal, from the study's seed and how many there were. So a study that was
stopped proposes what it would have proposed without the stop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from evaluation.tune.knobs import Knob, label

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

Direction = Literal["maximize", "minimize"]
DEFAULT_TRIALS = 40
_STARTUP = 8


@dataclass(frozen=True, slots=True)
class Told:
    """A measured configuration.

    Attributes:
        objectives: in the order of ``directions``.
        violations: one for each limit: how far it is passed; 0 or less where it is kept.
    """

    choice: Mapping[str, Any]
    objectives: Sequence[float]
    violations: Mapping[str, float]


class Proposer:
    """Asks Optuna for configurations.

    Args:
        directions: ``maximize`` or ``minimize`` for each objective; several give a Pareto search.
    """

    def __init__(self, knobs: Sequence[Knob], directions: Sequence[Direction], seed: int) -> None:
        self._knobs = {knob.name: knob for knob in knobs}
        self._distributions = {knob.name: _distribution(knob) for knob in knobs}
        self._directions = list(directions)
        self._seed = seed

    def ask(self, told: Sequence[Told], number: int) -> dict[str, Any]:
        """The ``number``-th proposal after what is known."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=(self._seed * 100_003 + number) % 2**32, n_startup_trials=_STARTUP)
        study = optuna.create_study(directions=self._directions, sampler=sampler)
        for one in told:
            frozen = self._frozen(one)
            if frozen is not None:
                study.add_trial(frozen)
        params = study.ask(self._distributions).params
        return {name: self._value(self._knobs[name], given) for name, given in params.items()}

    def importances(self, told: Sequence[Told]) -> dict[str, float]:
        """Share of the first objective's variation by knob, 0 to 1; empty where there is too little to tell."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(directions=self._directions[:1])
        alone = (Told(one.choice, one.objectives[:1], {}) for one in told)
        known = [frozen for one in alone if (frozen := self._frozen(one)) is not None]
        if len(known) < 4 or len({one.values[0] for one in known}) < 2:
            return {}
        study.add_trials(known)
        return {name: float(share) for name, share in optuna.importance.get_param_importances(study).items()}

    def _frozen(self, one: Told) -> FrozenTrial | None:
        """As Optuna keeps it; ``None`` where today's knobs do not span it."""
        import optuna

        params = {}
        for name, knob in self._knobs.items():
            if name not in one.choice:
                return None
            given = one.choice[name] if knob.range is not None else _code(one.choice[name])
            if not _contains(self._distributions[name], given):
                return None
            params[name] = given
        return optuna.create_trial(
            params=params,
            distributions=self._distributions,
            values=list(one.objectives),
            constraints={name: float(value) for name, value in one.violations.items()} or None,
        )

    @staticmethod
    def _value(knob: Knob, given: Any) -> Any:
        if knob.range is None:
            return next(value for value in knob.choices if _code(value) == given)
        # As many digits as a person would write.
        return given if isinstance(given, int) else float(f"{given:.6g}")


def _distribution(knob: Knob) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    span = knob.range
    if span is None:
        return CategoricalDistribution([_code(value) for value in knob.choices])
    high = span.to
    if span.step is not None:
        high = span.from_ + math.floor((span.to - span.from_) / span.step + 1e-9) * span.step
    if span.whole:
        return IntDistribution(int(span.from_), int(high), log=span.log, step=int(span.step or 1))
    return FloatDistribution(float(span.from_), float(high), log=span.log, step=span.step)


def _contains(distribution: BaseDistribution, given: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(given)))
    except (TypeError, ValueError):
        return False


def _code(value: Any) -> str:
    """A choice as Optuna's categories allow it: unlike values have unlike texts."""
    return f"{label(value)} {json.dumps(value, sort_keys=True, default=str)}"
