"""Opens the files behind a ``csv`` source, local or over https, and says whether a byte of them changed."""

from __future__ import annotations

import glob
import hashlib
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit

from configs.errors import ConnectorError
from connectors.version import digest

_RACY_NS = 2_000_000_000
_IN_MEMORY = 8_000_000


@dataclass(frozen=True, slots=True)
class OpenFile:
    """``name`` is the file's own name, for messages and metadata."""

    name: str
    content: IO[bytes]


@dataclass(frozen=True, slots=True)
class Opened:
    """All files, the digest of their names and content, and what the cursor keeps to notice changes early."""

    files: list[OpenFile]
    digest: str
    state: dict[str, Any] = field(default_factory=dict)


class TableFiles:
    """Local paths and globs, or one URL.

    Args:
        paths: absolute.
        max_bytes: of one file.
    """

    def __init__(
        self, paths: list[str], url: str | None, *, redirect_hosts: list[str], allow_private: bool, max_bytes: int
    ) -> None:
        self._paths = paths
        self._url = url
        self._redirect_hosts = redirect_hosts
        self._allow_private = allow_private
        self._max_bytes = max_bytes
        # Queries can hold tokens.
        self.shown = ", ".join(paths) if url is None else url.split("?")[0].split("#")[0]

    def open(self, stack: ExitStack, seen: dict[str, Any]) -> Opened | None:
        """Open all files on ``stack``; ``None`` when nothing changed since the ``state`` in ``seen``.

        Raises:
            ConnectorError: a file is missing, unreadable or too large; a glob matches nothing.
        """
        return self._fetch(stack, seen) if self._url is not None else self._local(stack, seen)

    def _local(self, stack: ExitStack, seen: dict[str, Any]) -> Opened | None:
        started = time.time_ns()
        files: list[OpenFile] = []
        stamps: dict[str, list[int]] = {}
        hashes: list[tuple[str, str]] = []
        paths = self._found()
        try:
            times = {str(path): _stamp(path, started) for path in paths}
            if seen.get("files") == times and all(stamp[0] for stamp in times.values()):
                return None
            for path in paths:
                # A copy, because the rows are read more than once and the file may change meanwhile.
                copy = self._scratch(stack)
                with path.open("rb") as source:
                    hashes.append((path.name, self._copy(source, copy, path.name)))
                # What changed while it was copied has another time than before.
                stamps[str(path)] = times[str(path)] if times[str(path)] == _stamp(path, started) else [0, 0, 0]
                files.append(OpenFile(path.name, copy))
        except OSError as error:
            raise ConnectorError(
                f"{error.filename or self.shown} cannot be read: {error.strerror}.",
                hint="Check `path` and permissions.",
            ) from error
        return Opened(files, digest(hashes), {"files": stamps})

    @staticmethod
    def _scratch(stack: ExitStack) -> IO[bytes]:
        return cast(IO[bytes], stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)))

    def _found(self) -> list[Path]:
        found: dict[Path, None] = {}
        for text in self._paths:
            path = Path(text)
            if path.is_file():
                found[path] = None
                continue
            if path.is_dir():
                raise ConnectorError(f"{text} is a folder.", hint=f"Name a file or a glob: {text}/*.csv")
            matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - absolute patterns
            named = [Path(match) for match in matches if Path(match).is_file()]
            if not named:
                raise ConnectorError(f"There is no file {text}.", hint="Check `path`; it starts at the YAML's folder.")
            found |= dict.fromkeys(named)
        return list(found)

    def _copy(self, source: IO[bytes], target: IO[bytes], name: str) -> str:
        total, hashed = 0, hashlib.blake2b(digest_size=16)
        while piece := source.read(1 << 20):
            total += len(piece)
            if total > self._max_bytes:
                raise ConnectorError(
                    f"{name} is larger than max_bytes ({self._max_bytes:,}).", hint="Raise max_bytes or split the file."
                )
            hashed.update(piece)
            target.write(piece)
        return hashed.hexdigest()

    def _fetch(self, stack: ExitStack, seen: dict[str, Any]) -> Opened | None:
        from connectors.http import HttpClient

        url = self._url or ""
        parts = urlsplit(url)
        content = self._scratch(stack)
        client = HttpClient(
            allowed_hosts=[parts.hostname or "", *self._redirect_hosts],
            max_bytes=self._max_bytes,
            allow_private=self._allow_private,
        )
        with client:
            fetched = client.download(url, content, etag=seen.get("etag"), last_modified=seen.get("last_modified"))
        if fetched.not_modified:
            return None
        content.seek(0)
        hashed = hashlib.blake2b(digest_size=16)
        while piece := content.read(1 << 20):
            hashed.update(piece)
        name = PurePosixPath(unquote(parts.path)).name or parts.hostname or "table"
        if "tab-separated" in fetched.media_type and not name.lower().endswith(".tsv"):
            name += ".tsv"
        state = {"etag": fetched.etag, "last_modified": fetched.last_modified}
        return Opened([OpenFile(name, content)], digest([name, hashed.hexdigest()]), state)


def _stamp(path: Path, now: int) -> list[int]:
    """Times and size; zeros for a file so young that it could change again within the same tick of the clock."""
    state = path.stat()
    if max(state.st_mtime_ns, state.st_ctime_ns) > now - _RACY_NS:
        return [0, 0, state.st_size]
    return [state.st_mtime_ns, state.st_ctime_ns, state.st_size]
