"""Walks folders: which files are there, in a fixed order, without leaving the root."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from configs.errors import ConnectorError
from connectors.guard import MAX_ID

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Root:
    """A folder to walk, with the glob that its files must match (gitignore syntax, anchored) or ``None``."""

    folder: Path
    glob: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file. ``id`` is its path below ``base``, with ``/``."""

    id: str
    path: Path
    mtime_ns: int
    ctime_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot be listed.

    Attributes:
        folder: it is, or may be, a folder.
        lost: what is below it is unknown.
    """

    id: str
    error: str
    folder: bool = False
    lost: bool = False


def find_root(path: Path) -> Root:
    """Split a folder, a file or a glob into the folder that is walked and the pattern.

    Raises:
        ConnectorError: the folder, or the part of a glob before its first wildcard, is not there.
    """
    try:
        if path.is_dir():
            return Root(path.resolve())
        if path.exists():
            return Root(path.parent.resolve(), "/" + _literal(path.name))
    except OSError as error:
        raise ConnectorError(f"{path} cannot be read: {error.strerror}.") from error
    fixed = path
    while _MAGIC & set(str(fixed)):
        fixed = fixed.parent
    if fixed == path or not fixed.is_dir():
        raise ConnectorError(
            f"There is no folder {fixed if fixed != path else path}.",
            hint="Check the source's `path` (relative paths start at the YAML file's folder), or mount the drive.",
        )
    return Root(fixed.resolve(), "/" + path.relative_to(fixed).as_posix())


def walk(
    root: Path,
    base: Path,
    *,
    enter: Callable[[str], bool],
    follow_symlinks: bool,
    skipped: Callable[[str], None],
) -> Iterator[Entry | Problem]:
    """Yield the regular files below ``root`` in a fixed order.

    Hidden names (``.git``, ``.DS_Store``) and the lock files of office programs (``~$…``) are left out.

    Args:
        root: resolved folder.
        base: folder that ids are relative to; ``root`` or a parent of it.
        enter: whether to go into the folder with this id (ending in ``/``).
        follow_symlinks: follow links whose target is below ``root``; others, and loops, are skipped.
        skipped: called with the id of every link that is not followed.

    Raises:
        ConnectorError: ``root`` itself cannot be listed.
    """

    def visit(folder: Path, prefix: str, above: frozenset[str]) -> Iterator[Entry | Problem]:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if folder == root:
                raise ConnectorError(f"The folder {root} cannot be listed: {error.strerror}.") from error
            yield Problem(_printable(prefix), f"The folder cannot be listed: {error.strerror}.", folder=True, lost=True)
            return
        for entry in entries:
            if entry.name.startswith((".", "~$")):
                continue
            name, path = prefix + entry.name, Path(entry.path)
            try:
                if entry.is_symlink() and not (follow_symlinks and _inside(path, root)):
                    skipped(_printable(name))
                elif entry.is_dir():
                    real = os.path.realpath(path)
                    if real in above:
                        skipped(_printable(name))
                    elif not enter(name + "/"):
                        continue
                    elif len(name) > MAX_ID:
                        # Nothing below it could have an id, so nothing below it is known: the listing stays whole.
                        yield Problem(_printable(name), f"Its path is longer than {MAX_ID} characters.", folder=True)
                    else:
                        yield from visit(path, name + "/", above | {real})
                elif entry.is_file():
                    yield _entry(name, path, entry.stat())
            except OSError as error:
                # A link may lead to a folder.
                link = path.is_symlink()
                yield Problem(_printable(name), f"It cannot be read: {error.strerror}.", folder=link, lost=link)

    prefix = "" if root == base else root.relative_to(base).as_posix() + "/"
    yield from visit(root, prefix, frozenset({os.path.realpath(root)}))


def read_bytes(path: Path, limit: int, *, follow_symlinks: bool) -> tuple[bytes, os.stat_result, bool]:
    """Content, state when opened, and whether the file held still while it was read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than ``limit`` bytes, or no regular file any more.
    """
    # O_NONBLOCK: a file that became a pipe must not hang the run.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow_symlinks:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - opens a descriptor
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise ValueError("it is no regular file")
        if before.st_size > limit:
            raise ValueError(f"it has {before.st_size:,} bytes, more than max_bytes ({limit:,})")
        content = file.read(limit + 1)
        after = os.fstat(file.fileno())
    if len(content) > limit:
        raise ValueError(f"it grew beyond max_bytes ({limit:,})")
    still = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size) and len(content) == after.st_size
    return content, before, still


def _entry(name: str, path: Path, state: os.stat_result) -> Entry | Problem:
    if len(name) > MAX_ID:
        return Problem(_printable(name), f"Its path is longer than {MAX_ID} characters; shorten it.")
    if _printable(name) != name:
        return Problem(_printable(name), "Its name is not valid UTF-8; rename it.")
    return Entry(name, path, state.st_mtime_ns, state.st_ctime_ns, state.st_size)


def _printable(name: str) -> str:
    """``name`` as a valid id: undecodable bytes escaped, too long a path cut and made unique by a hash.

    The extension stays, which says whether the file is pulled at all.
    """
    raw = name.encode("utf-8", "surrogateescape")
    text = raw.decode("utf-8", "backslashreplace")
    if len(text) > MAX_ID:
        ending = PurePosixPath(text).suffix[:20]
        return text[: MAX_ID - 40] + "…" + hashlib.blake2b(raw, digest_size=8).hexdigest() + ending
    return text


def _inside(path: Path, root: Path) -> bool:
    target = Path(os.path.realpath(path))
    return target == root or root in target.parents


def _literal(name: str) -> str:
    return "".join("\\" + character if character in "\\*?[]!# " else character for character in name)
