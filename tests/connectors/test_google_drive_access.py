"""The ``google-drive`` connector's credentials, who may read what, its errors and its ``check``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.errors import AuthError, ConnectorError, MissingExtra
from connectors.google_drive.connector import GoogleDriveOptions, connector
from connectors.google_drive.errors import judge
from connectors.google_drive.readers import Readers
from connectors.replies import Reply
from tests.connectors.conformance import Shelf, fresh
from tests.connectors.fakes.google import MAIL, GoogleFake
from tests.connectors.fakes.google_items import DOC, Grid, permission
from tests.connectors.fakes.google_world import PEOPLE, DriveWorld, key_json, key_pair, serving, small_pages
from tests.connectors.fakes.server import Fault, Response

pytestmark = pytest.mark.usefixtures("quick", "small")

ACCOUNT = f"google-user:{MAIL}"
BROKEN = "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def fake() -> Iterator[GoogleFake]:
    yield from serving()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch)


@pytest.fixture
def world(fake: GoogleFake) -> DriveWorld:
    return DriveWorld(fake)


def readers(shelf: Shelf, name: str) -> set[str] | None:
    found = shelf.documents[name].readers
    return None if found is None else set(found) - {ACCOUNT}


# Who may read


def audience(*permissions: dict[str, Any], link: bool = False, now: float = 0.0) -> set[str] | None:
    found, _ = Readers(lambda _: [], link_means_public=link, now=now).audience(permissions, limited=False)
    return None if found is None else set(found)


def test_permissions_become_groups() -> None:
    assert audience(
        permission("user", "Ann@corp.example", "owner"),
        permission("group", "team@corp.example", "commenter"),
        permission("domain", "Corp.example", allowFileDiscovery=True),
    ) == {"google-user:ann@corp.example", "google-group:team@corp.example", "google-domain:corp.example"}


def test_public_is_everybody_and_a_link_alone_is_not() -> None:
    ann = permission("user", PEOPLE[0])
    assert audience(ann, permission("anyone", allowFileDiscovery=True)) is None
    assert audience(ann, permission("anyone")) == {"google-user:ann@corp.example"}
    assert audience(ann, permission("domain", "corp.example")) == {"google-user:ann@corp.example"}
    assert audience(ann, permission("anyone"), link=True) is None
    assert audience(permission("domain", "corp.example"), link=True) == {"google-domain:corp.example"}


def test_what_gives_no_access_is_left_out() -> None:
    assert (
        audience(
            permission("user", PEOPLE[0], deleted=True),
            permission("anyone", allowFileDiscovery=True, view="published"),
            permission("user", PEOPLE[1], view="metadata"),
            permission("user", PEOPLE[2], expirationTime="2026-01-01T00:00:00.000Z"),
            permission("user", ""),
            now=2e9,
        )
        == set()
    )


def test_limited_access_leaves_out_what_is_only_inherited() -> None:
    def given(who: str, inherited: bool, role: str = "reader") -> dict[str, Any]:
        return permission("user", who, role, permissionDetails=[{"inherited": inherited}])

    found, _ = Readers(lambda _: [], link_means_public=False, now=0).audience(
        [given("a@x", True), given("b@x", False), given("c@x", True, "organizer"), permission("user", "d@x")], True
    )
    assert found == {"google-user:b@x", "google-user:c@x"}


def test_items_of_my_drive_carry_their_permissions(world: DriveWorld) -> None:
    item = world.fake.doc("a", world.root.id, "Text.")
    shelf = fresh(world)
    assert readers(shelf, item.id) == {"google-user:ann@corp.example"}
    world.fake.share(item, permission("group", "all@corp.example"))
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-user:ann@corp.example", "google-group:all@corp.example"}
    world.fake.unshare(item, permission("group", "all@corp.example")["id"])
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-user:ann@corp.example"}
    assert not world.fake.paths("/permissions") or all(world.team in path for path in world.fake.paths("/permissions"))


def test_sharing_a_folder_changes_who_reads_what_is_below(world: DriveWorld) -> None:
    deep = world.fake.folder("Deep", world.sub.id)
    item = world.fake.doc("a", deep.id, "Text.")
    shelf = fresh(world)
    world.fake.share(world.sub, permission("user", PEOPLE[1]))
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-user:ann@corp.example", "google-user:bob@corp.example"}
    world.fake.unshare(world.root, permission("user", PEOPLE[0])["id"])
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-user:bob@corp.example"}


def test_members_of_a_shared_drive_are_asked_for_once_a_folder(world: DriveWorld) -> None:
    folder = world.fake.folder("Plans", world.team)
    items = [world.fake.doc(f"d{number}", folder.id, "Text.") for number in range(4)]
    own = world.fake.doc("own", folder.id, "Text.", permissions={"x": permission("user", PEOPLE[2])})
    shelf = fresh(world)
    assert {frozenset(readers(shelf, item.id) or ()) for item in items} == {
        frozenset({"google-group:team@corp.example"})
    }
    assert readers(shelf, own.id) == {"google-group:team@corp.example", "google-user:cat@corp.example"}
    assert len(world.fake.paths("/permissions")) == 3  # of the drive, of one file for all four, of the fifth


def test_a_new_member_of_a_shared_drive_sees_what_was_there(world: DriveWorld) -> None:
    item = world.fake.doc("a", world.team, "Text.")
    shelf = fresh(world)
    bob = permission("user", PEOPLE[1])
    world.fake.members[world.team][bob["id"]] = bob  # no log tells of it
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-group:team@corp.example", "google-user:bob@corp.example"}
    del world.fake.members[world.team][bob["id"]]
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-group:team@corp.example"}


def test_a_folder_of_a_shared_drive_has_the_drives_members_too(world: DriveWorld) -> None:
    folder = world.fake.folder("Plans", world.team)
    item = world.fake.doc("a", folder.id, "Text.")
    world.options |= {"folders": [folder.id], "shared_drives": []}
    shelf = fresh(world)
    del world.fake.members[world.team][permission("group", "team@corp.example")["id"]]
    shelf.sync(world)
    assert readers(shelf, item.id) == set()


def test_limited_access_to_a_folder_of_a_shared_drive(world: DriveWorld) -> None:
    folder = world.fake.folder("Board", world.team, permissions={"x": permission("user", PEOPLE[2])})
    item = world.fake.doc("a", folder.id, "Text.")
    shelf = fresh(world)
    folder.limited = True
    world.fake.note(folder.id)
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-user:cat@corp.example"}


def test_where_readers_cannot_be_seen_nobody_reads(world: DriveWorld) -> None:
    mine = world.fake.doc("mine", world.root.id, "Text.")
    theirs = world.fake.doc("theirs", world.team, "Text.")
    world.fake.denied_permissions.add(theirs.id)
    world.fake.can_share = False
    shelf = fresh(world)
    assert shelf.documents[mine.id].readers == frozenset()
    assert shelf.documents[theirs.id].readers == frozenset()
    world.options["permissions"] = "ignore"
    shelf = fresh(world)
    assert shelf.documents[mine.id].readers is None


def test_where_asking_for_readers_fails_the_file_leaves_until_it_is_known(world: DriveWorld) -> None:
    item = world.fake.doc("a", world.team, "Text.")
    shelf = fresh(world)
    world.fake.edit(item)
    world.fake.break_next(*[Fault("error", 500, path=f"{item.id}/permissions")] * 5)
    shelf.sync(world)
    assert not shelf.documents
    assert set(shelf.failed) == {item.id}
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-group:team@corp.example"}


def test_a_permission_that_runs_out_is_noticed_without_a_change(world: DriveWorld, monkeypatch) -> None:
    item = world.fake.doc("a", world.root.id, "Text.")
    until = permission("user", PEOPLE[1], expirationTime="2033-05-18T03:33:20.000Z")
    item.permissions[until["id"]] = until
    shelf = fresh(world)
    assert "google-user:bob@corp.example" in (readers(shelf, item.id) or ())
    monkeypatch.setattr("connectors.google_drive.connector.time.time", lambda: 2_000_000_001.0)
    shelf.sync(world)
    assert readers(shelf, item.id) == {"google-user:ann@corp.example"}


def test_rows_have_the_readers_of_their_spreadsheet(world: DriveWorld) -> None:
    item = world.fake.sheet("Book", world.root.id, Grid("One", [["n"], ["a"]]))
    assert readers(fresh(world), f"{item.id}:0:2") == {"google-user:ann@corp.example"}


# Credentials


def test_the_assertion_is_signed_and_says_who_asks_for_what(world: DriveWorld) -> None:
    world.options["subject"] = "boss@corp.example"
    fresh(world)
    said = world.fake.assertions[0]
    assert (said["iss"], said["sub"], said["aud"]) == (MAIL, "boss@corp.example", "https://oauth2.googleapis.com/token")
    assert said["scope"] == "https://www.googleapis.com/auth/drive.readonly"
    assert said["exp"] - said["iat"] == 3600
    assert len(world.fake.assertions) == 1


def test_a_token_that_is_refused_in_the_middle_is_fetched_again(world: DriveWorld) -> None:
    for number in range(9):
        world.fake.blob(f"{number}.txt", world.root.id, "Text")
    shelf = Shelf()
    for change in world.connector().changes(None):
        shelf.replay([change])
        if len(shelf.documents) in (2, 5):
            world.fake.token += 1
    assert len(shelf.documents) == 9
    assert len(world.fake.assertions) >= 3


def test_a_key_may_be_a_file_beside_the_yaml(world: DriveWorld, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(world.options.pop("service_account_json"))
    options = {**world.options, "service_account_file": "key.json"}
    source = connector.build("d", GoogleDriveOptions.model_validate(options), base_dir=tmp_path)
    assert source.check().ok
    (tmp_path / "key.json").unlink()
    found = source.check()
    assert not found.ok
    assert "key.json cannot be read: No such file" in found.detail


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/token",
        "http://127.0.0.1.evil.example/token",
        "https://oauth2.googleapis.com.evil.example/t",
    ],
)
def test_an_assertion_goes_to_google_only(world: DriveWorld, where: str) -> None:
    world.options["service_account_json"] = key_json(world.fake.url, token_uri=where)
    with pytest.raises(AuthError, match="token endpoint that is not Google's; nothing was sent"):
        fresh(world)
    assert not world.fake.asked


def test_a_loopback_endpoint_goes_with_a_loopback_api_only(world: DriveWorld) -> None:
    del world.options["api_url"]
    found = world.connector().check()
    assert "token endpoint that is not Google's" in found.detail


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no key of a service account"),
        ("not json", "no key of a service account"),
        ('{"type": "authorized_user", "client_id": "x"}', "no key of a service account"),
        (key_json("http://127.0.0.1:1", private_key=BROKEN), "private key cannot be read"),
    ],
)
def test_what_is_no_key_is_said_without_showing_it(world: DriveWorld, text: str, message: str) -> None:
    world.options["service_account_json"] = text
    found = world.connector().check()
    assert not found.ok
    assert message in found.detail
    assert "QUJD" not in f"{found}"


@pytest.mark.parametrize(
    ("error", "hint"), [("unauthorized_client", "Domain-wide|API controls"), ("invalid_grant", "clock")]
)
def test_a_refused_assertion_is_explained(world: DriveWorld, error: str, hint: str) -> None:
    world.fake.token_error = error
    found = world.connector().check()
    assert error in found.detail
    assert any(part in (found.hint or "") for part in hint.split("|"))


def test_without_google_auth_the_extra_is_named(world: DriveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(MissingExtra, match=r"openshelf\[google\]"):
        fresh(world)


def test_secrets_show_up_nowhere(world: DriveWorld) -> None:
    world.put("doc0", "Zero.")
    source = world.connector()
    shelf = fresh(world)
    world.fake.refused[world.names["doc0"].id] = "cannotExportFile"
    world.put("doc0", "One.")
    seen = shelf.sync(world)
    world.fake.token_error = "invalid_grant"
    with pytest.raises(AuthError) as caught:
        fresh(world)
    lines = [line for line in key_pair()[0].splitlines() if "KEY" not in line]
    shown = f"{source.options!r} {source!r} {vars(source)} {shelf.cursor} {seen} {caught.value} {source.check()}"
    assert not any(line in shown for line in lines)
    assert "token-1" not in shown
    assert world.options["service_account_json"] not in json.dumps(shelf.cursor)


# Errors


@pytest.mark.parametrize(
    ("reason", "skipped"),
    [
        ("cannotDownloadFile", "download not allowed"),
        ("cannotExportFile", "download not allowed"),
        ("appNotAuthorizedToFile", "access not granted"),
        ("insufficientFilePermissions", "access not granted"),
        ("cannotDownloadAbusiveFile", "flagged as abusive"),
        ("somethingNew", "access not granted"),
    ],
)
def test_a_refused_file_leaves_and_the_others_stay(world: DriveWorld, reason: str, skipped: str) -> None:
    item = world.fake.blob("a.txt", world.root.id, "one")
    world.fake.blob("b.txt", world.root.id, "other")
    shelf = fresh(world)
    world.fake.refused[item.id] = reason
    item.content = b"two"
    world.fake.edit(item)
    shelf.sync(world)
    assert shelf.texts == ["other"]
    assert shelf.skipped == {item.id: skipped}
    assert not shelf.failed


def test_the_day_s_quota_stops_the_run(world: DriveWorld) -> None:
    item = world.fake.blob("a.txt", world.root.id, "one")
    world.fake.refused[item.id] = "dailyLimitExceeded"
    with pytest.raises(ConnectorError, match="quota of requests for today"):
        fresh(world)


@pytest.mark.parametrize("reason", ["userRateLimitExceeded", "rateLimitExceeded"])
def test_a_403_that_means_busy_is_waited_for(world: DriveWorld, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    item = world.fake.blob("a.txt", world.root.id, "one")
    world.fake.refused[item.id] = reason
    get = world.fake._get

    def later(name: str, request: Any) -> Response:
        answer = get(name, request)
        if answer.status == 403:
            del world.fake.refused[item.id]
        return answer

    monkeypatch.setattr(world.fake, "_get", later)
    assert fresh(world).texts == ["one"]


def test_a_file_that_is_lost_after_it_was_listed_leaves(world: DriveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    item = world.fake.doc("a", world.root.id, "one")
    shelf = fresh(world)
    world.fake.edit(item)
    monkeypatch.setattr(world.fake, "_export", lambda *_: Response(404, json={"error": {"code": 404}}))
    shelf.sync(world)
    assert not shelf.documents
    assert not shelf.failed


# check


def test_check_says_what_can_be_read(world: DriveWorld) -> None:
    world.put("doc0", "Zero.")
    found = world.connector().check()
    assert found.ok
    assert found.detail.startswith(f"{MAIL} can read Handbook, Team;")


@pytest.mark.parametrize(
    ("api", "name"), [("drive", "Google Drive API"), ("docs", "Google Docs API"), ("sheets", "Google Sheets API")]
)
def test_check_names_an_api_that_is_not_enabled(world: DriveWorld, api: str, name: str) -> None:
    world.fake.disabled.add(api)
    found = world.connector().check()
    assert not found.ok
    assert f"The {name} is not enabled" in found.detail
    assert f"APIs & Services, Library, {name}" in (found.hint or "")
    if api != "drive":
        world.fake.add("x", DOC, world.root.id)
        world.options["kinds"] = ["pdf"]
        assert world.connector().check().ok


@pytest.mark.parametrize(
    ("path", "name"), [("v1/documents/x", "Docs"), ("v4/spreadsheets/x", "Sheets"), ("a", "Drive")]
)
def test_an_api_that_is_not_enabled_is_known_by_its_address_too(path: str, name: str) -> None:
    body = {"error": {"code": 403, "errors": [{"reason": "accessNotConfigured"}], "details": "none"}}
    error = judge(Reply(f"https://www.googleapis.com/{path}", 403, {}, body))
    assert isinstance(error, AuthError)
    assert f"The Google {name} API is not enabled" in error.message


def test_check_finds_what_is_not_shared(world: DriveWorld) -> None:
    world.options["folders"] = [world.hidden.id]
    found = world.connector().check()
    assert f"not shared with {MAIL}" in found.detail
    assert f"add {MAIL} as a Viewer" in (found.hint or "")
    world.options |= {"folders": [], "shared_drives": ["Nowhere"]}
    found = world.connector().check()
    assert "no member of a shared drive 'Nowhere'" in found.detail
    assert "Manage members. It sees: Team." in (found.hint or "")
    world.fake.drive("Team")
    world.options["shared_drives"] = ["Team"]
    assert "2 shared drives are called 'Team'" in world.connector().check().detail
    item = world.fake.doc("file", world.root.id, "Text.")
    world.options |= {"folders": [item.id], "shared_drives": []}
    assert "is no folder" in world.connector().check().detail
    with pytest.raises(ConnectorError, match="is no folder"):
        fresh(world)
    world.options["folders"] = [world.sub.id]
    world.fake.trash(world.sub)
    assert "in the trash" in world.connector().check().detail


def test_check_says_when_nobody_could_read(world: DriveWorld) -> None:
    world.fake.can_share = False
    found = world.connector().check()
    assert not found.ok
    assert "shown to nobody" in found.detail
    assert "as an Editor" in (found.hint or "")
    world.options["permissions"] = "ignore"
    assert world.connector().check().ok
    world.options["permissions"] = "follow"
    world.fake.can_share = True
    assert world.connector().check().ok
    world.fake.denied_permissions.add(world.team)
    found = world.connector().check()
    assert "may not see who can read 'Team'" in found.detail


def test_a_missing_scope_is_named(world: DriveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [{"domain": "global", "reason": "insufficientPermissions", "message": "x"}]
    answer = Response(403, json={"error": {"code": 403, "errors": errors}})
    monkeypatch.setattr(world.fake, "_drive", lambda *_: answer)
    found = world.connector().check()
    assert "lacks the scope" in found.detail
    assert "https://www.googleapis.com/auth/drive.readonly" in (found.hint or "")


# Options

KEY = {"service_account_json": "{}"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folders": ["abc"]}, "either service_account_file or service_account_json"),
        ({**KEY, "service_account_file": "x", "folders": ["abc"]}, "either service_account_file"),
        (KEY, "give folders or shared_drives"),
        ({**KEY, "folders": ["https://drive.google.com/drive/u/0/my-drive"]}, "is no folder; write its id or its link"),
        ({**KEY, "folders": ["a b"]}, "is no folder"),
        ({**KEY, "shared_drives": [" "]}, "its name or its id"),
        ({**KEY, "folders": ["a"], "subject": "boss"}, "mail address"),
        ({**KEY, "folders": ["a"], "api_url": "http://proxy.example"}, "use https"),
        ({**KEY, "folders": ["a"], "kinds": []}, "at least 1"),
        ({**KEY, "folders": ["a"], "kinds": ["video"]}, "docs"),
        ({**KEY, "folders": ["a"], "permissions": "none"}, "follow"),
        ({**KEY, "folders": ["a"], "folder": "a"}, "Extra inputs"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GoogleDriveOptions.model_validate(options)


def test_folders_and_drives_may_be_links() -> None:
    options = GoogleDriveOptions.model_validate(
        {
            **KEY,
            "folders": ["https://drive.google.com/drive/u/1/folders/1Ab_c-D?usp=sharing", "1Ab_c-D", "root"],
            "shared_drives": ["https://drive.google.com/drive/folders/0AbPVA", "Team"],
        }
    )
    assert options.folders == ["1Ab_c-D", "root"]
    assert options.shared_drives == ["0AbPVA", "Team"]
