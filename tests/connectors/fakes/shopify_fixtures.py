"""Fixtures of the tests of the ``shopify`` connector."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.fakes import shopify_schema
from tests.connectors.fakes.shopify import ShopifyFake

needs_schema = pytest.mark.skipif(not shopify_schema.here(), reason="needs Shopify's schema in ../shared/specs/shopify")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few items, and no waiting for bulk operations."""
    for content in ("products", "collections", "pages", "articles"):
        monkeypatch.setitem(shopify_reader_page(), content, 3)
    monkeypatch.setattr("connectors.shopify.bulk.FIRST_POLL", 0.0)
    monkeypatch.setattr("connectors.shopify.crawl.BULK_CHECKPOINT", 2)
    monkeypatch.setattr("connectors.shopify.queries.VARIANTS", 2)
    monkeypatch.setattr("connectors.shopify.queries.COLLECTIONS", 1)
    monkeypatch.setattr("connectors.shopify.queries.METAFIELDS", 2)


def shopify_reader_page() -> dict[str, int]:
    from connectors.shopify.reader import PAGE

    return PAGE


@pytest.fixture
def fake(small: None) -> Iterator[ShopifyFake]:
    """A shop that broke no rule in the end."""
    server = ShopifyFake()
    yield server
    server.close()
    assert not server.problems, server.problems[:3]
