"""Gates for CI: ``recall@5>=0.8``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from configs.errors import ConfigError
from configs.messages import suggestion
from evaluation.summary import Group, Summary

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_GATE = re.compile(
    r"\s*(?:(?P<kind>source|language|tag)=(?P<name>.+):)?(?P<measure>[A-Za-z_]\w*(?:@\d+)?)\s*"
    r"(?P<operator>>=|<=|>|<)\s*(?P<value>-?\d+(?:\.\d+)?|\.\d+)\s*"
)


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound on a measure's mean.

    Attributes:
        kind, name: the group that it is about (``language``, ``fr``); ``None``: all questions.
    """

    text: str
    measure: str
    operator: str
    value: float
    kind: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate said.

    Attributes:
        found: the measured value.
        n: questions that it is the mean of.
    """

    gate: Gate
    found: float
    n: int
    passed: bool

    def __str__(self) -> str:
        return f"{self.gate.text}: {self.found:.4g} (n={self.n}) {'passed' if self.passed else 'FAILED'}"


def read_gate(text: str) -> Gate:
    """A gate of its text: ``MEASURE>=VALUE``, or ``language=fr:MEASURE>=VALUE`` for a group.

    Raises:
        ConfigError: it is none.
    """
    match = _GATE.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"{text!r} is no gate.",
            hint="Write MEASURE, one of >= <= > <, and a number, for example recall@5>=0.8 or "
            "language=fr:recall@5>=0.7. Shares go from 0 to 1.",
        )
    return Gate(text.strip(), match["measure"], match["operator"], float(match["value"]), match["kind"], match["name"])


def judge(gate: Gate, summary: Summary) -> Verdict:
    """Whether ``summary`` passes.

    Raises:
        ConfigError: the run has no such measure or group: a gate that measures nothing must not pass.
    """
    group = summary.overall
    if gate.kind is not None:
        names = {one.name: one for one in summary.of(gate.kind)}
        if gate.name not in names:
            raise ConfigError(
                f"The gate {gate.text!r} is about {gate.kind} {gate.name!r}, and no question has it.",
                hint=suggestion(gate.name or "", names).strip() or None,
            )
        group = names[gate.name]
    values = measured(group)
    if gate.measure not in values:
        raise ConfigError(
            f"The gate {gate.text!r} is about {gate.measure}, which this run does not have.",
            hint=f"It has {', '.join(values)}." + (" Cut-offs come from --k." if "@" in gate.measure else ""),
        )
    found, n = values[gate.measure]
    return Verdict(gate, found, n, _OPERATORS[gate.operator](found, gate.value))


def measured(group: Group) -> dict[str, tuple[float, int]]:
    """What gates can be about: each measure's mean with its n; tokens, latency, cost and errors too."""
    values = {name: (one.mean, one.n) for name, one in group.measures.items()}
    answered = group.n - group.errors
    if group.context_tokens is not None:
        values["context_tokens"] = group.context_tokens.mean, group.context_tokens.n
    if group.seconds_p50 is not None and group.seconds_p95 is not None:
        values["seconds_p50"] = group.seconds_p50, answered
        values["seconds_p95"] = group.seconds_p95, answered
    return values | {"cost": (group.cost, answered), "errors": (float(group.errors), group.n)}
