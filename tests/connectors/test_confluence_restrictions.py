"""Who may read a page of Confluence, and how soon a change of that arrives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from configs.errors import AuthError
from connectors.confluence.api import Level
from connectors.confluence.restrictions import effective
from connectors.contract import Delete, Failed
from tests.connectors.conformance import Shelf, fresh
from tests.connectors.fakes.confluence import ConfluenceFake, ConfluenceWorld, including
from tests.connectors.fakes.server import Fault, Request

MEMBERS = {"staff": {"ann", "bob", "cy"}, "leads": {"ann", "dee"}, "ops": {"bob", "dee"}}


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    monkeypatch.setattr("connectors.confluence.run.CHECKPOINT", 2)
    monkeypatch.setattr("connectors.confluence.api.PAGE", 3)
    monkeypatch.setattr("connectors.confluence.api.MEDIA_HOSTS", ("localhost",))


@pytest.fixture(params=["cloud", "data-center"])
def fake(request: pytest.FixtureRequest) -> Iterator[ConfluenceFake]:
    with ConfluenceFake(request.param) as server:
        ConfluenceWorld(server)
        yield server


@pytest.fixture
def looks(fake: ConfluenceFake) -> ConfluenceWorld:
    """Never sweeps after the first time."""
    return ConfluenceWorld(fake, sweep_every="1000d")


def names(*parts: str) -> frozenset[str]:
    return frozenset(f"confluence-{part}" for part in parts)


def level(users: str = "", groups: str = "") -> Level:
    return Level(frozenset(f"confluence-user:{one}" for one in users.split()), {one: one for one in groups.split()})


def members(group: str) -> frozenset[str]:
    return frozenset(f"confluence-user:{one}" for one in MEMBERS.get(group, ()))


@pytest.mark.parametrize(
    ("levels", "readers"),
    [
        ([], None),
        ([level(), level()], None),
        ([level("ann", "staff")], names("user:ann", "group:staff")),
        ([level(), level(groups="staff"), level()], names("group:staff")),
        ([level(groups="staff"), level(groups="staff")], names("group:staff")),
        ([level("ann dee"), level("dee cy")], names("user:dee")),
        ([level(groups="staff"), level(groups="leads")], names("user:ann")),
        ([level(groups="staff"), level("ann dee")], names("user:ann")),
        ([level(groups="staff leads"), level("ann bob", "leads")], names("group:leads", "user:ann", "user:bob")),
        ([level(groups="staff"), level(groups="leads"), level(groups="ops")], frozenset()),
        ([level(groups="staff"), level(groups="unknown")], frozenset()),
        ([level(groups="unknown"), level("ann", "unknown")], names("group:unknown")),
    ],
)
def test_levels_become_one_set_of_names(levels: list[Level], readers: frozenset[str] | None) -> None:
    assert effective(levels, members) == readers


def test_no_reader_gets_in_who_is_not_named_at_every_level() -> None:
    users, groups = ["ann", "bob", "cy", "dee"], ["staff", "leads", "ops"]
    some = [level(u, g) for u in ("", "ann", "bob dee") for g in ("", "staff", "leads ops")]
    for one in some:
        for two in some:
            for three in (level(), level("ann", "ops")):
                readers = effective([one, two, three], members)
                for user in users:
                    own = {f"confluence-user:{user}"} | {f"confluence-group:{g}" for g in groups if user in MEMBERS[g]}
                    allowed = all(each.open or own & each.names for each in (one, two, three))
                    assert allowed == (readers is None or bool(own & readers)), (one, two, three, user)


def test_pages_inherit_the_restrictions_of_all_their_ancestors(fake: ConfluenceFake) -> None:
    top = fake.create("Top")
    middle = fake.create("Middle", parent=top)
    page = fake.create("Page", parent=middle)
    fake.restrict(top, ["bob"], ["leads"])
    fake.restrict(page, groups=["staff"])
    documents = fresh(ConfluenceWorld(fake)).documents
    assert documents[top].readers == names("user:bob", "group:leads")
    assert documents[middle].readers == names("user:bob", "group:leads")
    assert documents[page].readers == names("user:ann", "user:bob")


@pytest.mark.parametrize("fake", ["cloud"], indirect=True)
def test_restrictions_of_folders_count(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, sweep_every="1000d")
    folder = fake.create("Folder", "", kind="folder")
    page = fake.create("Page", parent=folder)
    shelf = fresh(world)
    assert shelf.documents[page].readers is None
    fake.restrict(folder, ["ann"])
    shelf.sync(world)
    assert shelf.documents[page].readers == names("user:ann")


def test_an_archived_page_that_is_restricted_later_closes_what_hangs_below_with_the_next_sync(
    fake: ConfluenceFake, looks: ConfluenceWorld
) -> None:
    above = fake.create("Above", "<p>Above.</p>", space="DOC")
    below = fake.create("Below", "<p>Below.</p>", space="DOC", parent=above)
    fake.archive(above)
    shelf = fresh(looks)
    assert shelf.documents[below].readers is None
    fake.restrict(above, groups=["leads"])
    shelf.sync(looks)
    assert shelf.documents[below].readers == names("group:leads")


def test_names_are_read_to_the_end_of_their_pages(fake: ConfluenceFake) -> None:
    fake.cap = 2
    page = fake.create("P")
    fake.restrict(page, [f"u{number}" for number in range(7)], ["staff", "leads", "ops", "more"])
    readers = fresh(ConfluenceWorld(fake)).documents[page].readers
    assert readers == names(
        *(f"user:u{number}" for number in range(7)), *(f"group:{g}" for g in ("staff", "leads", "ops", "more"))
    )


def test_a_large_group_is_read_to_its_end(fake: ConfluenceFake) -> None:
    fake.members["many"] = [f"u{number:03}" for number in range(450)]
    top = fake.create("Top")
    page = fake.create("P", parent=top)
    fake.restrict(top, groups=["many"])
    fake.restrict(page, ["u000", "u449", "ann"])
    assert fresh(ConfluenceWorld(fake)).documents[page].readers == names("user:u000", "user:u449")


def test_without_the_right_to_look_into_groups_only_shared_names_are_left(fake: ConfluenceFake) -> None:
    fake.forbidden = ["/group/"]
    top = fake.create("Top")
    page = fake.create("P", parent=top)
    fake.restrict(top, ["ann"], ["staff", "leads"])
    fake.restrict(page, ["ann", "bob"], ["leads"])
    assert fresh(ConfluenceWorld(fake)).documents[page].readers == names("user:ann", "group:leads")


def test_restrictions_are_ignored_only_when_that_is_written(fake: ConfluenceFake) -> None:
    page = fake.create("P")
    fake.restrict(page, ["ann"])
    assert fresh(ConfluenceWorld(fake)).documents[page].readers == names("user:ann")
    fake.asked.clear()
    assert fresh(ConfluenceWorld(fake, restrictions="ignore")).documents[page].readers is None
    assert not fake.paths("restriction")


@pytest.mark.parametrize("place", ["top", "page"])
def test_every_change_of_a_restriction_arrives_with_the_next_sync(
    fake: ConfluenceFake, looks: ConfluenceWorld, place: str
) -> None:
    top = fake.create("Top")
    page = fake.create("Page", parent=fake.create("Middle", parent=top))
    other = fake.create("Other")
    fake.attach(page, "a.txt", b"text")
    looks.options["attachments"] = True
    changed = {"top": top, "page": page}[place]
    shelf = fresh(looks)
    for users, groups in [(["ann"], []), (["ann", "bob"], []), (["bob"], ["staff"]), ([], ["staff"]), ([], [])]:
        fake.restrict(changed, users, groups)
        shelf.sync(looks)
        assert shelf.documents == fresh(looks).documents
        expected = names(*(f"user:{one}" for one in users), *(f"group:{one}" for one in groups)) or None
        assert shelf.documents[page].readers == expected
        files = [document for document in shelf.documents.values() if document.metadata["type"] == "attachment"]
        assert [document.readers for document in files] == [expected]
        assert shelf.documents[other].readers is None


def test_what_the_search_does_not_know_arrives_where_it_was_known_or_with_a_sweep(
    fake: ConfluenceFake, looks: ConfluenceWorld
) -> None:
    known, new = fake.create("Known"), fake.create("New")
    fake.restrict(known, ["ann", "bob"])
    shelf = fresh(looks)
    fake.unindexed = {known, new}
    fake.restrict(known, ["ann"])
    fake.restrict(new, ["ann"])
    shelf.sync(looks)
    assert shelf.documents[known].readers == names("user:ann")
    assert shelf.documents[new].readers is None
    assert shelf.cursor
    shelf.cursor["swept"] = 0
    shelf.sync(looks)
    assert shelf.documents[new].readers == names("user:ann")


def test_without_a_search_known_restrictions_are_still_read_each_time(
    fake: ConfluenceFake, looks: ConfluenceWorld
) -> None:
    top = fake.create("Top")
    page = fake.create("Page", parent=top)
    fake.restrict(top, ["ann", "bob"])
    shelf = fresh(looks)
    fake.forbidden = ["/content/search"]
    fake.restrict(top, ["ann"])
    shelf.sync(looks)
    assert shelf.documents[page].readers == names("user:ann")
    fake.restrict(top)
    shelf.sync(looks)
    assert shelf.documents[page].readers is None


def test_a_long_restriction_that_a_search_cuts_is_read_directly(fake: ConfluenceFake, looks: ConfluenceWorld) -> None:
    fake.cap = 3
    page = fake.create("P")
    fake.restrict(page, ["ann", "bob", "cy", "dee"])
    shelf = fresh(looks)
    fake.restrict(page, ["ann", "bob", "cy"])
    shelf.sync(looks)
    assert shelf.documents[page].readers == names("user:ann", "user:bob", "user:cy")


def test_a_move_below_a_restricted_page_arrives_with_the_next_sync(
    fake: ConfluenceFake, looks: ConfluenceWorld
) -> None:
    secret, page = fake.create("Secret"), fake.create("Page")
    fake.restrict(secret, ["ann"])
    shelf = fresh(looks)
    fake.move(page, secret)
    shelf.sync(looks)
    assert shelf.documents[page].readers == names("user:ann")


def test_between_two_looks_an_edit_below_shows_a_changed_ancestor(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake, sweep_every="1000d", restrictions_every="1000d")
    top = fake.create("Top")
    edited, sibling = fake.create("Edited", parent=top), fake.create("Sibling", parent=top)
    shelf = fresh(world)
    fake.restrict(top, ["ann"])
    shelf.sync(world)
    assert shelf.documents[sibling].readers is None  # nothing says so yet
    fake.edit(edited, "<p>New.</p>")
    shelf.sync(world)
    assert {shelf.documents[name].readers for name in (top, edited, sibling)} == {names("user:ann")}


@pytest.mark.parametrize("walks", [False, True])
def test_a_run_that_is_stopped_does_not_forget_what_hangs_below(fake: ConfluenceFake, walks: bool) -> None:
    world = ConfluenceWorld(fake, sweep_every="1000d", restrictions_every="1000d" if walks else "0s")
    top = fake.create("Top")
    pages = [fake.create(f"P{number}", parent=top) for number in range(5)]
    before = fresh(world)
    fake.restrict(top, ["ann"])
    fake.edit(pages[4], "<p>Edited.</p>")
    if walks:
        fake.edit(pages[3], "<p>Edited.</p>")
    run = list(world.connector().changes(before.cursor))
    for length in range(len(run) + 1):
        shelf = Shelf(dict(before.documents), cursor=before.cursor)
        shelf.replay(run[:length])
        shelf.sync(world)
        assert {shelf.documents[name].readers for name in (top, *pages)} == {names("user:ann")}, length


def test_new_members_of_a_group_arrive_with_a_sweep(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake)
    top = fake.create("Top")
    page = fake.create("Page", parent=top)
    fake.restrict(top, groups=["leads"])
    fake.restrict(page, groups=["staff"])
    shelf = fresh(world)
    assert shelf.documents[page].readers == names("user:ann")
    fake.members["leads"] = ["bob"]
    shelf.sync(world)
    assert shelf.documents[page].readers == names("user:bob")


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_page_whose_restrictions_cannot_be_read_is_not_visible(fake: ConfluenceFake, status: int) -> None:
    world = ConfluenceWorld(fake, attachments=True)
    page, other = fake.create("P"), fake.create("Other")
    file = fake.attach(page, "a.txt", b"text")
    shelf = fresh(world)
    fake.break_next(*[Fault("error", status, path=f"/content/{page}/restriction")] * (5 if status == 500 else 1))
    seen = shelf.sync(world)
    assert {change.id for change in seen if isinstance(change, Delete)} == {page, file}
    assert [change.id for change in seen if isinstance(change, Failed)] == [page]
    assert set(shelf.documents) == {other}
    shelf.sync(world)
    assert (set(shelf.documents), shelf.failed) == ({page, other, file}, {})


def test_a_page_below_a_place_that_cannot_be_seen_is_not_visible(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake)
    top = fake.create("Top")
    page = fake.create("P", parent=top)
    shelf = fresh(world)
    fake.archive(top)
    path = f"/pages/{top}" if fake.edition == "cloud" else f"/content/{top}"

    def hidden(request: Request) -> object:
        return fake.refusal(request, 403) if request.path.endswith(path) else None

    fake.on_page = hidden
    shelf.sync(world)
    assert not shelf.documents
    assert page in shelf.failed
    fake.on_page = None
    shelf.sync(world)
    assert (set(shelf.documents), shelf.failed) == ({page}, {})


def test_a_page_that_is_tightened_and_then_fails_does_not_stay_visible(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake)
    page = fake.create("P", '<ac:structured-macro ac:name="jira"/>')
    shelf = fresh(world)
    fake.restrict(page, ["ann"])
    path = f"/pages/{page}" if fake.edition == "cloud" else f"/content/{page}"
    rendering = [0]

    def broken(request: Request) -> object:
        if request.path.endswith(path) and "export_view" in str(request.query):
            rendering[0] += 1
            return fake.refusal(request, 503)
        return None

    fake.on_page = broken
    shelf.sync(world)
    assert rendering[0] == 5
    assert not shelf.documents
    assert page in shelf.failed


@pytest.mark.parametrize("fake", ["cloud"], indirect=True)
def test_a_token_without_the_scope_for_restrictions_ends_the_run(fake: ConfluenceFake) -> None:
    world = ConfluenceWorld(fake)
    fake.create("P")
    shelf = fresh(world)
    fake.lacking = ["/restriction/"]
    with pytest.raises(AuthError, match="lacks a scope") as caught:
        shelf.sync(world)
    assert "Create API token with scopes" in str(caught.value)


# Text that Confluence renders with the account's eyes


def include(title: str, space: str = "") -> str:
    return f"<p>Own.</p>{including(title, space)}"


def test_dynamic_macros_are_rendered_by_confluence(fake: ConfluenceFake) -> None:
    page = fake.create("P", '<p>Own.</p><ac:structured-macro ac:name="children"/>')
    fake.items[page].view = "<p>Own.</p><ul><li>Child</li></ul>"
    document = fresh(ConfluenceWorld(fake)).documents[page]
    assert b"<li>Child</li>" in document.content
    left = fresh(ConfluenceWorld(fake, dynamic_macros="leave-out")).documents[page]
    assert left.content == b"<p>Own.</p>"


@pytest.mark.parametrize(
    ("page", "target", "shown"),
    [
        ([], [], True),
        (["ann"], [], True),
        ([], ["ann"], False),
        (["ann"], ["ann", "bob"], True),
        (["ann"], ["bob"], False),
    ],
)
def test_an_included_page_is_shown_only_where_all_readers_may_read_it(
    fake: ConfluenceFake, page: list[str], target: list[str], shown: bool
) -> None:
    fake.restrict(fake.create("Rules"), target)
    own = fake.create("P", include("Rules"))
    fake.items[own].view = "<p>Own.</p><p>Included.</p>"
    fake.restrict(own, page)
    assert (b"Included" in fresh(ConfluenceWorld(fake)).documents[own].content) is shown


def test_what_is_included_from_elsewhere_is_left_out(fake: ConfluenceFake) -> None:
    fake.create("Rules", space="OPS")
    fake.create("Mine", space="~me")
    pages = {
        fake.create("A", include("Rules", "OPS")): True,
        fake.create("B", include("Mine", "~me")): False,
        fake.create("C", include("Nowhere")): False,
        fake.create("D", include("")): False,
    }
    for name in pages:
        fake.items[name].view = "<p>Included.</p>"
    documents = fresh(ConfluenceWorld(fake)).documents
    assert {name: b"Included" in documents[name].content for name in pages} == pages


def test_what_an_included_page_includes_counts_too(fake: ConfluenceFake) -> None:
    secret = fake.create("Secret")
    fake.restrict(secret, ["ann"])
    fake.create("Between", include("Secret"))
    own, loop = fake.create("P", include("Between")), fake.create("Loop", include("Loop"))
    for name in (own, loop):
        fake.items[name].view = "<p>Included.</p>"
    documents = fresh(ConfluenceWorld(fake)).documents
    assert b"Included" not in documents[own].content
    assert b"Included" in documents[loop].content


@pytest.mark.parametrize("how", ["restrict", "restrict above", "trash", "edit"])
def test_a_page_follows_what_it_includes(fake: ConfluenceFake, looks: ConfluenceWorld, how: str) -> None:
    top = fake.create("Top")
    rules = fake.create("Rules", parent=top)
    own = fake.create("P", include("Rules"))
    fake.items[own].view = "<p>Included.</p>"
    shelf = fresh(looks)
    assert b"Included" in shelf.documents[own].content
    if how == "trash":
        fake.trash(rules)
    elif how == "edit":
        fake.edit(rules, "<p>New.</p>")
        fake.items[own].view = "<p>New.</p>"
    else:
        fake.restrict(top if how == "restrict above" else rules, ["ann"])
    shelf.sync(looks)
    assert b"Included" not in shelf.documents[own].content
    assert shelf.documents == fresh(looks).documents
    if how == "trash":
        return  # a page of that title that comes back is found by a sweep
    fake.restrict(top)
    fake.restrict(rules)
    shelf.sync(looks)
    assert shelf.documents == fresh(looks).documents


def test_a_broken_text_is_what_confluence_makes_of_it(fake: ConfluenceFake) -> None:
    page, risky = fake.create("P", "<p>never closed"), fake.create("Q", include("Rules") + "<p>never closed")
    fake.items[page].view = "<p>Closed.</p>"
    shelf = fresh(ConfluenceWorld(fake))
    assert b"Closed." in shelf.documents[page].content
    assert "malformed" in shelf.failed[risky]
