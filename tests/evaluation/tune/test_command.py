"""``openshelf tune``: one command from tune.yaml to a configuration that is ready to use."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from openshelf import Shelf
from tests.evaluation.tune.shelves import write_study, write_tune
from tests.openshelf.command import CONFIG, invoke, sentence_of, spawn

KNOBS = "defaults.chunker: [{type: heading, size: 200}, {type: sentence, size: 20}]\nretrieval.top_k: [2, 4]"
POOR = "# Ours.\n" + CONFIG + "defaults: {chunker: {type: token, size: 6}}  # far too small\nretrieval: {top_k: 1}\n"
WIDE = "objective: {at_most: {context_tokens: 100000}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that has been run, with a winner."""
    made = tmp_path_factory.mktemp("study")
    tune = write_study(made, KNOBS, more=WIDE, config=POOR)
    result = invoke("tune", tune, "--out", made / "reports")
    assert result.code == 0, result.err
    (made / "said.txt").write_text(result.out)
    return made


def test_it_says_who_won_and_what_each_knob_did(folder: Path) -> None:
    said = (folder / "said.txt").read_text()
    assert "held-out questions" in said
    for word in ("winner", "base", "retrieval.top_k", "reference", "context_recall"):
        assert word in said


def test_the_winner_is_ready_to_use(folder: Path) -> None:
    winner = folder / "winner.yaml"
    assert winner.read_text().startswith("# Written by `openshelf tune`")
    assert "# Ours." in winner.read_text()
    with Shelf.open(winner) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean", "clean"]
        assert len(shelf.search("Can I return worn shoes?")) > 1
    manifest = json.loads((folder / "winner.manifest.json").read_text())
    assert manifest["winner"]["changes"].keys() <= {"defaults.chunker", "retrieval.top_k"}
    for key in ("gold", "documents", "seed", "versions"):
        assert manifest[key] is not None
    assert manifest["base"]["fingerprints"] != manifest["winner"]["fingerprints"]


def test_reports_are_written_and_json_is_the_same_result(folder: Path) -> None:
    kept = json.loads((folder / "reports" / "result.json").read_text())
    printed = invoke("tune", folder / "tune.yaml", "--json").json
    for one in (kept, printed):
        one["manifest"].pop("made")
    assert printed == kept
    assert len(kept["trials"]) == 5
    text = (folder / "reports" / "report.md").read_text()
    assert kept["verdict"] in text
    assert "## Pareto front" in text
    assert "<html" in (folder / "reports" / "report.html").read_text()


def test_bad_input_is_one_sentence_before_anything_is_made(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "retrieval.top_kk: [1]", sync=False)
    assert "tune.yaml:4: knobs.retrieval.top_kk cannot be 1" in sentence_of(invoke("tune", tune))
    write_tune(tmp_path, "retrieval.top_k: [1]")
    assert "openshelf sync" in sentence_of(invoke("tune", tune))
    (tmp_path / "winner.yaml").write_text("path: x\n")
    assert "not written by" in sentence_of(invoke("tune", tune))
    assert "There is no file" in sentence_of(invoke("tune", tmp_path / "none.yaml"))


def test_it_can_sync_first(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "retrieval.top_k: [1, 2]", sync=False)
    result = invoke("tune", tune, "--sync", "--json")
    assert result.code == 0, result.err
    assert len(result.json["trials"]) == 3


def test_another_configuration_can_be_given(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "retrieval.top_k: [1, 2]")
    (tmp_path / "openshelf.yaml").rename(tmp_path / "other.yaml")
    assert "no file" in sentence_of(invoke("tune", tune))
    assert invoke("tune", tune, "--config", tmp_path / "other.yaml", "--json").json["manifest"]["config"]["file"] == (
        "other.yaml"
    )


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    # Whole numbers as bounds would be two trials, which can end before the signal comes.
    tune = write_study(tmp_path, "retrieval.keyword_weight: {from: 0.0, to: 1.0, points: 400}")
    # A job in a shell's background ignores SIGINT, and so would its children.
    process = spawn("tune", tune, "-v", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert process.stderr is not None
    assert any("trial 2, " in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert len((tmp_path / ".openshelf-tune" / "tune" / "trials.jsonl").read_text().splitlines()) >= 3
    assert "Finished configurations are kept; run the same command to go on." in said
    assert "Traceback" not in said


def test_a_terminal_sees_how_far_it_is(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "defaults.chunker: [{type: whole}]\nretrieval.top_k: [1, 2]")
    result = invoke("tune", tune, terminal=True)
    assert result.code == 0
    assert "asking" in result.err
    assert "/3" in result.err
    assert "asking" not in invoke("tune", tune, "--fresh").err


def test_help_teaches() -> None:
    said = invoke("tune", "--help").out
    for word in ("TUNE.yaml", "--fresh", "--sync", "Examples", "Exit codes"):
        assert word in said
