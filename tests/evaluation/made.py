"""Runs made up from figures, for what needs no shelf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evaluation.case import Case, Gold
from evaluation.outcome import Outcome, Run

MANIFEST: Mapping[str, Any] = {
    "gold": {"sha256": "a" * 64},
    "config": {"file": "openshelf.yaml", "sha256": "b" * 64, "retrieval": {"top_k": 8}, "context": {"budget": 1600}},
    "measuring": {"span_k": None, "depth": 30, "budget": None, "workers": 1},
    "machine": {"system": "Linux", "processors": 2},
    "threshold": 0.4,
}


def run(values: Iterable[float | None], *, measure: str = "context_recall", name: str = "eval", **manifest: Any) -> Run:
    """A run whose n-th question has this value; ``None``: it failed."""
    outcomes = tuple(
        Outcome(f"q{n}", error="it broke")
        if value is None
        else Outcome(f"q{n}", context_tokens=100, seconds=0.01, measures={measure: value})
        for n, value in enumerate(values)
    )
    return Run(name, {**MANIFEST, **manifest}, outcomes)


def gold(n: int, **keys: Any) -> Gold:
    """Cases ``q0``, ``q1`` …, all alike."""
    return Gold("made", tuple(Case(f"q{number}", f"Question {number}?", **keys) for number in range(n)), "a" * 64)
