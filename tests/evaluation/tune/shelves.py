"""A small synced shelf with gold, for studies that take a second."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.tune.result import StudyResult
from evaluation.tune.settings import TuneFile, read_tune
from evaluation.tune.study import run_study
from openshelf import Shelf
from tests.openshelf.command import CONFIG, write_shelf

GOLD = """\
questions:
  - question: Can I return worn shoes?
    expect: [{source: kb, document: returns.md, quote: Worn shoes can be exchanged within 30 days}]
  - question: How long may I return shoes that I did not wear?
    expect: [{source: kb, document: returns.md, quote: unworn shoes within 60 days of delivery}]
  - question: How long does a parcel to France take?
    expect: [{source: kb, document: shipping.md, quote: take three working days}]
  - question: What does a parcel to France cost?
    expect: [{source: kb, document: shipping.md, quote: cost 9 pounds}]
  - question: How long is a gift card valid?
    expect: [{source: kb, document: gift-cards.md, quote: valid for two years}]
  - question: Can I have money for my gift card?
    expect: [{source: kb, document: gift-cards.md, quote: cannot be exchanged for money}]
  - question: How much goodwill may agents grant?
    groups: [agents]
    expect: [{source: runbook, document: goodwill.md, quote: ten pounds of goodwill}]
  - question: Do you rent out skis?
    answerable: false
"""
TUNE = """\
gold: gold.yaml
holdout: 0.25
"""


def write_study(folder: Path, knobs: str, *, more: str = "", config: str = CONFIG, sync: bool = True) -> Path:
    """A shelf in ``folder``, synced, with its gold and a ``tune.yaml`` of these knobs; the path of the last."""
    write_shelf(folder, config)
    (folder / "gold.yaml").write_text(GOLD)
    if sync:
        shutil.copytree(_synced(config) / "shelf", folder / "shelf")
    return write_tune(folder, knobs, more=more)


@cache
def _synced(config: str) -> Path:
    """A folder with a synced shelf, made once: studies only read it, and each gets a copy."""
    folder = Path(tempfile.mkdtemp(prefix="openshelf-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Shelf.open(write_shelf(folder, config)) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean", "clean"]
    return folder


def write_tune(folder: Path, knobs: str, *, more: str = "") -> Path:
    """A ``tune.yaml`` beside what is there."""
    lines = "".join(f"  {line}\n" for line in knobs.strip().splitlines())
    path = folder / "tune.yaml"
    path.write_text(f"{TUNE}{more}knobs:\n{lines}")
    return path


def tune_file(folder: Path, knobs: str, **options: Any) -> TuneFile:
    """``write_tune`` over a configuration that is only written, and read back."""
    write_shelf(folder, options.pop("config", CONFIG))
    (folder / "gold.yaml").write_text(GOLD)
    return read_tune(write_tune(folder, knobs, **options))


CHUNKERS = "defaults.chunker: [{type: token, size: 8}, {type: sentence, size: 20}, {type: whole}]"
SEARCH = "retrieval.keyword_weight: [0.2, 0.8]\nretrieval.top_k: [1, 2]"
WIDE = "objective: {at_most: {context_tokens: 100000}}\n"


def run(tune: Path, **options: Any) -> StudyResult:
    return run_study(read_tune(tune), tune.parent / "study", Shelf, **options)


def numbers(result: StudyResult) -> list[tuple[Any, ...]]:
    """What must not depend on how often the study was stopped."""
    trials = sorted(result.trials, key=lambda trial: trial.key)
    board = [(trial.key, trial.label, trial.state, dict(trial.means), trial.meets) for trial in trials]
    winner = result.trial(result.winner)
    return [board, winner.key, result.held_out, result.worse, result.better, len(result.front), dict(result.skipped)]


def cached_texts(folder: Path) -> int:
    with sqlite3.connect(folder / "study" / "embeddings.sqlite") as connection:
        return int(connection.execute("SELECT count(*) FROM embeddings").fetchone()[0])


def shelf_texts(folder: Path) -> int:
    with sqlite3.connect(folder / "shelf" / "ledger.sqlite") as connection:
        return int(connection.execute("SELECT count(*) FROM embeddings").fetchone()[0])
