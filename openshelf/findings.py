"""What ``check`` and ``doctor`` say: findings, each with the next step where something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from configs.errors import OpenshelfError

Level: TypeAlias = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what, for example ``source faq`` or ``vector store``.
        detail: one sentence.
        hint: the next step, where there is one.
    """

    subject: str
    level: Level
    detail: str
    hint: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing stops the shelf from working."""
        return self.level != "error"


def wrong(subject: str, error: OpenshelfError) -> Finding:
    """An error of the tree as a finding."""
    return Finding(subject, "error", error.message, error.hint)
