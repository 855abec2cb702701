"""What a knob did: in a world where each value adds what we say, the effects are what we said."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.tune.effects import Measured, effects
from evaluation.tune.knobs import Knob
from evaluation.tune.result import TOKENS

SIZES, WEIGHTS = (100, 200, 400), (0.0, 0.5)
KNOBS = [
    Knob("defaults.chunker.size", ("defaults", "chunker", "size"), "ingest", SIZES),
    Knob("retrieval.keyword_weight", ("retrieval", "keyword_weight"), "search", WEIGHTS),
]
BASE = {"defaults.chunker.size": 200, "retrieval.keyword_weight": 0.5}
gains = st.fixed_dictionaries(
    {size: st.floats(-0.2, 0.2) for size in SIZES} | {weight: st.floats(-0.2, 0.2) for weight in WEIGHTS}
)


def world(gain: dict[float, float], values: list[dict[str, Any]], cases: int = 12) -> list[Measured]:
    random = np.random.default_rng(5)
    levels = random.random(cases)
    return [
        Measured(
            one, {f"q{i}": {"recall": level + sum(gain[value] for value in one.values()), TOKENS: 100.0 * len(one)}
                  for i, level in enumerate(levels)}
        )
        for one in values
    ]  # fmt: skip


@given(gains)
def test_a_full_grid_gives_each_effect_against_the_bases_value(gain: dict[float, float]) -> None:
    names = [knob.name for knob in KNOBS]
    grid = [dict(zip(names, pair, strict=True)) for pair in itertools.product(SIZES, WEIGHTS)]
    for found in effects(KNOBS, world(gain, grid), BASE, "recall", {}):
        reference = BASE[found.knob]
        assert [value.value for value in found.values if value.reference] == [reference]
        for value in found.values:
            if value.reference:
                assert value.effect is None
                continue
            assert value.pairs == (2 if found.knob == names[0] else 3)
            assert value.effect == pytest.approx(gain[value.value] - gain[reference], abs=1e-9)
            # The gain is the same for each question, so there is nothing to be unsure of.
            assert value.low == pytest.approx(value.effect, abs=1e-9)
            assert value.high == pytest.approx(value.effect, abs=1e-9)
            assert value.tokens == pytest.approx(0.0)


@given(gains)
def test_one_factor_at_a_time_compares_with_the_base(gain: dict[float, float]) -> None:
    star = [BASE, *({**BASE, KNOBS[0].name: size} for size in (100, 400)), {**BASE, KNOBS[1].name: 0.0}]
    for found in effects(KNOBS, world(gain, star), BASE, "recall", {}):
        for value in found.values:
            if not value.reference:
                assert value.pairs == 1
                assert value.effect == pytest.approx(gain[value.value] - gain[BASE[found.knob]], abs=1e-9)


def test_without_the_bases_value_the_first_choice_is_the_reference() -> None:
    gain = {100: 0.0, 200: 0.1, 400: 0.3, 0.0: 0.0, 0.5: 0.0}
    grid = [{KNOBS[0].name: size, KNOBS[1].name: 0.5} for size in SIZES]
    base = {**BASE, KNOBS[0].name: 999}
    found = effects(KNOBS[:1], world(gain, grid), base, "recall", {})[0]
    assert [(value.value, value.reference) for value in found.values] == [(100, True), (200, False), (400, False)]
    assert [value.effect for value in found.values][1:] == pytest.approx([0.1, 0.3])


def test_without_pairs_there_is_no_effect_but_a_mean() -> None:
    gain = {100: 0.0, 200: 0.1, 400: 0.3, 0.0: 0.0, 0.5: 0.2}
    apart = [{KNOBS[0].name: 100, KNOBS[1].name: 0.0}, {KNOBS[0].name: 400, KNOBS[1].name: 0.5}]
    for found in effects(KNOBS, world(gain, apart), BASE, "recall", {KNOBS[0].name: 0.7}):
        assert all(value.effect is None and value.mean is not None for value in found.values)
        assert found.importance == (0.7 if found.knob == KNOBS[0].name else None)
