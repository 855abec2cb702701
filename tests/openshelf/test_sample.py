"""The knowledge base that ships, and the demo over it: what a new user sees first."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ingest.parse.ocr import tesseract_installed
from openshelf import Shelf, demo
from tests.openshelf.command import ROOT
from tests.retrieval.server import Provider
from tests.retrieval.wire import Says

QUESTIONS: list[dict[str, Any]] = YAML(typ="safe").load((ROOT / "configs/sample/questions.yaml").read_text())[
    "questions"
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: the sample's own folder stays as it is."""
    folder = tmp_path_factory.mktemp("sample") / "configs"
    shutil.copytree(ROOT / "configs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", ".openshelf"))
    return folder / "quickstart.yaml"


@pytest.fixture(scope="module")
def shelf(config: Path) -> Iterator[Shelf]:
    with Shelf.open(config) as opened:
        reports = {report.source: report.outcome for report in opened.sync()}
        pictures = reports.pop("pictures")
        assert set(reports.values()) == {"clean"}
        assert pictures == ("clean" if tesseract_installed() else "failures")
        yield opened


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked["question"])
def test_each_question_finds_its_document_or_is_refused(shelf: Shelf, asked: dict[str, Any]) -> None:
    options = {key: asked[key] for key in ("filters", "groups") if key in asked}
    if asked.get("answerable", True):
        found = [(hit.source, hit.document_id) for hit in shelf.search(asked["question"], top_k=3, **options)]
        assert {(one["source"], one["document"]) for one in asked["expect"]} & set(found), found
    else:
        assert shelf.answer(asked["question"], **options).refused


def test_every_preset_is_valid_and_offline_checks_pass(config: Path) -> None:
    presets = [path for path in sorted(config.parent.glob("*.yaml")) if "\nknobs:" not in path.read_text()]
    assert len(presets) >= 3
    for preset in presets:
        with Shelf.open(preset) as opened:
            assert all(finding.ok for finding in opened.check(online=False)), preset


def test_the_demo_quotes_without_a_key(
    config: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "CONFIG", config)
    assert demo.main() == (0 if tesseract_installed() else 3)
    said = capsys.readouterr().out
    assert "? Can I return worn shoes?" in said
    assert "keywords #1" in said
    assert "The knowledge base has no answer" in said
    assert said.rstrip().splitlines()[-1].endswith("a model writes the answers")


def test_the_demo_streams_a_models_answers_with_a_key(
    config: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = Provider()
    monkeypatch.setattr(demo, "CONFIG", config)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    monkeypatch.setenv("OPENAI_BASE_URL", provider.url)
    provider.script(*[Says("So it is written [1].") for _ in demo.QUESTIONS[:-1]])
    try:
        assert demo.main() == (0 if tesseract_installed() else 3)
    finally:
        provider.close()
    said = capsys.readouterr().out
    assert said.count("So it is written [1].") == len(demo.QUESTIONS) - 1
    assert "make demo" not in said
    assert not provider.problems
    assert not provider.left
