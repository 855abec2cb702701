"""tune.yaml is read with every problem named by its line, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import ConfigError
from evaluation.tune.knobs import Range, read_knobs
from evaluation.tune.settings import read_tune
from tests.evaluation.tune.shelves import tune_file

SOURCES = {"faq": {}, "help.centre": {}, "help": {}}


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "tune.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_knobs(read_tune(path), SOURCES)
    return raised.value.message.splitlines()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("serach: grid", "serach is not a known key. Did you mean search?"),
        ("search: random", "search must be grid or one-factor or optuna"),
        ("budget: {time: soon}", "is not a duration"),
        ("budget: {money: -1}", "must be at least 0"),
        ("holdout: 1", "must be at most 0.9"),
        ("trials: 0", "must be at least 1"),
        ("objective: {maximise: []}\nseed: x", "seed must be a whole number"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    found = problems(tmp_path, f"gold: g.yaml\n{line}\nknobs:\n  retrieval.top_k: [1]\n")
    number = 1 + len(line.splitlines())
    assert found[0].startswith(f"tune.yaml:{number}: ")
    assert said in found[0]


@pytest.mark.parametrize(
    ("knob", "said"),
    [
        ("retrieval.top_k: 5", "must be a list of values, or a range"),
        ("retrieval.top_k: []", "must be a list of values, or a range"),
        ("retrieval.top_k: [5, 5]", "has a value twice"),
        ("retrieval.top_k: {from: 9, to: 1}", "from must be less than to"),
        ("retrieval.top_k: {from: 1, to: 9, stepp: 2}", "stepp is not a known key. Did you mean step?"),
        ("retrieval.top_k: {from: 1, to: 9, step: 2, points: 3}", "step or points"),
        ("retrieval.rrf_k: {from: 0, to: 9, log: true}", "log goes with points"),
        ("retrieval.diversity: {from: 0, to: 1, step: 0.00001}", "more than 1,000 values"),
        ("retreival.top_k: [1]", "is no key of a configuration. Did you mean retrieval?"),
        ("sources.fag.chunker: [1]", "names no source of the configuration. Did you mean faq?"),
        ("sources.faq.path: [a, b]", "decides what the source gives"),
        ("sources.faq.visibility: [public]", "decides who sees a document"),
        ("defaults.parser.keep_links: [true]", "read again from its source"),
        ("embedder.api_key: [a]", "is a secret or an address"),
        ("server.port: [1]", "does not change what is found"),
        ("answer.model: [a]", "does not change what is found"),
        ("path: [a]", "does not change what is found"),
    ],
)
def test_what_is_no_knob_is_refused_with_the_reason(tmp_path: Path, knob: str, said: str) -> None:
    found = problems(tmp_path, f"gold: g.yaml\nknobs:\n  context.budget: [100]\n  {knob}\n")
    assert len(found) == 1
    assert found[0].startswith("tune.yaml:4: knobs.")
    assert said in found[0]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "gold: g.yaml\nknobs:\n  a.b: [1]\n  retrieval.top_k: 3\n  server.port: [1]\n")
    assert [line.split(":")[1] for line in found] == ["3", "4", "5"]


def test_a_missing_or_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no file"):
        read_tune(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_tune(tmp_path / "binary.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="must be a mapping"):
        read_tune(tmp_path / "list.yaml")


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"from": 100, "to": 400, "step": 100}, [100, 200, 300, 400]),
        ({"from": 100, "to": 390, "step": 100}, [100, 200, 300]),
        ({"from": 0.0, "to": 1.0, "points": 3}, [0.0, 0.5, 1.0]),
        ({"from": 0, "to": 1, "step": 0.1}, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ({"from": 1, "to": 100, "points": 3, "log": True}, [1, 10, 100]),
        ({"from": 1, "to": 3, "points": 9}, [1, 2, 3]),
    ],
)
def test_a_range_has_both_ends_and_numbers_as_people_write_them(given: dict[str, object], values: list[float]) -> None:
    found = Range.model_validate(given).values()
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_a_sources_name_may_hold_dots_and_ingest_knobs_come_first(tmp_path: Path) -> None:
    knobs = "retrieval.top_k: [1]\nsources.help.centre.chunker.size: [100]\nsources.help.chunker.size: [100]"
    found = read_knobs(tune_file(tmp_path, knobs), SOURCES)
    assert [knob.path for knob in found] == [
        ("sources", "help.centre", "chunker", "size"),
        ("sources", "help", "chunker", "size"),
        ("retrieval", "top_k"),
    ]
    assert [knob.stage for knob in found] == ["ingest", "ingest", "search"]
