"""Which servers of a shelf live: each holds an operating-system lock, which a dead one has lost."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import IO

import portalocker

_NOW = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING


class Presence:
    """This server among those of the shelf in ``folder``.

    Attributes:
        name: of this server; no other has it or had it.
    """

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._folder = folder / "locks"
        self._held: IO[bytes] | None = None

    def enter(self) -> None:
        """From now on others see that this server lives."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._held = self._path(self.name).open("ab")
        portalocker.lock(self._held, _NOW)

    def leave(self) -> None:
        """What this server has not ended is taken over by the next."""
        if self._held is not None:
            self._held.close()
            self._held = None
            self._path(self.name).unlink(missing_ok=True)

    def lives(self, name: str) -> bool:
        """Whether the server of this name lives."""
        if name == self.name:
            return True
        try:
            with self._path(name).open("ab") as handle:
                portalocker.lock(handle, _NOW)
        except portalocker.LockException:
            return True
        # It is dead, and its name does not come again.
        self._path(name).unlink(missing_ok=True)
        return False

    def _path(self, name: str) -> Path:
        return self._folder / f"server-{name}.lock"
