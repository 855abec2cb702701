"""``tune.yaml``: what to try, on what, and how long. Every problem is named with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from configs.errors import ConfigError
from configs.messages import Problem, dotted, given, problems_of
from configs.schema import seconds
from configs.section import Section
from configs.yaml_lines import KeyPath, read_yaml_file

Measure = Annotated[str, Field(min_length=1, max_length=60)]


class Objective(Section):
    """What is wanted."""

    maximise: list[Measure] = Field(
        default_factory=list,
        max_length=4,
        description="Measures of `openshelf eval`; the first ranks. Default: the recall of gold passages in the "
        "context, or of documents where the gold names no passages.",
    )
    at_most: dict[Measure, float] = Field(
        default_factory=dict, description="Limits of means, e.g. `{context_tokens: 900}`. Default: what the base needs."
    )
    at_least: dict[Measure, float] = Field(default_factory=dict, description="The same from below.")

    @field_validator("maximise", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Budget(Section):
    """When to stop."""

    time: str | None = Field(None, description="Of one run, e.g. `30m`; running again goes on.")
    money: float | None = Field(None, ge=0, description="Of the whole study, in the configuration's currency.")

    @field_validator("time")
    @classmethod
    def _a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            seconds(value)
        return value


class Tune(Section):
    """A study, as its file describes it."""

    config: str = Field("openshelf.yaml", description="The configuration to start from, from this file's folder.")
    gold: str = Field(description="the questions with their answers' places; its path from this file's folder.")
    objective: Objective = Objective()
    search: Literal["grid", "one-factor", "optuna"] = Field(
        "grid", description="Every combination; one knob at a time around the base; or Optuna's TPE sampler."
    )
    trials: int | None = Field(
        None, ge=1, le=10_000, description="Most configurations. Optuna: 40 by default. A larger grid is sampled."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the split, the sample and the sampler.")
    holdout: float = Field(0.3, ge=0, le=0.9, description="Share of the questions that only the winner meets.")
    holdout_by: Literal["case", "document"] = Field(
        "case", description="`document`: no document is both tuned on and tested."
    )
    budget: Budget = Budget()
    knobs: dict[str, Any] = Field(min_length=1, description="key of the configuration → a list or a range of values.")

    @model_validator(mode="after")
    def _optuna_needs_trials(self) -> Tune:
        if self.search == "optuna" and self.trials is not None and self.trials < 2:
            raise ValueError("optuna needs at least 2 trials")
        return self

    @property
    def seconds(self) -> float | None:
        """The time budget in seconds."""
        return None if self.budget.time is None else seconds(self.budget.time)


@dataclass(frozen=True)
class TuneFile:
    """A read ``tune.yaml``.

    Attributes:
        lines: 1-based line of every key.
        given: a configuration in place of the one that the file names.
    """

    tune: Tune
    path: Path
    lines: Mapping[KeyPath, int]
    given: Path | None = None

    @property
    def config(self) -> Path:
        """The configuration's file."""
        return self.given or self._beside(self.tune.config)

    @property
    def gold(self) -> Path:
        """The gold file."""
        return self._beside(self.tune.gold)

    def where(self, knob: str) -> str:
        """Where a knob stands, as ``tune.yaml:12: knobs.retrieval.top_k``."""
        return f"{self.path.name}:{self.lines.get(('knobs', knob), 1)}: knobs.{knob}"

    def _beside(self, name: str) -> Path:
        return (self.path.parent / Path(name).expanduser()).resolve()


def read_tune(path: Path) -> TuneFile:
    """Read and validate a ``tune.yaml``. Its knobs are looked at in ``knobs`` and ``space``.

    Raises:
        ConfigError: everything that is wrong with it, by line.
    """
    raw, lines = read_yaml_file(path, missing="docs/tuning.md shows one to start from.")
    if not isinstance(raw, Mapping):
        raise ConfigError(
            f"{path.name}:1: the file must be a mapping of keys such as knobs:, not {given(raw, ())}.",
            hint="docs/tuning.md shows one to start from.",
        )
    try:
        tune = Tune.model_validate(raw)
    except ValidationError as error:
        raise problems_error(problems_of(error, raw, model=Tune), lines, path.name) from None
    return TuneFile(tune, path.resolve(), lines)


def problems_error(problems: list[Problem], lines: Mapping[KeyPath, int], name: str) -> ConfigError:
    """All problems as one error, a line for each, in the order of the file."""
    sentences = []
    for problem in problems:
        path = problem.path
        while path and path not in lines:
            path = path[:-1]
        sentences.append((lines.get(path, 1), f"{dotted(problem.path)} {problem.text}"))
    return ConfigError("\n".join(f"{name}:{line}: {text}" for line, text in sorted(sentences)))
