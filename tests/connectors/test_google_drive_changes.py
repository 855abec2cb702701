"""What happens in Drive and what the ``google-drive`` connector makes of it: folders, shortcuts, drives, resuming."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from configs.errors import ConnectorError, CursorError
from connectors.contract import Checkpoint, Complete, Delete, Skipped, Upsert
from tests.connectors.conformance import Shelf, fresh
from tests.connectors.fakes.google import MAIL, GoogleFake
from tests.connectors.fakes.google_items import Grid, permission
from tests.connectors.fakes.google_world import DriveWorld, serving, small_pages
from tests.connectors.fakes.server import Fault, Response

pytestmark = pytest.mark.usefixtures("quick", "small")


@pytest.fixture
def fake() -> Iterator[GoogleFake]:
    yield from serving()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch)


@pytest.fixture
def world(fake: GoogleFake) -> DriveWorld:
    return DriveWorld(fake)


def titles(shelf: Shelf) -> set[str]:
    return {document.title for document in shelf.documents.values()}


def asked(fake: GoogleFake, part: str, start: int = 0) -> list[str]:
    return [request.path for request in fake.asked[start:] if part in request.path]


def content_asked(fake: GoogleFake, start: int) -> list[str]:
    return [
        request.path
        for request in fake.asked[start:]
        if request.path.endswith("/export") or request.one("alt") == "media" or request.path.startswith(("/v1", "/v4"))
    ]


def test_the_start_of_a_log_is_taken_before_the_first_listing(world: DriveWorld) -> None:
    world.put("doc1", "One.")
    fresh(world)
    paths = [request.path for request in world.fake.asked]
    assert paths.index("/drive/v3/changes/startPageToken") < paths.index("/drive/v3/files")
    assert sorted(
        request.one("driveId") or "" for request in world.fake.asked if request.path.endswith("startPageToken")
    ) == ["", world.team]


def test_an_incremental_run_downloads_only_what_changed(world: DriveWorld) -> None:
    for number in range(6):
        world.put(f"doc{number}", f"Text {number}.")
    blob = world.fake.blob("a.txt", world.team, "Words")
    shelf = fresh(world)
    world.put("doc2", "Another text.")
    world.fake.share(blob, permission("user", "viewer@corp.example"))
    world.fake.note(world.names["doc4"].id)  # viewed, starred: the item is in the log and no different
    start = len(world.fake.asked)
    shelf.sync(world)
    assert {
        path.split("/")[-2] if "export" in path else path.split("/")[-1] for path in content_asked(world.fake, start)
    } == {world.names["doc2"].id, blob.id}
    assert not [request for request in world.fake.asked[start:] if request.path == "/drive/v3/files"]


def test_a_full_listing_downloads_nothing_that_did_not_change(fake: GoogleFake) -> None:
    world = DriveWorld(fake, sweep_every="0s")
    for number in range(4):
        world.put(f"doc{number}", f"Text {number}.")
    fake.sheet("Book", world.team, Grid("A", [["k"], ["v"]]))
    shelf = fresh(world)
    start = len(fake.asked)
    seen = shelf.sync(world)
    assert not content_asked(fake, start)
    assert [change.ids for change in seen if isinstance(change, Complete)] == [frozenset(shelf.documents)]


def test_a_listing_of_all_takes_place_when_its_time_has_come(fake: GoogleFake, monkeypatch: pytest.MonkeyPatch) -> None:
    world = DriveWorld(fake, sweep_every="1d")
    world.put("doc1", "One.")
    shelf = fresh(world)
    assert not any(isinstance(change, Complete) for change in shelf.sync(world))
    now = __import__("time").time()
    monkeypatch.setattr("connectors.google_drive.crawl.time.time", lambda: now + 90_000)
    assert any(isinstance(change, Complete) for change in shelf.sync(world))


def test_a_folder_that_moves_out_takes_what_is_below(world: DriveWorld) -> None:
    deep = world.fake.folder("Deep", world.sub.id)
    world.fake.doc("below", deep.id, "Text.")
    world.fake.doc("beside", world.root.id, "Text.")
    shelf = fresh(world)
    world.fake.move(world.sub, world.elsewhere.id)
    seen = shelf.sync(world)
    assert titles(shelf) == {"beside"}
    assert sum(isinstance(change, Delete) for change in seen) == 1
    world.fake.move(world.sub, world.root.id)
    shelf.sync(world)
    assert titles(shelf) == {"beside", "below"}
    world.fake.move(world.sub, world.hidden.id)  # where the account sees nothing: `removed` for the folder alone
    shelf.sync(world)
    assert titles(shelf) == {"beside"}


def test_a_folder_in_the_trash_takes_what_is_below_and_brings_it_back(world: DriveWorld) -> None:
    world.fake.doc("below", world.fake.folder("Deep", world.sub.id).id, "Text.")
    shelf = fresh(world)
    world.fake.trash(world.sub)
    shelf.sync(world)
    assert not shelf.documents
    world.fake.trash(world.sub, False)
    shelf.sync(world)
    assert titles(shelf) == {"below"}


def test_a_renamed_or_moved_folder_changes_the_paths_below(world: DriveWorld) -> None:
    deep = world.fake.folder("Deep", world.sub.id)
    item = world.fake.doc("below", deep.id, "Text.")
    shelf = fresh(world)
    assert shelf.documents[item.id].metadata["folder"] == "Handbook/Sub/Deep"
    world.fake.rename(world.sub, "Other/name")
    shelf.sync(world)
    assert shelf.documents[item.id].metadata["folders"] == ["Handbook", "Other/name", "Deep"]
    world.fake.move(deep, world.team)
    shelf.sync(world)
    about = shelf.documents[item.id].metadata
    assert (about["folder"], about["drive"]) == ("Deep", "Team")
    assert "owner" not in about


def test_a_file_that_moves_between_drives_is_never_lost(world: DriveWorld) -> None:
    item = world.fake.doc("moving", world.root.id, "Text.")
    shelf = fresh(world)
    for place in (world.team, world.sub.id, world.team):
        world.fake.move(item, place)
        shelf.sync(world)
        assert titles(shelf) == {"moving"}
    assert shelf.versions == fresh(world).versions


def test_a_shortcut_is_read_as_its_target_and_only_once(world: DriveWorld) -> None:
    inside = world.fake.doc("inside", world.root.id, "Text.")
    outside = world.fake.doc("outside", world.elsewhere.id, "Text.")
    world.fake.shortcut(inside.id, world.sub.id)
    first = world.fake.shortcut(outside.id, world.sub.id)
    second = world.fake.shortcut(outside.id, world.team)
    shelf = Shelf()
    seen = shelf.sync(world)
    assert [change.document.id for change in seen if isinstance(change, Upsert)].count(outside.id) == 1
    assert titles(shelf) == {"inside", "outside"}
    world.fake.delete(second)
    shelf.sync(world)
    assert shelf.documents[outside.id].metadata["folder"] == "Handbook/Sub"
    world.fake.trash(first)
    shelf.sync(world)
    assert titles(shelf) == {"inside"}
    world.fake.trash(first, False)
    outside.tabs[0].text = "Edited."
    world.fake.edit(outside)
    shelf.sync(world)
    assert "Edited." in shelf.texts
    world.fake.trash(outside)
    shelf.sync(world)
    assert titles(shelf) == {"inside"}


def test_a_shortcut_to_a_folder_counts_as_the_folder_even_in_a_circle(world: DriveWorld) -> None:
    other = world.fake.folder("Other", world.elsewhere.id)
    item = world.fake.doc("linked", other.id, "Text.")
    link = world.fake.shortcut(other.id, world.root.id)
    world.fake.shortcut(world.root.id, other.id)
    world.fake.shortcut(other.id, other.id)
    shelf = fresh(world)
    assert titles(shelf) == {"linked"}
    assert shelf.documents[item.id].metadata["folder"] == "Other"
    world.fake.doc("later", other.id, "Text.")
    shelf.sync(world)
    assert titles(shelf) == {"linked", "later"}
    world.fake.delete(link)
    shelf.sync(world)
    assert not shelf.documents


def test_a_shortcut_into_another_shared_drive_is_followed_there(world: DriveWorld) -> None:
    drive = world.fake.drive("Second")
    folder = world.fake.folder("Far", drive)
    world.fake.shortcut(folder.id, world.root.id)
    world.fake.doc("far", folder.id, "Text.")
    shelf = fresh(world)
    assert titles(shelf) == {"far"}
    world.fake.doc("farther", folder.id, "Text.")
    shelf.sync(world)
    assert titles(shelf) == {"far", "farther"}
    assert {str(document.metadata["drive"]) for document in shelf.documents.values()} == {"Second"}


def test_a_folder_of_a_drive_that_the_account_is_no_member_of(world: DriveWorld) -> None:
    drive = world.fake.drive("Closed")
    world.fake.members[drive].clear()
    me = permission("user", MAIL)
    folder = world.fake.folder("Shared", drive, permissions={me["id"]: me})
    world.fake.doc("from outside", folder.id, "Text.")
    world.options["folders"] = [folder.id]
    shelf = fresh(world)
    assert titles(shelf) == {"from outside"}
    world.fake.doc("another", folder.id, "Text.")
    shelf.sync(world)
    assert titles(shelf) == {"from outside", "another"}


def test_a_shortcut_to_what_is_not_shared_waits_for_it(world: DriveWorld) -> None:
    secret = world.fake.doc("secret", world.hidden.id, "Text.")
    world.fake.shortcut(secret.id, world.root.id)
    shelf = fresh(world)
    assert not shelf.documents
    world.fake.share(secret, permission("user", MAIL))
    shelf.sync(world)
    assert titles(shelf) == {"secret"}


def test_a_chosen_folder_that_is_lost_stops_the_run_and_deletes_nothing(world: DriveWorld) -> None:
    world.put("doc1", "One.")
    shelf = fresh(world)
    world.fake.unshare(world.root, world.me["id"])
    with pytest.raises(ConnectorError, match=r"not there, or not shared .* Share it"):
        shelf.sync(world)
    assert len(shelf.documents) == 1
    world.fake.share(world.root, world.me)
    world.fake.members[world.team].clear()
    with pytest.raises(ConnectorError, match="no member of a shared drive"):
        shelf.sync(world)
    assert len(shelf.documents) == 1


def test_a_chosen_folder_in_the_trash_is_empty(world: DriveWorld) -> None:
    world.put("doc1", "One.")
    shelf = fresh(world)
    world.fake.trash(world.root)
    shelf.sync(world)
    assert not shelf.documents


def test_a_folder_that_goes_while_it_is_listed_does_not_block_the_others(world: DriveWorld) -> None:
    shelf = fresh(world)
    folders = [world.fake.folder(f"dir{number}", world.root.id) for number in range(4)]
    world.fake.doc("kept", folders[3].id, "Text.")
    for change in world.connector().changes(shelf.cursor):
        shelf.replay([change])
        if isinstance(change, Checkpoint) and change.cursor["queue"]:
            break  # killed while folders wait to be listed
    world.fake.delete(folders[0])
    world.fake.delete(folders[1])
    shelf.sync(world)
    assert titles(shelf) == {"kept"}


def test_a_file_created_while_all_is_listed_stays(fake: GoogleFake) -> None:
    world = DriveWorld(fake, sweep_every="0s")
    for number in range(7):
        world.put(f"doc{number}", f"Text {number}.")
    shelf = fresh(world)
    late = fake.folder("Late", world.sub.id)
    fake.doc("moved meanwhile", late.id, "Text.")
    shelf.sync(world)
    moved = False
    changes = []
    for change in world.connector().changes(shelf.cursor):
        changes.append(change)
        if isinstance(change, Checkpoint) and not moved:
            moved = True
            fake.move(late, world.team)
            fake.doc("new meanwhile", world.root.id, "Text.")
    shelf.apply(changes)
    assert {"moved meanwhile", "new meanwhile"} <= titles(shelf)
    assert not shelf.deleted


def test_a_run_that_was_stopped_goes_on_in_the_middle_of_its_pages(world: DriveWorld) -> None:
    for number in range(20):
        world.fake.blob(f"f{number:02}.txt", world.root.id, f"Text {number}")
    shelf = Shelf()
    for change in world.connector().changes(None):
        shelf.replay([change])
        if len(shelf.documents) >= 12 and isinstance(change, Checkpoint):
            break
    start = len(world.fake.asked)
    shelf.sync(world)
    assert len(shelf.documents) == 20
    assert len(content_asked(world.fake, start)) <= 9
    pages = [request for request in world.fake.asked[start:] if request.path == "/drive/v3/files"]
    assert pages[0].one("pageToken")
    assert sum(world.root.id in request.one("q", "") for request in pages) <= 4


def test_a_page_token_that_is_refused_starts_the_folder_again(world: DriveWorld) -> None:
    for number in range(9):
        world.fake.blob(f"f{number}.txt", world.root.id, f"Text {number}")
    shelf = Shelf()
    for change in world.connector().changes(None):
        shelf.replay([change])
        if isinstance(change, Checkpoint) and change.cursor["page"]:
            break
    shelf.cursor = {**shelf.cursor, "page": "gone"}
    shelf.sync(world)
    assert len(shelf.documents) == 9


def test_a_log_whose_token_is_refused_is_replaced_by_a_listing(world: DriveWorld) -> None:
    world.put("doc0", "Zero.")
    world.put("doc2", "Two.")
    shelf = fresh(world)
    world.remove("doc0")
    world.put("doc4", "Four.")
    shelf.cursor = {**shelf.cursor, "tokens": {**shelf.cursor["tokens"], "": "9999"}}
    seen = shelf.sync(world)
    assert titles(shelf) == {"doc2", "doc4"}
    assert any(isinstance(change, Complete) for change in seen)


def test_other_options_read_everything_again(world: DriveWorld) -> None:
    world.put("doc0", "Zero.")
    shelf = fresh(world)
    world.options |= {"link_means_public": True, "service_account_json": world.options["service_account_json"] + " "}
    assert any(isinstance(change, Upsert) for change in shelf.sync(world))
    world.options["requests_per_minute"] = 9_999_999
    assert not any(isinstance(change, Upsert) for change in shelf.sync(world))


def test_a_log_that_does_not_advance_is_an_error(world: DriveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = fresh(world)
    stuck = Response(json={"changes": [], "nextPageToken": shelf.cursor["tokens"][""]})
    monkeypatch.setattr(world.fake, "_changes", lambda request: stuck)
    with pytest.raises(CursorError, match="does not advance"):
        shelf.sync(world)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("busy", retry_after="0"),
        Fault("error", 500),
        Fault("error", 503, retry_after="0"),
        Fault("reset"),
        Fault("cut"),
        Fault("truncated"),
        Fault("html"),
        Fault("expired"),
        Fault("hang", seconds=0.01),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("path", ["/drive/v3/files", "/changes", "alt", "/export", "/v4/", "/token"])
def test_each_passing_fault_is_got_over(world: DriveWorld, fault: Fault, path: str) -> None:
    world.put("doc0", "Zero.")
    item = world.fake.blob("a.txt", world.root.id, "Words " * 20)
    if path == "/token" and fault.kind == "expired":
        fault = Fault("busy")  # there is no session that could have ended
    world.fake.sheet("Book", world.root.id, Grid("A", [["k"], ["v"]]))
    where = f"/files/{item.id}" if path == "alt" else path
    world.fake.break_next(Fault(fault.kind, fault.status, fault.retry_after, fault.seconds, path=where))
    shelf = fresh(world)
    assert len(shelf.documents) == 3
    assert not shelf.failed


def test_files_left_out_are_counted_and_leave(fake: GoogleFake) -> None:
    world = DriveWorld(
        fake,
        exclude=["drafts/", "*.bak.txt"],
        include=["*.txt", "*.csv", "*.zip", "Sub/"],
        kinds=["text", "docs"],
        max_bytes=100_000,
        modified_since="2026-03-01",
    )
    drafts = fake.folder("drafts", world.root.id)
    kept = fake.blob("kept.txt", world.root.id, "Words")
    fake.blob("draft.txt", drafts.id, "Words")
    fake.blob("old.bak.txt", world.root.id, "Words")
    fake.blob("big.txt", world.root.id, "x" * 200_000)
    fake.blob("none.txt", world.root.id, "")
    fake.blob("space.txt", world.root.id, " \n")
    fake.blob("a.zip", world.root.id, "PK", "application/zip")
    fake.blob("a.csv", world.root.id, "a\n1\n", "text/csv")
    fake.doc("outside of include", world.root.id, "Words")
    locked = fake.blob("locked.txt", world.root.id, "Words", downloadable=False)
    old = fake.blob("old.txt", world.root.id, "Words")
    old.modified = "2025-12-31T23:59:59.999Z"
    shelf = fresh(world)
    assert set(shelf.documents) == {kept.id}
    assert sorted(shelf.skipped.values()) == sorted(
        ["excluded"] * 2
        + ["too large", "empty", "empty", "unsupported type", "kind not chosen", "not included"]
        + ["download not allowed", "older than modified_since"]
    )
    fake.rename(kept, "kept.bak.txt")
    locked.downloadable = True
    fake.note(locked.id)
    seen = shelf.sync(world)
    assert titles(shelf) == {"locked.txt"}
    assert [change.reason for change in seen if isinstance(change, Skipped)] == ["excluded"]


def test_the_same_second_hides_no_edit(world: DriveWorld) -> None:
    item = world.fake.blob("a.txt", world.team, "one")
    shelf = fresh(world)
    for text in ("two", "six", "ten"):
        item.content = text.encode()
        world.fake.edit(item)
        shelf.sync(world)
        assert shelf.texts == [text]
    assert item.modified[:19] == item.created[:19]


def test_a_folder_whose_listing_does_not_advance_is_an_error(
    world: DriveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.fake, "_list", lambda request: Response(json={"files": [], "nextPageToken": "~!same"}))
    with pytest.raises(CursorError, match="does not advance"):
        fresh(world)


def test_a_shared_drive_that_is_renamed_changes_what_is_said_of_its_files(world: DriveWorld) -> None:
    item = world.fake.doc("a", world.team, "Text.")
    shelf = fresh(world)
    world.fake.drives[world.team] = "Support"
    world.fake.note(world.team, world.team)
    shelf.sync(world)
    assert shelf.documents[item.id].metadata["drive"] == "Support"


def test_a_change_that_was_undone_while_a_run_was_stopped_is_undone(world: DriveWorld) -> None:
    item = world.fake.doc("before", world.root.id, "Text.")
    gone = world.fake.blob("a.txt", world.team, "Words")
    shelf = fresh(world)
    world.fake.rename(item, "after")
    world.fake.trash(gone)
    run = list(world.connector().changes(shelf.cursor))
    shelf.replay([change for change in run[:-1] if not isinstance(change, Checkpoint) or change.cursor["pending"]])
    assert titles(shelf) == {"after"}  # both are on the shelf, and no checkpoint behind them
    world.fake.rename(item, "before")
    world.fake.trash(gone, False)
    shelf.sync(world)
    assert titles(shelf) == {"before", "a.txt"}


def test_a_cursor_of_another_format_starts_from_nothing(world: DriveWorld) -> None:
    world.put("doc0", "Zero.")
    shelf = fresh(world)
    shelf.cursor = {**shelf.cursor, "format": 0}
    assert any(isinstance(change, Complete) for change in shelf.sync(world))


def test_a_path_does_not_depend_on_what_was_found_first(world: DriveWorld) -> None:
    middle = world.fake.folder("Middle", world.sub.id)
    inner = world.fake.folder("Inner", middle.id)
    deep = world.fake.folder("Deep", inner.id)
    item = world.fake.doc("a", deep.id, "Text.")
    world.fake.shortcut(inner.id, world.team)
    world.options["folders"] = [deep.id, world.root.id]
    assert fresh(world).documents[item.id].metadata["folder"] == "Handbook/Sub/Middle/Inner/Deep"


def test_the_root_of_my_drive_is_a_folder_like_others(world: DriveWorld) -> None:
    world.fake.my_drive = world.root.id
    world.fake.doc("a", world.sub.id, "Text.")
    world.options |= {"folders": ["root"], "shared_drives": []}
    shelf = fresh(world)
    assert titles(shelf) == {"a"}
    assert world.connector().check().ok
    world.fake.my_drive = ""
    with pytest.raises(ConnectorError, match="has no My Drive"):
        shelf.sync(world)


def test_a_linked_drive_that_is_lost_takes_its_files(world: DriveWorld) -> None:
    drive = world.fake.drive("Second")
    folder = world.fake.folder("Far", drive)
    world.fake.doc("far", folder.id, "Text.")
    world.fake.doc("near", world.root.id, "Text.")
    world.fake.shortcut(folder.id, world.root.id)
    shelf = fresh(world)
    assert titles(shelf) == {"far", "near"}
    world.fake.members[drive].clear()
    shelf.sync(world)
    assert titles(shelf) == {"near"}
    shelf.sync(world)
    assert set(shelf.cursor["tokens"]) == {"", world.team}


def test_a_file_reached_by_a_shortcut_survives_the_loss_of_its_folder(world: DriveWorld) -> None:
    folder = world.fake.folder("Own", world.root.id)
    item = world.fake.doc("a", folder.id, "Text.")
    world.fake.shortcut(item.id, world.team)
    shelf = fresh(world)
    assert shelf.documents[item.id].metadata["folder"] == "Handbook/Own"
    world.fake.move(folder, world.elsewhere.id)
    shelf.sync(world)
    assert "folder" not in shelf.documents[item.id].metadata
    assert shelf.versions == fresh(world).versions


def test_a_log_that_ends_nowhere_is_an_error(world: DriveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = fresh(world)
    monkeypatch.setattr(world.fake, "_changes", lambda request: Response(json={"changes": []}))
    with pytest.raises(ConnectorError, match="without saying where to go on"):
        shelf.sync(world)
