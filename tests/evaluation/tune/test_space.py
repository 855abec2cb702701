"""Every combination is a configuration like any other, or is left out with the reason."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.loader import Loaded
from evaluation.tune.space import Space, with_changes
from tests.evaluation.tune.shelves import tune_file


def name_of(loaded: Loaded) -> str:
    """Stands for ``Variants.name``: what is indexed, without a shelf."""
    sources = loaded.config.sources.values()
    return repr([(source.name, source.chunker, source.prefix, source.metadata) for source in sources])


def space(folder: Path, knobs: str, **options: str) -> Space:
    return Space(tune_file(folder, knobs, **options), name_of)


def test_a_grid_is_every_combination_with_those_of_one_index_together(tmp_path: Path) -> None:
    made = space(
        tmp_path,
        "retrieval.top_k: [3, 5]\ndefaults.chunker.size: [50, 100]\nretrieval.diversity: {from: 0, to: 1, step: 1}",
    )
    found = made.grid(None, 0)
    wanted = itertools.product((50, 100), (3, 5), (0, 1))
    assert [tuple(one.choice.values()) for one in found] == list(wanted)
    variants = [name for name, _ in itertools.groupby(found, key=lambda one: one.variant)]
    assert len(variants) == len(set(variants)) == 2
    assert len({one.key for one in found}) == 8


def test_combinations_that_do_not_go_together_are_counted_with_the_reason(tmp_path: Path) -> None:
    made = space(tmp_path, "defaults.chunker.size: [50, 200]\ndefaults.chunker.overlap: [0, 20, 80]")
    assert len(made.grid(None, 0)) == 5
    assert dict(made.skipped) == {"overlap (80) must be at most half of size (50).": 1}


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ("retrieval.fusion: [convex, blend]", "tune.yaml:4: knobs.retrieval.fusion cannot be blend: retrieval.fusion"),
        ("defaults.chunker: [{type: tokens}]", "cannot be {type: tokens}: defaults.chunker.type names no chunker"),
        ("retrieval.top_kk: [1]", "retrieval.top_kk is not a known key. Did you mean top_k?"),
        ("defaults.chunker.size: {from: 0, to: 10, step: 5}", "cannot be 0: "),
        ("defaults.chunker.overlap: [500]", "500 goes with no value of the other knobs"),
    ],
)
def test_a_value_that_is_wrong_by_itself_is_an_error_with_line_and_knob(tmp_path: Path, knobs: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        space(tmp_path, knobs).grid(None, 0)
    assert said in raised.value.message


def test_whole_objects_and_keys_inside_them_and_of_one_source(tmp_path: Path) -> None:
    made = space(
        tmp_path,
        "defaults.chunker: [{type: token, size: 40}, {type: whole}]\nsources.kb.chunker: [{type: sentence, size: 30}]",
    )
    one, other = made.grid(None, 0)
    assert {source.chunker.type for source in one.loaded.config.sources.values()} == {"sentence", "token"}
    assert other.loaded.config.sources["kb"].chunker.type == "sentence"
    assert other.loaded.config.sources["runbook"].chunker.type == "whole"
    inside = space(tmp_path, "defaults.chunker.size: [30]\ndefaults.chunker: [{type: token, size: 40}]").grid(None, 0)
    assert inside[0].loaded.config.defaults.chunker.model_dump()["size"] == 30


def test_one_factor_is_each_value_alone(tmp_path: Path) -> None:
    made = space(tmp_path, "retrieval.top_k: [3, 5]\ncontext.budget: [100, 200]")
    assert [one.choice for one in made.one_factor()] == [
        {"retrieval.top_k": 3},
        {"retrieval.top_k": 5},
        {"context.budget": 100},
        {"context.budget": 200},
    ]


def test_a_sample_of_a_grid_is_the_same_each_time_and_another_with_another_seed(tmp_path: Path) -> None:
    made = space(tmp_path, "retrieval.top_k: {from: 1, to: 20, step: 1}\ncontext.budget: [100, 200]")
    one, again, other = (made.grid(6, seed) for seed in (1, 1, 2))
    assert [c.key for c in one] == [c.key for c in again]
    assert len(one) == len(other) == 6
    assert {c.key for c in one} != {c.key for c in other}


def test_a_grid_beyond_all_bounds_is_refused_at_once(tmp_path: Path) -> None:
    knobs = "\n".join(f"retrieval.{key}: {{from: 1, to: 60, step: 1}}" for key in ("top_k", "rrf_k", "per_document"))
    with pytest.raises(ConfigError, match="216,000 combinations"):
        space(tmp_path, knobs).grid(None, 0)


def test_the_bases_value_is_the_choice_that_changes_nothing(tmp_path: Path) -> None:
    made = space(tmp_path, "defaults.chunker: [{type: whole}, {type: heading, size: 256}]\nretrieval.top_k: [1]")
    base = made.candidate({})
    assert base is not None
    chunker, top_k = made.knobs
    assert made.base_value(chunker, base.key) == {"type": "heading", "size": 256}
    assert made.base_value(top_k, base.key) == 8


leaves = st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
trees = st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)


@given(
    st.dictionaries(st.sampled_from("abc"), trees, max_size=3),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple),
    leaves,
)
def test_a_change_sets_its_key_and_leaves_the_rest(
    raw: dict[str, object], path: tuple[str, ...], value: object
) -> None:
    changed = with_changes(raw, {path: value})
    place: object = changed
    for part in path:
        assert isinstance(place, dict)
        place = place[part]
    assert place == value
    for key in raw.keys() - {path[0]}:
        assert changed[key] == raw[key]
