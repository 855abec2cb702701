"""What each knob did: pairs of configurations that differ in one knob alone, compared question by question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.tune.knobs import Knob, label
from evaluation.tune.result import TOKENS, KnobEffect, ValueEffect
from evaluation.tune.scoring import Scores, column, interval


@dataclass(frozen=True, slots=True)
class Measured:
    """A configuration with a value for every knob, and its scores."""

    values: Mapping[str, Any]
    scores: Scores


def effects(
    knobs: Sequence[Knob],
    measured: Sequence[Measured],
    base: Mapping[str, Any],
    measure: str,
    importances: Mapping[str, float],
) -> list[KnobEffect]:
    """The effect of each value of each knob on ``measure``.

    A value is compared with the knob's reference (the base's value or the first choice, whichever has more pairs) over
    all pairs of configurations that are alike but for this knob. In a full grid these are all combinations of the
    others; of one factor at a time it is the base. The interval is over questions: each question's mean difference is
    one observation.
    """
    coded = [{name: _code(value) for name, value in one.values.items()} for one in measured]
    columns = [column(one.scores, measure) for one in measured]
    tokens = [column(one.scores, TOKENS) for one in measured]
    found = []
    for knob in knobs:
        by_value: dict[str, list[int]] = defaultdict(list)
        shown: dict[str, Any] = {}
        for position, code in enumerate(coded):
            by_value[code[knob.name]].append(position)
            shown.setdefault(code[knob.name], measured[position].values[knob.name])
        # Of equally many pairs the base's value: max takes the first.
        reference = max(
            (_code(base[knob.name]), _code(knob.choices[0])), key=lambda code: _pairs(knob.name, coded, by_value, code)
        )
        values = [
            _value(knob.name, code, shown[code], reference, by_value, coded, columns, tokens)
            for code in sorted(by_value, key=lambda code: _order(knob, shown[code]))
        ]
        found.append(KnobEffect(knob.name, knob.stage, tuple(values), importances.get(knob.name)))
    return found


def _value(
    name: str,
    code: str,
    value: Any,
    reference: str,
    by_value: Mapping[str, Sequence[int]],
    coded: Sequence[Mapping[str, str]],
    columns: Sequence[Mapping[str, float]],
    tokens: Sequence[Mapping[str, float]],
) -> ValueEffect:
    own = [float(np.mean(list(columns[i].values()))) for i in by_value[code] if columns[i]]
    mean = float(np.mean(own)) if own else None
    is_reference = code == reference
    pairs = [] if is_reference else _matched(name, coded, by_value[code], by_value[reference])
    effect, low, high = _over_pairs(pairs, columns)
    return ValueEffect(
        value=value,
        label=label(value),
        reference=is_reference,
        trials=len(by_value[code]),
        mean=mean,
        pairs=len(pairs),
        effect=effect,
        low=low,
        high=high,
        tokens=_over_pairs(pairs, tokens)[0],
    )


def _over_pairs(
    pairs: Sequence[tuple[int, int]], columns: Sequence[Mapping[str, float]]
) -> tuple[float | None, float | None, float | None]:
    changes: dict[str, list[float]] = defaultdict(list)
    for one, other in pairs:
        for case in columns[one].keys() & columns[other].keys():
            changes[case].append(columns[one][case] - columns[other][case])
    if not changes:
        return None, None, None
    per_case = [float(np.mean(changes[case])) for case in sorted(changes)]
    mean = float(np.mean(per_case))
    low, high = interval(per_case) or (None, None)
    return mean, low, high


def _matched(
    name: str, coded: Sequence[Mapping[str, str]], own: Sequence[int], reference: Sequence[int]
) -> list[tuple[int, int]]:
    """(position, position of its twin with the reference value), for those that have one."""
    twins = {_others(coded[i], name): i for i in reference}
    return [(i, twins[rest]) for i in own if (rest := _others(coded[i], name)) in twins]


def _pairs(name: str, coded: Sequence[Mapping[str, str]], by_value: Mapping[str, Sequence[int]], reference: str) -> int:
    others = [i for code, positions in by_value.items() if code != reference for i in positions]
    return len(_matched(name, coded, others, by_value.get(reference, ())))


def _others(code: Mapping[str, str], name: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((knob, value) for knob, value in code.items() if knob != name))


def _code(value: Any) -> str:
    import json

    return json.dumps(value, sort_keys=True, default=str)


def _order(knob: Knob, value: Any) -> tuple[int, float, str]:
    code = _code(value)
    known = [_code(choice) for choice in knob.choices]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), code
    return (1, float(known.index(code)), code) if code in known else (2, 0.0, code)
