"""What is remembered of Drive between two runs: logs, folders in scope, shortcuts, and the files that were read.

It is the cursor. Drive's log says nothing of what is below a folder that moved, so the tree is kept here; and of
each file a stamp, so that a full listing downloads nothing that did not change.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Cursor

_FORMAT = 1


@dataclass(slots=True)
class Folder:
    """A folder in scope. ``mark`` changes when its name, place or permissions do; ``round``: last listed in."""

    parent: str
    name: str
    drive: str
    mark: str
    round: int


@dataclass(slots=True)
class Link:
    """A shortcut in scope."""

    parent: str
    target: str
    round: int


@dataclass(slots=True)
class File:
    """A file in scope.

    Attributes:
        stamp: of its content and what is said about it; ``""`` where it failed and is to be tried again.
        access: digest of its readers.
        documents: the ids that came of it, as suffixes (see ``pack``): ``""`` is the file itself.
        reason: why it was left out, where it was.
    """

    stamp: str
    access: str
    parent: str
    round: int
    documents: list[str]
    reason: str = ""


@dataclass
class State:
    """One source's memory.

    Attributes:
        tokens: where to go on in the log of each drive; ``""`` is the account's own.
        drives: digests of the name and the members of shared drives.
        expiring: files of which a permission ends, and when.
        queue: folders to be listed; ``batch`` and ``page``: what is being listed.
        todo: items to be asked for one by one.
        pending: files of which changes may have been delivered that this cursor does not know of.
        sweep: the round in which the running full listing began, 0 for none.
        round: number of the last listing; what was seen in it has its number.
    """

    scope: str
    tokens: dict[str, str] = field(default_factory=dict)
    drives: dict[str, str] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    expiring: dict[str, float] = field(default_factory=dict)
    queue: list[str] = field(default_factory=list)
    batch: list[str] = field(default_factory=list)
    page: str | None = None
    todo: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    sweep: int = 0
    round: int = 0
    swept: float | None = None

    @classmethod
    def load(cls, cursor: Cursor | None, scope: str) -> State:
        """From a cursor of the same scope; else an empty one."""
        if not cursor or cursor.get("scope") != scope or cursor.get("format") != _FORMAT:
            return cls(scope)
        plain = {key: value for key, value in cursor.items() if key != "format"}
        tables = {"folders": Folder, "links": Link, "files": File}
        for key, made in tables.items():
            plain[key] = {name: made(*values) for name, values in plain[key].items()}
        for key, value in plain.items():
            if isinstance(value, list | dict) and key not in tables:
                plain[key] = value.copy()
        state = cls(**plain)
        state._distrust()
        return state

    def _distrust(self) -> None:
        """Have the files read again that a run was stopped at: the shelf may hold more of them, or less."""
        for name in self.pending:
            one = self.files.setdefault(name, File("", "", "", 0, pack([""])))
            one.stamp = ""
        self.pending = []

    def cursor(self) -> Cursor:
        """JSON-ready, and independent of this object."""
        return {
            "format": _FORMAT,
            "scope": self.scope,
            "tokens": dict(self.tokens),
            "drives": dict(self.drives),
            "folders": {name: _plain(one) for name, one in self.folders.items()},
            "links": {name: _plain(one) for name, one in self.links.items()},
            "files": {name: _plain(one) for name, one in self.files.items()},
            "expiring": dict(self.expiring),
            "queue": list(self.queue),
            "batch": list(self.batch),
            "page": self.page,
            "todo": list(self.todo),
            "pending": list(self.pending),
            "sweep": self.sweep,
            "round": self.round,
            "swept": self.swept,
        }

    def reach(self, roots: Iterable[str]) -> tuple[set[str], dict[str, list[str]]]:
        """The folders that lead down from ``roots``, over shortcuts too, and the shortcuts in them by target."""
        below: dict[str, list[str]] = {}
        for name, folder in self.folders.items():
            below.setdefault(folder.parent, []).append(name)
        links: dict[str, list[str]] = {}
        for name, one in self.links.items():
            links.setdefault(one.parent, []).append(name)
        alive: set[str] = set()
        targets: dict[str, list[str]] = {}
        stack = [root for root in roots if root in self.folders]
        while stack:
            name = stack.pop()
            if name in alive:
                continue
            alive.add(name)
            stack += below.get(name, [])
            for link in links.get(name, []):
                target = self.links[link].target
                targets.setdefault(target, []).append(link)
                if target in self.folders:
                    stack.append(target)
        return alive, targets

    def path(self, folder: str) -> list[str]:
        """Names from the topmost folder in scope down to ``folder``; a shared drive's own name is not one of them."""
        names: list[str] = []
        seen: set[str] = set()
        while folder in self.folders and folder not in seen:
            seen.add(folder)
            one = self.folders[folder]
            if folder != one.drive:
                names.append(one.name)
            folder = one.parent
        return names[::-1]

    def enqueue(self, folder: str) -> None:
        """List ``folder`` in this round, unless it was already."""
        one = self.folders[folder]
        if one.round < self.round:
            one.round = self.round
            self.queue.append(folder)

    def documents(self) -> Iterator[str]:
        """The ids of all documents, failed ones included."""
        for name, one in self.files.items():
            for suffix in unpack(one.documents):
                yield document_id(name, suffix)


def _plain(one: Folder | Link | File) -> list[Any]:
    return [getattr(one, name) for name in type(one).__slots__]


def document_id(file: str, suffix: str) -> str:
    """``<file>`` or ``<file>:<sheet>:<row>``."""
    return f"{file}:{suffix}" if suffix else file


def pack(suffixes: Iterable[str]) -> list[str]:
    """Suffixes in little space: rows that follow each other are ``<sheet>:<first>-<last>``, keys begin with ``=``."""
    packed: list[str] = []
    rows: dict[str, list[int]] = {}
    for suffix in suffixes:
        sheet, colon, row = suffix.rpartition(":")
        if colon and ":" not in sheet and row.isascii() and row.isdigit() and str(int(row)) == row:
            rows.setdefault(sheet, []).append(int(row))
        else:
            packed.append(f"={suffix}")
    for sheet, numbers in rows.items():
        for _, run in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
            found = [number for _, number in run]
            packed.append(f"{sheet}:{found[0]}-{found[-1]}")
    return packed


def unpack(packed: Iterable[str]) -> Iterator[str]:
    """The suffixes of ``pack``."""
    for entry in packed:
        if entry.startswith("="):
            yield entry[1:]
        else:
            sheet, _, span = entry.rpartition(":")
            first, _, last = span.partition("-")
            for number in range(int(first), int(last) + 1):
                yield f"{sheet}:{number}"
