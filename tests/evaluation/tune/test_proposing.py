"""Optuna's proposals: inside the space, the same after a stop, and better than chance where one can learn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.tune.knobs import Knob, Range
from evaluation.tune.proposing import Proposer, Told

CHOICES = ({"type": "token", "size": 40}, {"type": "whole"}, None, 3, "3")


def knob(name: str, span: dict[str, Any] | None = None) -> Knob:
    made = None if span is None else Range.model_validate(span)
    return Knob(name, tuple(name.split(".")), "search", CHOICES if made is None else tuple(made.values()), made)


KNOBS = [
    knob("defaults.chunker"),
    knob("retrieval.top_k", {"from": 2, "to": 21, "step": 4}),
    knob("retrieval.rrf_k", {"from": 1, "to": 1000, "log": True}),
    knob("retrieval.diversity", {"from": 0.0, "to": 1.0}),
]


def quality(choice: dict[str, Any]) -> float:
    return -abs(choice["retrieval.diversity"] - 0.3) - 0.05 * (choice["defaults.chunker"] != "3")


def walk(steps: int, seed: int, known: list[Told] | None = None) -> list[Told]:
    proposer = Proposer(KNOBS, ["maximize"], seed)
    told = list(known or [])
    while len(told) < steps:
        choice = proposer.ask(told, len(told))
        told.append(Told(choice, [quality(choice)], {}))
    return told


@settings(max_examples=15)
@given(st.integers(0, 2**31 - 1))
def test_every_proposal_is_a_value_of_its_knob(seed: int) -> None:
    for one in walk(3, seed):
        assert any(
            one.choice["defaults.chunker"] is value or one.choice["defaults.chunker"] == value for value in CHOICES
        )
        assert one.choice["retrieval.top_k"] in (2, 6, 10, 14, 18)
        assert 1 <= one.choice["retrieval.rrf_k"] <= 1000
        assert isinstance(one.choice["retrieval.rrf_k"], int)
        assert 0 <= one.choice["retrieval.diversity"] <= 1


def test_a_study_that_was_stopped_proposes_what_it_would_have_proposed() -> None:
    whole = walk(16, seed=5)
    for stop in (1, 7, 12):
        assert walk(16, seed=5, known=whole[:stop]) == whole
    assert [one.choice for one in walk(4, seed=6)] != [one.choice for one in whole[:4]]


def test_it_learns() -> None:
    told = walk(40, seed=1)
    late = [quality(dict(one.choice)) for one in told[20:]]
    early = [quality(dict(one.choice)) for one in told[:8]]  # drawn at random
    assert sum(late) / len(late) > sum(early) / len(early)
    importances = Proposer(KNOBS, ["maximize"], 1).importances(told)
    assert max(importances, key=lambda name: importances[name]) == "retrieval.diversity"
    assert sum(importances.values()) == pytest.approx(1.0)


def test_what_todays_knobs_do_not_span_is_left_out() -> None:
    proposer = Proposer(KNOBS[1:2], ["maximize"], 0)
    foreign = [Told({"retrieval.top_k": 5}, [1.0], {}), Told({"other": 1}, [1.0], {})]
    assert proposer.ask(foreign, 0) == proposer.ask([], 0)


def test_several_objectives_and_limits_are_understood() -> None:
    proposer = Proposer(KNOBS, ["maximize", "minimize"], 3)
    told: list[Told] = []
    for number in range(12):
        choice = proposer.ask(told, number)
        told.append(Told(choice, [quality(choice), choice["retrieval.top_k"]], {"a <= 1": float(number % 2)}))
    assert len({repr(one.choice) for one in told}) > 6
