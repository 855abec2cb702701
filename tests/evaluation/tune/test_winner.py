"""The winner's file is the user's own with the changed keys changed."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.loader import from_mapping, load
from configs.yaml_lines import read_yaml
from evaluation.tune.space import with_changes
from evaluation.tune.winner import MARK, check_target, winner_text, write_winner

CONFIG = """\
# Our shelf.
path: shelf

defaults:
  chunker: {type: heading, size: 256}   # as the docs say

sources:
  # The help centre, and nothing else.
  help.centre:
    type: files
    path: docs
    include: ["*.md", '*.html']

retrieval:
  top_k: 5        # enough

context:
  budget: 1500    # tokens
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "openshelf.yaml"
    path.write_text(CONFIG)
    return path


def test_comments_order_and_spelling_stay(config: Path) -> None:
    changes = {("retrieval", "top_k"): 8, ("retrieval", "fusion"): "rrf", ("defaults", "chunker", "size"): 128}
    text = winner_text(config, changes, "better by far")
    assert text.startswith(f"{MARK}\n# better by far\n\n# Our shelf.\n")
    kept = [line for line in CONFIG.splitlines() if "top_k" not in line and "chunker" not in line]
    rest = text.splitlines()[3:]
    assert [line for line in rest if line in kept or not line] == kept
    assert "  top_k: 8        # enough" in rest
    assert "  chunker: {type: heading, size: 128}   # as the docs say" in rest
    assert rest[rest.index("retrieval:") + 1] == "  fusion: rrf"
    assert len(rest) == len(CONFIG.splitlines()) + 1


def test_a_section_that_was_not_there_is_added(config: Path) -> None:
    changes = {
        ("sources", "help.centre", "chunker"): {"type": "token", "size": 99},
        ("answer", "no_answer_threshold"): 0.3,
    }
    text = winner_text(config, changes, "")
    assert "chunker: {type: token, size: 99}" in text
    assert "answer:\n  no_answer_threshold: 0.3" in text


values = {
    ("retrieval", "top_k"): st.integers(1, 100),
    ("retrieval", "keyword_weight"): st.floats(0.1, 3).map(lambda value: float(f"{value:.6g}")),
    ("retrieval", "fusion"): st.sampled_from(["rrf", "convex"]),
    ("retrieval", "per_document"): st.none() | st.integers(1, 5),
    ("context", "budget"): st.integers(1, 9000),
    ("defaults", "chunker"): st.sampled_from([{"type": "whole"}, {"type": "token", "size": 80, "overlap": 7}]),
    ("defaults", "prefix", "metadata"): st.lists(st.sampled_from(["a", "b c", "d: e", "#f"]), max_size=3, unique=True),
    ("sources", "help.centre", "chunker", "size"): st.integers(10, 500),
    ("embedder", "document_prefix"): st.text(max_size=12),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({}, optional=values))
def test_reading_it_back_gives_the_configuration_that_won(config: Path, changes: dict[Any, Any]) -> None:
    raw, _ = read_yaml(CONFIG, "openshelf.yaml")
    try:
        wanted = from_mapping(with_changes(raw, changes), config.parent).config
    except ConfigError:
        return
    made = write_winner(config.with_name("winner.yaml"), config, load(config), changes, "a: [header}\nof\ttwo lines")
    assert made.config == wanted


def test_no_file_of_the_users_is_overwritten(config: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the configuration itself"):
        check_target(config, config)
    (tmp_path / "mine.yaml").write_text("path: x\n")
    with pytest.raises(ConfigError, match="not written by"):
        check_target(tmp_path / "mine.yaml", config)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ConfigError, match="beside") as raised:
        check_target(tmp_path / "elsewhere" / "winner.yaml", config)
    assert str(tmp_path / "winner.yaml") in (raised.value.hint or "")
    write_winner(tmp_path / "winner.yaml", config, load(config), {}, "")
    check_target(tmp_path / "winner.yaml", config)


def test_a_secret_in_plain_text_makes_a_file_for_its_owner_alone(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.chmod(0o644)
    write_winner(tmp_path / "open.yaml", config, load(config), {}, "")
    assert stat.S_IMODE((tmp_path / "open.yaml").stat().st_mode) == 0o644
    monkeypatch.setenv("SOME_KEY", "sk-from-outside")
    config.write_text(CONFIG + "answer: {api_key: '${SOME_KEY}'}\n")
    write_winner(tmp_path / "variable.yaml", config, load(config), {}, "")
    assert "sk-from-outside" not in (tmp_path / "variable.yaml").read_text()
    assert stat.S_IMODE((tmp_path / "variable.yaml").stat().st_mode) == 0o644
    config.write_text(CONFIG + "answer: {api_key: sk-in-plain-text}\n")
    write_winner(tmp_path / "secret.yaml", config, load(config), {}, "")
    assert stat.S_IMODE((tmp_path / "secret.yaml").stat().st_mode) == 0o600
