"""What ends by itself: files and uploads at their time, vector stores after days without use, bytes nobody has."""

from __future__ import annotations

import time

from sqlalchemy import select

from ingest.ledger import Ledger
from openshelf.server import stores, uploads
from openshelf.server.blobs import Blobs
from openshelf.server.parts import Parts
from openshelf.server.tables import files

_BYTES_EVERY = 3600.0


class Expiry:
    """Removes what has expired."""

    def __init__(self, ledger: Ledger, blobs: Blobs, parts: Parts) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._parts = parts
        self._bytes_next = 0.0

    def sweep(self, *, thorough: bool = False) -> None:
        """Remove expired files and the parts of expired uploads, and empty expired stores.

        Args:
            thorough: also remove bytes that a killed server left behind, which else takes place once an hour.
        """
        with self._ledger.reading() as connection:
            over = list(connection.execute(select(files.c.id).where(files.c.expires_at < time.time())).scalars())
        for name in over:
            with self._ledger.writing() as connection:
                row = connection.execute(select(files).where(files.c.id == name)).first()
                if row is not None:
                    uploads.remove(connection, self._blobs, row)
        with self._ledger.writing() as connection:
            stores.expire(connection)
        self._parts.expire()
        if thorough or time.monotonic() >= self._bytes_next:
            self._bytes_next = time.monotonic() + _BYTES_EVERY
            self._parts.remove_left_over()
            with self._ledger.reading() as connection:
                kept = set(connection.execute(select(files.c.digest)).scalars())
            for digest in self._blobs.left_over(kept):
                # Asked again while nobody can upload: the same content may have come in meanwhile.
                with self._ledger.writing() as connection:
                    if not uploads.is_kept(connection, digest):
                        self._blobs.remove(digest)
