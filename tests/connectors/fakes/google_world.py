"""Sources of the fake Drive that the suites of this room can edit."""

from __future__ import annotations

import functools
import json
import random
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.google_drive.connector import GoogleDrive, GoogleDriveOptions
from tests.connectors.fakes.google import MAIL, GoogleFake
from tests.connectors.fakes.google_items import DOC, FOLDER, SHEET, SHORTCUT, SLIDES, Grid, Item, Tab, permission

PEOPLE = ("ann@corp.example", "bob@corp.example", "cat@corp.example")


@functools.cache
def key_pair() -> tuple[str, str]:
    """A private and a public key as PEM, made once."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return (
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )


def key_json(url: str, **more: Any) -> str:
    """A key file."""
    info = {
        "type": "service_account",
        "client_email": MAIL,
        "private_key_id": "k1",
        "private_key": key_pair()[0],
        "token_uri": f"{url}/token",
    }
    return json.dumps({**info, **more})


_CONTEXT = ssl.create_default_context()


def serving() -> Iterator[GoogleFake]:
    """A fake that was found without fault in the end; for fixtures."""
    server = GoogleFake()
    yield server
    server.close()
    assert not server.problems, server.problems[:3]


def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages so small that a few files fill several."""
    monkeypatch.setattr("connectors.google_drive.api.PAGE_SIZE", 3)
    monkeypatch.setattr("connectors.google_drive.crawl.BATCH", 2)
    monkeypatch.setattr("connectors.google_drive.sheets.ROWS", 3)
    # Each client loads all of the system's certificates, which costs more than a test's run.
    monkeypatch.setattr("ssl.create_default_context", lambda *_, **__: _CONTEXT)


class DriveWorld:
    """A folder shared with the account, a shared drive, and places that are not chosen."""

    def __init__(self, fake: GoogleFake, **options: Any) -> None:
        self.fake = fake
        fake.key = key_pair()[1]
        self.me = permission("user", MAIL, "writer")
        ann = permission("user", PEOPLE[0])
        self.root = fake.folder("Handbook", permissions={one["id"]: one for one in (self.me, ann)})
        self.sub = fake.folder("Sub", self.root.id)
        self.team = fake.drive("Team", permission("group", "team@corp.example", "fileOrganizer"))
        self.elsewhere = fake.folder("Elsewhere", permissions={self.me["id"]: self.me})
        self.hidden = fake.folder("Hidden")
        self.options = {
            "service_account_json": key_json(fake.url),
            "api_url": fake.url,
            "folders": [self.root.id],
            "shared_drives": [self.team],
            "requests_per_minute": 10_000_000,
            "sheets_requests_per_minute": 10_000_000,
            "sweep_every": "365d",
            **options,
        }
        self.names: dict[str, Any] = {}
        self._count = 0

    def connector(self, **more: Any) -> GoogleDrive:
        options = GoogleDriveOptions.model_validate({**self.options, **more})
        return GoogleDrive("drive", options, base_dir=Path("/nowhere"))

    def put(self, name: str, text: str) -> None:
        old = self.names.get(name)
        if old is None:
            self.names[name] = self.fake.doc(name, self.sub.id if name[-1:] in "135" else self.root.id, text)
        elif old.trashed:
            old.tabs = [Tab("Tab 1", text)]
            old.trashed = False
            self.fake.note(old.id)
        else:
            old.tabs = [Tab("Tab 1", text)]
            self.fake.edit(old)

    def remove(self, name: str) -> None:
        # What comes back is restored from the trash: it has its id and times again.
        self.fake.trash(self.names[name])

    def rename(self, old: str, new: str) -> None:
        self.fake.delete(item := self.names.pop(old))
        self.names[new] = self.fake.doc(new, item.parent, item.tabs[0].text)

    # Random edits for ``follow_changes``

    def mutate(self, rng: random.Random) -> None:
        with self.fake.lock:
            rng.choice(
                [self._create] * 12
                + [self._edit] * 5
                + [self._restore] * 4
                + [self._folder, self._rename, self._share, self._shortcut] * 3
                + [self._move, self._move_folder, self._rows, self._tab, self._limit, self._members] * 2
                + [self._trash, self._trash_folder, self._delete, self._unlink, self._drive_name]
            )(rng)

    def places(self) -> list[str]:
        folders = [one.id for one in self.fake.files(FOLDER) if not self.fake.in_trash(one.id)]
        # Most of what happens is in scope.
        return sorted([*folders, self.team, self.team, self.root.id, self.sub.id, self.root.id])

    def _some(self, rng: random.Random, *mimes: str) -> Any:
        found = [
            one
            for one in self.fake.files(*mimes)
            if one.id not in (self.root.id, self.sub.id, self.elsewhere.id, self.hidden.id)
            and not self.fake.in_trash(one.id)
        ]
        return self.fake.pick(rng, found)

    def _create(self, rng: random.Random) -> None:
        self._count += 1
        name, text = f"n{self._count}", f"Text {self._count} {rng.random()}"
        place = rng.choice(self.places())
        kind = rng.randrange(6)
        if kind == 0:
            self.fake.doc(name, place, text, *(["More"] if rng.random() < 0.3 else []))
        elif kind == 1:
            rows = [["id", "note"], *([f"k{n}", f"{text} {n}"] for n in range(rng.randint(0, 4)))]
            self.fake.sheet(name, place, Grid("One", rows), Grid("Secret", rows, id=7, hidden=True))
        elif kind == 2:
            self.fake.blob(f"{name}.csv", place, f"id,note\nk1,{text}\n", "text/csv")
        elif kind == 3:
            self.fake.blob(f"{name}.zip", place, text, "application/zip")
        elif kind == 4:
            self.fake.add(name, SLIDES, place, content=text.encode())
        else:
            self.fake.blob(f"{name}.txt", place, text if rng.random() < 0.9 else "")

    def _folder(self, rng: random.Random) -> None:
        self._count += 1
        self.fake.folder(f"dir{self._count}", rng.choice(self.places()))

    def _edit(self, rng: random.Random) -> None:
        item = self._some(rng, DOC, SLIDES, "text/plain", "text/csv")
        if item is None:
            return
        if item.mime == DOC:
            item.tabs[0].text = f"Edited {rng.random()}" if rng.random() < 0.9 else ""
        else:
            item.content = f"id,note\nk1,{rng.random()}\n".encode()
        self.fake.edit(item)

    def _move(self, rng: random.Random) -> None:
        item = self._some(rng)
        if item is not None:
            self.fake.move(item, rng.choice(self.places()))

    def _move_folder(self, rng: random.Random) -> None:
        item = self._some(rng, FOLDER)
        if item is None:
            return
        place = rng.choice(self.places())
        above = place
        while above in self.fake.items:
            if above == item.id:
                return  # not into itself
            above = self.fake.items[above].parent
        self.fake.move(item, place)

    def _trash(self, rng: random.Random) -> None:
        item = self._some(rng)
        if item is not None:
            self.fake.trash(item)

    def _trash_folder(self, rng: random.Random) -> None:
        item = self._some(rng, FOLDER)
        if item is not None:
            self.fake.trash(item)

    def _restore(self, rng: random.Random) -> None:
        item = self.fake.pick(rng, [one for one in self.fake.items.values() if one.trashed])
        if item is not None:
            self.fake.trash(item, False)

    def _delete(self, rng: random.Random) -> None:
        item = self._some(rng, *([FOLDER] if rng.random() < 0.2 else []))
        if item is not None:
            self.fake.delete(item)

    def _rename(self, rng: random.Random) -> None:
        item = self._some(rng, *([FOLDER] if rng.random() < 0.5 else []))
        if item is not None:
            self.fake.rename(item, f"{rng.randrange(100)} {item.name}"[-40:])

    def _share(self, rng: random.Random) -> None:
        item = self._some(rng, *([FOLDER] if rng.random() < 0.4 else []))
        if item is None:
            return
        if rng.random() < 0.5:
            one = rng.choice([None, *PEOPLE])
            self.fake.share(item, permission("user", one) if one else permission("anyone", allowFileDiscovery=True))
        else:
            gone = sorted(name for name, one in item.permissions.items() if one.get("emailAddress") != MAIL)
            if gone:
                self.fake.unshare(item, rng.choice(gone))

    def _shortcut(self, rng: random.Random) -> None:
        target = self._some(rng, *([FOLDER] if rng.random() < 0.5 else [DOC, SHEET, "text/plain"]))
        if target is not None:
            self.fake.shortcut(target.id, rng.choice(self.places()))

    def _unlink(self, rng: random.Random) -> None:
        item = self._some(rng, SHORTCUT)
        if item is not None:
            self.fake.delete(item)

    def _rows(self, rng: random.Random) -> None:
        item = self._some(rng, SHEET)
        if item is None:
            return
        rows = item.grids[0].rows
        if len(rows) > 1 and rng.random() < 0.4:
            rows.pop(rng.randrange(1, len(rows)))
        else:
            rows.insert(rng.randint(1, len(rows)), [f"k{rng.randrange(1000)}", str(rng.random())])
        self.fake.edit(item)

    def _tab(self, rng: random.Random) -> None:
        item = self._some(rng, DOC, SHEET)
        if item is None:
            return
        if item.mime == SHEET:
            name = max(grid.id for grid in item.grids) + 1
            item.grids.append(Grid(f"Tab {name}", [["id", "note"], ["a", str(rng.random())]], id=name))
        else:
            rng.choice(item.tabs).children.append(Tab(f"Child {rng.randrange(9)}", f"Nested {rng.random()}"))
        self.fake.edit(item)

    def _limit(self, rng: random.Random) -> None:
        found = [one for one in self.fake.files(FOLDER) if one.drive and not self.fake.in_trash(one.id)]
        item: Item | None = self.fake.pick(rng, found)
        if item is not None:
            item.limited = not item.limited
            self.fake.note(item.id)

    def _members(self, rng: random.Random) -> None:
        one = permission("user", rng.choice(PEOPLE), "fileOrganizer")
        members = self.fake.members[self.team]
        if members.pop(one["id"], None) is None:
            members[one["id"]] = one

    def _drive_name(self, rng: random.Random) -> None:
        self.fake.drives[self.team] = f"Team {rng.randrange(9)}"


class BlobWorld(DriveWorld):
    """Text files in the shared drive."""

    def put(self, name: str, text: str) -> None:
        old = self.names.get(name)
        if old is None:
            self.names[name] = self.fake.blob(f"{name}.txt", self.team, text)
        else:
            old.content = text.encode()
            old.trashed = False
            if text.startswith("Text number 1,"):
                self.fake.note(old.id)  # as it was before it went to the trash
            else:
                self.fake.edit(old)

    def rename(self, old: str, new: str) -> None:
        self.fake.delete(item := self.names.pop(old))
        self.names[new] = self.fake.blob(f"{new}.txt", item.parent, item.content)


class RowWorld(DriveWorld):
    """The rows of one spreadsheet, told apart by a column."""

    def __init__(self, fake: GoogleFake, **options: Any) -> None:
        super().__init__(fake, key="id", **options)
        self.grid = Grid("Rows", [["id", "note"]])
        self.item = fake.sheet("Book", self.root.id, self.grid)

    def put(self, name: str, text: str) -> None:
        for row in self.grid.rows:
            if row[0] == name:
                row[1] = text
                break
        else:
            self.grid.rows.append([name, text])
        self.fake.edit(self.item)

    def remove(self, name: str) -> None:
        self.grid.rows = [row for row in self.grid.rows if row[0] != name]
        self.fake.edit(self.item)

    def rename(self, old: str, new: str) -> None:
        for row in self.grid.rows:
            row[0] = new if row[0] == old else row[0]
        self.fake.edit(self.item)
