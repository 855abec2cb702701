"""One sync at a time for each source: an operating-system lock, so a dead holder's is free at once."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import portalocker

from configs.errors import SyncBusy


@contextmanager
def source_lock(folder: Path, source: str) -> Iterator[None]:
    """Hold the lock of ``source`` for the shelf in ``folder``.

    Raises:
        SyncBusy: another process (or thread) is syncing this source; names it.
    """
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A hash beside the readable part: two names that look alike as file names are two locks.
    slug = "".join(c if c.isalnum() else "-" for c in source)[:40]
    path = locks / f"{slug}-{hashlib.sha256(source.encode()).hexdigest()[:8]}.lock"
    handle = path.open("a+", encoding="utf-8")
    try:
        try:
            portalocker.lock(handle, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.LockException as error:
            raise SyncBusy(
                f"Source {source!r} is being synced by {_holder(path)}.",
                hint="Wait for it to finish, or stop that process.",
            ) from error
        handle.seek(0)
        handle.truncate()
        json.dump(
            {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time(), "command": Path(sys.argv[0]).name},
            handle,
        )
        handle.flush()
        yield
    finally:
        handle.close()  # releases the lock


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder["since"]))
        return f"{holder['command']} (process {holder['pid']} on {holder['host']}, since {since})"
    except (OSError, ValueError, KeyError):
        return "another process"
