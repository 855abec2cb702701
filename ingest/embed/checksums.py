"""SHA-256 of large files, remembered by size and modification time."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path


def sha256_of(path: Path, cache_dir: Path) -> str:
    """SHA-256 of a file in hex; from ``cache_dir`` when its size and modification time are the remembered ones.

    Raises:
        OSError: the file cannot be read.
    """
    resolved = path.resolve()
    stat = resolved.stat()
    memory = cache_dir / "checksums.json"
    known = _read(memory)
    entry = known.get(str(resolved))
    if isinstance(entry, dict) and (entry.get("size"), entry.get("mtime")) == (stat.st_size, stat.st_mtime_ns):
        return str(entry["sha256"])
    with resolved.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known[str(resolved)] = {"size": stat.st_size, "mtime": stat.st_mtime_ns, "sha256": digest}
    _write(memory, known)
    return digest


def _read(memory: Path) -> dict[str, object]:
    try:
        known = json.loads(memory.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}  # only a memory: the worst is hashing again
    return known if isinstance(known, dict) else {}


def _write(memory: Path, known: dict[str, object]) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=memory.parent, prefix="checksums-", suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(known, file, indent=1)
    Path(name).replace(memory)
