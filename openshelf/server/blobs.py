"""The bytes of uploaded files, in the shelf's folder ``files/``: one file for each content, named by its SHA-256.

Parts of uploads that are not complete are in ``files/parts/``, named by their ids.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from openshelf.server.errors import ApiError

PART_BYTES = 64 * 1024 * 1024
"""Of one part, as with OpenAI."""

_PARTS = "parts"
_PIECE = 1 << 20
_YOUNG = 3600.0  # seconds in which an upload may still be on its way


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """Received bytes that have no name yet."""

    path: Path
    digest: str
    size: int


class Blobs:
    """Keeps contents, each once.

    Args:
        max_bytes: of one file.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    @property
    def max_bytes(self) -> int:
        """Of one file."""
        return self._max_bytes

    @property
    def max_part_bytes(self) -> int:
        """Of one part."""
        return min(PART_BYTES, self._max_bytes)

    def receive(self, source: Readable, *, part: bool = False) -> Upload:
        """Write ``source`` to a temporary name, piece by piece.

        Args:
            part: it is a part of a file, not a file.

        Raises:
            ApiError: it is empty (400) or too large (413).
        """
        what, param = ("part", "data") if part else ("file", "file")
        most = self.max_part_bytes if part else self._max_bytes
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f".{secrets.token_hex(8)}.part"
        hashed, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as target:
                while piece := source.read(_PIECE):
                    size += len(piece)
                    if size > most:
                        raise too_large(what, most, param, setting=most == self._max_bytes)
                    hashed.update(piece)
                    target.write(piece)
                target.flush()
                os.fsync(target.fileno())
            if size == 0:
                raise ApiError(400, f"The {what} is empty.", code=f"empty_{what}", param=param)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Upload(path, hashed.hexdigest(), size)

    def keep(self, upload: Upload) -> None:
        """Give the bytes their name. Called while the database is being written, as ``remove`` is: one at a time."""
        path = self.path(upload.digest)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        upload.path.replace(path)

    def discard(self, upload: Upload) -> None:
        """Forget an upload that was not kept."""
        upload.path.unlink(missing_ok=True)

    def remove(self, digest: str) -> None:
        """Remove a content that no file has any more."""
        self.path(digest).unlink(missing_ok=True)

    def path(self, digest: str) -> Path:
        """Where a content is."""
        return self._folder / digest[:2] / digest

    def keep_part(self, upload: Upload, name: str) -> None:
        """Give a part its name; called as ``keep`` is."""
        path = self.part(name)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        upload.path.replace(path)

    def remove_part(self, name: str) -> None:
        """Remove a part."""
        self.part(name).unlink(missing_ok=True)

    def part(self, name: str) -> Path:
        """Where a part is."""
        return self._folder / _PARTS / name

    def parts(self) -> list[str]:
        """The parts that are on disk."""
        return [path.name for path in self._folder.glob(f"{_PARTS}/*")]

    def left_over(self, kept: Collection[str]) -> list[str]:
        """Contents that are not ``kept``, as a killed server leaves them; its old temporary files go at once."""
        oldest = time.time() - _YOUNG
        for path in self._folder.glob(".*.part"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
        return [path.name for path in self._folder.glob("??/*") if path.name not in kept]


def too_large(what: str, most: int, param: str, *, setting: bool) -> ApiError:
    """413 for bytes beyond ``most``.

    Args:
        setting: whether the configuration decides.
    """
    where = "that this server takes (server.max_file_bytes)" if setting else f"that a {what} can have"
    return ApiError(
        413, f"The {what} is larger than the {most:,} bytes {where}.", code=f"{what}_too_large", param=param
    )
