"""The tree of what is in scope: which folders lead down from the chosen ones, and what a change in it entails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from connectors.google_drive.kinds import FOLDER, SHORTCUT
from connectors.google_drive.readers import access_mark
from connectors.google_drive.state import Folder, Link, State
from connectors.version import digest


class Tree:
    """Folders and shortcuts of ``state``.

    Args:
        roots: ids of the chosen folders and shared drives.
        follow: given the id of the drive a folder is in, starts to follow the log that tells of it and names that.

    Attributes:
        alive: folders in scope; ``targets``: shortcuts in them, by what they point to.
        dirty: folders of which everything below has to be listed anew.
        changed: whether there may be something to prune.
    """

    def __init__(self, state: State, roots: Iterable[str], follow: Callable[[str], str]) -> None:
        self.roots = list(dict.fromkeys(roots))
        self.alive: set[str] = set()
        self.targets: dict[str, list[str]] = {}
        self.dirty: set[str] = set()
        self.changed = False
        self._state, self._follow = state, follow
        self.reach()

    def outside(self, target: str) -> bool:
        """Whether a shortcut's target stands in no folder that is followed; perhaps its drive is not either."""
        one = self._state.files.get(target) or self._state.folders.get(target)
        return one is None or one.parent not in self.alive

    def note(self, name: str, item: dict[str, Any] | None) -> None:
        """Take a folder or a shortcut, or the end of one, into the tree; ``prune`` says what follows."""
        state = self._state
        if item is None or item.get("trashed"):
            if state.folders.pop(name, None) or self._drop_link(name):
                self.reach()
            return
        parent = next(iter(item.get("parents") or []), "")
        if item.get("mimeType") == SHORTCUT:
            target = str((item.get("shortcutDetails") or {}).get("targetId") or "")
            link = Link(parent, target, state.round)
            known = state.links.get(name)
            if parent in self.alive and target:
                state.links[name] = link
                changed = known is None or (known.parent, known.target) != (parent, target)
                if changed or self.outside(target):
                    self.ask_for([target])
                if changed:
                    self.reach()
            elif self._drop_link(name):
                self.reach()
        elif item.get("mimeType") == FOLDER:
            wanted = name in state.folders or name in self.roots or name in self.targets or parent in self.alive
            if wanted:
                drive = self._follow(str(item.get("driveId") or ""))
                title = str(item.get("name") or "")
                mark = digest([parent, title, drive, access_mark(item)])
                self.note_folder(name, Folder(parent, title, drive, mark, 0))

    def note_folder(self, name: str, folder: Folder) -> None:
        """Take a folder into the tree; it is dirty where it is new or says something else than before."""
        state = self._state
        known = state.folders.get(name)
        if known is not None and known.mark == folder.mark and known.round >= state.sweep:
            return
        folder.round = known.round if known is not None and known.mark == folder.mark else 0
        state.folders[name] = folder
        self.dirty.add(name)
        if known is None:
            # What was reached from elsewhere before its own folder was known has a longer path now.
            tops = [*self.roots, *self.targets]
            self.dirty |= {top for top in tops if top in state.folders and state.folders[top].parent == name}
        if known is None and folder.parent in self.alive:
            self.alive.add(name)
        elif known is None or known.parent != folder.parent:
            self.reach()

    def _drop_link(self, name: str) -> bool:
        link = self._state.links.pop(name, None)
        if link is not None:
            self.ask_for([link.target])
        return link is not None

    def ask_for(self, names: Iterable[str]) -> None:
        """Have these items asked for one by one."""
        self._state.todo = list(dict.fromkeys([*self._state.todo, *names]))

    def reach(self) -> None:
        """Find out anew what is in scope."""
        self.alive, self.targets = self._state.reach(self.roots)
        self.changed = True

    def prune(self) -> list[str]:
        """Drop the folders and shortcuts that no chosen folder leads to any more.

        Returns:
            The files that are out of scope thereby.
        """
        state, all_lost = self._state, set[str]()
        while True:
            self.reach()
            lost = [name for name in state.folders if name not in self.alive]
            for name in lost:
                del state.folders[name]
            gone = [name for name, link in state.links.items() if link.parent not in self.alive]
            for name in gone:
                self._drop_link(name)
            all_lost.update(lost)
            if not lost and not gone:
                break
        self.changed = False
        # What is still reached over a shortcut has another path now.
        self.dirty |= {name for name, one in state.folders.items() if one.parent in all_lost}
        out: list[str] = []
        for name in [name for name, one in state.files.items() if one.parent not in self.alive]:
            if name not in self.targets:
                out.append(name)
            elif state.files[name].parent in all_lost:
                self.ask_for([name])
        return out
