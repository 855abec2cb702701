"""Help centre articles: translations, visibility, brands, scope, what changes in silence, and what breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from configs.errors import AuthError, ConnectorError, CursorError
from connectors.contract import Change, Checkpoint, Complete, Expected, Failed, Skipped, Upsert
from connectors.zendesk.connector import Zendesk
from tests.connectors.conformance import Shelf
from tests.connectors.fakes.server import Fault, Request, Response
from tests.connectors.fakes.zendesk import ZendeskFake
from tests.connectors.test_zendesk import options


@pytest.fixture
def fake(quick: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZendeskFake]:
    monkeypatch.setattr("connectors.zendesk.api.PAGE", 2)
    monkeypatch.setattr("connectors.zendesk.centre.EXPORT_PAGE", 3)
    with ZendeskFake(page=2, export_page=3) as server:
        yield server


def source(fake: ZendeskFake, **changed: Any) -> Zendesk:
    return Zendesk("test", options(fake, **changed))


def sync(fake: ZendeskFake, shelf: Shelf | None = None, **changed: Any) -> tuple[Shelf, list[Change]]:
    shelf = shelf or Shelf()
    return shelf, shelf.apply(source(fake, **changed).changes(shelf.cursor))


def name(number: int, locale: str = "en-us") -> str:
    return f"article:{number}:{locale}"


def test_an_article_becomes_a_document(fake: ZendeskFake) -> None:
    inner = fake.add_section("Shoes", fake.category, parent=fake.section)
    number = fake.add_article("Fit", "<p>Été</p>", section=inner, labels=["shoes", "fit"], locale="en-ca")
    shelf, _ = sync(fake)
    document = shelf.documents[name(number, "en-ca")]
    assert document.content.decode() == "<p>Été</p>"
    assert (document.media_type, document.title, document.language) == ("text/html", "Fit", "en")
    assert document.url == f"{fake.url}/hc/en-ca/articles/{number}"
    assert document.readers is None
    moment = datetime.fromtimestamp(fake.now, UTC)
    assert document.metadata == {
        "article_id": str(number),
        "locale": "en-ca",
        "brand": "Acme",
        "draft": False,
        "outdated": False,
        "promoted": False,
        "labels": ["shoes", "fit"],
        "section_id": str(inner),
        "section": "Shoes",
        "category_id": str(fake.category),
        "category": "Orders",
        "author_id": "200",
        "created_at": moment,
        "updated_at": moment,
    }


def test_each_translation_is_a_document(fake: ZendeskFake) -> None:
    number = fake.add_article("Fit", "<p>Fit</p>")
    fake.edit(number, "fr", title="Taille", body="<p>Taille</p>")
    fake.edit(number, "de", title="Entwurf", body="<p>x</p>", draft=True)
    fake.edit(number, "es", title="Vieja", body="<p>x</p>", outdated=True)
    fake.edit(number, "it", title="Vuota", body=" ")
    shelf, _ = sync(fake)
    assert set(shelf.documents) == {name(number), name(number, "fr")}
    assert shelf.documents[name(number, "fr")].language == "fr"
    assert shelf.skipped == {
        name(number, "de"): "draft",
        name(number, "es"): "outdated translation",
        name(number, "it"): "no text",
    }
    shelf, _ = sync(fake, include_outdated=True, include_drafts=True)
    assert set(shelf.documents) == {name(number, locale) for locale in ("en-us", "fr", "de", "es")}
    assert shelf.documents[name(number, "de")].readers == {"zendesk-agents"}


def test_translations_are_side_loaded_with_their_articles(fake: ZendeskFake) -> None:
    numbers = [fake.add_article(f"A{n}", "<p>x</p>") for n in range(4)]
    sync(fake)
    assert not fake.paths("/translations")
    assert len(fake.paths("/help_center/articles")) == 3  # the newest, and two pages
    fake.asked.clear()
    fake.sideload = False  # where an answer comes without them, they are asked for
    shelf, _ = sync(fake)
    assert len(fake.paths("/translations")) >= 4
    assert set(shelf.documents) == {name(number) for number in numbers}


def test_a_translation_that_is_removed_leaves_at_once(fake: ZendeskFake) -> None:
    number = fake.add_article("Fit", "<p>Fit</p>")
    fake.edit(number, "fr", title="Taille", body="<p>Taille</p>")
    shelf, _ = sync(fake)
    fake.remove_translation(number, "fr")
    _, seen = sync(fake, shelf, sweep_every="1d")
    assert not any(isinstance(change, Complete) for change in seen)
    assert set(shelf.documents) == {name(number)}


@pytest.mark.parametrize(
    ("fields", "readers"),
    [
        ({"user_segment_id": None, "user_segment_ids": []}, None),
        ({"user_segment_id": None}, None),
        ({"user_segment_id": None, "user_segment_ids": None}, None),
        ({"user_segment_id": 5, "user_segment_ids": []}, {"zendesk-segment:5"}),
        ({"user_segment_id": 5}, {"zendesk-segment:5"}),
        ({"user_segment_id": 5, "user_segment_ids": [5, 6]}, {"zendesk-segment:5", "zendesk-segment:6"}),
        ({"user_segment_id": None, "user_segment_ids": [6]}, {"zendesk-segment:6"}),
        ({"user_segment_ids": [None]}, set()),
        ({"user_segment_ids": "everyone"}, set()),
        ({"user_segment_id": "5"}, set()),
        ({}, set()),
    ],
)
def test_readers_are_the_members_of_any_segment(fields: dict[str, Any], readers: set[str] | None) -> None:
    from connectors.zendesk.article_documents import readers_of

    assert readers_of({"id": 1, **fields}) == readers


def test_a_change_of_who_may_read_is_followed_without_a_sweep(fake: ZendeskFake) -> None:
    segment = fake.add_segment("Staff")
    number = fake.add_article("Fit", "<p>Fit</p>")
    shelf, _ = sync(fake)
    before = shelf.versions
    fake.change(number, segments=[segment])
    sync(fake, shelf, sweep_every="1d")
    assert shelf.documents[name(number)].readers == {f"zendesk-segment:{segment}"}
    assert shelf.versions != before
    fake.change(number, segments=[])
    sync(fake, shelf, sweep_every="1d")
    assert shelf.versions == before


def test_a_help_centre_that_is_not_open_is_for_agents(fake: ZendeskFake) -> None:
    number = fake.add_article("Fit", "<p>Fit</p>")
    shelf, _ = sync(fake)
    assert shelf.documents[name(number)].readers is None
    fake.brands[fake.brand]["help_center_state"] = "restricted"
    sync(fake, shelf, sweep_every="1d")
    assert shelf.documents[name(number)].readers == {"zendesk-agents"}


def test_what_the_token_may_no_longer_see_leaves_and_comes_back(fake: ZendeskFake) -> None:
    segment = fake.add_segment("Staff")
    number = fake.add_article("Fit", "<p>Fit</p>", segments=[segment])
    shelf, _ = sync(fake)
    fake.hidden_segments.add(segment)
    sync(fake, shelf)
    assert not shelf.documents
    fake.hidden_segments.clear()  # its times are as old as before: only the listing tells
    sync(fake, shelf)
    assert set(shelf.documents) == {name(number)}


def test_an_archived_article_leaves_with_the_next_sweep(fake: ZendeskFake) -> None:
    numbers = [fake.add_article(f"A{n}", "<p>x</p>") for n in range(5)]
    shelf, _ = sync(fake)
    fake.archive(numbers[2])
    sync(fake, shelf, sweep_every="1d")
    assert len(shelf.documents) == 5  # Zendesk has no tombstones for articles
    sync(fake, shelf)
    assert set(shelf.documents) == {name(number) for number in numbers if number != numbers[2]}


def test_a_translation_that_changed_in_silence_is_found_by_a_sweep(fake: ZendeskFake) -> None:
    number = fake.add_article("Fit", "<p>Fit</p>")
    fake.edit(number, "fr", title="Taille", body="<p>Taille</p>")
    shelf, _ = sync(fake)
    fake.edit(number, "fr", body="<p>Pointure</p>", quietly=True)
    fake.wait(10_000)
    fake.add_article("Newer", "<p>x</p>")
    sync(fake, shelf)
    assert shelf.documents[name(number, "fr")].content == b"<p>Pointure</p>"


@pytest.mark.parametrize("change", ["moved", "renamed", "new parent", "category renamed", "brand renamed"])
def test_a_section_that_changes_is_swept_at_once(fake: ZendeskFake, change: str) -> None:
    other = fake.add_category("Payments")
    number = fake.add_article("Fit", "<p>Fit</p>")
    shelf, _ = sync(fake)
    section = fake.sections[fake.section]
    match change:
        case "moved":
            section["category_id"] = other
        case "renamed":
            section["name"] = "Sending back"
        case "new parent":
            section["parent_section_id"] = fake.add_section("Above", fake.category)
        case "category renamed":
            fake.categories[fake.category]["name"] = "Ordering"
        case _:
            fake.brands[fake.brand]["name"] = "Acme Outdoor"
    _, seen = sync(fake, shelf, sweep_every="1d")
    assert any(isinstance(one, Complete) for one in seen)
    metadata = shelf.documents[name(number)].metadata
    expected = {
        "moved": ("category", "Payments"),
        "renamed": ("section", "Sending back"),
        "new parent": ("section", "Returns"),
        "category renamed": ("category", "Ordering"),
        "brand renamed": ("brand", "Acme Outdoor"),
    }[change]
    assert metadata[expected[0]] == expected[1]
    _, seen = sync(fake, shelf, sweep_every="1d")
    assert not any(isinstance(one, Complete) for one in seen)


def test_a_section_that_leaves_the_scope_takes_its_articles_along(fake: ZendeskFake) -> None:
    other = fake.add_category("Payments")
    fake.add_article("Fit", "<p>Fit</p>")
    shelf, _ = sync(fake, categories=["orders"])
    assert len(shelf.documents) == 1
    fake.sections[fake.section]["category_id"] = other
    sync(fake, shelf, categories=["orders"], sweep_every="1d")
    assert not shelf.documents
    assert set(shelf.skipped.values()) == {"other section"}


def test_the_articles_of_a_deleted_section_leave_at_once(fake: ZendeskFake) -> None:
    other = fake.add_section("Cards", fake.category)
    first, second = fake.add_article("A", "<p>x</p>"), fake.add_article("B", "<p>x</p>", section=other)
    shelf, _ = sync(fake)
    del fake.sections[other]
    fake.archive(second)
    sync(fake, shelf, sweep_every="1d")
    assert set(shelf.documents) == {name(first)}


def test_an_article_in_a_section_that_is_hidden_is_out_of_a_chosen_scope(fake: ZendeskFake) -> None:
    number = fake.add_article("Fit", "<p>Fit</p>")
    fake.change(number, section_id=99)
    shelf, _ = sync(fake)
    assert "section" not in shelf.documents[name(number)].metadata
    shelf, _ = sync(fake, sections=["Returns"])
    assert not shelf.documents
    assert shelf.skipped == {name(number): "hidden section"}


def test_a_section_made_while_it_ran_is_read_again(fake: ZendeskFake) -> None:
    fake.add_article("A", "<p>x</p>")
    run = source(fake).changes(None)
    next(run)
    made = fake.add_section("Made meanwhile", fake.category)
    number = fake.add_article("B", "<p>y</p>", section=made)
    shelf = Shelf()
    shelf.replay(run)
    assert shelf.documents[name(number)].metadata["section"] == "Made meanwhile"


def test_scope_filters(fake: ZendeskFake) -> None:
    payments = fake.add_category("Payments")
    cards = fake.add_section("Cards", payments)
    inner = fake.add_section("Shoes", fake.category, parent=fake.section)
    one = fake.add_article("One", "<p>1</p>", labels=["Public"])
    two = fake.add_article("Two", "<p>2</p>", section=inner)
    three = fake.add_article("Three", "<p>3</p>", section=cards)
    fake.edit(three, "fr", title="Trois", body="<p>3</p>")

    def titles(**scope: Any) -> set[str]:
        return {document.title for document in sync(fake, **scope)[0].documents.values()}

    assert titles() == {"One", "Two", "Three", "Trois"}
    assert titles(sections=["returns"]) == {"One", "Two"}  # and the sections in it
    assert titles(sections=[inner, "Cards"]) == {"Two", "Three", "Trois"}
    assert titles(categories=["Payments"]) == {"Three", "Trois"}
    assert titles(categories=["Payments"], sections=["Returns"]) == set()
    assert titles(labels=["public", "x"]) == {"One"}
    assert titles(locales=["FR"]) == {"Trois"}
    assert titles(brands=["acme"]) == {"One", "Two", "Three", "Trois"}
    del one, two


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"brands": ["Beta"]}, "no brand 'Beta'. There are: Acme"),
        ({"sections": ["Retours"]}, "no section 'Retours'. There are: Returns"),
        ({"categories": [12]}, "no category 12. There are: Orders"),
    ],
)
def test_a_name_that_fits_nothing_is_an_error_and_empties_nothing(
    fake: ZendeskFake, scope: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConnectorError, match=message):
        list(source(fake, **scope).changes(None))
    reachable = source(fake, **scope).check()
    assert not reachable.ok


def test_every_brands_help_centre_is_read_at_its_own_address(fake: ZendeskFake) -> None:
    beta = fake.add_brand("Beta", "acme-beta")
    fake.add_brand("Without", "acme-none", has_help_center=False)
    first = fake.add_article("Fit", "<p>a</p>")
    second = fake.add_article("Fit", "<p>b</p>", section=fake.add_section("S", fake.add_category("C", beta)))
    shelf, seen = sync(fake)
    assert {key: one.metadata["brand"] for key, one in shelf.documents.items()} == {
        name(first): "Acme",
        name(second): "Beta",
    }
    assert len([change for change in seen if isinstance(change, Complete)]) == 1
    assert fake.paths("/b/acme-beta/api/v2/help_center/articles")
    assert not fake.paths("acme-none")
    fake.brands[beta]["help_center_state"] = "disabled"
    sync(fake, shelf, sweep_every="1d")
    assert set(shelf.documents) == {name(first)}
    fake.brands[beta]["help_center_state"] = "enabled"
    sync(fake, shelf, sweep_every="1d")
    assert len(shelf.documents) == 2
    shelf, _ = sync(fake, brands=[beta])
    assert set(shelf.documents) == {name(second)}


def test_credentials_go_to_no_address_that_a_brand_names(fake: ZendeskFake) -> None:
    beta = fake.add_brand("Beta", "acme-beta")
    fake.brands[beta]["brand_url"] = "https://evil.example"
    with pytest.raises(ConnectorError, match=r"'Beta' has its help centre at an address .* may not ask"):
        list(source(fake).changes(None))
    shelf, _ = sync(fake, brands=["Acme"])
    assert shelf.cursor is not None


@pytest.mark.parametrize(
    ("brand", "url"),
    [
        ({"subdomain": "acme-beta", "brand_url": "https://help.example.com"}, "https://acme-beta.zendesk.com"),
        ({"subdomain": "evil.example/", "brand_url": "https://acme.zendesk.com"}, None),
        ({"subdomain": "", "brand_url": "https://acme.zendesk.com"}, None),
    ],
)
def test_a_brands_address_is_its_subdomain_of_zendesk(brand: dict[str, Any], url: str | None) -> None:
    from connectors.zendesk.brands import _brand

    raw = {"id": 1, "name": "Beta", "has_help_center": True, **brand}
    if url is None:
        with pytest.raises(ConnectorError, match="may not ask"):
            _brand(raw, "https://acme.zendesk.com")
    else:
        assert _brand(raw, "https://acme.zendesk.com").url == url


def test_no_help_centre_at_all_is_an_error(fake: ZendeskFake) -> None:
    fake.brands[fake.brand]["has_help_center"] = False
    with pytest.raises(ConnectorError, match="None of the chosen brands"):
        list(source(fake).changes(None))


def test_incremental_runs_ask_for_what_changed_only(fake: ZendeskFake) -> None:
    numbers = [fake.add_article(f"A{n}", "<p>x</p>") for n in range(6)]
    shelf, _ = sync(fake)
    fake.wait(10_000)
    fake.edit(numbers[1], body="<p>y</p>")
    fake.asked.clear()
    _, seen = sync(fake, shelf, sweep_every="1d")
    assert [change.document.id for change in seen if isinstance(change, Upsert)] == [name(numbers[1])]
    assert len(fake.paths("incremental")) == 2  # six share the minutes before the cursor: three, and the rest
    assert not fake.paths("/help_center/articles")
    fake.asked.clear()
    fake.wait(10_000)
    sync(fake, shelf, sweep_every="1d")
    assert len(fake.paths("incremental")) == 1


def test_an_empty_page_does_not_set_the_cursor_back(fake: ZendeskFake) -> None:
    number = fake.add_article("A", "<p>x</p>")
    shelf, _ = sync(fake)
    assert shelf.cursor
    time = shelf.cursor["centres"][str(fake.brand)]["time"]
    assert time == fake.now
    fake.archived.add(number)  # so that nothing is left to export: `end_time` is 1
    for _ in range(2):
        sync(fake, shelf, sweep_every="1d")
        assert shelf.cursor["centres"][str(fake.brand)]["time"] == time


def test_a_second_with_more_changes_than_a_page_is_swept_and_passed(fake: ZendeskFake) -> None:
    numbers = [fake.add_article(f"A{n}", "<p>x</p>") for n in range(8)]
    shelf, _ = sync(fake)
    fake.wait(1000)
    fake.tick = lambda: fake.now  # type: ignore[method-assign] # a bulk change: one second for all
    for number in numbers:
        fake.edit(number, body="<p>y</p>")
    fake._changes += 1
    _, seen = sync(fake, shelf, sweep_every="1d")
    assert any(isinstance(change, Complete) for change in seen)
    assert {document.content for document in shelf.documents.values()} == {b"<p>y</p>"}
    fake.asked.clear()
    _, seen = sync(fake, shelf, sweep_every="1d")
    assert not any(isinstance(change, Complete) for change in seen)
    assert len(fake.asked) < 6
    del fake.tick
    fake.edit(numbers[0], body="<p>z</p>")
    fake.edit(numbers[0], body="<p>z</p>")
    sync(fake, shelf, sweep_every="1d")
    assert shelf.documents[name(numbers[0])].content == b"<p>z</p>"


def test_what_is_made_or_shown_while_a_sweep_runs_is_not_deleted(fake: ZendeskFake) -> None:
    numbers = [fake.add_article(f"A{n}", "<p>x</p>") for n in range(6)]
    shelf, _ = sync(fake)
    fake.edit(numbers[0], draft=True)
    run = source(fake).changes(shelf.cursor)
    seen = []
    made = None
    for change in run:
        seen.append(change)
        if isinstance(change, Checkpoint) and made is None:
            # The pages of both are behind: the first was a draft there, the other did not exist.
            fake.edit(numbers[0], draft=False)
            fake._ids -= 1000
            made = fake.add_article("Made meanwhile", "<p>z</p>")
            fake._ids += 1000
    shelf.replay(seen)
    assert made is not None
    assert set(shelf.documents) == {name(number) for number in [*numbers, made]}
    complete = next(change for change in seen if isinstance(change, Complete))
    assert complete.ids == set(shelf.documents)


def test_a_stopped_listing_goes_on_at_its_page(fake: ZendeskFake) -> None:
    for number in range(10):
        fake.add_article(f"A{number}", "<p>x</p>")
    shelf = Shelf()
    seen = []
    for change in source(fake).changes(None):
        seen.append(change)
        if len([one for one in seen if isinstance(one, Checkpoint)]) == 3:
            break
    shelf.replay(seen)
    assert len(shelf.documents) == 6
    fake.asked.clear()
    _, rest = sync(fake, shelf, sweep_every="1d")
    assert len([one for one in rest if isinstance(one, Upsert)]) == 4
    assert len(fake.paths("/help_center/articles")) == 2
    assert len(shelf.documents) == 10
    assert any(isinstance(one, Complete) for one in rest)


def test_a_page_that_zendesk_no_longer_knows_starts_the_listing_again(fake: ZendeskFake) -> None:
    numbers = [fake.add_article(f"A{n}", "<p>x</p>") for n in range(5)]
    shelf = Shelf()
    for change in source(fake).changes(None):
        shelf.replay([change])
        if isinstance(change, Checkpoint):
            break
    assert shelf.cursor
    listing = shelf.cursor["centres"][str(fake.brand)]["listing"]
    assert listing["after"]
    listing["after"] = "bm8gbnVtYmVy"  # a page that is none
    sync(fake, shelf)
    assert set(shelf.documents) == {name(number) for number in numbers}


def test_a_broken_listing_deletes_nothing(fake: ZendeskFake) -> None:
    for number in range(6):
        fake.add_article(f"A{number}", "<p>x</p>")
    shelf, _ = sync(fake)
    fake.break_next(*[Fault("error", 500, path="/help_center/articles")] * 20)
    with pytest.raises(ConnectorError, match="after 5 tries"):
        sync(fake, shelf)
    assert len(shelf.documents) == 6
    fake.calm()
    sync(fake, shelf)
    assert len(shelf.documents) == 6


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
    ],
    ids=lambda fault: f"{fault.kind}{fault.status}",
)
def test_passing_faults_are_passed_over(fake: ZendeskFake, fault: Fault) -> None:
    for number in range(5):
        fake.add_article(f"A{number}", "<p>x</p>")
    for path in ("brands", "sections", "incremental", "/help_center/articles"):
        fake.break_next(Fault(fault.kind, fault.status, fault.retry_after, path=path))
    shelf, _ = sync(fake)
    assert len(shelf.documents) == 5


def test_a_hanging_server_is_given_up_and_asked_again(fake: ZendeskFake) -> None:
    fake.add_article("A", "<p>x</p>")
    fake.break_next(Fault("hang", seconds=0.4, path="/help_center/articles"))
    shelf, _ = sync(fake, timeout=0.2)
    assert len(shelf.documents) == 1


def test_one_article_that_cannot_be_read_fails_alone_and_is_tried_again(fake: ZendeskFake) -> None:
    numbers = [fake.add_article(f"A{n}", "<p>x</p>") for n in range(4)]
    fake.sideload = False
    bad = f"articles/{numbers[1]}/translations"
    fake.break_next(*[Fault("error", 500, path=bad)] * 30)
    shelf, seen = sync(fake)
    failed = [change for change in seen if isinstance(change, Failed)]
    assert {(one.id, one.title, one.step) for one in failed} == {(name(numbers[1]), "A1", "fetch")}
    assert "status 500" in failed[0].error
    assert len(shelf.documents) == 3
    complete = next(change for change in seen if isinstance(change, Complete))
    assert name(numbers[1]) in complete.ids
    fake.calm()
    fake.wait(10_000)
    sync(fake, shelf, sweep_every="1d")
    assert not shelf.failed
    assert len(shelf.documents) == 4
    assert shelf.cursor
    assert "failed" not in shelf.cursor["centres"][str(fake.brand)]


def test_an_article_that_fails_for_long_stays_and_is_tried_each_time(fake: ZendeskFake) -> None:
    number = fake.add_article("A", "<p>x</p>")
    shelf, _ = sync(fake)
    fake.sideload = False
    fake.edit(number, body="<p>y</p>")
    for _ in range(3):
        fake.calm()
        fake.break_next(*[Fault("error", 500, path="/translations")] * 30)
        sync(fake, shelf)
        assert shelf.documents[name(number)].content == b"<p>x</p>"
        assert set(shelf.failed) == {name(number)}
    fake.calm()
    fake.break_next(*[Fault("error", 500, path=f"/articles/{number}")] * 5)
    sync(fake, shelf)  # it cannot be asked for alone, and the listing has it
    assert shelf.documents[name(number)].content == b"<p>y</p>"
    assert not shelf.failed


def test_an_article_that_failed_and_is_gone_is_forgotten(fake: ZendeskFake) -> None:
    number = fake.add_article("A", "<p>x</p>")
    shelf, _ = sync(fake)
    fake.sideload = False
    fake.edit(number, body="<p>y</p>")
    fake.break_next(*[Fault("error", 500, path="/translations")] * 10)
    sync(fake, shelf, sweep_every="1d")
    assert shelf.documents[name(number)].content == b"<p>x</p>"  # the old text stays
    assert set(shelf.failed) == {name(number)}
    fake.calm()
    fake.archive(number)
    sync(fake, shelf, sweep_every="1d")
    assert not shelf.documents
    assert not shelf.failed


@pytest.mark.parametrize(("status", "reason"), [(403, "no access"), (404, None)])
def test_an_article_that_is_listed_and_refused_leaves(fake: ZendeskFake, status: int, reason: str | None) -> None:
    number = fake.add_article("A", "<p>x</p>")
    fake.add_article("B", "<p>x</p>")
    shelf, _ = sync(fake)
    fake.sideload = False
    fake.break_next(*[Fault("error", status, path=f"{number}/translations")] * 5)
    sync(fake, shelf)
    assert name(number) not in shelf.documents
    assert shelf.skipped.get(name(number)) == reason
    assert len(shelf.documents) == 1


@pytest.mark.parametrize(
    ("broken", "message"),
    [({"locale": None}, "no locale"), ({"locale": ""}, "no locale")],
)
def test_an_article_that_is_malformed_fails_with_a_sentence(
    fake: ZendeskFake, broken: dict[str, Any], message: str
) -> None:
    fake.validate = False
    number = fake.add_article("A", "<p>x</p>")
    fake.translations[number]["en-us"].update(broken)
    shelf, _ = sync(fake)
    assert message in shelf.failed[name(number)]


def test_personal_data_is_taken_out_of_text_titles_and_attributes(fake: ZendeskFake) -> None:
    body = (
        "<p>Write to <b>ann@example.org</b> &amp; <a href='mailto:ann@example.org'>us</a>."
        "<!-- bob@example.org --> or carl@example.org</p>tail 192.168.7.5"
    )
    number = fake.add_article("Ask ann@example.org", body)
    shelf, _ = sync(fake, redact=["email", "ip"])
    document = shelf.documents[name(number)]
    text = document.content.decode()
    assert document.title == "Ask <EMAIL_ADDRESS>"
    assert "example.org" not in text
    assert "192.168.7.5" not in text
    assert "<b>&lt;EMAIL_ADDRESS&gt;</b> &amp; " in text  # shown as text, and no tag
    assert "or &lt;EMAIL_ADDRESS&gt;" in text


def test_the_title_of_a_failure_holds_no_personal_data(fake: ZendeskFake) -> None:
    fake.validate = False
    number = fake.add_article("Ask ann@example.org", "<p>x</p>")
    fake.translations[number]["en-us"]["locale"] = None
    _, seen = sync(fake, redact=["email"])
    failed = next(change for change in seen if isinstance(change, Failed))
    assert failed.title == "Ask <EMAIL_ADDRESS>"


def test_the_count_is_told_first(fake: ZendeskFake) -> None:
    for number in range(3):
        fake.add_article(f"A{number}", "<p>x</p>")
    _, seen = sync(fake)
    assert seen[0] == Expected(3)


def test_another_scope_starts_again_and_another_token_does_not(fake: ZendeskFake) -> None:
    number = fake.add_article("A", "<p>x</p>")
    fake.edit(number, "fr", title="A", body="<p>x</p>")
    shelf, _ = sync(fake)
    fake.tokens["another"] = "read"
    _, seen = sync(fake, shelf, token="another", sweep_every="1d", requests_per_minute=999_999)
    assert not any(isinstance(change, Upsert | Complete) for change in seen)
    sync(fake, shelf, locales=["fr"], sweep_every="1d")
    assert set(shelf.documents) == {name(number, "fr")}


def test_the_cursor_holds_no_more_than_stamps(fake: ZendeskFake) -> None:
    for number in range(20):
        fake.add_article(f"A{number}", "<p>A rather secret text</p>" * 100)
    shelf, _ = sync(fake)
    text = json.dumps(shelf.cursor)
    assert len(text) < 20 * 60 + 300
    assert "secret" not in text
    assert "ready-token" not in text


class Circling(ZendeskFake):
    """Its listing leads back to its first page."""

    def answer(self, request: Request) -> Response:
        response = super().answer(request)
        if request.path.endswith("/help_center/articles") and "page[size]" in request.query:
            response.json["meta"] = {"has_more": True, "after_cursor": "MA=="}
        return response


def test_a_listing_that_goes_in_a_circle_is_an_error() -> None:
    fake = Circling(page=2, export_page=3)
    try:
        fake.add_article("A", "<p>x</p>")
        with pytest.raises(CursorError, match="does not advance"):
            list(source(fake).changes(None))
    finally:
        fake.close()


class Odd(ZendeskFake):
    """Answers ``odd`` to requests whose path ends with ``at``."""

    at, odd = "", None

    def answer(self, request: Request) -> Response:
        response = super().answer(request)
        if self.at and request.path.endswith(self.at):
            response.json = self.odd
        return response


@pytest.mark.parametrize(
    ("at", "odd", "message"),
    [
        ("/brands", [], "is no object"),
        ("/brands", {"brands": [{"name": "x"}]}, "one of its brands without an id"),
        ("/sections", {"sections": None}, "no list of sections"),
        ("/sections", {"sections": ["x"]}, "no list of sections"),
        ("/categories", {"categories": [], "next_page": "https://x"}, "does not page"),
        ("/help_center/articles", {"articles": [], "meta": {"has_more": True}}, "does not say where"),
        ("/incremental/articles", {"articles": {}}, "no list of articles"),
    ],
)
def test_an_answer_of_another_form_is_one_sentence(at: str, odd: Any, message: str) -> None:
    fake = Odd(page=2, export_page=3, validate=False)
    fake.at, fake.odd = at, odd
    try:
        with pytest.raises(ConnectorError, match=message):
            list(source(fake).changes(None))
    finally:
        fake.close()


def test_a_revoked_token_stops_the_run_and_deletes_nothing(fake: ZendeskFake) -> None:
    fake.add_article("A", "<p>x</p>")
    shelf, _ = sync(fake)
    fake.revoke_tokens()
    with pytest.raises(AuthError, match="does not accept the credentials"):
        sync(fake, shelf)
    assert len(shelf.documents) == 1


def test_a_draft_that_is_left_out_is_skipped_and_counted(fake: ZendeskFake) -> None:
    number = fake.add_article("A", "<p>x</p>")
    shelf, _ = sync(fake)
    fake.edit(number, draft=True)
    _, seen = sync(fake, shelf, sweep_every="1d")
    assert Skipped(name(number), "draft", "A", f"{fake.url}/hc/en-us/articles/{number}") in seen
    assert not shelf.documents
