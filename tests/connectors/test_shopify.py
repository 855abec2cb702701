"""The ``shopify`` connector keeps the contract, against a shop that is executed on Shopify's own schema."""

from __future__ import annotations

import pytest

from tests.connectors.conformance import Conformance
from tests.connectors.differential import follow_changes
from tests.connectors.fakes.shopify import ShopifyFake
from tests.connectors.fakes.shopify_fixtures import fake, needs_schema, small
from tests.connectors.fakes.shopify_world import ShopifyWorld

__all__ = ["fake", "small"]
pytestmark = needs_schema
ALL = ["products", "collections", "pages", "articles", "policies"]


def world_of(fake: ShopifyFake, **options) -> ShopifyWorld:
    world = ShopifyWorld(fake, locales=["fr"], exclude_tags=["secret"], **options)
    world.options["content"] = ALL
    for _ in range(2):
        fake.create("policies")
        fake.create("collections")
    return world


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_following_equals_reading_afresh(fake: ShopifyFake, quick: None, seed: int) -> None:
    follow_changes(world_of(fake), seed)


@pytest.mark.parametrize("seed", [4, 5])
def test_the_same_with_bulk_operations(fake: ShopifyFake, quick: None, seed: int) -> None:
    follow_changes(world_of(fake, bulk_above=0), seed)


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_between_two_sweeps_what_leaves_a_trace_is_followed(fake: ShopifyFake, quick: None, seed: int) -> None:
    follow_changes(world_of(fake, traceable=True, sweep_every="30d"), seed)


class TestProducts(Conformance):
    @pytest.fixture
    def world(self, fake: ShopifyFake) -> ShopifyWorld:
        return ShopifyWorld(fake)


class TestProductsInBulk(Conformance):
    @pytest.fixture
    def world(self, fake: ShopifyFake) -> ShopifyWorld:
        return ShopifyWorld(fake, bulk_above=0)


class TestPages(Conformance):
    @pytest.fixture
    def world(self, fake: ShopifyFake) -> ShopifyWorld:
        return ShopifyWorld(fake, "pages")


class TestArticles(Conformance):
    @pytest.fixture
    def world(self, fake: ShopifyFake) -> ShopifyWorld:
        return ShopifyWorld(fake, "articles")


class TestCollections(Conformance):
    @pytest.fixture
    def world(self, fake: ShopifyFake) -> ShopifyWorld:
        return ShopifyWorld(fake, "collections")


class TestPolicies(Conformance):
    @pytest.fixture
    def world(self, fake: ShopifyFake) -> ShopifyWorld:
        return ShopifyWorld(fake, "policies")
