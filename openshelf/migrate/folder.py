"""Which files of a folder are code, and which are left out and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from configs.errors import ConfigError

Reader = Literal["python", "script", "typed script", "text"]

MAX_BYTES = 1_000_000
"""A larger file is a bundle or data."""

_FOLDERS = frozenset(
    (
        *(".git", ".hg", ".svn", ".idea", "node_modules", "bower_components", ".next", ".terraform"),
        *("__pycache__", "site-packages", ".venv", "venv", ".tox", ".nox", ".mypy_cache", ".ruff_cache"),
    )
)
_TEXT = (
    *(".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".http", ".rest", ".md", ".rst", ".txt", ".ex", ".exs", ".tmpl"),
    *(".yaml", ".yml", ".json", ".jsonl", ".env", ".toml", ".ini", ".cfg", ".conf", ".properties", ".tf", ".j2"),
    *(".ipynb", ".vue", ".svelte", ".html", ".rb", ".go", ".java", ".kt", ".cs", ".php", ".rs", ".swift", ".scala"),
)
_READERS: dict[str, Reader] = {
    **dict.fromkeys([".py", ".pyi", ".pyw"], "python"),
    **dict.fromkeys([".js", ".jsx", ".mjs", ".cjs", ".tsx"], "script"),
    **dict.fromkeys([".ts", ".mts", ".cts"], "typed script"),
    **dict.fromkeys(_TEXT, "text"),
}
_NAMES = ("dockerfile", "makefile", "procfile", ".env", ".envrc", "justfile")


class Folder:
    """The code below some paths.

    Attributes:
        skipped: what was left out, by reason.
    """

    def __init__(self, paths: Sequence[Path], *, max_bytes: int = MAX_BYTES) -> None:
        self._paths, self._max_bytes = paths, max_bytes
        self.skipped: Counter[str] = Counter()

    def files(self) -> Iterator[tuple[Path, Reader]]:
        """Every file and how it is read, in order of their names. A file that was named itself is always read.

        Raises:
            ConfigError: there is no such path.
        """
        seen: set[Path] = set()
        for path in self._paths:
            if not path.exists():
                raise ConfigError(f"There is no {path}.", hint="Name a file or a folder with code.")
            for found, kind in [(path, reader_of(path) or "text")] if path.is_file() else self._below(path):
                if found.resolve() not in seen:
                    seen.add(found.resolve())
                    yield found, kind

    def text(self, path: Path) -> str | None:
        """A file's text; ``None`` where it is left out: binary, too large, or not to be read."""
        try:
            if path.stat().st_size > self._max_bytes:
                self.skipped[f"larger than {self._max_bytes:,} bytes"] += 1
                return None
            raw = path.read_bytes()
        except OSError as error:
            self.skipped[f"cannot be read ({error.strerror or 'error'})"] += 1
            return None
        if b"\0" in raw[:8192]:
            self.skipped["binary"] += 1
            return None
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            return raw.decode("latin-1")  # every byte is a letter; what is looked for is ASCII

    def _below(self, folder: Path) -> Iterator[tuple[Path, Reader]]:
        for at, folders, names in os.walk(folder):
            kept = []
            for name in sorted(folders):
                below = Path(at, name)
                if name in _FOLDERS or below.is_symlink() or (below / "pyvenv.cfg").exists():
                    self.skipped["folder " + (name if name in _FOLDERS else "linked or virtual environment")] += 1
                else:
                    kept.append(name)
            folders[:] = kept
            for name in sorted(names):
                path = Path(at, name)
                kind = reader_of(path)
                if kind is None or not path.is_file():
                    self.skipped["not code"] += 1
                else:
                    yield path, kind


def reader_of(path: Path) -> Reader | None:
    """How a file is read, by its name; ``None``: it is not code."""
    name = path.name.lower()
    if name.startswith(_NAMES):
        return "text"
    return _READERS.get(path.suffix.lower())
