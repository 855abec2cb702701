"""One run over Drive: lists folders, follows the logs of changes, and reads the files that both lead to.

The order of a run: what was left over from the last one, what Drive's logs may not tell (the topmost folders,
targets of shortcuts from elsewhere, members of shared drives), a full listing where one is due, and then the logs
from where the last run ended. A log's start is taken before the first listing, and the logs are read after each
listing, so that a file that is moved while folders are listed is not missed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from configs.errors import ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Delete
from connectors.google_drive.api import GoogleApi
from connectors.google_drive.errors import of_all
from connectors.google_drive.files import Files, Work
from connectors.google_drive.kinds import FOLDER, SHORTCUT
from connectors.google_drive.state import Folder, State, document_id, unpack
from connectors.google_drive.tree import Tree
from connectors.trail import Trail
from connectors.version import digest

BATCH = 25
"""Folders listed by one request."""


class Crawl:
    """One run.

    Args:
        roots: ids of the chosen folders; ``drives``: names of the chosen shared drives by id.
        sweep_seconds: how often everything is listed.
    """

    def __init__(
        self,
        api: GoogleApi,
        state: State,
        files: Files,
        *,
        roots: Iterable[str],
        drives: Mapping[str, str],
        sweep_seconds: float,
    ) -> None:
        self._api, self._state, self._files = api, state, files
        self._tree = Tree(state, [*roots, *drives], self._followed_drive)
        self._drives = drives
        self._sweep_seconds = sweep_seconds
        self._pages = Trail("Google Drive's folders")
        self._saved = 0
        self._again = False

    def run(self) -> Iterator[Change]:
        """All changes of this run; see ``Connector.changes``."""
        state = self._state
        if not state.sweep and (state.swept is None or time.time() - state.swept >= self._sweep_seconds):
            self._begin_sweep()
        if "" not in state.tokens:
            state.tokens[""] = self._api.start_token("")
        self._look_at_drives()
        self._tree.ask_for(self._poll())
        yield from self._settle()
        yield from self._logs()
        if self._again:
            self._look_at_drives()
            yield from self._settle()
            yield from self._logs()
        state.tokens = {drive: token for drive, token in state.tokens.items() if drive in self._followed()}
        if state.sweep:
            yield from self._complete()
        yield Checkpoint(state.cursor())

    def _begin_sweep(self) -> None:
        state = self._state
        state.round += 1
        state.sweep = state.round
        state.queue, state.batch, state.page = [], [], None
        self._tree.ask_for(root for root in self._tree.roots if root not in self._drives)
        self._tree.ask_for(name for name in self._tree.targets if name not in self._tree.roots)

    def _complete(self) -> Iterator[Change]:
        """What no part of the listing led to is gone."""
        state = self._state
        state.folders = {name: one for name, one in state.folders.items() if one.round >= state.sweep}
        state.links = {name: one for name, one in state.links.items() if one.round >= state.sweep}
        state.files = {name: one for name, one in state.files.items() if one.round >= state.sweep}
        self._tree.changed = True
        yield from self._settle()
        state.expiring = {name: until for name, until in state.expiring.items() if name in state.files}
        ids = frozenset(state.documents())
        state.sweep, state.swept = 0, time.time()
        yield Complete(ids)

    def _poll(self) -> Iterator[str]:
        """Items that are asked for in each run, as no log is sure to tell of them."""
        state, now = self._state, time.time()
        for root in self._tree.roots:
            if root not in self._drives:
                yield root
        yield from (target for target in self._tree.targets if self._tree.outside(target))
        yield from (name for name, one in state.files.items() if not one.stamp)
        yield from (name for name, until in state.expiring.items() if until <= now)

    def _look_at_drives(self) -> None:
        """List a shared drive anew when its name or its members changed: no item below says so."""
        state = self._state
        followed = self._followed() | set(self._drives)
        state.drives = {drive: mark for drive, mark in state.drives.items() if drive in followed}
        for drive in sorted(followed - {""}):
            known = state.drives.get(drive)
            mark = self._look_at(drive)
            if drive in self._drives:
                self._follow(drive)
                self._tree.note_folder(drive, Folder("", self._drives[drive], drive, mark, 0))
            elif known is not None and known != mark:
                self._tree.dirty |= {name for name, folder in state.folders.items() if folder.drive == drive}

    def _look_at(self, drive: str) -> str:
        mark = digest([self._files.drives.get(drive), self._files.members(drive)])
        self._state.drives[drive] = mark
        return mark

    def _followed(self) -> set[str]:
        return {"", *(folder.drive for folder in self._state.folders.values())}

    def _followed_drive(self, drive: str) -> str:
        """The drive whose log and listing tell of a folder in ``drive``: the account's own where it is no member."""
        found = drive if drive in self._files.drives else ""
        self._follow(found)
        return found

    def _follow(self, drive: str) -> None:
        if drive not in self._state.tokens:
            self._state.tokens[drive] = self._api.start_token(drive)
        if drive and drive not in self._state.drives:
            self._look_at(drive)

    def _logs(self) -> Iterator[Change]:
        state, trail = self._state, Trail("Google Drive's changes")
        done: set[str] = set()
        while pending := [drive for drive in state.tokens if drive not in done]:
            drive = pending[0]
            trail.step([drive, state.tokens[drive]])
            try:
                page = self._api.changes(drive, state.tokens[drive])
            except ConnectorError as error:
                if drive and error.status in (403, 404) and not of_all(error):
                    # No member any more; a chosen drive would have been missed before.
                    del state.tokens[drive]
                    continue
                if error.status not in (400, 410) or self._again:
                    raise
                # The token was refused: what the log would have told is found by listing everything.
                state.tokens[drive] = self._api.start_token(drive)
                self._begin_sweep()
                self._again = True
                done.add(drive)
                continue
            yield from self._page(page.get("changes") or [])
            after = page.get("nextPageToken") or page.get("newStartPageToken")
            if not after:
                raise ConnectorError("Google Drive's log of changes ended without saying where to go on.")
            state.tokens[drive] = str(after)
            if not page.get("nextPageToken"):
                done.add(drive)
            yield from self._checkpoint()

    def _page(self, changes: list[dict[str, Any]]) -> Iterator[Change]:
        items: list[tuple[str, dict[str, Any] | None]] = []
        for change in changes:
            name = change.get("fileId")
            if change.get("changeType") == "drive" or not name:
                continue
            item = change.get("file")
            known = name in self._state.files or name in self._state.folders or name in self._state.links
            if change.get("removed") or not item:
                # It may have moved to another drive, whose log tells of it in another order.
                item = (
                    self._api.file(name)
                    if (known or name in self._tree.targets) and len(self._state.tokens) > 1
                    else None
                )
            items.append((name, item))
        for name, item in items:
            if not self._is_file(item):
                self._tree.note(name, item)
        yield from self._settle()
        yield from self._read(items)

    @staticmethod
    def _is_file(item: dict[str, Any] | None) -> bool:
        return item is not None and not item.get("trashed") and item.get("mimeType") not in (FOLDER, SHORTCUT)

    def _settle(self) -> Iterator[Change]:
        """List what has to be listed and ask for what has to be asked for, until nothing is left."""
        state = self._state
        while self._tree.changed or self._tree.dirty or state.queue or state.batch or state.todo:
            if self._tree.changed:
                yield from self._prune()
            self._enqueue()
            while state.queue or state.batch:
                yield from self._list()
            while state.todo:
                name = state.todo[0]
                item = self._api.file(name)
                state.todo = state.todo[1:]
                yield from self._answer(name, item)

    def _enqueue(self) -> None:
        """List what is dirty, and everything below it, in a new round."""
        state = self._state
        dirty = sorted(name for name in self._tree.dirty if name in state.folders)
        self._tree.dirty.clear()
        state.round += 1 if dirty else 0
        for name in dirty:
            state.folders[name].round = 0
            state.enqueue(name)

    def _answer(self, name: str, item: dict[str, Any] | None) -> Iterator[Change]:
        """What ``files.get`` said of one item."""
        if item is None and name in self._tree.roots:
            raise ConnectorError(
                f"The folder {name} is not there, or not shared with the account any more.",
                hint="Share it with the service account, or take it out of `folders`.",
                status=404,
            )
        if item is not None and item.get("id") and item["id"] != name:
            name = str(item["id"])
        if item is not None and name in self._tree.roots and item.get("mimeType") != FOLDER:
            raise ConnectorError(f"{name} in `folders` is no folder.", hint="Write the id or the link of a folder.")
        if not self._is_file(item):
            self._tree.note(name, item)
        yield from self._read([(name, item)])

    def _list(self) -> Iterator[Change]:
        """One page of the next folders."""
        state = self._state
        if not state.batch:
            first = next((name for name in state.queue if name in state.folders), None)
            if first is None:
                state.queue = []
                return
            drive = state.folders[first].drive
            same = [name for name in state.queue if name in state.folders and state.folders[name].drive == drive]
            state.batch, state.page = same[:BATCH], None
            self._pages = Trail("Google Drive's folders")
            taken = set(state.batch)
            state.queue = [name for name in state.queue if name not in taken]
        folders = [name for name in state.batch if name in state.folders]
        if not folders:
            state.batch, state.page = [], None
            return
        self._pages.step(state.page)
        try:
            page = self._api.children(folders, state.folders[folders[0]].drive, state.page)
        except ConnectorError as error:
            if error.status == 404:
                yield from self._without_lost(folders, error)
                return
            if error.status != 400 or state.page is None:
                raise
            # files.list: "If the token is rejected for any reason, it should be discarded".
            state.page = None
            return
        found = [(str(item["id"]), item) for item in page.get("files") or [] if not item.get("trashed")]
        for name, item in found:
            if not self._is_file(item):
                self._tree.note(name, item)
                if name in state.folders:
                    self._tree.dirty.discard(name)
                    state.enqueue(name)
        self._enqueue()
        yield from self._read(found)
        state.page = page.get("nextPageToken") or None
        if state.page is None:
            state.batch = []
        yield from self._checkpoint()

    def _without_lost(self, folders: list[str], error: ConnectorError) -> Iterator[Change]:
        """Go on without those of ``folders`` that are gone; one of them makes the whole request fail."""
        lost = [name for name in folders if name not in self._drives and self._api.file(name) is None]
        if not lost:
            raise error
        for name in lost:
            yield from self._answer(name, None)
        self._state.batch = [name for name in folders if name not in lost]
        self._state.page = None
        self._pages = Trail("Google Drive's folders")

    def _read(self, items: Iterable[tuple[str, dict[str, Any] | None]]) -> Iterator[Change]:
        """Read the files among ``items`` that are in scope and changed; drop those that are gone."""
        plans = [(name, self._plan(name, item)) for name, item in items]
        work = {name: plan for name, plan in plans if plan is not None}
        yield from self._announce(work)
        for name in work:
            yield from work[name]()
        self._state.pending = []

    def _plan(self, name: str, item: dict[str, Any] | None) -> Work | None:
        gone = partial(self._forget, name) if name in self._state.files else None
        if item is None or item.get("trashed"):
            return gone
        if not self._is_file(item):
            return None
        parent = next(iter(item.get("parents") or []), "")
        if parent in self._tree.alive:
            path = self._state.path(parent)
        elif name in self._tree.targets:
            # Reached by shortcuts alone: it stands where the first of them does.
            path = min(self._state.path(self._state.links[link].parent) for link in self._tree.targets[name])
        else:
            return gone
        return self._files.plan(item, parent, path)

    def _announce(self, names: Iterable[str]) -> Iterator[Change]:
        """Write down which files are about to change.

        A run can be stopped when a change is on the shelf and its checkpoint is not. If the file is then changed
        back before the next run, its stamp would say that nothing happened. (A full listing needs this only for
        files that are known: it ends with a ``Complete``.)
        """
        state = self._state
        found = [name for name in names if not state.sweep or (name in state.files and state.files[name].documents)]
        if found:
            state.pending = found
            yield Checkpoint(state.cursor())

    def _forget(self, name: str) -> Iterator[Change]:
        known = self._state.files.pop(name, None)
        self._state.expiring.pop(name, None)
        if known is not None:
            for suffix in unpack(known.documents):
                yield Delete(document_id(name, suffix))

    def _prune(self) -> Iterator[Change]:
        names = self._tree.prune()
        yield from self._announce(names)
        for name in names:
            yield from self._forget(name)
        self._state.pending = []

    def _checkpoint(self) -> Iterator[Checkpoint]:
        # Further apart as the cursor grows: writing it costs as much as it is long.
        self._saved += 1
        if self._saved >= 1 + len(self._state.files) // 5000:
            self._saved = 0
            yield Checkpoint(self._state.cursor())
