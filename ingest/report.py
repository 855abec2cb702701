"""What a run of a sync did: counts that add up, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from configs.errors import OpenshelfError


@dataclass(slots=True)
class Counts:
    """What a run did. ``fetched + again`` = upserted + unchanged + skipped + rejected + superseded.

    Of a run that broke off it may be more: what came after its last cursor is left to the next run.

    Attributes:
        fetched: documents that the source gave, those it could not give (``Failed``) included.
        again: documents taken from the ledger: failed ones that are tried again, and a rebuild's copies.
        upserted: written.
        unchanged: on the shelf already in this version.
        skipped: left out by the source's settings; ``reasons`` says why, by count.
        rejected: failed in this run.
        superseded: given more than once, or deleted again, before they were written.
        deleted: left the shelf.
        failed: open failures when the run ended, earlier runs' included.
        expected: about how many documents the source said were to come; ``None``: it did not say.
    """

    fetched: int = 0
    again: int = 0
    upserted: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0
    superseded: int = 0
    deleted: int = 0
    failed: int = 0
    chunks: int = 0
    embedded: int = 0
    cached: int = 0
    repaired: int = 0
    expected: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)

    def skip(self, reason: str) -> None:
        """Count a document that the settings leave out."""
        self.skipped += 1
        self.reasons[reason] += 1

    @property
    def numbers(self) -> dict[str, int]:
        """All plain counts by name."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("expected", "reasons")}

    def as_dict(self) -> dict[str, Any]:
        """``numbers``, and the reasons below ``reasons`` where documents were skipped."""
        return {**self.numbers, **({"reasons": dict(self.reasons.most_common())} if self.reasons else {})}


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended: ``clean``, ``failures`` (some documents failed) or ``failed`` (the run stopped)."""

    source: str
    outcome: str
    counts: Counts
    error: OpenshelfError | None = None
    rebuilt: bool = False


Progress = Callable[[str, Counts], None]
"""Called with the source's name after every batch."""
