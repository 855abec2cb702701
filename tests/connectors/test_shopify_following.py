"""How the ``shopify`` connector follows a shop: changes, deletions, stopped runs, failures."""

from __future__ import annotations

import pytest

from connectors.contract import Complete, Delete, Expected, Failed, Upsert
from tests.connectors.conformance import Shelf
from tests.connectors.fakes.shopify import ShopifyFake
from tests.connectors.fakes.shopify_fixtures import fake, needs_schema, small
from tests.connectors.fakes.shopify_words import ODD, boot, crawl, of, world

__all__ = ["fake", "small"]
pytestmark = needs_schema


class TestFollowing:
    def test_only_what_changed_is_read(self, fake: ShopifyFake) -> None:
        numbers = [boot(fake, title=f"B{place}") for place in range(9)]
        fake.tick(1000)
        boot(fake)
        source = world(fake, sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        fake.tick(1000)
        fake.edit("products", numbers[4], title="Changed")
        asked = len(fake.asked)
        seen = shelf.sync(source)
        assert [change.document.title for change in seen if isinstance(change, Upsert)] == ["Changed"]
        assert not of(seen, Complete)
        listings = [request.json() for request in fake.asked[asked:] if b"Listing" in request.body]
        assert [sent["variables"]["query"] is not None for sent in listings] == [True]

    def test_changes_in_the_same_second_are_all_seen(self, fake: ShopifyFake) -> None:
        numbers = [boot(fake) for _ in range(4)]
        source = world(fake, sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        fake.tick()
        for place, number in enumerate(numbers):
            fake.edit("products", number, title=f"N{place}")
            shelf.sync(source)
        assert sorted(one.title for one in shelf.documents.values()) == ["N0", "N1", "N2", "N3"]

    def test_a_change_that_the_search_finds_late_is_not_lost(self, fake: ShopifyFake) -> None:
        first, second = boot(fake), boot(fake)
        source = world(fake, sweep_every="30d")
        fake.tick(1000)
        shelf = Shelf()
        shelf.sync(source)
        fake.edit("products", first, title="Late")
        fake.tick(30)
        fake.edit("products", second, title="Early")
        fake.late = {first}
        shelf.sync(source)
        assert sorted(one.title for one in shelf.documents.values()) == ["Early", "Trail boot"]
        fake.late = set()
        shelf.sync(source)
        assert sorted(one.title for one in shelf.documents.values()) == ["Early", "Late"]

    def test_what_changes_behind_the_reader_is_read_in_the_same_run(self, fake: ShopifyFake) -> None:
        numbers = [boot(fake, title=f"B{place}") for place in range(7)]
        source = world(fake, sweep_every="30d")
        shelf = Shelf()
        for change in source.connector().changes(None):
            if isinstance(change, Upsert) and change.document.title == "B3":
                fake.edit("products", numbers[0], title="Behind")
                fake.tick(1000)
                fake.edit("products", numbers[6], title="Ahead")
            shelf.replay([change])
        assert {"Behind", "Ahead"} <= {one.title for one in shelf.documents.values()}

    @pytest.mark.parametrize("content", ["products", "pages", "articles"])
    def test_a_deletion_is_told_between_sweeps(self, fake: ShopifyFake, content: str) -> None:
        kept, gone = fake.create(content), fake.create(content)
        fake.translate(content, gone, "fr", body_html="<p>Un</p>")
        source = world(fake, content, sweep_every="30d", locales=["fr"])
        shelf = Shelf()
        shelf.sync(source)
        fake.tick()
        fake.event("destroy", "Order", gone)  # the same number of another kind
        fake.event("update", content, kept)
        assert not of(shelf.sync(source), Delete)
        fake.delete(content, gone)
        seen = shelf.sync(source)
        assert [change.id.split(":")[1] for change in of(seen, Delete)] == [str(gone)] * 2
        assert len(shelf.documents) == 1
        assert not of(shelf.sync(source), Delete)

    def test_a_deletion_that_is_not_told_is_found_by_the_sweep(self, fake: ShopifyFake) -> None:
        fake.told = {"products"}
        number = fake.create("pages")
        fake.create("pages")
        shelf = Shelf()
        shelf.sync(world(fake, "pages", sweep_every="30d"))
        fake.delete("pages", number)
        shelf.sync(world(fake, "pages", sweep_every="30d"))
        assert len(shelf.documents) == 2
        shelf.sync(world(fake, "pages"))
        assert len(shelf.documents) == 1

    @pytest.mark.parametrize("content", ["collections", "policies"])
    def test_what_is_read_whole_is_deleted_without_a_sweep(self, fake: ShopifyFake, content: str) -> None:
        numbers = [fake.create(content) for _ in range(5)]
        source = world(fake, content, sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        fake.delete(content, numbers[1])
        assert len(of(shelf.sync(source), Delete)) == 1
        assert len(shelf.documents) == 4

    @pytest.mark.parametrize("bulk_above", [1000, 0])
    def test_what_is_deleted_while_it_is_read_does_not_stay(self, fake: ShopifyFake, bulk_above: int) -> None:
        numbers = [boot(fake) for _ in range(7)]
        source = world(fake, sweep_every="30d", bulk_above=bulk_above)
        shelf = Shelf()
        for change in source.connector().changes(None):
            if isinstance(change, Upsert) and numbers[0] in fake.records["products"]:
                fake.delete("products", numbers[0])
                fake.delete("products", numbers[6])
            shelf.replay([change])
        assert set(shelf.documents) == {f"product:{number}" for number in numbers[1:6]}

    def test_what_appears_while_a_sweep_runs_is_not_deleted_by_it(self, fake: ShopifyFake) -> None:
        for _ in range(7):
            fake.create("pages")
        hidden = fake.create("pages", published_at=None, id=1)
        source = world(fake, "pages")
        shelf = Shelf()
        added = None
        for change in source.connector().changes(None):
            if isinstance(change, Upsert) and added is None:
                fake.tick()
                added = fake.create("pages", id=2)
                fake.edit("pages", hidden, published_at=fake.now)
            shelf.replay([change])
        assert {f"page:{added}", f"page:{hidden}"} <= set(shelf.documents)

    def test_a_stopped_crawl_goes_on_where_it_was(self, fake: ShopifyFake) -> None:
        for _ in range(12):
            fake.create("pages")
        source = world(fake, "pages", sweep_every="30d")
        shelf = Shelf()
        run = source.connector().changes(None)
        while len(shelf.documents) < 8:
            shelf.replay([next(run)])
        run.close()
        asked = len(fake.asked)
        seen = shelf.sync(source)
        assert len(shelf.documents) == 12
        assert len(of(seen, Upsert)) == 6  # from the last checkpoint on
        places = [r.json()["variables"] for r in fake.asked[asked:] if b"Listing" in r.body]
        walked = [one for one in places if one["sort"] == "ID"]
        assert len(walked) == 2
        assert all(one["after"] for one in walked)

    def test_a_place_that_shopify_forgot_starts_over(self, fake: ShopifyFake) -> None:
        for _ in range(7):
            fake.create("pages")
        source = world(fake, "pages", sweep_every="30d")
        shelf = Shelf()
        run = source.connector().changes(None)
        while not (shelf.cursor and shelf.cursor["walk"]["after"]):
            shelf.replay([next(run)])
        shelf.cursor["walk"]["after"] = "forgotten"
        shelf.sync(source)
        assert len(shelf.documents) == 7

    def test_a_listing_in_a_circle_stops(self, fake: ShopifyFake) -> None:
        from configs.errors import CursorError

        page = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "same"}}
        fake.break_queries("Listing", *[{"data": {"pages": page}}] * 3)
        with pytest.raises(CursorError, match="does not advance"):
            crawl(fake, "pages")

    def test_the_number_of_documents_is_told(self, fake: ShopifyFake) -> None:
        for content in ("products", "collections", "pages", "articles", "articles"):
            fake.create(content)
        source = world(fake, "products", "collections", "pages", "articles").connector()
        assert of(list(source.changes(None)), Expected) == [Expected(5)]

    def test_other_filters_read_everything_again(self, fake: ShopifyFake) -> None:
        boot(fake)
        shelf = Shelf()
        shelf.sync(world(fake, sweep_every="30d"))
        shelf.sync(world(fake, sweep_every="30d", vendors=["Another"]))
        assert not shelf.documents

    def test_the_cursor_forgets_old_deletions(self, fake: ShopifyFake) -> None:
        source = world(fake, sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        for _ in range(5):
            fake.delete("products", boot(fake))
            fake.tick(200)
            shelf.sync(source)
        assert shelf.cursor
        assert len(shelf.cursor["recent"]) == 2
        assert not shelf.cursor["stamps"]


class TestFailures:
    def test_a_product_that_cannot_be_read_to_its_end_fails_alone(self, fake: ShopifyFake) -> None:
        numbers = [boot(fake, title=f"B{place}") for place in range(3)]
        source = world(fake, sweep_every="30d")
        shelf = Shelf()
        # Once in the reading of everything, once among the changes.
        fake.break_queries(f'{{"id": "gid://shopify/Product/{numbers[0]}"', *[ODD] * 2)
        seen = shelf.sync(source)
        failed, _ = of(seen, Failed)
        assert failed == Failed(
            f"product:{numbers[0]}",
            "Shopify refused a query: Something is odd.",
            "fetch",
            "B0",
            "https://shop.example/products/trail-boot",
        )
        assert set(shelf.documents) == {f"product:{number}" for number in numbers[1:]}
        assert of(seen, Complete) == [Complete(frozenset(f"product:{number}" for number in numbers))]
        fake.tick(1000)
        shelf.sync(source)  # tried again without any change
        assert len(shelf.documents) == 3
        assert not shelf.failed

    def test_its_old_text_stays_until_then(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        fake.translate("products", number, "fr", body_html="<p>Un</p>")
        source = world(fake, locales=["fr"])
        shelf = Shelf()
        shelf.sync(source)
        fake.edit("products", number, title="New")
        fake.break_queries("Children", *[ODD] * 2)
        shelf.sync(source)
        assert len(shelf.documents) == 2
        assert shelf.failed
        shelf.sync(source)
        assert shelf.documents[f"product:{number}"].title == "New"
        assert not shelf.failed

    def test_a_product_that_becomes_a_draft_leaves_even_if_the_rest_of_it_cannot_be_read(
        self, fake: ShopifyFake
    ) -> None:
        number = boot(fake)
        source = world(fake)
        shelf = Shelf()
        shelf.sync(source)
        fake.edit("products", number, status="DRAFT")
        fake.break_queries("Children", *[ODD] * 2)
        shelf.sync(source)
        assert not shelf.documents
        assert not shelf.failed
        fake.calm_queries()

    def test_a_failed_product_that_was_deleted_is_gone(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        source = world(fake, sweep_every="30d")
        shelf = Shelf()
        fake.break_queries("Children", *[ODD] * 2)
        shelf.sync(source)
        fake.told = set()
        fake.delete("products", number)
        assert [change.id for change in of(shelf.sync(source), Delete)] == [f"product:{number}"]
        assert not shelf.failed

    def test_an_answer_without_a_field_fails_alone(self, fake: ShopifyFake) -> None:
        node = {"id": "gid://shopify/Page/7", "title": "Odd", "handle": "odd"}
        page = {"nodes": [node], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        fake.break_queries("Listing", *[{"data": {"pages": page}}] * 2)
        seen = list(world(fake, "pages").connector().changes(None))
        assert {(change.id, change.step) for change in of(seen, Failed)} == {("page:7", "decode")}

    @pytest.mark.parametrize("content", ["products", "pages", "articles", "collections"])
    def test_one_document_that_shopify_cannot_answer_for_fails_alone(
        self, fake: ShopifyFake, quick: None, content: str
    ) -> None:
        numbers = [fake.create(content) for _ in range(4)]
        source = world(fake, content, sweep_every="30d")
        shelf = Shelf()
        fake.broken = {numbers[1]}
        seen = shelf.sync(source)
        assert {change.id for change in of(seen, Failed)} == {f"{content[:-1]}:{numbers[1]}"}
        assert len(shelf.documents) == 3
        fake.broken = set()
        shelf.sync(source)
        assert len(shelf.documents) == 4
        assert not shelf.failed

    def test_what_fails_again_does_not_keep_the_others_back(self, fake: ShopifyFake) -> None:
        numbers = [fake.create("pages") for _ in range(3)]
        fake.tick(1000)
        fake.create("pages")
        source = world(fake, "pages", sweep_every="30d")
        shelf = Shelf()
        fake.break_queries("Listing", ODD)
        fake.break_queries("ById", *[ODD] * 3)
        shelf.sync(source)
        assert len(shelf.failed) == 3
        fake.break_queries("ById", ODD)  # all three at once
        fake.break_queries(f'"gid://shopify/Page/{numbers[1]}"]', ODD)
        shelf.sync(source)
        assert set(shelf.failed) == {f"page:{numbers[1]}"}
        shelf.sync(source)
        assert len(shelf.documents) == 4
        assert not shelf.failed
