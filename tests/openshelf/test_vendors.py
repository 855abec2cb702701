"""From a vendor's API to an answer: real HTTP, the real ledger, store and embedder, as one YAML describes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openshelf import Shelf
from tests.connectors.fakes.confluence import ConfluenceFake, ConfluenceWorld
from tests.connectors.fakes.google import GoogleFake
from tests.connectors.fakes.google_world import DriveWorld
from tests.connectors.fakes.server import Fake
from tests.connectors.fakes.shopify import ShopifyFake
from tests.connectors.fakes.shopify_fixtures import needs_schema
from tests.connectors.fakes.shopify_world import ShopifyWorld
from tests.connectors.fakes.shopify_world import options as shopify_options
from tests.connectors.fakes.zendesk import ZendeskFake
from tests.connectors.test_zendesk import ArticleWorld, TicketWorld
from tests.connectors.test_zendesk import options as zendesk_options

LENIENT = {"max_delete_share": 1.0}


@dataclass
class Vendor:
    """A stand-in that can be edited, the YAML keys of its source, its secret, and how one document is restricted.

    ``restrict`` gives the group that may still read; ``None`` where the vendor knows no readers.
    """

    world: Any
    options: dict[str, Any]
    secret: str
    groups: frozenset[str] = frozenset()
    restrict: Callable[[str], str] | None = None

    @property
    def fake(self) -> Fake:
        return self.world.fake


def plain(options: Any) -> dict[str, Any]:
    """Options as a YAML has them, secrets included."""
    return {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for name, value in options
        if value is not None and name in options.model_fields_set
    }


def zendesk_articles() -> Vendor:
    world = ArticleWorld(ZendeskFake())
    segment = world.fake.add_segment("Agents")

    def restrict(name: str) -> str:
        world.fake.change(world.ids[name], segments=[segment])
        return f"zendesk-segment:{segment}"

    return Vendor(world, plain(zendesk_options(world.fake)), "ready-token", restrict=restrict)


def zendesk_tickets() -> Vendor:
    world = TicketWorld(ZendeskFake())
    return Vendor(world, plain(zendesk_options(world.fake, content="tickets")), "ready-token")


def confluence() -> Vendor:
    world = ConfluenceWorld(ConfluenceFake())

    def restrict(name: str) -> str:
        world.fake.restrict(world.ids[name], groups=["staff"])
        return "confluence-group:staff"

    options = plain(world.settings())
    return Vendor(world, options, options["api_token"], restrict=restrict)


def google_drive() -> Vendor:
    world = DriveWorld(GoogleFake(), sweep_every="0s")
    return Vendor(world, world.options, "PRIVATE KEY", groups=frozenset({"google-user:ann@corp.example"}))


def shopify() -> Vendor:
    world = ShopifyWorld(ShopifyFake())
    options = plain(shopify_options(world.fake, **world.options))
    return Vendor(world, options, options.get("client_secret") or options["token"])


VENDORS = [
    ("zendesk", zendesk_articles),
    ("zendesk", zendesk_tickets),
    ("confluence", confluence),
    ("google-drive", google_drive),
    pytest.param("shopify", shopify, marks=needs_schema),
]


@pytest.fixture
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    made = request.param()
    with closing(made.fake):
        yield made


@pytest.mark.parametrize(("kind", "vendor"), VENDORS, indirect=["vendor"])
def test_what_a_vendor_has_is_found_followed_and_forgotten(
    kind: str, vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connectors.zendesk.tickets.LAG", 0.0)
    caplog.set_level("DEBUG")
    world = vendor.world
    world.put("boots", "Worn boots can be exchanged within thirty days.")
    world.put("parcel", "A parcel to Norway takes nine working days.")
    world.put("coupon", "The coupon AURORA is valid until midsummer.")
    sources = {"kb": {"type": kind, **json.loads(json.dumps(vendor.options, default=str))}}
    config = {"path": "shelf", "store": {"mode": "embedded"}, "sync": LENIENT, "sources": sources}

    def found(query: str, groups: frozenset[str] = vendor.groups) -> str:
        return " ".join(hit.text for hit in shelf.search(query, top_k=1, groups=groups))

    def wait() -> None:
        if hasattr(vendor.fake, "wait"):
            vendor.fake.wait()

    with Shelf.open(config, base_dir=tmp_path) as shelf:
        wait()
        assert [f.level for f in shelf.check() if f.subject == "source kb" and f.level == "error"] == []
        first = shelf.sync()[0]
        assert (first.outcome, first.error, first.counts.upserted) == ("clean", None, 3)
        assert "thirty days" in found("exchange worn boots")
        assert "AURORA" in found("coupon AURORA")

        second = shelf.sync()[0]
        assert (second.counts.upserted, second.counts.embedded, second.counts.deleted) == (0, 0, 0)

        world.put("parcel", "A parcel to Norway takes twelve working days.")
        world.remove("coupon")
        wait()
        third = shelf.sync()[0]
        if third.counts.deleted == 0:  # some vendors tell of a deletion with the next run
            third = shelf.sync()[0]
        assert "twelve" in found("parcel to Norway")
        assert "AURORA" not in found("coupon AURORA")

        if vendor.restrict is not None:
            group = vendor.restrict("boots")
            shelf.sync()
            assert "boots" not in found("exchange worn boots")
            assert "thirty days" in found("exchange worn boots", frozenset({group}))
        for report in (first, second, third):
            counts = report.counts
            ended = counts.upserted + counts.unchanged + counts.skipped + counts.rejected + counts.superseded
            assert counts.fetched + counts.again == ended
        shown = f"{shelf.status()} {shelf.connector('kb')!r} {shelf.loaded!r} {caplog.text}"
    assert vendor.fake.problems == []
    written = b"".join(path.read_bytes() for path in (tmp_path / "shelf").rglob("*") if path.is_file())
    assert vendor.secret not in shown
    assert vendor.secret.encode() not in written
