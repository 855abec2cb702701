"""What only a real process shows: exit codes, pipes, signals, and no stack trace whatever happens."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import IO

import pytest

from tests.openshelf.command import CONFIG, invoke, spawn, write_shelf

SECRET = "hunter2-hunter2-hunter2"
MANY = 1500


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_shelf(tmp_path)


def log_line(stream: IO[str] | None, words: str) -> dict[str, str]:
    """Read JSON log lines until one holds ``words``."""
    assert stream is not None
    seen = []
    for line in stream:
        seen.append(line)
        record: dict[str, str] = json.loads(line)
        if words in record["message"]:
            return record
    raise AssertionError(f"{words!r} was not logged: {''.join(seen)}")


def test_exit_codes_and_output_of_a_process_and_nobody_elses_noise(config: Path) -> None:
    config.write_text(CONFIG.replace("store: {mode: embedded}\n", ""))
    with spawn("-c", config, "sync", "--json") as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["outcome"] == "clean"
    with spawn("-c", config, "sync", "nope") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert err.startswith("Error: ") and "Traceback" not in err


def test_a_broken_pipe_is_silent(config: Path) -> None:
    for arguments in (["status"], ["status", "--json"]):
        reading, writing = os.pipe()
        with spawn("-c", config, *arguments, stdout=writing) as process:
            os.close(writing)
            os.close(reading)
            _, err = process.communicate()
        assert (process.returncode, err) == (141, ""), arguments


def test_ctrl_c_ends_a_sync_with_one_sentence(tmp_path: Path) -> None:
    config = _large(tmp_path)
    # What runs the tests may have been started in the background, where shells have Ctrl-C ignored.
    own = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with spawn("-c", config, "--log", "json", "sync", "kb", **own) as process:
        log_line(process.stderr, "kb: sync starts")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    said = json.loads(err)  # one line
    assert said["message"] == "Interrupted. What was committed stays; the next sync goes on from there."


def test_what_a_stopped_sync_has_committed_stays_and_the_next_one_goes_on(tmp_path: Path) -> None:
    config = _large(tmp_path)
    with spawn("-c", config, "--log", "json", "-vv", "sync", "kb") as process:
        log_line(process.stderr, "kb: 40 written")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "Interrupted. What was committed stays" in err
    status = invoke("-c", config, "status")
    assert "kb: The run was interrupted." in status.out
    committed = invoke("-c", config, "status", "--json").json["sources"][0]["documents"]
    assert 40 <= committed < MANY
    for article in sorted((tmp_path / "kb").glob("a*.md"))[committed + 20 :]:
        article.unlink()
    finished = invoke("-c", config, "sync", "kb", "--json", "--allow-mass-delete")
    assert finished.code == 0
    here = len(list((tmp_path / "kb").iterdir()))
    assert invoke("-c", config, "status", "--json").json["sources"][0]["documents"] == here
    assert finished.json["sources"][0]["counts"]["upserted"] < here


def _large(folder: Path) -> Path:
    config = write_shelf(folder, CONFIG + "sync: {batch: 20}\n")
    for n in range(MANY):
        (folder / "kb" / f"a{n}.md").write_text(f"# Article {n}\n\nText number {n} of a long knowledge base.\n")
    return config


def test_a_schedule_syncs_what_is_due_logs_it_and_stops_when_asked(config: Path) -> None:
    config.write_text(CONFIG + "defaults: {schedule: {every: 6h}}\n")
    with spawn("-c", config, "--log", "json", "schedule") as process:
        seen = {log_line(process.stderr, ": clean in")["message"].split(":")[0] for _ in range(2)}
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert seen == {"kb", "runbook"}
    assert (process.returncode, out) == (0, "")
    assert json.loads(err.splitlines()[-1])["message"] == "Stopped."
    assert "Traceback" not in err


def test_a_schedule_of_nothing_is_one_sentence(config: Path) -> None:
    done = invoke("-c", config, "schedule")
    assert done.code == 1 and done.out == ""
    assert done.err == (
        "Error: No source has a schedule.\n  Add `schedule: {every: 1h}` under `defaults:` or under a source.\n"
    )


def test_secrets_are_masked_in_errors_and_logs(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A plug-in or a server may repeat what it was given; the path here does.
    monkeypatch.setenv("KB_NAME", SECRET)
    config.write_text(CONFIG + "  leak: {type: csv, path: table.csv, key: '${KB_NAME}'}\n")
    (config.parent / "table.csv").write_text("sku,name\n1,Boot\n")
    shown = []
    for arguments in (["--log", "json", "sync", "leak"], ["sync", "leak", "--json"], ["plan", "leak"], ["check"]):
        done = invoke("-c", config, *arguments)
        assert done.code == 1, done
        shown.append(done.out + done.err)
    with spawn("-c", config, "-vv", "sync", "leak") as process:
        shown.append("".join(process.communicate()))
    for text in shown:
        assert "***" in text
        assert SECRET not in text


def test_the_stack_trace_is_for_vv_alone(config: Path) -> None:
    assert invoke("-c", config, "-v", "sync", "nope").code == 1  # which asserts that there is none
    with spawn("-c", config, "-vv", "sync", "nope") as process:
        _, err = process.communicate()
    assert process.returncode == 1
    assert err.startswith("Error: There is no source 'nope'") and "Traceback" in err


def test_a_bug_is_one_sentence_too(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openshelf.shelf import Shelf

    def broken(self: Shelf) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(Shelf, "status", broken)
    done = invoke("-c", config, "status")
    assert done.code == 1 and "ZeroDivisionError: by nothing" in done.err and "-vv" in done.err
