"""The objective once the base is measured: which measures, and which limits where none were given."""

from __future__ import annotations

from configs.errors import ConfigError
from configs.messages import suggestion
from evaluation.tune.result import TOKENS, Trial
from evaluation.tune.settings import Objective

PREFERRED = ("context_recall", "recall@5")
"""What is maximised where nothing is named: the first that the gold has something for."""


def resolved(objective: Objective, base: Trial) -> Objective:
    """The objective with its defaults filled in from the base.

    The default limit is what the base itself needs: better answers for no more tokens of context.

    Raises:
        ConfigError: it names something that is not measured.
    """
    named = [*objective.maximise, *objective.at_most, *objective.at_least]
    unknown = [name for name in named if name not in base.means]
    if unknown:
        known = ", ".join(sorted(base.means))
        raise ConfigError(
            f"objective: {unknown[0]} is not measured with this gold.{suggestion(unknown[0], base.means)}",
            hint=f"Measured are {known}.",
        )
    maximise = objective.maximise or [next((name for name in PREFERRED if name in base.means), "")]
    if not maximise[0]:
        raise ConfigError("objective: this gold has nothing to maximise.", hint="Name a measure in objective.maximise.")
    at_most, at_least = objective.at_most, objective.at_least
    if not at_most and not at_least:
        at_most = {TOKENS: base.means[TOKENS]}
    return Objective(maximise=maximise, at_most=at_most, at_least=at_least)


def limits(objective: Objective) -> tuple[str, ...]:
    """The limits in words."""
    return (
        *(f"{name} <= {limit:g}" for name, limit in objective.at_most.items()),
        *(f"{name} >= {limit:g}" for name, limit in objective.at_least.items()),
    )
