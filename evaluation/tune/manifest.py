"""What a study was made with, so that it can be made again."""

from __future__ import annotations

import hashlib
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from evaluation.case import Gold
from evaluation.tune.bench import Bench
from evaluation.tune.settings import TuneFile
from evaluation.tune.space import Candidate, Space

_PACKAGES = ("openshelf", "chromadb", "onnxruntime", "numpy", "optuna", "sqlalchemy")


def manifest(
    file: TuneFile, space: Space, bench: Bench, gold: Gold, winner: Candidate, base: Candidate
) -> dict[str, Any]:
    """Hashes, fingerprints, versions and seed. JSON values only, no secrets."""
    return {
        "tune": {"file": file.path.name, "sha256": _digest(file.path.read_bytes())},
        "config": {"file": file.config.name, "sha256": _digest(file.config.read_bytes())},
        "gold": {"file": file.gold.name, "sha256": gold.fingerprint, "cases": len(gold.cases)},
        "documents": bench.variants.data_hash,
        "seed": file.tune.seed,
        "holdout": file.tune.holdout,
        "holdout_by": file.tune.holdout_by,
        "base": _about(base, bench),
        "winner": {
            **_about(winner, bench),
            "changes": {knob.name: winner.choice[knob.name] for knob in space.knobs if knob.name in winner.choice},
        },
        "embedded": sum(trial.embedded for trial in bench.trials.values()),
        "versions": {**{name: _version(name) for name in _PACKAGES}, "python": platform.python_version()},
        "machine": {"system": platform.platform(terse=True), "processors": os.cpu_count()},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _about(candidate: Candidate, bench: Bench) -> dict[str, Any]:
    prints = bench.variants.fingerprints(candidate.loaded)
    embedder = candidate.loaded.config.embedder
    return {
        "trial": bench.trials[candidate.key].number,
        "fingerprints": {source: one.whole for source, one in sorted(prints.items())},
        "embedder": {"provider": embedder.provider, "model": embedder.model, "runtime": embedder.runtime},
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
