"""The space of configurations: the user's own with the knobs turned, each validated like any other."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from configs.errors import ConfigError, EmbedError, MissingExtra
from configs.loader import Loaded, from_mapping, load
from configs.yaml_lines import KeyPath, read_yaml
from evaluation.tune.knobs import Knob, label, read_knobs
from evaluation.tune.settings import TuneFile

MAX_COMBINATIONS = 20_000
_IMPOSSIBLE = " is impossible: "
"""How the loader words two values that do not go together; anything else is a value that is wrong by itself."""

Choice = Mapping[str, Any]
"""A value for each turned knob, by the knob's name; the empty one is the base."""


@dataclass(frozen=True)
class Candidate:
    """A valid configuration to measure.

    Attributes:
        key: hash of all settings that can change a result.
        variant: name of its index.
    """

    choice: Choice
    loaded: Loaded = field(repr=False)
    key: str
    variant: str

    @property
    def label(self) -> str:
        """The choice in one line."""
        return ", ".join(f"{name}={label(value)}" for name, value in self.choice.items()) or "base"


class Space:
    """All configurations that a ``tune.yaml`` spans.

    Args:
        name_of: names the variant of a configuration (``Variants.name``).
    """

    def __init__(self, file: TuneFile, name_of: Callable[[Loaded], str]) -> None:
        self.file = file
        self.base = load(file.config)
        self._raw, _ = read_yaml(file.config.read_text(encoding="utf-8-sig"), file.config.name)
        self.knobs = read_knobs(file, self._raw.get("sources") or {})
        self.skipped: Counter[str] = Counter()
        self._name_of = name_of
        self._check_values()

    def loaded(self, choice: Choice) -> Loaded:
        """The configuration with ``choice`` in place; not its path, so that its folder stays the user's.

        Raises:
            ConfigError: it is not valid.
        """
        raw = with_changes(self._raw, self.paths(choice))
        made = from_mapping(raw, self.base.base_dir)
        return replace(made, path=self.base.path, lines=self.base.lines)

    def paths(self, choice: Choice) -> dict[KeyPath, Any]:
        """The choice by key path, whole sections before what is inside them."""
        turned = [(knob.path, choice[knob.name]) for knob in self.knobs if knob.name in choice]
        return dict(sorted(turned, key=lambda item: len(item[0])))

    def candidate(self, choice: Choice) -> Candidate | None:
        """The configuration of ``choice``; ``None``, and counted with its reason, where its values do not go together.

        Raises:
            ConfigError: its embedder cannot be had; names the knob.
        """
        try:
            loaded = self.loaded(choice)
        except ConfigError as error:
            self.skipped[_first(error)] += 1
            return None
        try:
            variant = self._name_of(loaded)
        except (ConfigError, EmbedError, MissingExtra) as error:
            knob = next((name for name in choice if name.startswith("embedder.")), None)
            if knob is None:
                raise
            where = f"{self.file.where(knob)} cannot be {label(choice[knob])}"
            raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error
        return Candidate(choice, loaded, trial_key(loaded, variant), variant)

    def grid(self, limit: int | None, seed: int) -> list[Candidate]:
        """Every valid combination, those of one index together; of more than ``limit`` a seeded sample.

        Raises:
            ConfigError: there are too many to look at, or a value goes with no other.
        """
        size = math.prod(len(knob.choices) for knob in self.knobs)
        if size > MAX_COMBINATIONS:
            raise ConfigError(
                f"{self.file.path.name}: the grid has {size:,} combinations, more than {MAX_COMBINATIONS:,}.",
                hint="Try fewer values, `search: one-factor`, or `search: optuna` with `trials`.",
            )
        names = [knob.name for knob in self.knobs]
        choices = [
            dict(zip(names, values, strict=True))
            for values in itertools.product(*(knob.choices for knob in self.knobs))
        ]
        found = [one for one in map(self.candidate, choices) if one is not None]
        self._check_used(found)
        found = list({one.key: one for one in found}.values())
        if limit is not None and len(found) > limit:
            order = sorted(found, key=lambda one: hashlib.sha256(f"{seed}\0{one.key}".encode()).digest())
            kept = {one.key for one in order[:limit]}
            found = [one for one in found if one.key in kept]
        return _by_variant(found)

    def one_factor(self) -> list[Candidate]:
        """Each value of each knob alone, all else as in the base."""
        choices = [{knob.name: value} for knob in self.knobs for value in knob.choices]
        found = [one for one in map(self.candidate, choices) if one is not None]
        return _by_variant(list({one.key: one for one in found}.values()))

    def base_value(self, knob: Knob, base_key: str) -> Any:
        """What the base has at a knob: the choice that changes nothing, else the value in effect, as JSON has it."""
        for value in knob.choices:
            try:
                loaded = self.loaded({knob.name: value})
            except ConfigError:
                continue
            if trial_key(loaded, self._name_of(loaded)) == base_key:
                return value
        return _effective(self.base, knob.path)

    def _check_values(self) -> None:
        """Each value alone: what is wrong with it by itself is wrong in every combination.

        Raises:
            ConfigError: by line and knob.
        """
        problems: dict[str, None] = {}
        for knob in self.knobs:
            for value in knob.choices:
                try:
                    self.loaded({knob.name: value})
                except ConfigError as error:
                    wrong = [line for line in error.message.splitlines() if _IMPOSSIBLE not in line]
                    if wrong:
                        problems[f"{self.file.where(knob.name)} cannot be {label(value)}: {wrong[0]}"] = None
        if problems:
            raise ConfigError("\n".join(problems))

    def _check_used(self, found: Sequence[Candidate]) -> None:
        for knob in self.knobs:
            used = {label(one.choice[knob.name]) for one in found}
            lost = [label(value) for value in knob.choices if label(value) not in used]
            if lost:
                why = max(self.skipped, key=lambda reason: self.skipped[reason], default="")
                raise ConfigError(
                    f"{self.file.where(knob.name)}: {', '.join(lost)} goes with no value of the other knobs. {why}",
                    hint="Take it out, or add a value of another knob that it goes with.",
                )


def with_changes(raw: Mapping[str, Any], changes: Mapping[KeyPath, Any]) -> dict[str, Any]:
    """A copy of a configuration's plain values with some of them set, in the order given."""
    changed = copy.deepcopy(dict(raw))
    for path, value in changes.items():
        place: Any = changed
        for part in path[:-1]:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[path[-1]] = copy.deepcopy(value)
    return changed


def trial_key(loaded: Loaded, variant: str) -> str:
    """Hash of everything in a configuration that can change what is measured."""
    config = loaded.config
    decisive = [
        variant,
        config.retrieval.model_dump(mode="json"),
        config.context.model_dump(mode="json"),
        config.answer.no_answer_threshold,
    ]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def _by_variant(found: Iterable[Candidate]) -> list[Candidate]:
    groups: dict[str, list[Candidate]] = {}
    for one in found:
        groups.setdefault(one.variant, []).append(one)
    return [one for group in groups.values() for one in group]


def _first(error: ConfigError) -> str:
    """The reason without the key it is reported at: many sources may have the same."""
    line = error.message.splitlines()[0]
    return line.split(_IMPOSSIBLE, 1)[1] if _IMPOSSIBLE in line else line


def _effective(loaded: Loaded, path: KeyPath) -> Any:
    value: Any = loaded.config
    for part in path:
        if isinstance(value, BaseModel):
            value = getattr(value, str(part), None)
        elif isinstance(value, Mapping):
            value = value.get(part)
        else:
            value = None
    return value.model_dump(mode="json", exclude_defaults=False) if isinstance(value, BaseModel) else value
