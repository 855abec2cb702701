"""Source type ``files``: a folder, or globs, of documents.

Every run lists the whole tree, reads only what looks changed and ends with a ``Complete``, through which
renames and deletions are seen. A file counts as unchanged while its times and size are those of the last read.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from configs.errors import ConnectorError
from connectors.contract import (
    Change,
    Checkpoint,
    Complete,
    Connector,
    Cursor,
    Failed,
    MetaValue,
    Reachability,
    Skipped,
    SourceDocument,
    Upsert,
)
from connectors.conversation import MEDIA_TYPE as CONVERSATION
from connectors.conversation import read_conversation
from connectors.folder import Entry, Problem, Root, find_root, read_bytes, walk
from connectors.front_matter import About, split_front_matter
from connectors.titles import title_and_language
from connectors.version import digest, version_of

if TYPE_CHECKING:
    from pathspec import PathSpec

log = logging.getLogger("openshelf.connectors.files")

_OFFICE = "application/vnd.openxmlformats-officedocument."
MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": _OFFICE + "wordprocessingml.document",
    ".pptx": _OFFICE + "presentationml.presentation",
    ".xlsx": _OFFICE + "spreadsheetml.sheet",
    ".html": "text/html",
    ".htm": "text/html",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".eml": "message/rfc822",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".json": CONVERSATION,
}
"""What is pulled, by extension (lower case). A ``.json`` file counts only if it is a conversation."""

RACY_NS = 2_000_000_000
"""A file this young when it was read could change again within the tick of a coarse clock (FAT: 2 s)."""

_CHECKPOINT = 200
_NO_CONVERSATION = "JSON that is no conversation"
_FORMAT = 1


class FilesOptions(BaseModel):
    """The YAML keys of a ``files`` source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | list[str] = Field(description="A folder, a file or a glob (`docs/**/*.md`), or a list of them.")
    include: list[str] = Field(default_factory=list, description="Only files that match one (gitignore patterns).")
    exclude: list[str] = Field(default_factory=list, description="No file that matches one (gitignore patterns).")
    follow_symlinks: bool = Field(False, description="Follow links that stay inside the folder.")
    max_bytes: int = Field(50_000_000, gt=0, description="Larger files are failures that say so.")
    url_base: str | None = Field(None, description="The document's link is this followed by its path.")
    metadata_from: Literal["none", "path"] = Field(
        "none", description="`path`: metadata `folder` (text) and `folders` (list) from the sub-folders' names."
    )
    folder_keys: list[str] = Field(
        default_factory=list, description="Metadata keys for the first, second… sub-folder, e.g. [language, product]."
    )

    @field_validator("path")
    @classmethod
    def _some_path(cls, path: str | list[str]) -> str | list[str]:
        if not path or not all(
            part.strip() and "\0" not in part for part in ([path] if isinstance(path, str) else path)
        ):
            raise ValueError("give a folder, a file or a glob")
        return path

    @field_validator("include", "exclude")
    @classmethod
    def _readable_patterns(cls, patterns: list[str]) -> list[str]:
        _spec(patterns)
        return patterns

    @field_validator("url_base")
    @classmethod
    def _web_address(cls, base: str | None) -> str | None:
        if base is not None and (urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname):
            raise ValueError("url_base starts with https://")
        return base

    @model_validator(mode="after")
    def _keys_need_path(self) -> FilesOptions:
        if self.folder_keys and self.metadata_from != "path":
            raise ValueError("folder_keys goes with metadata_from: path")
        return self


class Files:
    """Reads one ``files`` source. Its cursor is ``{"options", "files": {id: [mtime_ns, ctime_ns, size, version]}}``.

    A version of ``""`` marks a JSON file that is no conversation.
    """

    def __init__(self, name: str, options: FilesOptions, *, base_dir: Path) -> None:
        self.name = name
        self.options = options
        paths = [options.path] if isinstance(options.path, str) else options.path
        self._paths = [base_dir.absolute() / Path(path).expanduser() for path in paths]
        self._include, self._exclude = _spec(options.include), _spec(options.exclude)

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield new and changed files, checkpoints, and the complete listing.

        A folder below the root that cannot be listed is a ``Failed`` and leaves out the ``Complete``, so that
        nothing is taken for deleted.

        Raises:
            ConnectorError: the root is missing or cannot be listed.
        """
        known = self._known(cursor)
        state = dict(known)
        ids: set[str] = set()
        whole, unsaved = True, 0
        for item in self._listing():
            if isinstance(item, Skipped):
                yield item
                continue
            if isinstance(item, Problem):
                whole = whole and not item.lost
                ids.add(item.id)
                state.pop(item.id, None)
                yield Failed(item.id, item.error, title=PurePosixPath(item.id).name)
                continue
            old = known.get(item.id)
            if old is not None and old[:3] == [item.mtime_ns, item.ctime_ns, item.size]:
                if old[3]:
                    ids.add(item.id)
                else:
                    yield Skipped(item.id, _NO_CONVERSATION)
                continue
            change, record = self._read(item)
            if record is None:
                state.pop(item.id, None)
            else:
                state[item.id] = record
            if change is None:
                yield Skipped(item.id, _NO_CONVERSATION)
                continue
            ids.add(item.id)
            if old is None or record is None or old[3] != record[3]:
                yield change
                unsaved += 1
            # Further apart as the cursor grows: writing it costs as much as it is long.
            if unsaved >= max(_CHECKPOINT, len(state) // 4):
                yield Checkpoint(self._cursor(state))
                unsaved = 0
        if whole:
            state = {name: record for name, record in state.items() if name in ids or not record[3]}
        yield Checkpoint(self._cursor(state))
        if whole:
            yield Complete(frozenset(ids))

    def check(self) -> Reachability:
        """Look whether the folder is there and holds anything that can be read."""
        unsupported, found, most = 0, 0, 5000
        try:
            for item in self._listing():
                found += isinstance(item, Entry)
                unsupported += isinstance(item, Skipped)
                if found == most:
                    break
        except ConnectorError as error:
            return Reachability(False, error.message, error.hint)
        shown = ", ".join(str(path) for path in self._paths)
        if not found:
            seen = f" ({unsupported} of other formats)" if unsupported else ""
            return Reachability(
                False, f"No file to read in {shown}{seen}.", f"Formats: {' '.join(sorted(MEDIA_TYPES))}."
            )
        return Reachability(
            True, f"{found:,}{' or more' if found == most else ''} {'file' if found == 1 else 'files'} in {shown}."
        )

    def _listing(self) -> Iterator[Entry | Problem | Skipped]:
        roots = [find_root(path) for path in self._paths]
        base = Path(os.path.commonpath([root.folder for root in roots]))
        seen: set[str] = set()
        for root in roots:
            for item in self._below(root, base):
                if item.id not in seen:
                    seen.add(item.id)
                    yield item

    def _below(self, root: Root, base: Path) -> Iterator[Entry | Problem | Skipped]:
        glob = _spec([root.glob]) if root.glob else None
        prefix = len(root.folder.relative_to(base).as_posix()) + 1 if root.folder != base else 0

        def enter(folder: str) -> bool:
            return not (self._exclude and self._exclude.match_file(folder))

        def link(name: str) -> None:
            log.info("%s: link not followed: %s", self.name, name)

        for item in walk(root.folder, base, enter=enter, follow_symlinks=self.options.follow_symlinks, skipped=link):
            if isinstance(item, Problem) and item.folder:
                yield item
                continue
            if glob and not glob.match_file(item.id[prefix:]):
                continue
            if self._include and not self._include.match_file(item.id):
                continue
            if self._exclude and self._exclude.match_file(item.id):
                continue
            if PurePosixPath(item.id).suffix.lower() not in MEDIA_TYPES:
                yield Skipped(item.id, "unsupported format")
                continue
            yield item

    def _read(self, entry: Entry) -> tuple[Upsert | Failed | None, list[Any] | None]:
        started = time.time_ns()
        try:
            content, stat, still = read_bytes(
                entry.path, self.options.max_bytes, follow_symlinks=self.options.follow_symlinks
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return Failed(entry.id, f"The file cannot be read: {reason}.", title=entry.path.name), None
        try:
            document = self._document(entry.id, content)
        except ValueError as error:
            return Failed(entry.id, f"The file is left out: {error}.", step="decode", title=entry.path.name), None
        racy = not still or max(stat.st_mtime_ns, stat.st_ctime_ns) > started - RACY_NS
        # Time 0 never matches, so the next run reads a young file again and compares its content.
        times = [0, 0] if racy else [stat.st_mtime_ns, stat.st_ctime_ns]
        record = [*times, stat.st_size, document.version if document else ""]
        return (Upsert(document) if document else None), record

    def _document(self, name: str, content: bytes) -> SourceDocument | None:
        media_type = MEDIA_TYPES[PurePosixPath(name).suffix.lower()]
        about = About()
        if media_type == "text/markdown":
            about, content = split_front_matter(content)
        elif media_type == CONVERSATION:
            conversation = read_conversation(content)
            if conversation is None:
                return None
            about, content = conversation
        title, language = title_and_language(content, media_type, name)
        title, language = about.title or title, about.language or language
        url = about.url
        if url is None and self.options.url_base is not None:
            url = self.options.url_base.rstrip("/") + "/" + quote(name)
        metadata = {**self._from_path(name), **about.metadata}
        version = version_of(content, title=title, url=url, metadata=metadata, readers=about.readers, language=language)
        return SourceDocument(
            name,
            content,
            media_type,
            title,
            version,
            url=url,
            metadata=metadata,
            readers=about.readers,
            language=language,
            filename=PurePosixPath(name).name,
        )

    def _from_path(self, name: str) -> dict[str, MetaValue]:
        folders = list(PurePosixPath(name).parts[:-1])
        if self.options.metadata_from == "none" or not folders:
            return {}
        named: dict[str, MetaValue] = dict(zip(self.options.folder_keys, folders, strict=False))
        return {"folder": "/".join(folders), "folders": folders, **named}

    def _known(self, cursor: Cursor | None) -> dict[str, list[Any]]:
        # Other options can give every document another version, so everything is read again.
        if not cursor or cursor.get("options") != self._options_digest():
            return {}
        return dict(cursor["files"])

    def _cursor(self, state: dict[str, list[Any]]) -> Cursor:
        return {"options": self._options_digest(), "files": dict(state)}

    def _options_digest(self) -> str:
        return digest([_FORMAT, self.options.model_dump(), [str(path) for path in self._paths]])


class _FilesType:
    options = FilesOptions

    def build(self, name: str, options: FilesOptions, *, base_dir: Path) -> Connector:
        return Files(name, options, base_dir=base_dir)


connector = _FilesType()


def _spec(patterns: list[str]) -> PathSpec[Any] | None:
    """Compiled gitignore patterns; ``None`` where there are none.

    Raises:
        ValueError: a pattern cannot be read.
    """
    if not patterns:
        return None
    from pathspec import PathSpec

    return PathSpec.from_lines("gitignore", patterns)
