"""What the ``shopify`` connector makes of a shop, what it leaves out, and how that changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Skipped
from tests.connectors.conformance import Shelf
from tests.connectors.fakes.shopify import START, ShopifyFake
from tests.connectors.fakes.shopify_fixtures import fake, needs_schema, small
from tests.connectors.fakes.shopify_words import boot, crawl, of, only, text, world

__all__ = ["fake", "small"]
pytestmark = needs_schema


class TestProduct:
    def test_its_text_has_description_facts_and_all_variants(self, fake: ShopifyFake) -> None:
        boot(fake)
        document = only(crawl(fake))
        assert document.title == "Trail boot"
        assert document.media_type == "text/html"
        assert document.url == "https://shop.example/products/trail-boot"
        assert document.readers is None
        content = text(document)
        assert content.startswith("<p>Keeps <b>dry</b>.</p>")
        assert "<li>Vendor: Larkfield</li>" in content
        assert "<li>Size: 41, 42, 43</li>" in content
        assert "<li>Tags: A&amp;B, waterproof</li>" in content
        # Two variants come with a product here; the third is on a page of its own.
        assert all(f"<tr><td>{size}</td><td>TB-{size}</td></tr>" in content for size in (41, 42, 43))

    def test_a_product_without_options_has_no_table(self, fake: ShopifyFake) -> None:
        fake.create("products", variants=[fake.variant("ONE")])
        content = text(only(crawl(fake)))
        assert "<li>SKU: ONE</li>" in content
        assert "<table>" not in content
        assert "Default Title" not in content

    def test_metadata_is_typed(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        for handle in ("shoes", "sale"):
            fake.create("collections", handle=handle, products=[number])
        assert only(crawl(fake)).metadata == {
            "kind": "product",
            "handle": "trail-boot",
            "status": "active",
            "vendor": "Larkfield",
            "product_type": "Boots",
            "tags": ["A&B", "waterproof"],
            "collections": ["sale", "shoes"],
            "price_min": 41.5,
            "price_max": 43.5,
            "currency": "EUR",
            "available": True,
            "updated": datetime.fromtimestamp(START, UTC),
        }

    def test_a_change_of_price_or_stock_is_in_the_metadata_and_not_in_the_text(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        source = world(fake)
        shelf = Shelf()
        shelf.sync(source)
        before = only(shelf)
        fake.tick()
        for variant in fake.records["products"][number]["variants"]:
            variant["price"], variant["available"] = "9.00", False
        fake.edit("products", number)
        shelf.sync(source)
        after = only(shelf)
        assert after.content == before.content
        assert after.version.split("-")[0] == before.version.split("-")[0]  # its text need not be embedded again
        assert after.version != before.version
        assert (after.metadata["price_min"], after.metadata["available"]) == (9.0, False)

    def test_prices_and_stock_can_be_put_into_the_text(self, fake: ShopifyFake) -> None:
        boot(fake)
        fake.create("products", title="Wax", variants=[fake.variant("WAX", "5.00", False)])
        first, second = (text(one) for one in crawl(fake, text_includes=["price", "stock"]).documents.values())
        assert "<th>Price</th><th>Available</th>" in first
        assert "<td>42</td><td>TB-42</td><td>42.50 EUR</td><td>yes</td>" in first
        assert "<td>41.50 EUR</td><td>no</td>" in first
        assert "<li>Price: 5.00 EUR</li>\n<li>Available: no</li>" in second

    @pytest.mark.parametrize("bulk_above", [1000, 0])
    def test_metafields_that_the_storefront_may_read_are_in_the_text(self, fake: ShopifyFake, bulk_above: int) -> None:
        held = {
            "custom.cost": ("number_decimal", "3.20"),
            "custom.material": ("single_line_text_field", "Waxed <leather>"),
            "other.note": ("single_line_text_field", "no definition"),
        }
        boot(fake, metafields=held)
        content = text(only(crawl(fake, bulk_above=bulk_above)))
        assert "<li>Material: Waxed &lt;leather&gt;</li>" in content
        assert "3.20" not in content
        assert "no definition" not in content
        chosen = text(only(crawl(fake, bulk_above=bulk_above, metafields=["other.note", "custom.cost"])))
        assert "<li>Cost: 3.20</li>\n<li>note: no definition</li>" in chosen
        assert "Material" not in chosen
        assert "Material" not in text(only(crawl(fake, metafields=[])))

    def test_what_is_beyond_a_page_of_children_is_read_too(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        for place in range(5):
            fake.create("collections", handle=f"c{place}", products=[number])
            fake.definitions[f"custom.f{place}"] = (f"Field {place}", True)
        values = {f"custom.f{place}": ("single_line_text_field", f"value {place}") for place in range(5)}
        fake.edit("products", number, metafields=values)
        document = only(crawl(fake))
        assert document.metadata["collections"] == [f"c{place}" for place in range(5)]
        assert all(f"Field {place}: value {place}" in text(document) for place in range(5))

    @pytest.mark.parametrize("bulk_above", [1000, 0])
    def test_pages_and_bulk_operations_give_equal_documents(self, fake: ShopifyFake, bulk_above: int) -> None:
        for number in range(5):
            boot(fake, title=f"Boot {number}", metafields={"custom.material": ("boolean", "true")})
        fake.create("collections", products=sorted(fake.records["products"]))
        assert crawl(fake, bulk_above=bulk_above).documents == crawl(fake, bulk_above=3).documents


class TestVisibility:
    @pytest.mark.parametrize("status", ["DRAFT", "ARCHIVED", "UNLISTED"])
    def test_a_product_that_is_no_longer_active_leaves_and_comes_back(self, fake: ShopifyFake, status: str) -> None:
        number = boot(fake)
        source = world(fake, sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        fake.tick(400)
        fake.edit("products", number, status=status)
        seen = shelf.sync(source)
        assert not shelf.documents
        (skipped,) = of(seen, Skipped)
        assert (skipped.reason, skipped.title) == (status.lower(), "Trail boot")
        assert crawl(fake, product_status=["active", status.lower()]).documents
        fake.tick(400)
        fake.edit("products", number, status="ACTIVE")
        shelf.sync(source)
        assert shelf.documents

    def test_a_product_that_the_online_store_does_not_show_is_left_out(self, fake: ShopifyFake) -> None:
        boot(fake, published=False)
        shelf = crawl(fake)
        assert not shelf.documents
        assert list(shelf.skipped.values()) == ["unpublished"]
        assert only(crawl(fake, published_only=False)).url is None

    def test_unpublishing_without_a_trace_is_found_by_the_sweep(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        fake.tick(1000)
        boot(fake)
        shelf = Shelf()
        shelf.sync(world(fake, sweep_every="30d"))
        fake.edit("products", number, bump=False, published=False)
        shelf.sync(world(fake, sweep_every="30d"))
        assert len(shelf.documents) == 2
        shelf.sync(world(fake, sweep_every="0s"))
        assert len(shelf.documents) == 1

    def test_joining_a_collection_is_found_by_the_sweep(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        source = world(fake)
        shelf = Shelf()
        shelf.sync(source)
        fake.create("collections", handle="sale", products=[number])
        shelf.sync(source)
        assert only(shelf).metadata["collections"] == ["sale"]

    @pytest.mark.parametrize("content", ["pages", "articles"])
    def test_what_is_hidden_leaves(self, fake: ShopifyFake, content: str) -> None:
        number = fake.create(content)
        source = world(fake, content, sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        assert shelf.documents
        fake.tick(400)
        fake.edit(content, number, published_at=None)
        shelf.sync(source)
        assert not shelf.documents
        assert list(shelf.skipped.values()) == ["hidden"]
        assert crawl(fake, content, published_only=False).documents

    @pytest.mark.parametrize("content", ["pages", "articles"])
    def test_what_was_to_be_published_later_comes_out_without_a_sweep(self, fake: ShopifyFake, content: str) -> None:
        fake.create(content, published_at=START + 5000)
        fake.tick(1000)
        fake.create(content)
        source = world(fake, content, sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        assert len(shelf.documents) == 1
        fake.tick(5001)
        shelf.sync(source)
        assert len(shelf.documents) == 2

    def test_a_collection_that_the_online_store_does_not_show_is_left_out(self, fake: ShopifyFake) -> None:
        shown, hidden = fake.create("collections"), fake.create("collections", published=False)
        source = world(fake, "collections", sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        assert set(shelf.documents) == {f"collection:{shown}"}
        assert shelf.skipped == {f"collection:{hidden}": "unpublished"}
        fake.edit("collections", shown, bump=False, published=False)
        fake.edit("collections", hidden, bump=False, published=True)
        shelf.sync(source)  # they are read whole each time
        assert set(shelf.documents) == {f"collection:{hidden}"}
        assert len(crawl(fake, "collections", published_only=False).documents) == 2

    def test_filters_say_why(self, fake: ShopifyFake) -> None:
        def reason(**options) -> str | None:
            return next(iter(crawl(fake, **options).skipped.values()), None)

        number = boot(fake)
        fake.create("collections", handle="shoes", products=[number])
        assert reason(tags=["WATERPROOF"]) is None
        assert reason(tags=["sale"]) == "other tag"
        assert reason(exclude_tags=["Waterproof"]) == "excluded tag"
        assert reason(product_types=["boots"]) is None
        assert reason(product_types=["Socks"]) == "other product type"
        assert reason(vendors=["larkfield"]) is None
        assert reason(vendors=["Another"]) == "other vendor"
        assert reason(collections=["shoes"]) is None
        assert reason(collections=["sale"]) == "other collection"

    def test_a_filter_on_collections_holds_for_collections_too(self, fake: ShopifyFake) -> None:
        for handle in ("shoes", "sale"):
            fake.create("collections", handle=handle)
        shelf = crawl(fake, "collections", collections=["shoes"])
        assert [one.metadata["handle"] for one in shelf.documents.values()] == ["shoes"]
        assert list(shelf.skipped.values()) == ["other collection"]


class TestOtherContent:
    def test_an_article_has_its_blog_author_and_tags(self, fake: ShopifyFake) -> None:
        number = fake.create("articles", title="Care", handle="care é", blog="guides", tags=["wax"], body="<p>Wax.</p>")
        document = only(crawl(fake, "articles"))
        assert document.id == f"article:{number}"
        assert text(document) == "<p>Wax.</p>"
        assert document.url == "https://shop.example/blogs/guides/care%20%C3%A9"
        assert document.metadata == {
            "kind": "article",
            "handle": "care é",
            "blog": "guides",
            "author": "Ann",
            "tags": ["wax"],
            "published": datetime.fromtimestamp(START, UTC),
            "updated": datetime.fromtimestamp(START, UTC),
        }

    def test_an_article_without_a_body_has_its_summary(self, fake: ShopifyFake) -> None:
        number = fake.create("articles", body=" ", summary="<p>Short.</p>")
        fake.translate("articles", number, "fr", summary_html="<p>Court.</p>")
        documents = crawl(fake, "articles", locales=["fr"]).documents
        assert [text(one) for one in documents.values()] == ["<p>Short.</p>", "<p>Court.</p>"]

    def test_other_blogs_are_left_out(self, fake: ShopifyFake) -> None:
        fake.create("articles", blog="news")
        fake.create("articles", blog="guides")
        shelf = crawl(fake, "articles", blogs=["guides"])
        assert only(shelf).metadata["blog"] == "guides"
        assert list(shelf.skipped.values()) == ["other blog"]

    def test_pages_collections_and_policies_have_links(self, fake: ShopifyFake) -> None:
        fake.create("pages", handle="about")
        fake.create("collections", handle="shoes")
        fake.create("policies", type="REFUND_POLICY", title="Refund policy")
        shelf = crawl(fake, "pages", "collections", "policies")
        assert sorted(str(one.url) for one in shelf.documents.values()) == [
            "https://shop.example/collections/shoes",
            "https://shop.example/pages/about",
            "https://shop.example/policies/refund-policy",
        ]
        assert {one.metadata.get("policy") for one in shelf.documents.values()} == {None, "refund_policy"}

    @pytest.mark.parametrize("content", ["pages", "articles", "collections", "policies"])
    def test_what_has_no_text_is_left_out(self, fake: ShopifyFake, content: str) -> None:
        number = fake.create(content, body="", descriptionHtml="")
        source = world(fake, content)
        shelf = Shelf()
        shelf.sync(source)
        assert list(shelf.skipped.values()) == ["no text"]
        fake.edit(content, number, body="<p>x</p>", descriptionHtml="<p>x</p>")
        shelf.sync(source)
        assert shelf.documents

    def test_only_the_content_asked_for_is_read(self, fake: ShopifyFake) -> None:
        for content in ("products", "collections", "pages", "articles", "policies"):
            fake.create(content)
        fake.scopes = {"read_content"}
        assert {one.split(":")[0] for one in crawl(fake, "pages").documents} == {"page"}
        fake.scopes = {"read_products", "read_content", "read_legal_policies"}
        every = crawl(fake, "products", "collections", "pages", "articles", "policies")
        assert {one.metadata["kind"] for one in every.documents.values()} == {
            "product",
            "collection",
            "page",
            "article",
            "policy",
        }


class TestTranslations:
    def test_each_locale_is_a_document_of_its_own(self, fake: ShopifyFake) -> None:
        number = boot(fake, words={"Size": {"fr": {"name": ("Pointure", False)}}})
        fake.translate("products", number, "fr", title="Chaussure", body_html="<p>Sèche.</p>")
        fake.translate("products", number, "de", title="Stiefel", body_html="<p>Trocken.</p>")
        shelf = crawl(fake, locales=["fr", "de"])
        assert set(shelf.documents) == {f"product:{number}", f"product:{number}:fr", f"product:{number}:de"}
        original, french = shelf.documents[f"product:{number}"], shelf.documents[f"product:{number}:fr"]
        assert (original.language, french.language) == ("en", "fr")
        assert french.title == "Chaussure"
        assert french.url == "https://shop.example/fr/products/trail-boot"
        assert text(french).startswith("<p>Sèche.</p>")
        assert "<li>Pointure: 41, 42, 43</li>" in text(french)
        assert french.metadata == original.metadata
        assert shelf.documents[f"product:{number}:de"].language == "de"

    @pytest.mark.parametrize("bulk_above", [1000, 0])
    def test_values_of_options_and_metafields_are_translated(self, fake: ShopifyFake, bulk_above: int) -> None:
        words = {"Red": {"fr": {"name": ("Rouge", False)}}, "custom.material": {"fr": {"value": ("Cuir", False)}}}
        number = boot(
            fake,
            options={"Colour": ["Red", "Blue"]},
            variants=[fake.variant("R", "1.00", True, "Red"), fake.variant("B", "1.00", True, "Blue")],
            metafields={"custom.material": ("single_line_text_field", "Leather")},
            words=words,
        )
        fake.translate("products", number, "fr", title="Botte", body_html="<p>Sèche.</p>")
        french = text(crawl(fake, locales=["fr"], bulk_above=bulk_above).documents[f"product:{number}:fr"])
        assert "<td>Rouge</td><td>R</td>" in french
        assert "<td>Blue</td><td>B</td>" in french
        assert "Material: Cuir" in french

    @pytest.mark.parametrize("content", ["products", "collections", "pages", "articles", "policies"])
    def test_all_content_is_translated(self, fake: ShopifyFake, content: str) -> None:
        number = fake.create(content)
        key = "body" if content == "policies" else "body_html"
        fake.translate(content, number, "fr", **{key: "<p>Texte</p>"})
        shelf = crawl(fake, content, locales=["fr"])
        french = next(one for name, one in shelf.documents.items() if name.endswith(":fr"))
        assert text(french).startswith("<p>Texte</p>")
        assert french.title == f"T{number}"  # not translated: the original's
        assert french.url
        assert "/fr/" in french.url

    def test_what_is_not_translated_has_no_document(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        fake.translate("products", number, "fr", title="Chaussure")
        shelf = crawl(fake, locales=["fr"])
        assert set(shelf.documents) == {f"product:{number}"}
        assert not shelf.skipped

    def test_an_outdated_translation_leaves_until_it_is_brought_up_to_date(self, fake: ShopifyFake) -> None:
        number = fake.create("pages", body="<p>One</p>")
        fake.translate("pages", number, "fr", body_html="<p>Un</p>")
        source = world(fake, "pages", locales=["fr"])
        shelf = Shelf()
        shelf.sync(source)
        french = f"page:{number}:fr"
        assert french in shelf.documents
        fake.edit("pages", number, body="<p>Two</p>")
        shelf.sync(source)
        assert set(shelf.documents) == {f"page:{number}"}
        assert shelf.skipped == {french: "outdated translation"}
        kept = crawl(fake, "pages", locales=["fr"], outdated_translations=True)
        assert text(kept.documents[french]) == "<p>Un</p>"
        fake.translate("pages", number, "fr", body_html="<p>Deux</p>")
        shelf.sync(source)
        assert text(shelf.documents[french]) == "<p>Deux</p>"

    def test_a_locale_that_is_unpublished_leaves(self, fake: ShopifyFake) -> None:
        number = fake.create("pages")
        fake.translate("pages", number, "fr", body_html="<p>Un</p>")
        source = world(fake, "pages", locales=["fr"])
        shelf = Shelf()
        shelf.sync(source)
        fake.locales["fr"] = (False, False)
        shelf.sync(source)
        assert set(shelf.documents) == {f"page:{number}"}

    def test_all_languages_of_a_product_leave_with_it(self, fake: ShopifyFake) -> None:
        number = boot(fake)
        fake.translate("products", number, "fr", body_html="<p>Un</p>")
        source = world(fake, locales=["fr"], sweep_every="30d")
        shelf = Shelf()
        shelf.sync(source)
        assert len(shelf.documents) == 2
        fake.tick(400)
        fake.edit("products", number, status="DRAFT")
        shelf.sync(source)
        assert not shelf.documents
