"""``init check plan sync status rebuild rollback doctor`` over real files, for people and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configs.loader import load
from ingest.locks import source_lock
from openshelf import Shelf
from tests.openshelf.command import CONFIG, invoke, sentence_of, write_shelf

BROKEN = "  broken: {type: files, path: broken}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_shelf(tmp_path)


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A shelf of which one document cannot be parsed."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torn.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    return write_shelf(tmp_path, CONFIG + BROKEN)


def test_init_writes_a_valid_file_and_never_overwrites_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("init")
    assert done.code == 0 and "openshelf check" in done.out
    assert load(tmp_path / "openshelf.yaml").config.sources
    (tmp_path / "openshelf.yaml").write_text("mine")
    assert "--force" in sentence_of(invoke("init"))
    assert (tmp_path / "openshelf.yaml").read_text() == "mine"
    assert invoke("init", "--force").code == 0
    assert load(tmp_path / "openshelf.yaml").config.sources
    made = invoke("init", "--json", "new/folder/shelf.yaml")
    assert made.json == {"path": str(tmp_path / "new/folder/shelf.yaml")}
    (tmp_path / "there").mkdir()
    assert invoke("init", "there").code == 0
    assert (tmp_path / "there" / "openshelf.yaml").exists()


def test_init_where_nothing_can_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in sentence_of(invoke("init", tmp_path / "file" / "openshelf.yaml"))


def test_check_finds_a_missing_folder_and_says_what_to_do(config: Path) -> None:
    fine = invoke("-c", config, "check", "--offline")
    assert fine.code == 0 and "✓" in fine.out
    config.write_text(CONFIG.replace("path: kb", "path: nowhere"))
    done = invoke("-c", config, "check")
    assert done.code == 1 and "✗" in done.out and "nowhere" in done.out
    report = invoke("-c", config, "check", "--json")
    assert report.code == 1 and report.json["ok"] is False
    assert [found["level"] for found in report.json["findings"]].count("error") == report.json["errors"] == 1


def test_plan_is_a_diff_that_changes_nothing(config: Path) -> None:
    done = invoke("-c", config, "plan")
    assert done.code == 0
    assert "+ returns.md" in done.out and "3 to add" in done.out and "To do:" in done.out
    planned = invoke("-c", config, "plan", "--json").json
    assert planned["total"]["add"] == 4 and planned["total"]["cost"] == 0
    assert planned["total"]["tokens"] > 0
    assert invoke("-c", config, "sync").code == 0
    assert "Nothing to do" in invoke("-c", config, "plan").out
    (config.parent / "kb" / "shipping.md").unlink()
    (config.parent / "kb" / "new.md").write_text("# New\n\nFresh.\n")
    changed = invoke("-c", config, "plan", "kb", "--ids", "1").out
    assert "+ new.md" in changed and "- shipping.md" in changed and "runbook" not in changed


def test_plan_of_a_source_that_cannot_be_read_fails_and_names_it(config: Path) -> None:
    (config.parent / "kb").rename(config.parent / "elsewhere")
    done = invoke("-c", config, "plan")
    assert done.code == 1 and "Error:" in done.out and "1 source cannot be read" in done.out
    assert "no source" in sentence_of(invoke("-c", config, "plan", "nope"))


def test_sync_prints_a_line_for_each_source_and_a_second_run_finds_nothing(config: Path) -> None:
    first = invoke("-c", config, "sync")
    assert first.code == 0 and first.err == ""
    assert [line.split()[:3] for line in first.out.splitlines()[2:]] == [
        ["kb", "clean", "3"],
        ["runbook", "clean", "1"],
    ]
    second = invoke("-c", config, "sync", "--json")
    assert second.json["outcome"] == "clean"
    assert [source["counts"]["upserted"] for source in second.json["sources"]] == [0, 0]
    assert not any("\x1b" in text or "  \n" in text for text in (first.out, second.out))
    assert "There is no source 'nope'" in sentence_of(invoke("-c", config, "sync", "nope"))


def test_a_terminal_sees_progress_on_stderr_and_colour(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = invoke("-c", config, "sync", terminal=True)
    assert "\x1b[32mclean" in shown.out
    assert "kb" in shown.err and "\x1b[2K" in shown.err  # drawn, and wiped at the end
    quiet = invoke("-c", config, "sync", "--quiet", terminal=True)
    assert quiet.code == 0 and quiet.err == ""


def test_failed_documents_have_their_own_exit_code_and_are_named_by_status(failing: Path) -> None:
    done = invoke("-c", failing, "sync")
    assert done.code == 3
    assert "1 document failed" in done.err and "status --failures" in done.err
    assert invoke("-c", failing, "sync", "--json").json["outcome"] == "failures"
    assert "1 failed document" in invoke("-c", failing, "status").out
    named = invoke("-c", failing, "status", "--failures").out
    assert "torn.pdf" in named and "parse failed" in named and "2 times" in named
    (failing.parent / "broken" / "torn.pdf").unlink()
    assert invoke("-c", failing, "sync").code == 0


def test_a_source_that_fails_does_not_stop_the_others(config: Path) -> None:
    (config.parent / "kb").rename(config.parent / "elsewhere")
    done = invoke("-c", config, "sync")
    assert done.code == 1
    assert [line.split()[:2] for line in done.out.splitlines()[2:]] == [["kb", "failed"], ["runbook", "clean"]]
    assert done.err.startswith("Error: ") and "kb" in done.err
    assert "kb" in invoke("-c", config, "status").out


def test_a_sync_that_another_process_runs_is_one_sentence(config: Path) -> None:
    assert invoke("-c", config, "sync").code == 0
    with source_lock(config.parent / "shelf", "kb"):
        done = invoke("-c", config, "sync", "--json")
    assert done.code == 1
    assert done.err.startswith("Error: Source 'kb' is being synced by")
    assert [source["outcome"] for source in done.json["sources"]] == ["failed", "clean"]


def test_a_mass_delete_stops_until_it_is_allowed(config: Path) -> None:
    config.write_text(CONFIG + "sync: {max_delete_floor: 0}\n")
    assert invoke("-c", config, "sync").code == 0
    for article in (config.parent / "kb").iterdir():
        if article.name != "returns.md":
            article.unlink()
    stopped = invoke("-c", config, "sync")
    assert stopped.code == 1 and "--allow-mass-delete" in stopped.err
    assert invoke("-c", config, "sync", "kb", "--allow-mass-delete").code == 0
    kb, runbook = invoke("-c", config, "status", "--json").json["sources"]
    assert (kb["documents"], runbook["documents"]) == (1, 1)


def test_a_source_that_left_the_configuration_is_dropped_when_asked(config: Path) -> None:
    invoke("-c", config, "sync")
    config.write_text("".join(line for line in CONFIG.splitlines(keepends=True) if "runbook" not in line))
    assert invoke("-c", config, "sync", "--json").json["pruned"] == []
    done = invoke("-c", config, "sync", "--prune")
    assert done.code == 0 and "runbook is no longer in the configuration" in done.err
    assert [source["name"] for source in invoke("-c", config, "status", "--json").json["sources"]] == ["kb"]


def test_json_logs_are_one_object_a_line(config: Path) -> None:
    done = invoke("-c", config, "--log", "json", "sync")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert {"time", "level", "logger", "message"} == set(lines[0])
    assert any("kb: clean" in line["message"] for line in lines)
    assert all(line["level"] == "info" for line in lines)
    assert invoke("-c", config, "--log", "json", "--quiet", "sync").err == ""
    failed = json.loads(invoke("-c", config, "--log", "json", "--quiet", "sync", "nope").err)
    assert failed["level"] == "error" and failed["message"].startswith("There is no source 'nope'")


def test_status_before_and_after_the_first_sync(config: Path) -> None:
    assert "never synced" in invoke("-c", config, "status").out
    invoke("-c", config, "sync")
    kb, runbook = invoke("-c", config, "status", "--json").json["sources"]
    assert (kb["name"], kb["state"], kb["documents"], kb["last_run"]["outcome"]) == ("kb", "ready", 3, "clean")
    assert runbook["documents"] == 1 and runbook["failures"] == []
    table = invoke("-c", config, "status").out
    assert "ready" in table and "clean" in table


def test_a_rebuild_is_swapped_in_and_can_be_rolled_back(config: Path) -> None:
    assert "no former index" in sentence_of(invoke("-c", config, "rollback", "kb"))
    invoke("-c", config, "sync")
    assert "rebuilt" in invoke("-c", config, "rebuild", "kb").out
    assert "rollback" in invoke("-c", config, "status").out
    assert "live again" in invoke("-c", config, "rollback", "kb").out
    assert invoke("-c", config, "rollback", "kb", "--json").json == {"source": "kb", "rolled_back": True}
    assert "no source" in sentence_of(invoke("-c", config, "rollback", "nope"))
    rebuilt = invoke("-c", config, "rebuild", "--json").json
    assert [(source["source"], source["rebuilt"]) for source in rebuilt["sources"]] == [("kb", True), ("runbook", True)]


def test_the_store_is_written_again_from_the_ledger(config: Path) -> None:
    invoke("-c", config, "sync", "kb")
    chunks = invoke("-c", config, "status", "--json").json["sources"][0]["chunks"]
    assert invoke("-c", config, "rebuild", "--store", "--json").json == {"vectors": chunks}
    assert f"{chunks} vectors" in invoke("-c", config, "rebuild", "--store").out
    assert invoke("-c", config, "rebuild", "--store", "kb").code == 2


def test_doctor_finds_lost_vectors_and_repairs_them(config: Path) -> None:
    invoke("-c", config, "sync")
    healthy = invoke("-c", config, "doctor")
    assert healthy.code == 0 and "✓" in healthy.out
    with Shelf.open(config) as shelf:
        for collection in shelf.store.collections():
            shelf.store.delete(collection, list(shelf.store.ids(collection)))
    sick = invoke("-c", config, "doctor", "--json")
    assert sick.json["warnings"] == 1
    assert "→ openshelf doctor --repair" in invoke("-c", config, "doctor").out
    mended = invoke("-c", config, "doctor", "--repair")
    assert mended.code == 0, mended.out
    assert invoke("-c", config, "doctor", "--json").json["warnings"] == 0


def test_doctor_of_a_damaged_ledger_is_a_finding_not_a_stack_trace(config: Path) -> None:
    invoke("-c", config, "sync")
    ledger = config.parent / "shelf" / "ledger.sqlite"
    for beside in config.parent.joinpath("shelf").glob("ledger.sqlite-*"):
        beside.unlink()
    ledger.write_bytes(b"not a database at all" * 500)
    assert invoke("-c", config, "doctor").code == 1
    assert sentence_of(invoke("-c", config, "search", "shoes"))
