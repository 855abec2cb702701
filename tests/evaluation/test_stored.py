"""Runs as files: what is read is what was written, and what is no run is said to be none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from evaluation import stored
from evaluation.outcome import Found, Outcome, Run
from evaluation.stored import dumped, load_run, save_run
from tests.evaluation import made

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20)
whole = st.integers(0, 10**9)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
mappings = st.dictionaries(texts, plain, max_size=4)
hits = st.builds(Found, texts, texts, texts, texts, whole, whole, numbers, whole, texts, mappings)
outcomes = st.builds(
    Outcome,
    texts,
    st.lists(hits, max_size=2).map(tuple),
    numbers,
    st.lists(st.tuples(texts, texts, whole, whole), max_size=2).map(tuple),
    whole,
    numbers,
    numbers,
    st.dictionaries(texts, numbers, max_size=4),
    st.none() | texts,
)
runs = st.builds(Run, texts, mappings, st.lists(outcomes, max_size=3).map(tuple))


@given(runs)
def test_a_run_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    path = tmp_path_factory.mktemp("run") / "deep" / "run.json"
    save_run(path, run)
    assert load_run(path) == run
    assert [file.name for file in path.parent.iterdir()] == ["run.json"]


def test_saving_replaces_at_once_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save_run(path, made.run([1.0]))
    with pytest.raises(ValueError, match="JSON"):
        save_run(path, made.run([float("nan")]))
    assert load_run(path) == made.run([1.0])
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def changed(**keys: Any) -> str:
    return json.dumps({**json.loads(dumped(made.run([1.0]))), **keys})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("\xff", "not JSON"),
        ("[]", "is no run"),
        ("null", "is no run"),
        (changed(kind="openshelf-tune"), "is no run"),
        (changed(version=99), "another version"),
        (changed(outcomes=None), "damaged at outcomes"),
        (changed(outcomes=[{"case": "q0", "evidence": "much"}]), "damaged at outcomes.0.evidence"),
        (changed(outcomes=[{}]), "damaged at outcomes.0.case"),
    ],
)
def test_what_is_no_run_is_one_error_with_a_hint(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_run(path)
    assert words in str(caught.value) and str(path) in str(caught.value) and caught.value.hint


def test_no_file_a_folder_and_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="There is no run"):
        load_run(tmp_path / "nope.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_run(tmp_path)
    save_run(tmp_path / "run.json", made.run([1.0]))
    monkeypatch.setattr(stored, "MAX_BYTES", 10)
    with pytest.raises(ConfigError, match="larger than 10 bytes"):
        load_run(tmp_path / "run.json")
