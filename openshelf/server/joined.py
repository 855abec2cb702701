"""Files read one behind the other, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO


class Joined:
    """Files as one. At most one of them is open.

    Args:
        seen: told every piece that is read.
    """

    def __init__(self, paths: Sequence[Path], seen: Callable[[bytes], None]) -> None:
        self._paths = iter(paths)
        self._seen = seen
        self._open: IO[bytes] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Joined:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, none at the end of the last file."""
        while True:
            if self._open is None:
                path = next(self._paths, None)
                if path is None:
                    return b""
                self._open = self._stack.enter_context(path.open("rb"))
            if piece := self._open.read(size):
                self._seen(piece)
                return piece
            self._stack.close()
            self._open = None
