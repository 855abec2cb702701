"""What was delivered near the edge of a cursor, so that reading it again within an overlap costs nothing.

Vendors' clocks have whole seconds and their indexes lag, so an incremental run asks from a little before its
cursor. What it gets twice is recognised by a stamp: a version number or a time of change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Recent:
    """Stamps by document id.

    Args:
        state: what ``state`` gave at the end of the last run.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._stamps: dict[str, tuple[Any, float]] = {
            name: (stamp, float(moment)) for name, (stamp, moment) in (state or {}).items()
        }

    def known(self, name: str, stamp: Any) -> bool:
        """Whether document ``name`` was delivered with this ``stamp``."""
        return name in self._stamps and self._stamps[name][0] == stamp

    def note(self, name: str, stamp: Any, moment: float) -> None:
        """Document ``name`` was delivered. ``stamp`` is JSON-ready, ``moment`` its time of change in seconds."""
        self._stamps[name] = (stamp, moment)

    def forget(self, name: str) -> None:
        """Document ``name`` failed or is gone: it counts as not delivered."""
        self._stamps.pop(name, None)

    def trim(self, edge: float) -> None:
        """Forget what changed before ``edge`` (seconds): no later run asks for it."""
        self._stamps = {name: pair for name, pair in self._stamps.items() if pair[1] >= edge}

    @property
    def state(self) -> dict[str, list[Any]]:
        """For the cursor."""
        return {name: [stamp, moment] for name, (stamp, moment) in self._stamps.items()}
