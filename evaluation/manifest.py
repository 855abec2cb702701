"""What a run was made with, so that it can be made again and compared fairly. JSON values only, no secrets."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from evaluation.case import Gold
from evaluation.subject import Subject
from ingest.ledger import builds

_PACKAGES = ("openshelf", "chromadb", "onnxruntime", "numpy", "ir-measures", "scipy", "sqlalchemy")
_PARTS = ("retrieval", "context", "embedder", "defaults", "sources")


def manifest(subject: Subject, gold: Gold, options: Mapping[str, Any], retrieval: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its hash, the builds' fingerprints, gold's hash, versions, machine and time.

    Args:
        options: how it was measured.
        retrieval: the settings that were searched with.
    """
    config = subject.config.model_dump(mode="json", exclude={"server", "answer"})
    redact = subject.loaded.redactor.redact
    # Secrets are masked before anything is kept or hashed; a source's own options may hold some.
    masked = json.loads(redact(json.dumps({**config, "retrieval": dict(retrieval)}, default=str)))
    with subject.ledger.reading() as connection:
        active = sorted(builds.active(connection), key=lambda build: build.source)
        found = {
            build.source: {
                "fingerprint": build.fingerprint,
                "chunks": builds.chunk_count(connection, build),
                "chunker": json.loads(redact(json.dumps(build.settings.get("chunker")))),
                "embedder": {key: build.embedder.get(key) for key in ("provider", "model", "runtime")},
            }
            for build in active
            if build.source in subject.config.sources
        }
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {
            "file": subject.loaded.path.name,
            "sha256": hashlib.sha256(json.dumps(masked, sort_keys=True).encode()).hexdigest(),
            **{part: _without_options(masked[part]) for part in _PARTS if part in masked},
        },
        "builds": found,
        "gold": {
            "name": gold.name,
            "sha256": gold.fingerprint,
            "cases": len(gold.cases),
            "answerable": sum(case.answerable for case in gold.cases),
        },
        "measuring": dict(options),
        "threshold": subject.answerer.threshold,
        "currency": subject.config.costs.currency,
        "seed": 0,
        "versions": {**{name: _version(name) for name in _PACKAGES}, "python": platform.python_version()},
        "machine": {"system": platform.platform(terse=True), "processors": os.cpu_count()},
    }


def _without_options(part: Any) -> Any:
    """A connector's options (addresses, credentials) are no part of what is measured."""
    if isinstance(part, Mapping):
        return {
            key: _without_options(value) for key, value in part.items() if key not in ("options", "api_key", "base_url")
        }
    return part


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
