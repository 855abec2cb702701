"""The bytes of uploaded files: one file for each content, named by its SHA-256, in the shelf's folder ``files/``."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from openshelf.server.errors import ApiError

_PIECE = 1 << 20
_YOUNG = 3600.0  # seconds in which an upload may still be on its way


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

    def receive(self, source: IO[bytes]) -> Upload:
        """Write ``source`` to a temporary name, piece by piece.

        Raises:
            ApiError: it is empty (400) or too large (413).
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f".{secrets.token_hex(8)}.part"
        hashed, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as target:
                while piece := source.read(_PIECE):
                    size += len(piece)
                    if size > self._max_bytes:
                        raise ApiError(
                            413,
                            f"The file is larger than the {self._max_bytes:,} bytes that this server takes "
                            "(server.max_file_bytes).",
                            code="file_too_large",
                            param="file",
                        )
                    hashed.update(piece)
                    target.write(piece)
                target.flush()
                os.fsync(target.fileno())
            if size == 0:
                raise ApiError(400, "The file is empty.", code="empty_file", param="file")
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

    def left_over(self, kept: Collection[str]) -> list[str]:
        """Contents that are not ``kept``, as a killed server leaves them; its old temporary files go at once."""
        oldest = time.time() - _YOUNG
        for path in self._folder.glob(".*.part"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
        return [path.name for path in self._folder.glob("??/*") if path.name not in kept]
