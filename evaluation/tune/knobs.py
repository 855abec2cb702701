"""A knob: one key of the configuration and the values to try there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from configs.messages import Problem, problems_of, suggestion
from configs.schema import Config, Defaults
from configs.section import Section
from configs.yaml_lines import KeyPath
from evaluation.tune.settings import TuneFile, problems_error

Stage = Literal["ingest", "search"]
MAX_VALUES = 1000
_INDEXED = ("chunker", "prefix", "metadata")
_SEARCHED = ("retrieval", "context")
_THRESHOLD = ("answer", "no_answer_threshold")


class Range(Section):
    """Numbers between two ends, both included."""

    from_: int | float = Field(alias="from", description="The smallest value.")
    to: int | float = Field(description="The largest value.")
    step: int | float | None = Field(None, gt=0, description="Distance of the values.")
    points: int | None = Field(None, ge=2, le=MAX_VALUES, description="In place of step: how many values a grid tries.")
    log: bool = Field(False, description="Equal ratios in place of equal distances.")

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if self.from_ >= self.to:
            raise ValueError("from must be less than to")
        if self.log and (self.from_ <= 0 or self.step is not None):
            raise ValueError("log goes with points and with values above 0, not with step")
        if self.step is not None and self.points is not None:
            raise ValueError("give step or points, not both")
        if self.step is not None and (self.to - self.from_) / self.step > MAX_VALUES:
            raise ValueError(f"there are more than {MAX_VALUES:,} values; give a larger step")
        return self

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return all(isinstance(value, int) for value in (self.from_, self.to) if value is not None) and (
            self.step is None or isinstance(self.step, int)
        )

    def values(self) -> list[int | float]:
        """What a grid tries, in order: by ``step``, else ``points`` of them (5 by default)."""
        if self.step is not None:
            count = math.floor((self.to - self.from_) / self.step + 1e-9) + 1
            found = [self.from_ + i * self.step for i in range(count)]
        else:
            points = (self.points or 5) - 1
            if self.log:
                ratio = self.to / self.from_
                found = [self.from_ * ratio ** (i / points) for i in range(points + 1)]
            else:
                found = [self.from_ + (self.to - self.from_) * i / points for i in range(points + 1)]
        rounded = [round(value) if self.whole else float(f"{value:.6g}") for value in found]
        return list(dict.fromkeys(rounded))


@dataclass(frozen=True, slots=True)
class Knob:
    """One key of the configuration.

    Attributes:
        name: its dotted path as written in ``tune.yaml``.
        path: the same as a key path.
        stage: whether another value needs another index.
        choices: the values to try, in order; of a range those of a grid.
        range: the range, for an optimiser.
    """

    name: str
    path: KeyPath
    stage: Stage
    choices: tuple[Any, ...]
    range: Range | None = None


def label(value: Any) -> str:
    """A value for people: ``0.5``, ``token``, ``{type: token, size: 200}``."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {label(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(label(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_knobs(file: TuneFile, sources: Mapping[str, Any]) -> list[Knob]:
    """The knobs of a ``tune.yaml``; ingest knobs first, otherwise in its order.

    Args:
        sources: the configuration's sources by name, as its file has them.

    Raises:
        ConfigError: every knob that is no list or range, or whose key cannot be tuned; by line.
    """
    problems: list[Problem] = []
    knobs: list[Knob] = []
    for name, raw in file.tune.knobs.items():
        where: KeyPath = ("knobs", name)
        path = _key_path(name, sources)
        stage, refused = _stage(path, sources)
        if stage is None:
            problems.append(Problem(where, refused))
            continue
        choices, found, wrong = _values(raw, where)
        problems += wrong
        if not wrong:
            knobs.append(Knob(name, path, stage, choices, found))
    if problems:
        raise problems_error(problems, file.lines, file.path.name)
    return sorted(knobs, key=lambda knob: knob.stage != "ingest")


def _values(raw: Any, where: KeyPath) -> tuple[tuple[Any, ...], Range | None, list[Problem]]:
    if isinstance(raw, Mapping):
        try:
            found = Range.model_validate(raw)
        except ValidationError as error:
            problems = problems_of(error, raw, model=Range)
            return (), None, [Problem((*where, *problem.path), problem.text) for problem in problems]
        return tuple(found.values()), found, []
    if not isinstance(raw, list) or not raw:
        text = "must be a list of values, or a range such as {from: 100, to: 400, step: 100}."
        return (), None, [Problem(where, text)]
    if len(raw) > MAX_VALUES:
        return (), None, [Problem(where, f"has more than {MAX_VALUES:,} values.")]
    once = {json.dumps(value, sort_keys=True, default=str): value for value in raw}
    if len(once) < len(raw):
        return (), None, [Problem(where, "has a value twice.")]
    return tuple(raw), None, []


def _key_path(name: str, sources: Mapping[str, Any]) -> KeyPath:
    """The dotted name as a path; a source's name may hold dots itself."""
    head, _, rest = name.partition(".")
    if head == "sources":
        for source in sorted(sources, key=len, reverse=True):
            if rest == source or rest.startswith(f"{source}."):
                below = rest[len(source) + 1 :]
                return ("sources", source, *(below.split(".") if below else ()))
    return tuple(name.split("."))


def _stage(path: KeyPath, sources: Mapping[str, Any]) -> tuple[Stage | None, str]:
    """The knob's stage, or why it cannot be one."""
    head = str(path[0])
    if head in _SEARCHED and len(path) > 1:
        return "search", ""
    if path == _THRESHOLD:
        return "search", ""
    if head == "embedder" and len(path) > 1:
        if path[1] in ("api_key", "base_url"):
            return None, "is a secret or an address: no knob."
        return "ingest", ""
    below: KeyPath = ()
    if head == "defaults":
        below = path[1:]
    elif head == "sources":
        if len(path) < 2 or path[1] not in sources:
            hint = suggestion(str(path[1]) if len(path) > 1 else "", [str(name) for name in sources])
            return None, f"names no source of the configuration.{hint}"
        below = path[2:]
    if below and below[0] in _INDEXED:
        return "ingest", ""
    if below and below[0] == "parser":
        return None, (
            "would need every document read again from its source; variants are made from the parsed texts on the "
            "shelf. Set the parser in the configuration, sync, then tune."
        )
    if below and below[0] in Defaults.model_fields:
        return None, "decides who sees a document or when it is synced, not how well it is found: no knob."
    if head == "sources":
        return None, "decides what the source gives: change it in the configuration and sync. " + _known()
    if head not in Config.model_fields:
        return None, f"is no key of a configuration.{suggestion(head, list(Config.model_fields))} {_known()}"
    return None, f"does not change what is found. {_known()}"


def _known() -> str:
    return (
        "Knobs are keys below defaults.chunker, defaults.prefix, defaults.metadata (and the same of a source), "
        "embedder, retrieval, context, and answer.no_answer_threshold."
    )
