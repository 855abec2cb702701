"""``openshelf simulate``, from its arguments to its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.openshelf.command import ROOT, invoke, sentence_of

SAMPLE = ROOT / "configs" / "sample" / "rehearsal"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "openshelf.yaml"
    (tmp_path / "kb").mkdir()
    path.write_text("path: shelf\nstore: {mode: embedded}\nsources:\n  kb: {type: files, path: kb}\n")
    return path


def some(folder: Path, count: int) -> Path:
    """The first tickets of the sample."""
    lines = (SAMPLE / "tickets.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    path = folder / "tickets.jsonl"
    path.write_text("".join(lines[:count]), encoding="utf-8")
    return path


def test_it_shows_the_rates_and_writes_reports(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tickets = some(tmp_path, 12)
    arguments = ["-c", config, "simulate", tickets, "--knowledge", SAMPLE / "articles.jsonl", "--out", out]
    done = invoke(*arguments)
    assert done.code == 0, done.err
    assert "handed over, clean" in done.out
    assert "12 tickets" in done.out
    assert {"simulation.json", "simulation.md", "simulation.html", "journal.jsonl"} <= {
        path.name for path in out.iterdir()
    }
    assert "# Rehearsal on 12 tickets" in (out / "simulation.md").read_text(encoding="utf-8")

    again = invoke(*arguments, "--threshold", "-1", "--json")  # nothing is asked again
    assert again.code == 0, again.err
    assert again.json["threshold"] == -1
    assert len(again.json["tickets"]) == 12
    assert sum(rate["count"] for rate in again.json["rates"][:2]) == 12
    assert not (out / "journal.old").exists()


def test_another_history_gets_a_shelf_of_its_own(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tickets = some(tmp_path, 3)
    articles = [json.loads(line) for line in (SAMPLE / "articles.jsonl").read_text(encoding="utf-8").splitlines()]
    knowledge = tmp_path / "articles.jsonl"
    for count in (3, 2):
        knowledge.write_text("".join(json.dumps(row) + "\n" for row in articles[:count]), encoding="utf-8")
        done = invoke("-c", config, "simulate", tickets, "--knowledge", knowledge, "--out", out, "--json")
        assert done.code == 0, done.err
        assert {ticket["known"] for ticket in done.json["tickets"]} == {count}
    assert len([path for path in out.iterdir() if path.name.startswith("shelf-")]) == 1
    assert (out / "journal.old").exists()


def test_what_is_wrong_is_said_in_a_sentence(config: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": 1}\n')
    articles = SAMPLE / "articles.jsonl"
    assert "broken.jsonl:1" in sentence_of(invoke("-c", config, "simulate", broken, "--knowledge", articles))
    assert "no file" in sentence_of(invoke("-c", config, "simulate", tmp_path / "x.jsonl", "--knowledge", articles))
    assert "no solved ticket" in sentence_of(invoke("-c", config, "simulate"))
    assert invoke("-c", config, "simulate", "--with-tickets").code == 2
    assert invoke("-c", config, "simulate", broken, "--knowledge", articles, "--step", "soon").code == 2
