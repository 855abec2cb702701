"""How the ``shopify`` connector gets along with Shopify's API: tokens, scopes, points, errors, bulk operations."""

from __future__ import annotations

import json

import pytest

from configs.errors import AuthError, ConnectorError
from connectors.contract import Upsert
from connectors.retry import RateBudget
from connectors.shopify.check import NEEDED
from connectors.shopify.graphql import pace
from connectors.shopify.queries import (
    BULK_RUN,
    BULK_STATE,
    DEFINITIONS,
    EVENTS,
    LOCALES,
    PUBLISHED_COLLECTIONS,
    SCOPES,
    SHOP,
    Queries,
)
from connectors.shopify.reader import PAGE
from tests.connectors.conformance import Shelf
from tests.connectors.fakes import shopify_schema
from tests.connectors.fakes.server import Fault, Response
from tests.connectors.fakes.shopify import ShopifyFake
from tests.connectors.fakes.shopify_fixtures import fake, needs_schema, small
from tests.connectors.fakes.shopify_world import ShopifyWorld

__all__ = ["fake", "small"]
pytestmark = needs_schema
ALL = ["products", "collections", "pages", "articles", "policies"]
APP = {"client_id": "abc", "client_secret": "top-secret"}


def world(fake: ShopifyFake, content: str = "products", **options) -> ShopifyWorld:
    return ShopifyWorld(fake, content, **options)


def stock(fake: ShopifyFake, count: int = 7) -> None:
    for _ in range(count):
        fake.create("products")


def error(code: str, **extensions) -> dict:
    return {"errors": [{"message": f"{code} happened", "extensions": {"code": code, **extensions}}]}


def queries_sent(fake: ShopifyFake, part: str) -> list[dict]:
    return [request.json() for request in fake.asked if part.encode() in request.body]


class TestTokens:
    def test_an_app_gets_tokens_and_new_ones_in_the_middle_of_a_crawl(self, fake: ShopifyFake) -> None:
        stock(fake)
        fake.token_uses = 3
        shelf = Shelf()
        shelf.sync(world(fake, **APP))
        assert len(shelf.documents) == 7
        asked = [request for request in fake.asked if "oauth" in request.path]
        assert len(asked) > 2
        assert asked[0].form() == {
            "grant_type": "client_credentials",
            "client_id": "abc",
            "client_secret": "top-secret",
        }
        assert not any("x-shopify-access-token" in map(str.lower, request.headers) for request in asked)

    @pytest.mark.parametrize(
        ("body", "hint"),
        [
            (b"Oauth error app_not_installed: no", "Install the app"),
            (b'{"error": "shop_not_permitted"}', "same organization"),
            (b'{"error": "application_cannot_be_found"}', "client_id"),
            (b'{"error": "invalid_client"}', "client_secret"),
            (b"<html>something</html>", "Check shop"),
        ],
    )
    def test_a_refused_app_says_what_to_do(self, fake: ShopifyFake, body: bytes, hint: str) -> None:
        fake.token_answer = Response(400, body=body)
        reachable = world(fake, **APP).connector().check()
        assert not reachable.ok
        assert "no access token" in reachable.detail
        assert hint in (reachable.hint or "")

    @pytest.mark.parametrize("answer", [{}, {"access_token": ""}, [], {"access_token": 7}])
    def test_an_answer_without_a_token_is_an_error(self, fake: ShopifyFake, answer: object) -> None:
        fake.token_answer = Response(json=answer)
        with pytest.raises(AuthError, match="no access token"):
            list(world(fake, **APP).connector().changes(None))

    def test_a_refused_token_says_what_to_do(self, fake: ShopifyFake) -> None:
        with pytest.raises(AuthError, match="refused the access token") as caught:
            list(world(fake, token="shpat_old").connector().changes(None))
        assert "reinstall" in (caught.value.hint or "")
        assert "shpat_old" not in str(caught.value)

    def test_secrets_show_up_nowhere(self, fake: ShopifyFake, quick: None) -> None:
        stock(fake)
        for options, secret in ((APP, "top-secret"), ({"token": "shpat_legacy"}, "shpat_legacy")):
            source = world(fake, bulk_above=0, **options)
            connector = source.connector()
            shelf = Shelf()
            shelf.apply(connector.changes(None))
            shown = [
                repr(connector.options),
                str(connector.options),
                json.dumps(shelf.cursor),
                connector.options.scope(),
            ]
            fake.break_next(*[Fault("error", 500)] * 60)
            with pytest.raises(ConnectorError) as caught:
                list(connector.changes(None))
            fake.calm()
            fake.bulk_outcome = "COMPLETED"
            shown.append(f"{caught.value} {caught.value.__cause__!r} {connector.check()}")
            assert not any(word in text for word in (secret, "very-secret") for text in shown)

    def test_another_secret_is_the_same_source(self, fake: ShopifyFake) -> None:
        first, second = world(fake, **APP), world(fake, token="shpat_legacy", timeout=9, bulk_above=7)
        assert first.connector().options.scope() == second.connector().options.scope()
        assert world(fake, vendors=["x"], **APP).connector().options.scope() != first.connector().options.scope()


class TestErrors:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("busy", retry_after="0"),
            Fault("busy"),
            Fault("error", 500),
            Fault("error", 503, retry_after="0"),
            Fault("reset"),
            Fault("cut"),
            Fault("truncated"),
            Fault("html"),
        ],
        ids=lambda fault: fault.kind,
    )
    def test_a_passing_fault_costs_nothing_but_time(self, fake: ShopifyFake, quick: None, fault: Fault) -> None:
        stock(fake)
        shelf = Shelf()
        fake.break_next(fault, fault)
        shelf.sync(world(fake))
        assert len(shelf.documents) == 7

    def test_a_server_that_hangs_is_asked_again(self, fake: ShopifyFake, quick: None) -> None:
        stock(fake)
        shelf = Shelf()
        fake.break_next(Fault("hang", seconds=0.5))
        shelf.sync(world(fake, timeout=0.2))
        assert len(shelf.documents) == 7

    def test_a_token_that_expired_early_is_fetched_anew(self, fake: ShopifyFake) -> None:
        stock(fake)
        fake.break_next(Fault("expired", path="graphql"))
        shelf = Shelf()
        shelf.sync(world(fake, **APP))
        assert len(shelf.documents) == 7

    def test_throttling_with_status_200_is_waited_for(self, fake: ShopifyFake, quick: None) -> None:
        stock(fake)
        fake.restored, fake.points = 200.0, 30.0
        shelf = Shelf()
        shelf.sync(world(fake))
        assert len(shelf.documents) == 7

    @pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "THROTTLED", "TIMEOUT"])
    def test_errors_that_pass_are_asked_again(self, fake: ShopifyFake, quick: None, code: str) -> None:
        stock(fake)
        fake.break_queries("Listing", *[error(code)] * 2)
        shelf = Shelf()
        shelf.sync(world(fake))
        assert len(shelf.documents) == 7

    def test_a_query_that_costs_too_much_is_made_smaller(
        self, fake: ShopifyFake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stock(fake, 60)
        monkeypatch.setitem(PAGE, "products", 100)
        shelf = Shelf()
        shelf.sync(world(fake))
        assert len(shelf.documents) == 60
        sizes = [sent["variables"]["first"] for sent in queries_sent(fake, "Listing")]
        assert sizes[:2] == [100, 50]
        assert set(sizes[1:]) == {50}  # learnt once

    def test_one_item_that_costs_too_much_is_an_error(self, fake: ShopifyFake) -> None:
        stock(fake)
        fake.break_queries("Listing", *[error("MAX_COST_EXCEEDED")] * 9)
        with pytest.raises(ConnectorError, match="alone costs more points") as caught:
            list(world(fake).connector().changes(None))
        assert "locales" in (caught.value.hint or "")

    def test_a_missing_scope_is_named(self, fake: ShopifyFake) -> None:
        fake.create("policies")
        fake.scopes.discard("read_legal_policies")
        with pytest.raises(AuthError, match=r"shop.shopPolicies.*read_legal_policies") as caught:
            list(world(fake, "policies").connector().changes(None))
        assert "Access scopes" in (caught.value.hint or "")

    def test_a_lost_scope_deletes_nothing(self, fake: ShopifyFake) -> None:
        stock(fake)
        source = world(fake)
        shelf = Shelf()
        shelf.sync(source)
        fake.scopes.clear()
        with pytest.raises(AuthError):
            shelf.sync(source)
        assert len(shelf.documents) == 7

    @pytest.mark.parametrize("code", ["SHOP_INACTIVE", "SOMETHING_NEW"])
    def test_other_errors_stop_the_run(self, fake: ShopifyFake, code: str) -> None:
        fake.break_queries("Listing", *[error(code)] * 2)
        with pytest.raises(ConnectorError, match=r"not active|SOMETHING_NEW happened"):
            list(world(fake).connector().changes(None))
        fake.calm_queries()

    @pytest.mark.parametrize("body", [{"data": None}, {}, {"data": {}}, {"data": {"products": None}}, [1]])
    def test_an_answer_of_another_shape_is_an_error(self, fake: ShopifyFake, body: object) -> None:
        fake.break_queries("Listing", body)
        with pytest.raises(ConnectorError, match=r"without data|not as its schema"):
            list(world(fake).connector().changes(None))

    @pytest.mark.parametrize(
        ("status", "words"), [(402, "frozen"), (403, "403"), (404, "no such shop"), (423, "locked")]
    )
    def test_refusals_have_a_next_step(self, fake: ShopifyFake, status: int, words: str) -> None:
        fake.break_next(Fault("error", status))
        reachable = world(fake).connector().check()
        assert not reachable.ok
        assert words in reachable.detail
        assert reachable.hint

    def test_the_budget_waits_until_the_points_are_back(self) -> None:
        budget = RateBudget(60_000)
        status = {"maximumAvailable": 2000, "currentlyAvailable": 100, "restoreRate": 100}
        cost = {"requestedQueryCost": 600, "actualQueryCost": 200, "throttleStatus": status}
        pace({"extensions": {"cost": cost}}, budget)
        assert 4 < budget.take() <= 5
        other = RateBudget(60_000)
        for answer in ({}, {"extensions": None}, {"extensions": {"cost": {"throttleStatus": {"restoreRate": 0}}}}):
            pace(answer, other)
        pace({"extensions": {"cost": cost | {"requestedQueryCost": 90}}}, other)
        assert other.take() == 0


class TestBulk:
    def test_a_large_shop_is_read_by_one_operation(self, fake: ShopifyFake) -> None:
        stock(fake)
        shelf = Shelf()
        shelf.sync(world(fake, bulk_above=6, sweep_every="30d"))
        assert len(shelf.documents) == 7
        assert len(fake.bulks) == 1
        assert fake.paths("/bulk/")
        assert not [sent for sent in queries_sent(fake, "Listing") if sent["variables"]["sort"] == "ID"]
        shelf.sync(world(fake, bulk_above=6, sweep_every="30d"))
        assert len(fake.bulks) == 1

    def test_a_small_shop_is_read_by_pages(self, fake: ShopifyFake) -> None:
        stock(fake)
        Shelf().sync(world(fake, bulk_above=7))
        assert not fake.bulks

    def test_a_stopped_run_goes_on_with_the_same_operation(self, fake: ShopifyFake) -> None:
        stock(fake)
        source = world(fake, bulk_above=0, sweep_every="30d")
        shelf = Shelf()
        run = source.connector().changes(None)
        while len(shelf.documents) < 5:
            shelf.replay([next(run)])
        run.close()
        gone, changed = sorted(fake.records["products"])[0], sorted(fake.records["products"])[1]
        fake.tick()
        fake.delete("products", gone)
        fake.edit("products", changed, title="Newer than the file")
        seen = shelf.sync(source)
        assert len(fake.bulks) == 1
        assert len(shelf.documents) == 6
        assert shelf.documents[f"product:{changed}"].title == "Newer than the file"
        assert len([change for change in seen if isinstance(change, Upsert)]) < 7

    def test_a_failed_operation_gives_what_it_has_and_pages_the_rest(self, fake: ShopifyFake) -> None:
        stock(fake)
        fake.bulk_outcome, fake.bulk_lines = "FAILED", 7  # two products with a variant each... and a cut one
        shelf = Shelf()
        changes = shelf.sync(world(fake, bulk_above=0))
        assert len(shelf.documents) == 7
        assert fake.paths("/bulk/")
        upserts = [change.document for change in changes if isinstance(change, Upsert)]
        assert len(upserts) == 7  # each once, so none was delivered half
        assert all(b"SKU" in one.content for one in upserts)

    @pytest.mark.parametrize("outcome", ["FAILED", "CANCELED", "EXPIRED"])
    def test_an_operation_without_a_result_is_done_by_pages(self, fake: ShopifyFake, outcome: str) -> None:
        stock(fake)
        fake.bulk_outcome = outcome
        shelf = Shelf()
        shelf.sync(world(fake, bulk_above=0))
        assert len(shelf.documents) == 7

    def test_too_many_operations_mean_pages(self, fake: ShopifyFake) -> None:
        stock(fake)
        fake.bulk_full = True
        shelf = Shelf()
        shelf.sync(world(fake, bulk_above=0))
        assert len(shelf.documents) == 7

    def test_an_operation_that_is_denied_names_the_way_out(self, fake: ShopifyFake) -> None:
        stock(fake)
        fake.bulk_outcome, fake.bulk_error = "FAILED", "ACCESS_DENIED"
        with pytest.raises(AuthError, match="bulk operation") as caught:
            list(world(fake, bulk_above=0).connector().changes(None))
        assert "Access scopes" in (caught.value.hint or "")

    def test_an_operation_that_shopify_does_not_take_is_an_error(self, fake: ShopifyFake) -> None:
        stock(fake)
        errors = [{"code": "INVALID", "field": ["query"], "message": "Invalid bulk query."}]
        answer = {"data": {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": errors}}}
        fake.break_queries("bulkOperationRunQuery", answer)
        with pytest.raises(ConnectorError, match="Invalid bulk query"):
            list(world(fake, bulk_above=0).connector().changes(None))

    def test_an_operation_that_never_ends_is_left_to_the_next_run(
        self, fake: ShopifyFake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stock(fake)
        source = world(fake, bulk_above=0)
        shelf = Shelf()
        monkeypatch.setattr("connectors.shopify.bulk.LONGEST", -1.0)
        with pytest.raises(ConnectorError, match="still running"):
            shelf.sync(source)
        monkeypatch.setattr("connectors.shopify.bulk.LONGEST", 60.0)
        shelf.sync(world(fake, bulk_above=0, sweep_every="30d"))
        assert len(shelf.documents) == 7
        assert shelf.cursor

    def test_a_result_on_another_host_is_refused(self, fake: ShopifyFake) -> None:
        stock(fake)
        state = {
            "id": "x",
            "status": "COMPLETED",
            "errorCode": None,
            "url": "https://evil.example/x?s=very-secret",
            "rootObjectCount": "1",
        }
        fake.break_queries("BulkState", {"data": {"bulkOperation": state | {"partialDataUrl": None}}})
        with pytest.raises(ConnectorError, match=r"evil\.example is not one that this source may ask") as caught:
            list(world(fake, bulk_above=0).connector().changes(None))
        assert "very-secret" not in str(caught.value)

    def test_a_result_with_lines_missing_deletes_nothing(self, fake: ShopifyFake) -> None:
        stock(fake)
        source = world(fake, bulk_above=0)
        shelf = Shelf()
        shelf.sync(source)
        for change in source.connector().changes(shelf.cursor):
            for held in fake.bulks.values():
                held["file"] = held["file"][:4]
            shelf.replay([change])
        assert len(shelf.documents) == 7

    def test_a_result_that_cannot_be_read_has_a_way_out(self, fake: ShopifyFake) -> None:
        stock(fake)
        shelf = Shelf()
        fake.break_next(Fault("error", 404, path="/bulk/"))
        with pytest.raises(ConnectorError, match="cannot be read") as caught:
            shelf.sync(world(fake, bulk_above=0))
        assert "storage.googleapis.com must be reachable" in (caught.value.hint or "")
        assert "very-secret" not in str(caught.value)
        shelf.sync(world(fake, bulk_above=1000))
        assert len(shelf.documents) == 7
        assert len(fake.bulks) == 1

    def test_an_empty_result_is_an_empty_shop(self, fake: ShopifyFake) -> None:
        fake.create("products")
        source = world(fake, bulk_above=0)
        shelf = Shelf()
        shelf.sync(source)
        run = source.connector().changes(shelf.cursor)
        for change in run:
            if change.__class__.__name__ == "Expected":
                fake.delete("products", next(iter(fake.records["products"])))
            shelf.replay([change])
        assert not shelf.documents


class TestCheck:
    def test_it_names_the_shop(self, fake: ShopifyFake) -> None:
        for content in ALL:
            fake.create(content)
        source = ShopifyWorld(fake, locales=["fr"])
        source.options["content"] = ALL
        reachable = source.connector().check()
        assert reachable.ok, reachable
        assert reachable.detail == (
            "Larkfield (https://shop.example): products, collections, pages, articles, policies can be read."
        )

    def test_it_names_every_scope_that_is_missing(self, fake: ShopifyFake) -> None:
        fake.scopes = {"write_products"}
        source = ShopifyWorld(fake, locales=["fr"])
        source.options["content"] = ALL
        reachable = source.connector().check()
        assert not reachable.ok
        assert reachable.detail == (
            "The app lacks the access scope read_content or read_online_store_pages (for pages, articles); "
            "read_legal_policies (for policies); read_locales or read_markets_home (for locales)."
        )
        assert "Dev Dashboard › the app › Versions › Access scopes" in (reachable.hint or "")

    @pytest.mark.parametrize(("locale", "words"), [("es", "not among"), ("it", "not published")])
    def test_it_names_a_language_that_is_not_there(self, fake: ShopifyFake, locale: str, words: str) -> None:
        reachable = world(fake, locales=[locale]).connector().check()
        assert not reachable.ok
        assert words in reachable.detail
        assert "de, en, fr, it" in (reachable.hint or "")

    def test_it_never_raises(self, fake: ShopifyFake, quick: None) -> None:
        for answer in ({"data": {}}, {"data": {"currentAppInstallation": None}}, [], {"data": 7}):
            fake.break_queries("accessScopes", answer)
            assert not world(fake).connector().check().ok
        fake.close()
        assert not world(fake).connector().check().ok

    @pytest.mark.parametrize("content", ALL)
    def test_the_scopes_asked_for_are_those_that_shopify_says(self, content: str) -> None:
        for locales in ([], ["fr"]):
            made = Queries(locales, ["custom.material"])
            sent = [SHOP, SCOPES, EVENTS, BULK_RUN, BULK_STATE]
            sent.append(made.overview([content], [content] if content in ("products", "pages", "articles") else []))
            if content == "policies":
                sent.append(made.policies())
            else:
                sent += [made.listing(content), made.by_id(content)]
            if content == "collections":
                sent.append(PUBLISHED_COLLECTIONS)
            if content == "products":
                sent += [
                    DEFINITIONS,
                    made.bulk(),
                    *(made.children(name) for name in ("variants", "collections", "metafields")),
                ]
            if locales:
                sent.append(LOCALES)
            assert not [wrong for query in sent for wrong in shopify_schema.problems(query)]
            needed = {enough for query in sent for _, enough, _ in shopify_schema.needed_scopes(query)}
            expected = {frozenset(NEEDED[content])} | ({frozenset(NEEDED["locales"])} if locales else set())
            assert needed == expected
