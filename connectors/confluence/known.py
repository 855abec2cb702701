"""What a source of Confluence remembers between runs: its cursor.

Moves, labels and restrictions leave a page's version number as it is, so each page has its own short entry: version
number, place in the tree, readers and the delivered document. An entry with number 0 is due to be read (again).
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.contract import Cursor
from connectors.version import digest

LEFT_OUT = "-"
"""Instead of a stamp: the settings leave the page out."""

_FORMAT = 1


class Known:
    """Entries of pages and attachments.

    Attributes:
        levels: digests of restrictions by id, of places that have one.
        includes: ids of the pages that a page includes, by its id.
        moved: places whose restriction was found changed, and below which pages may still have to be read again.
        seen: newest time of change that was read, as ISO text.
        swept, looked: when everything was read, and when the tree and the restrictions were (seconds).
    """

    def __init__(self, cursor: Cursor | None, scope: str) -> None:
        fits = cursor if cursor and cursor.get("scope") == scope and cursor.get("format") == _FORMAT else {}
        self._scope = scope
        self._pages: dict[str, tuple[str, int, str, str, str]] = {
            name: tuple(entry) for name, entry in fits.get("pages", {}).items()
        }
        self._files: dict[str, tuple[str, str]] = {name: tuple(entry) for name, entry in fits.get("files", {}).items()}
        self._of_page: dict[str, set[str]] = {}
        for name, (page, _) in self._files.items():
            self._of_page.setdefault(page, set()).add(name)
        self.levels: dict[str, str] = dict(fits.get("levels", {}))
        self.includes: dict[str, list[str]] = dict(fits.get("includes", {}))
        self.moved: set[str] = set(fits.get("moved", ()))
        self.seen: str | None = fits.get("seen")
        self.swept = float(fits.get("swept", 0))
        self.looked = float(fits.get("looked", 0))

    @property
    def cursor(self) -> Cursor:
        """Everything, as a copy."""
        return {
            "format": _FORMAT,
            "scope": self._scope,
            "pages": {name: list(entry) for name, entry in self._pages.items()},
            "files": {name: list(entry) for name, entry in self._files.items()},
            "levels": dict(self.levels),
            "includes": dict(self.includes),
            "moved": sorted(self.moved),
            "seen": self.seen,
            "swept": self.swept,
            "looked": self.looked,
        }

    def __len__(self) -> int:
        return len(self._pages)

    def __contains__(self, name: object) -> bool:
        return name in self._pages

    def pages(self) -> Iterator[tuple[str, str]]:
        """Id and kind of every page."""
        return iter([(name, entry[0]) for name, entry in self._pages.items()])

    def number(self, name: str) -> int:
        """The version that was delivered or left out; 0: none, or it is due to be read."""
        return self._pages[name][1] if name in self._pages else 0

    def place(self, name: str) -> str:
        """Where the page was."""
        return self._pages[name][2]

    def readers(self, name: str) -> str | None:
        """A digest of who may read what is on the shelf; ``None``: nothing of it is there."""
        entry = self._pages.get(name)
        return None if entry is None or entry[4] == LEFT_OUT else entry[3]

    def stamp(self, name: str) -> str:
        """A digest of what was delivered; empty after a failure."""
        return self._pages[name][4] if name in self._pages else ""

    def note(self, name: str, kind: str, number: int, place: str, readers: str, stamp: str) -> None:
        """The page was delivered, or left out."""
        self._pages[name] = (kind, number, place, readers, stamp)

    def due(self, name: str) -> None:
        """Let the page be read again."""
        kind, _, place, readers, stamp = self._pages[name]
        self._pages[name] = (kind, 0, place, readers, stamp)

    def failed(self, name: str, kind: str, *, gone: bool) -> None:
        """The page failed: read it again, and deliver it even where it did not change. ``gone``: it left the shelf."""
        _, _, place, readers, _ = self._pages.get(name, (kind, 0, "", "", ""))
        self._pages[name] = (kind, 0, place, "" if gone else readers, "")

    def drop(self, name: str) -> None:
        """The page is gone. Its files have entries of their own."""
        self._pages.pop(name, None)
        self.includes.pop(name, None)

    def all_due(self) -> None:
        """Let everything be read again."""
        for name in self._pages:
            self.due(name)

    def files(self, page: str) -> frozenset[str]:
        """Ids of a page's attachments on the shelf, failed ones among them."""
        return frozenset(self._of_page.get(page, ()))

    def file(self, name: str) -> str:
        """A digest of the attachment that was delivered; empty: none, or it failed."""
        return self._files[name][1] if name in self._files else ""

    def note_file(self, name: str, page: str, stamp: str) -> None:
        """The attachment was delivered, or failed (an empty stamp)."""
        self.drop_file(name)
        self._files[name] = (page, stamp)
        self._of_page.setdefault(page, set()).add(name)

    def drop_file(self, name: str) -> None:
        """The attachment is gone."""
        page, _ = self._files.pop(name, ("", ""))
        self._of_page.get(page, set()).discard(name)

    def ids(self) -> frozenset[str]:
        """Documents that are on the shelf, and those that failed."""
        pages = {name for name, entry in self._pages.items() if entry[4] != LEFT_OUT}
        return frozenset(pages | self._files.keys())


def short(value: object) -> str:
    """A digest for an entry."""
    return digest(value)[:12]
