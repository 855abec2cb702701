"""The sample knowledge base, synced once for all gold tests of a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.parse.ocr import tesseract_installed
from openshelf import Shelf
from tests.openshelf.command import ROOT


@pytest.fixture(scope="session")
def sample_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: the sample's own folder stays as it is."""
    folder = tmp_path_factory.mktemp("gold") / "configs"
    shutil.copytree(ROOT / "configs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", ".openshelf"))
    path = folder / "quickstart.yaml"
    with Shelf.open(path) as shelf:
        outcomes = {report.source: report.outcome for report in shelf.sync()}
    assert outcomes.pop("pictures") == ("clean" if tesseract_installed() else "failures")
    assert set(outcomes.values()) == {"clean"}
    return path


@pytest.fixture
def sample(sample_config: Path) -> Iterator[Shelf]:
    """The synced sample, opened."""
    with Shelf.open(sample_config) as shelf:
        yield shelf
