"""How every configuration of a study is measured: the same way as ``openshelf eval`` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from evaluation.case import Gold
from evaluation.evaluate import Measuring, evaluate
from evaluation.outcome import Run
from evaluation.subject import Subject

DEPTH = 10
"""Hits asked for. ``openshelf eval`` asks for more, to rank more documents; a study asks each question many times."""


class Ruler:
    """Measures a shelf.

    Args:
        options: of ``openshelf eval``.
    """

    def __init__(self, options: Measuring | None = None) -> None:
        self._options = options or Measuring(ks=(1, 3, 5), depth=DEPTH)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the numbers, as JSON has it."""
        skipped = ("workers", "keep_text")
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self._options).items()
            if name not in skipped
        }

    def measure(
        self, subject: Subject, gold: Gold, name: str, say: Callable[[str], None], *, keep_text: bool = False
    ) -> Run:
        """Ask every question of ``gold``; ``say`` is told how far it is, and what it raises ends the run."""
        return evaluate(
            subject,
            gold,
            options=replace(self._options, keep_text=keep_text),
            name=name,
            progress=lambda done, total: say(f"asking {done:,} of {total:,}"),
        )
