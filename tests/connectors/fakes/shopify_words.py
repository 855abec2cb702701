"""Short words for tests of the ``shopify`` connector."""

from __future__ import annotations

from connectors.contract import Change, SourceDocument
from tests.connectors.conformance import Shelf
from tests.connectors.fakes.shopify import ShopifyFake
from tests.connectors.fakes.shopify_world import ShopifyWorld

ODD = {"errors": [{"message": "Something is odd."}]}


def crawl(fake: ShopifyFake, *content: str, **options) -> Shelf:
    shelf = Shelf()
    shelf.apply(world(fake, *content, **options).connector().changes(None))
    return shelf


def world(fake: ShopifyFake, *content: str, **options) -> ShopifyWorld:
    made = ShopifyWorld(fake, **options)
    made.options["content"] = list(content or ["products"])
    return made


def only(shelf: Shelf) -> SourceDocument:
    (document,) = shelf.documents.values()
    return document


def text(document: SourceDocument) -> str:
    return document.content.decode()


def of(changes: list[Change], kind: type) -> list[Change]:
    return [change for change in changes if isinstance(change, kind)]


def boot(fake: ShopifyFake, **values) -> int:
    sizes = ["41", "42", "43"]
    return fake.create(
        "products",
        **{
            "title": "Trail boot",
            "handle": "trail-boot",
            "descriptionHtml": "<p>Keeps <b>dry</b>.</p>",
            "options": {"Size": sizes},
            "variants": [fake.variant(f"TB-{size}", f"{size}.50", size == "42", size) for size in sizes],
            "tags": ["waterproof", "A&B"],
            **values,
        },
    )
