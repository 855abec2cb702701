"""Source type ``confluence`` against a server that behaves as Confluence does: what is followed, and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from configs.errors import AuthError, ConnectorError
from connectors.contract import Checkpoint, Complete, Delete, Expected, Failed, Skipped, Upsert
from tests.connectors.conformance import Conformance, Shelf, fresh
from tests.connectors.differential import follow_changes
from tests.connectors.fakes.confluence import API_TOKEN, CLOUD_ID, ConfluenceFake, ConfluenceWorld
from tests.connectors.fakes.server import PASSING, Fault, Request, Response

EDITIONS = ["cloud", "data-center"]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    monkeypatch.setattr("connectors.confluence.run.CHECKPOINT", 2)
    monkeypatch.setattr("connectors.confluence.api.PAGE", 3)
    monkeypatch.setattr("connectors.confluence.api.MEDIA_HOSTS", ("localhost",))


@pytest.fixture(params=EDITIONS)
def fake(request: pytest.FixtureRequest) -> Iterator[ConfluenceFake]:
    yield from server(request.param)


@pytest.fixture
def cloud() -> Iterator[ConfluenceFake]:
    yield from server("cloud")


def server(edition: str) -> Iterator[ConfluenceFake]:
    with ConfluenceFake(edition) as running:
        yield running


@pytest.fixture
def world(fake: ConfluenceFake) -> ConfluenceWorld:
    return ConfluenceWorld(fake)


class TestPages(Conformance):
    @pytest.fixture
    def world(self, cloud: ConfluenceFake) -> ConfluenceWorld:
        return ConfluenceWorld(cloud)


class TestDataCenterWithoutSweeps(Conformance):
    """Everything but labels, attachments and group members shows without a sweep."""

    @pytest.fixture(params=["data-center"])
    def world(self, fake: ConfluenceFake) -> ConfluenceWorld:
        return ConfluenceWorld(fake, sweep_every="1000d")

    @pytest.fixture(params=["data-center"])
    def fake(self, request: pytest.FixtureRequest) -> Iterator[ConfluenceFake]:
        yield from server(request.param)


class TestBlogPosts(Conformance):
    @pytest.fixture
    def world(self, cloud: ConfluenceFake) -> ConfluenceWorld:
        return ConfluenceWorld(cloud, kind="blogpost", sweep_every="1000d")


SWEEPS = {"attachments": True, "exclude_labels": ["draft"]}
LOOKS = {"sweep_every": "1000d", "silent": False}


@pytest.mark.parametrize(
    ("edition", "seed", "options"),
    [("cloud", 1, LOOKS), ("cloud", 2, SWEEPS), ("data-center", 3, SWEEPS)],
)
def test_following_changes_equals_reading_afresh(edition: str, seed: int, options: dict[str, Any]) -> None:
    for running in server(edition):
        follow_changes(ConfluenceWorld(running, **options), seed)


# What a document says


def test_a_page_says_where_it_is_and_what_it_is(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    top = fake.create("Returns", "<p>All about returns.</p>")
    page = fake.create("Worn shoes", "<p>Take them <strong>back</strong>.</p>", parent=top)
    fake.label(page, "shoes", "returns")
    fake.edit(page, "<p>Take them back.</p>")
    post = fake.create("News", "<p>Hello.</p>", kind="blogpost", space="OPS")
    documents = fresh(world).documents
    document = documents[page]
    author = "u-author" if fake.edition == "cloud" else "author"
    assert (document.title, document.media_type, document.content) == (
        "Worn shoes",
        "text/html",
        b"<p>Take them back.</p>",
    )
    site = f"{fake.url}/wiki" if fake.edition == "cloud" else f"{fake.url}/confluence"
    assert document.url == f"{site}/spaces/DOC/pages/{page}"
    assert document.readers is None
    assert document.metadata == {
        "space": "DOC",
        "space_name": "Handbook",
        "type": "page",
        "breadcrumb": ["Returns"],
        "author": author,
        "created": fake.items[page].created,
        "updated": fake.items[page].modified,
        "version": 2,
        "labels": ["returns", "shoes"],
    }
    assert isinstance(document.metadata["updated"], datetime)
    assert document.metadata["updated"].tzinfo is UTC
    assert documents[post].metadata["type"] == "blogpost"
    assert documents[post].metadata["space_name"] == "Operations & more"


def test_the_number_to_come_is_told(world: ConfluenceWorld, fake: ConfluenceFake) -> None:
    for number in range(7):
        fake.create(f"P{number}", kind="page" if number else "blogpost")
    assert [change for change in Shelf().sync(world) if isinstance(change, Expected)] == [Expected(7)]


def test_a_page_with_many_labels_has_them_all(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    page = fake.create("Many")
    fake.label(page, *(f"l{number:03}" for number in range(260)))
    assert len(fresh(world).documents[page].metadata["labels"]) == 260  # type: ignore[arg-type]


def test_folders_are_in_the_breadcrumb(cloud: ConfluenceFake) -> None:
    world = ConfluenceWorld(cloud)
    folder = cloud.create("Cupboard", "", kind="folder")
    page = cloud.create("Inside", parent=folder)
    assert fresh(world).documents[page].metadata["breadcrumb"] == ["Cupboard"]
    assert folder not in fresh(world).documents


# Which pages there are


def test_personal_and_archived_spaces_are_left_out(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    fake.space("OLD", status="archived")
    pages = {key: fake.create(f"In {key}", space=key) for key in ("DOC", "OPS", "~me", "OLD")}
    assert set(fresh(world).documents) == {pages["DOC"], pages["OPS"]}
    for options, keys in [
        ({"personal_spaces": True}, {"DOC", "OPS", "~me"}),
        ({"spaces": ["DOC", "~me"]}, {"DOC", "~me"}),
        ({"spaces": ["DOC", "OLD"]}, {"DOC"}),
        ({"exclude_spaces": ["DOC"]}, {"OPS"}),
    ]:
        found = fresh(ConfluenceWorld(fake, **options)).documents
        assert set(found) == {pages[key] for key in keys}, options


def test_labels_and_ancestors_choose_pages(fake: ConfluenceFake) -> None:
    top = fake_space(fake).create("Top")
    inside = fake.create("Inside", parent=top)
    outside = fake.create("Outside")
    fake.label(inside, "public", "beta")
    fake.label(outside, "public")
    for options, kept, reason in [
        ({"labels": ["beta"]}, {inside}, "without the labels"),
        ({"exclude_labels": ["beta"]}, {top, outside}, "excluded label"),
        ({"ancestors": [top]}, {top, inside}, "not below the ancestors"),
    ]:
        shelf = fresh(ConfluenceWorld(fake, **options))
        assert set(shelf.documents) == kept
        assert set(shelf.skipped.values()) == {reason}
        assert set(shelf.skipped) == {top, inside, outside} - kept


def fake_space(fake: ConfluenceFake) -> ConfluenceFake:
    ConfluenceWorld(fake)
    return fake


def test_a_page_that_becomes_left_out_leaves(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, exclude_labels=["internal"], attachments=True)
    page = fake.create("P")
    file = fake.attach(page, "a.txt", b"text")
    shelf = fresh(world)
    assert set(shelf.documents) == {page, file}
    fake.label(page, "internal")  # no new version
    seen = shelf.sync(world)
    assert Skipped(page, "excluded label", "P") in seen
    assert not shelf.documents
    fake.label(page)
    shelf.sync(world)
    assert set(shelf.documents) == {page, file}


def test_other_settings_start_from_nothing_and_a_new_token_does_not(
    fake: ConfluenceFake, world: ConfluenceWorld
) -> None:
    page = fake.create("P")
    shelf = fresh(world)
    again = list(world.connector(requests_per_minute=999_999, restrictions_every="1h").changes(shelf.cursor))
    assert not [change for change in again if isinstance(change, Upsert)]
    changed = list(world.connector(exclude_labels=["x"]).changes(shelf.cursor))
    assert [change.document.id for change in changed if isinstance(change, Upsert)] == [page]


# What leaves the index


@pytest.mark.parametrize("how", ["trash", "archive", "purge", "hide", "draft", "move"])
def test_what_is_no_longer_current_leaves(fake: ConfluenceFake, how: str) -> None:
    world = ConfluenceWorld(fake, sweep_every="1000d", attachments=True)
    page, other = fake.create("P"), fake.create("Other")
    file = fake.attach(page, "a.txt", b"text")
    shelf = fresh(world)
    assert set(shelf.documents) == {page, other, file}
    if how == "hide":
        fake.items[page].hidden = True
    elif how == "draft":
        fake.items[page].status = "draft"
    elif how == "move":
        fake.move(page, None, "~me")
    else:
        getattr(fake, how)(page)
    seen = shelf.sync(world)
    assert {change.id for change in seen if isinstance(change, Delete)} == {page, file}
    assert set(shelf.documents) == {other}
    assert [change.ids for change in seen if isinstance(change, Complete)] == [frozenset({other})]


def test_moves_and_renamed_ancestors_show_without_a_new_version(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, sweep_every="1000d")
    top, other = fake.create("Top"), fake.create("Other")
    page = fake.create("P", parent=top)
    shelf = fresh(world)
    fake.edit(top, title="Renamed")
    shelf.sync(world)
    assert shelf.documents[page].metadata["breadcrumb"] == ["Renamed"]
    fake.move(page, other)
    shelf.sync(world)
    assert shelf.documents[page].metadata["breadcrumb"] == ["Other"]
    fake.move(page, None, "OPS")
    shelf.sync(world)
    assert shelf.documents[page].metadata["space"] == "OPS"
    assert shelf.documents == fresh(world).documents


def test_a_listing_that_shifts_while_it_is_read_deletes_nothing(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    pages = [fake.create(f"P{number}") for number in range(9)]
    shelf = fresh(world)
    listed = "/api/v2/pages" if fake.edition == "cloud" else "/rest/api/content"

    def shift(request: Request) -> None:
        behind = "cursor" in request.query or request.one("start") not in (None, "0")
        if request.path.endswith(listed) and behind:
            fake.on_page = None
            fake.trash(pages[0])

    fake.on_page = shift
    seen = shelf.sync(world)
    assert fake.on_page is None
    assert not [change.id for change in seen if isinstance(change, Delete) and change.id != pages[0]]
    assert set(pages[1:]) <= set(shelf.documents)
    shelf.sync(world)
    assert set(shelf.documents) == set(pages[1:])


def test_what_is_created_or_comes_back_during_a_sweep_is_not_deleted(
    fake: ConfluenceFake, world: ConfluenceWorld
) -> None:
    first, second = fake.create("A"), fake.create("B")
    shelf = fresh(world)
    fake.archive(second)
    for change in world.connector().changes(shelf.cursor):
        shelf.replay([change])
        if isinstance(change, Expected):
            fake.restore(second)
            third = fake.create("C")
    shelf.sync(world)
    assert set(shelf.documents) == {first, second, third}


def test_a_space_that_is_lost_takes_its_pages_along(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    kept, lost = fake.create("A"), fake.create("B", space="OPS")
    shelf = fresh(world)
    fake.spaces[fake.space_id("OPS")]["status"] = "archived"
    shelf.sync(world)
    assert set(shelf.documents) == {kept}
    assert lost in shelf.deleted


def test_an_account_that_sees_no_space_deletes_nothing(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, spaces=["DOC"])
    page = fake.create("A")
    shelf = fresh(world)
    fake.spaces = {name: one for name, one in fake.spaces.items() if one["key"] != "DOC"}
    with pytest.raises(AuthError, match="None of the spaces DOC is visible"):
        shelf.sync(world)
    assert set(shelf.documents) == {page}


# Between two looks: walking back over the newest versions


def walking(fake: ConfluenceFake, **options: Any) -> ConfluenceWorld:
    return ConfluenceWorld(fake, sweep_every="1000d", restrictions_every="1000d", **options)


def test_a_walk_reads_what_is_new_and_nothing_else(fake: ConfluenceFake) -> None:
    world = walking(fake)
    pages = [fake.create(f"P{number}") for number in range(40)]
    fake._changes += 10_000  # an hour later
    fake.edit(pages[3])
    shelf = fresh(world)
    fake.edit(pages[7], "<p>Edited.</p>")
    new = fake.create("New")
    fake.asked.clear()
    seen = shelf.sync(world)
    assert {change.document.id for change in seen if isinstance(change, Upsert)} == {pages[7], new}
    assert not any(isinstance(change, Complete | Delete) for change in seen)
    assert len(fake.asked) < 20
    fake.asked.clear()
    assert [type(change) for change in shelf.sync(world)] == [Checkpoint]
    assert not fake.paths("restriction")


def test_versions_that_share_a_second_are_all_read(fake: ConfluenceFake) -> None:
    world = walking(fake)
    pages = [fake.create(f"P{number}") for number in range(6)]
    shelf = fresh(world)
    for round_ in range(3):
        for page in pages:
            fake.edit(page, f"<p>Round {round_}.</p>")
            shelf.sync(world)
    assert all(text == "<p>Round 2.</p>" for text in shelf.texts)


def test_a_walk_does_not_ask_for_more_than_it_needs(cloud: ConfluenceFake) -> None:
    world = walking(cloud)
    for number in range(30):
        cloud.create(f"P{number}")
        cloud._changes += 9_000
    shelf = fresh(world)
    cloud.asked.clear()
    shelf.sync(world)
    listed = [request for request in cloud.asked if request.path.endswith("/pages")]
    assert [request.one("sort") for request in listed] == ["-modified-date"]
    assert all(request.one("status") == "current" for request in listed)


def test_data_centers_times_are_asked_for_in_whole_minutes_of_any_zone() -> None:
    for running in server("data-center"):
        for hours in (-12, 14):
            running.zone = running.zone.__class__(hours=hours)
            world = walking(running)
            page = running.create("P")
            shelf = fresh(world)
            running._changes += 30
            running.edit(page, f"<p>{hours}</p>")
            shelf.sync(world)
            assert shelf.documents[page].content.decode() == f"<p>{hours}</p>"


# What goes wrong


@pytest.mark.parametrize(
    "fault", [*PASSING, Fault("hang", seconds=0.3)], ids=lambda fault: f"{fault.kind}-{fault.status}"
)
def test_a_fault_that_passes_changes_nothing(cloud: ConfluenceFake, fault: Fault) -> None:
    world = ConfluenceWorld(cloud, timeout=0.2)
    for number in range(3):
        cloud.create(f"P{number}")
    expected = fresh(world).documents
    shelf = Shelf()
    cloud.break_next(fault, fault)
    shelf.sync(world)
    assert (shelf.documents, shelf.failed) == (expected, {})


def test_one_page_that_fails_is_named_and_read_again_next_time(fake: ConfluenceFake) -> None:
    world = walking(fake)
    good, bad = fake.create("Good"), fake.create("Bad")
    path = f"/pages/{bad}" if fake.edition == "cloud" else f"/content/{bad}"
    fake.break_next(*[Fault("error", 503, path=path)] * 5)
    shelf = fresh(world)
    assert set(shelf.documents) == {good}
    assert "status 503, after 5 tries" in shelf.failed[bad]
    shelf.sync(world)
    assert (set(shelf.documents), shelf.failed) == ({good, bad}, {})


def test_a_page_that_fails_keeps_its_old_text(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    page = fake.create("P", "<p>Old.</p>")
    shelf = fresh(world)
    fake.edit(page, "<p>New.</p>")
    path = f"/pages/{page}" if fake.edition == "cloud" else f"/content/{page}"
    fake.break_next(*[Fault("error", 500, path=path)] * 5)
    failed = [change for change in shelf.sync(world) if isinstance(change, Failed)]
    assert shelf.texts == ["<p>Old.</p>"]
    assert (failed[0].id, failed[0].title, failed[0].step) == (page, "P", "fetch")
    assert failed[0].url
    assert failed[0].url.endswith(f"/pages/viewpage.action?pageId={page}")
    shelf.sync(world)
    assert (shelf.texts, shelf.failed) == (["<p>New.</p>"], {})


def test_an_unchanged_page_that_failed_once_is_delivered_again(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    page = fake.create("P")
    shelf = fresh(world)
    path = f"/pages/{page}" if fake.edition == "cloud" else f"/content/{page}"
    fake.break_next(*[Fault("error", 500, path=path)] * 5)
    shelf.sync(world)
    assert page in shelf.failed
    shelf.sync(world)
    assert not shelf.failed


def test_a_server_that_fails_for_every_page_ends_the_run(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    for number in range(8):
        fake.create(f"P{number}")
    path = "/pages/" if fake.edition == "cloud" else "/content/1"
    fake.break_next(*[Fault("error", 502, path=path)] * 100)
    shelf = Shelf()
    with pytest.raises(ConnectorError, match="status 502"):
        shelf.sync(world)
    assert len(shelf.failed) == 4
    fake.calm()
    shelf.sync(world)
    assert (len(shelf.documents), shelf.failed) == (8, {})


def test_a_list_that_is_too_long_for_the_server_is_read_in_smaller_pages(fake: ConfluenceFake, monkeypatch) -> None:
    monkeypatch.setattr("connectors.confluence.api.PAGE", 8)
    world = ConfluenceWorld(fake)
    pages = [fake.create(f"P{number}") for number in range(20)]
    listed = "/api/v2/pages" if fake.edition == "cloud" else "/rest/api/content"
    fake.break_next(*[Fault("error", 504, path=listed)] * 10)
    assert set(fresh(world).documents) == set(pages)
    limits = [request.one("limit") for request in fake.asked if request.path.endswith(listed)]
    assert limits[:12] == ["8"] * 5 + ["4"] * 5 + ["2", "4"]
    assert "8" in limits[12:]


def test_a_list_that_fails_even_with_one_entry_fails_the_run(cloud: ConfluenceFake) -> None:
    world = ConfluenceWorld(cloud)
    page = cloud.create("P")
    shelf = fresh(world)
    cloud.break_next(*[Fault("reset", path="/api/v2/pages")] * 200)
    with pytest.raises(ConnectorError, match="broke off"):
        shelf.sync(world)
    assert set(shelf.documents) == {page}


def test_an_entry_that_data_center_cannot_list_is_named_and_the_others_go_on() -> None:
    for running in server("data-center"):
        world = ConfluenceWorld(running, blogposts=False)
        pages = [running.create(f"P{number}") for number in range(6)]
        shelf = fresh(world)

        def broken(request: Request) -> Response | None:
            start, limit = int(request.one("start") or 0), int(request.one("limit") or 25)
            hit = request.path.endswith("/rest/api/content") and start <= 2 < start + limit
            return Response(500) if hit and request.one("spaceKey") == "DOC" else None

        running.on_page = broken
        running.edit(pages[5], "<p>Edited.</p>")
        running.trash(pages[0])
        seen = shelf.sync(world)
        assert not any(isinstance(change, Complete) for change in seen)
        assert any("the pages of space DOC, entry 2" in name for name in shelf.failed)
        assert set(shelf.documents) == set(pages[1:])
        assert shelf.documents[pages[5]].content == b"<p>Edited.</p>"


def test_refused_credentials_end_the_run(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    fake.create("P")
    shelf = fresh(world)
    fake.break_next(*[Fault("expired")] * 50)
    with pytest.raises(AuthError) as caught:
        shelf.sync(world)
    assert caught.value.status == 401
    assert len(shelf.documents) == 1
    assert API_TOKEN not in str(caught.value)


def test_credentials_refused_in_the_middle_end_the_run_and_lose_nothing(
    fake: ConfluenceFake, world: ConfluenceWorld
) -> None:
    pages = [fake.create(f"P{number}") for number in range(5)]
    path = f"/pages/{pages[3]}" if fake.edition == "cloud" else f"/content/{pages[3]}"
    fake.break_next(Fault("expired", path=path))
    shelf = Shelf()
    with pytest.raises(AuthError):
        shelf.sync(world)
    assert set(shelf.documents) == set(pages[:3])
    shelf.sync(world)
    assert set(shelf.documents) == set(pages)


def test_a_stopped_first_crawl_goes_on_where_it_was(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, sweep_every="1d")
    pages = [fake.create(f"P{number}") for number in range(10)]
    shelf = Shelf()
    for change in world.connector().changes(None):
        shelf.replay([change])
        if isinstance(change, Checkpoint) and len(shelf.documents) == 6:
            break
    fake.asked.clear()
    shelf.sync(world)
    assert set(shelf.documents) == set(pages)
    read = [name for name in pages if any(path.endswith((f"s/{name}", f"t/{name}")) for path in fake.paths())]
    assert read == pages[6:]


def test_a_stopped_sweep_goes_on_where_it_was(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, sweep_every="1d")
    pages = [fake.create(f"P{number}") for number in range(10)]
    shelf = fresh(world)
    assert shelf.cursor
    shelf.cursor["swept"] = 0  # as if a day had passed
    fake.label(pages[0], "early")
    fake.label(pages[9], "late")
    for change in world.connector().changes(shelf.cursor):
        shelf.replay([change])
        if isinstance(change, Checkpoint):
            break
    fake.asked.clear()
    shelf.sync(world)
    read = [name for name in pages if any(path.endswith((f"s/{name}", f"t/{name}")) for path in fake.paths())]
    assert read == pages[2:]
    assert shelf.documents == fresh(world).documents


def test_the_gateways_prefix_stays_on_every_page(cloud: ConfluenceFake) -> None:
    world = ConfluenceWorld(cloud, cloud_id=CLOUD_ID, gateway=cloud.url, attachments=True)
    pages = [cloud.create(f"P{number}") for number in range(7)]
    cloud.restrict(pages[0], groups=["staff"])
    cloud.restrict(cloud.create("Below", parent=pages[0]), groups=["leads"])
    cloud.attach(pages[1], "a.txt", b"text")
    shelf = fresh(world)
    assert len(shelf.documents) == 9
    shelf.sync(world)
    media = [path for path in cloud.paths() if path.startswith("/media/")]
    assert media
    assert all(path.startswith(f"/ex/confluence/{CLOUD_ID}/wiki/") for path in cloud.paths() if path not in media)
    assert shelf.documents[pages[0]].url == f"{cloud.url}/wiki/spaces/DOC/pages/{pages[0]}"


def test_a_service_accounts_token_goes_as_bearer(cloud: ConfluenceFake) -> None:
    world = ConfluenceWorld(
        cloud, cloud_id=CLOUD_ID, gateway=cloud.url, token="s3cret-access-token", email=None, api_token=None
    )
    cloud.create("P")
    assert len(fresh(world).documents) == 1
    assert cloud.asked[-1].headers["authorization"].startswith("Bearer ")


def test_a_next_link_to_another_host_is_refused(cloud: ConfluenceFake, monkeypatch: pytest.MonkeyPatch) -> None:
    world = ConfluenceWorld(cloud)
    page = cloud._v2_page

    def evil(*args: Any) -> Any:
        response = page(*args)
        response.json["_links"]["next"] = "https://evil.example/wiki/api/v2/pages"
        return response

    monkeypatch.setattr(cloud, "_v2_page", evil)
    with pytest.raises(ConnectorError, match=r"evil\.example is not one that this source may ask"):
        fresh(world)


def test_a_list_that_goes_in_a_circle_is_noticed(cloud: ConfluenceFake, monkeypatch: pytest.MonkeyPatch) -> None:
    world = ConfluenceWorld(cloud)
    page = cloud._v2_page

    def circle(*args: Any) -> Any:
        response = page(*args)
        response.json["_links"]["next"] = "/wiki/api/v2/spaces?cursor=MA=="
        return response

    monkeypatch.setattr(cloud, "_v2_page", circle)
    with pytest.raises(ConnectorError, match="does not advance"):
        fresh(world)


@pytest.mark.parametrize("answer", [[], {}, {"results": 3}, {"results": [{"id": "1"}]}, {"results": [7]}, None])
def test_absurd_answers_are_one_error(cloud: ConfluenceFake, monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    world = ConfluenceWorld(cloud)
    page = cloud._v2_page

    def absurd(*args: Any) -> Any:
        response = page(*args)
        response.json, response.body = answer, json.dumps(answer).encode()
        return response

    monkeypatch.setattr(cloud, "_v2_page", absurd)
    monkeypatch.setattr(cloud, "problem", lambda *_: None)
    with pytest.raises(ConnectorError):
        fresh(world)
    assert not world.connector().check().ok


def test_no_secret_is_in_cursor_options_or_errors(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    fake.create("P")
    shelf = fresh(world)
    shown = json.dumps(shelf.cursor) + repr(world.settings()) + repr(world.connector()) + str(world.settings())
    fake.break_next(*[Fault("error", 500)] * 500)
    with pytest.raises(ConnectorError) as caught:
        shelf.sync(world)
    assert "s3cret" not in shown + str(caught.value) + repr(caught.value)


def test_the_cursor_grows_by_a_few_bytes_for_each_page(fake: ConfluenceFake, world: ConfluenceWorld) -> None:
    for number in range(30):
        fake.create(f"A page with a title of some length, number {number}", "<p>" + "text " * 500 + "</p>")
    assert len(json.dumps(fresh(world).cursor)) < 30 * 80 + 400


# Attachments


def test_attachments_are_documents_of_their_own(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, attachments=True, max_attachment_bytes=50)
    page = fake.create("Manual", parent=fake.create("Top"))
    fake.label(page, "shoes")
    pdf = fake.attach(page, "Sizes.PDF", b"%PDF-1.7", "application/octet-stream")
    note = fake.attach(page, "note", b"Text.", "text/plain; charset=utf-8")
    big = fake.attach(page, "big.txt", b"x" * 51)
    film = fake.attach(page, "film.mp4", b"x", "video/mp4")
    shelf = fresh(world)
    assert {pdf, note} < set(shelf.documents)
    document = shelf.documents[pdf]
    assert (document.title, document.filename, document.media_type) == ("Sizes.PDF", "Sizes.PDF", "application/pdf")
    assert document.content == b"%PDF-1.7"
    assert document.metadata["type"] == "attachment"
    assert document.metadata["breadcrumb"] == ["Top", "Manual"]
    assert document.metadata["labels"] == ["shoes"]
    assert shelf.skipped == {big: "attachment too large", film: "attachment of another type"}
    assert not set(fresh(ConfluenceWorld(fake)).documents) & {pdf, note}


def test_attachments_change_and_leave_without_a_new_version_of_the_page(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, attachments=True)
    page = fake.create("P")
    one, two = fake.attach(page, "1.txt", b"one"), fake.attach(page, "2.txt", b"two")
    shelf = fresh(world)
    fake.asked.clear()
    shelf.sync(world)
    assert not [path for path in fake.paths() if "download" in path]  # what did not change is not fetched again
    fake.attach(page, "1.txt", b"one again")
    fake.detach(page, two)
    shelf.sync(world)
    assert shelf.documents[one].content == b"one again"
    assert two not in shelf.documents
    fake.trash(page)
    shelf.sync(world)
    assert not shelf.documents


def test_an_attachment_that_fails_is_named_and_read_again(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, attachments=True, sweep_every="1d")
    page = fake.create("P")
    file = fake.attach(page, "1.txt", b"one")
    fake.break_next(*[Fault("error", 500, path="download")] * 5)
    shelf = fresh(world)
    assert (set(shelf.documents), set(shelf.failed)) == ({page}, {file})
    shelf.sync(world)
    assert (set(shelf.documents), shelf.failed) == ({page, file}, {})


def test_a_sign_in_page_is_not_taken_for_an_attachment(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, attachments=True)
    page = fake.create("P")
    file = fake.attach(page, "1.txt", b"one")
    fake.break_next(Fault("html", path="/download"))
    shelf = fresh(world)
    assert "bytes where 3 were announced" in shelf.failed[file]
    shelf.sync(world)
    assert shelf.documents[file].content == b"one"


def test_attachments_that_cannot_be_listed_leave(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, attachments=True)
    page = fake.create("P")
    file = fake.attach(page, "1.txt", b"one")
    shelf = fresh(world)
    fake.forbidden = ["attachment"]
    shelf.sync(world)
    assert set(shelf.documents) == {page}
    assert "attachments cannot be listed" in shelf.failed[page]
    fake.forbidden = []
    shelf.sync(world)
    assert (set(shelf.documents), shelf.failed) == ({page, file}, {})
