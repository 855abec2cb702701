"""Parts of the ``shopify`` connector that need no shop: options, metafields, errors, bulk results, its memory."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.errors import AuthError, ConnectorError
from connectors.contract import Skipped, SourceDocument
from connectors.registry import connector_type
from connectors.replies import Again, Reply
from connectors.shopify import bulk
from connectors.shopify.connector import Shopify, connector
from connectors.shopify.documents import Documents, Shop, document_id, gid_of
from connectors.shopify.graphql import TooCostly, judge, missing_seconds
from connectors.shopify.metafields import metafield_text
from connectors.shopify.options import ShopifyOptions
from connectors.shopify.state import State
from connectors.shopify.translations import Wording

LINE = {"id": "gid://shopify/Product/1", "title": "One"}
CHILD = {"id": "gid://shopify/ProductVariant/5", "__parentId": LINE["id"]}
PAGE = {
    "id": "gid://shopify/Page/7",
    "title": "Sizes",
    "handle": "sizes",
    "body": "<p>EU 42</p>",
    "isPublished": True,
    "updatedAt": "2026-10-01T00:00:00Z",
}
SHOP = Shop("Larkfield", "https://larkfield.example", "en", {})


def options(**values: Any) -> ShopifyOptions:
    if "client_id" not in values:
        values.setdefault("token", "shpat_x")
    return ShopifyOptions.model_validate({"shop": "larkfield", **values})


class TestOptions:
    @pytest.mark.parametrize(
        "shop", ["larkfield", "Larkfield.myshopify.com", "https://larkfield.myshopify.com/", " larkfield "]
    )
    def test_a_shop_is_named_in_several_ways(self, shop: str) -> None:
        made = options(shop=shop)
        assert made.root == "https://larkfield.myshopify.com"
        assert made.scope() == options().scope()

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"shop": "www.larkfield.com"}, "not the shop's own domain"),
            ({"shop": ""}, "is no shop"),
            ({"token": None}, "give either"),
            ({"client_id": "a"}, "go together"),
            ({"client_id": "a", "client_secret": "b", "token": "c"}, "give either"),
            ({"token": " "}, "is empty"),
            ({"content": []}, "at least 1"),
            ({"content": ["orders"]}, "products"),
            ({"product_status": ["gone"]}, "active"),
            ({"metafields": ["material"]}, "namespace.key"),
            ({"metafields": "all"}, "visible"),
            ({"locales": ["french"]}, "no language code"),
            ({"locales": ["fr", "fr"]}, "twice"),
            ({"text_includes": ["weight"]}, "price"),
            ({"base_url": "http://proxy.example"}, "https"),
            ({"base_url": "https://a:b@proxy.example"}, "no user"),
            ({"sweep_every": "often"}, "often"),
            ({"shopp": "x"}, "shopp"),
        ],
    )
    def test_what_is_wrong_is_named(self, values: dict[str, Any], words: str) -> None:
        if "client_id" in values:
            values.setdefault("token", None)
        with pytest.raises(ValidationError, match=words):
            options(**values)

    def test_every_option_says_what_it_is(self) -> None:
        assert all(field.description for field in ShopifyOptions.model_fields.values())

    def test_the_registry_knows_it(self, tmp_path: Path) -> None:
        assert connector_type("shopify") is connector
        assert isinstance(connector.build("shop", options(), base_dir=tmp_path), Shopify)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("single_line_text_field", " Leather ", "Leather"),
        ("multi_line_text_field", "", None),
        ("number_decimal", "1.5", "1.5"),
        ("boolean", "true", "yes"),
        ("boolean", "perhaps", None),
        ("date", "2026-01-02", "2026-01-02"),
        ("list.single_line_text_field", '["a", "b"]', "a, b"),
        ("list.number_integer", "[1, 2]", "1, 2"),
        ("dimension", '{"value": 5.0, "unit": "CENTIMETERS"}', "5.0 centimeters"),
        ("list.weight", '[{"value": 1, "unit": "KILOGRAMS"}]', "1 kilograms"),
        ("volume", '{"value": 1, "unit": "FLUID_OUNCES"}', "1 fluid ounces"),
        ("rating", '{"value": "4.5", "scale_min": "1", "scale_max": "5"}', "4.5 of 5"),
        ("money", '{"amount": "5.99", "currency_code": "CAD"}', "5.99 CAD"),
        (
            "rich_text_field",
            json.dumps(
                {
                    "type": "root",
                    "children": [
                        {"type": "paragraph", "children": [{"type": "text", "value": "Wash"}]},
                        {"type": "paragraph", "children": [{"type": "text", "value": "by hand", "bold": True}]},
                    ],
                }
            ),
            "Wash by hand",
        ),
        ("product_reference", "gid://shopify/Product/1", None),
        ("list.file_reference", '["gid://shopify/MediaImage/1"]', None),
        ("json", '{"a": 1}', None),
        ("money", "not json", None),
        ("money", "[1]", None),
        ("rich_text_field", "[" * 100_000, None),
        ("some_new_type", "x", None),
    ],
)
def test_metafields_read_as_a_person_would(kind: str, value: str, text: str | None) -> None:
    assert metafield_text(kind, value) == text


class TestAnswers:
    def reply(self, body: Any, status: int = 200) -> Reply:
        return Reply("https://larkfield.myshopify.com/x", status, {}, body)

    def error(self, code: str, **more: Any) -> Any:
        return {"errors": [{"message": "Said.", "extensions": {"code": code, **more}}]}

    def test_data_without_errors_is_fine(self) -> None:
        assert judge(self.reply({"data": {}})) is None
        assert judge(self.reply([1])) is None

    def test_throttling_waits_for_the_missing_points(self) -> None:
        status = {"maximumAvailable": 1000, "currentlyAvailable": 66, "restoreRate": 50}
        cost = {"requestedQueryCost": 166, "actualQueryCost": None, "throttleStatus": status}
        body = {**self.error("THROTTLED"), "extensions": {"cost": cost}}
        assert missing_seconds(body) == 2.0
        assert judge(self.reply(body)) == Again(2.0, "is throttled")
        assert judge(self.reply(self.error("THROTTLED"))) == Again(None, "is throttled")

    def test_errors_become_what_they_mean(self) -> None:
        assert isinstance(judge(self.reply(self.error("INTERNAL_SERVER_ERROR"))), Again)
        assert isinstance(judge(self.reply(self.error("MAX_COST_EXCEEDED"))), TooCostly)
        denied = judge(self.reply(self.error("ACCESS_DENIED", requiredAccess="`read_products` access scope.")))
        assert isinstance(denied, AuthError)
        assert "it needs `read_products` access scope." in denied.message

    @pytest.mark.parametrize("body", [{"errors": "Not allowed"}, {"errors": [7]}, {"errors": [{"extensions": None}]}])
    def test_errors_of_any_shape_are_errors(self, body: Any) -> None:
        assert isinstance(judge(self.reply(body)), ConnectorError)

    def test_a_long_message_is_cut(self) -> None:
        verdict = judge(self.reply({"errors": [{"message": "x" * 10_000}]}))
        assert isinstance(verdict, ConnectorError)
        assert len(verdict.message) < 400

    def test_a_busy_server_is_left_to_the_client(self) -> None:
        assert judge(self.reply("", 503)) is None
        assert judge(self.reply("", 429)) is None


class _Downloads:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def download(self, _url: str, sink: io.BytesIO) -> None:
        sink.write(self.content)


class _Graph:
    def __init__(self, *lines: Any) -> None:
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        self.downloads = _Downloads("\n".join(texts).encode())


def read(whole: bool, *lines: Any) -> list[dict[str, Any]]:
    return list(bulk.products(_Graph(*lines), bulk.Result("https://x", whole, 1)))  # type: ignore[arg-type]


class TestBulkResult:
    def test_children_stand_below_their_product(self) -> None:
        field = {"id": "gid://shopify/Metafield/6", "__parentId": LINE["id"]}
        within = {"id": "gid://shopify/Collection/7", "__parentId": LINE["id"]}
        (product,) = read(True, LINE, field, CHILD, within, "")
        assert [product[name][0]["id"][-1] for name in ("variants", "metafields", "collections")] == ["5", "6", "7"]

    def test_of_a_partial_result_the_last_product_is_left_out(self) -> None:
        assert [one["title"] for one in read(False, LINE, {**LINE, "title": "Two"})] == ["One"]
        assert [one["title"] for one in read(False, LINE, {**LINE, "title": "Two"}, '{"id": "gid')] == ["One"]

    @pytest.mark.parametrize(
        "lines",
        [
            [CHILD],
            [LINE, {**CHILD, "__parentId": "gid://shopify/Product/2"}],
            [LINE, {**CHILD, "id": "gid://shopify/Unheard/1"}],
            [LINE, '{"id": '],
            [LINE, "[1]"],
        ],
    )
    def test_a_result_of_another_shape_is_an_error(self, lines: list[Any]) -> None:
        with pytest.raises(ConnectorError, match="bulk result"):
            read(True, *lines)

    def test_nothing_found_is_no_file(self) -> None:
        assert list(bulk.products(_Graph(), bulk.Result(None, True, 0))) == []  # type: ignore[arg-type]


class TestDocuments:
    def test_ids_lead_there_and_back(self) -> None:
        assert document_id("articles", "gid://shopify/Article/12") == "article:12"
        assert gid_of("article:12:fr") == ("articles", "gid://shopify/Article/12")
        assert gid_of(document_id("policies", "gid://shopify/ShopPolicy/3"))[1] == "gid://shopify/ShopPolicy/3"

    def test_a_page_is_html_with_a_link(self) -> None:
        ((name, document),) = Documents(options(), SHOP).of("pages", PAGE)
        assert isinstance(document, SourceDocument)
        assert (name, document.url, document.language) == ("page:7", "https://larkfield.example/pages/sizes", "en")

    def test_a_hidden_page_takes_its_translations_along(self) -> None:
        made = Documents(options(locales=["fr", "pt-BR"]), SHOP).of("pages", {**PAGE, "isPublished": False})
        assert [name for name, _ in made] == ["page:7", "page:7:fr", "page:7:pt-BR"]
        assert isinstance(made[0][1], Skipped)
        assert [outcome for _, outcome in made[1:]] == [None, None]

    def test_links_of_a_language_start_with_it(self) -> None:
        assert Wording("pt-BR").url("https://shop.example/pages/a?b=c") == "https://shop.example/pt-br/pages/a?b=c"
        assert Wording().url("https://shop.example/pages/a") == "https://shop.example/pages/a"
        assert Wording("fr").url(None) is None

    def test_blank_translations_are_none(self) -> None:
        node = {
            "t0": [{"key": "title", "value": " ", "outdated": False}, {"key": "body", "value": None, "outdated": False}]
        }
        assert Wording("fr").main(node, "title", "Original") is None
        assert Wording("fr").text(node, "body", "Original") == "Original"


class TestState:
    def test_a_cursor_of_other_options_or_none_is_an_empty_start(self) -> None:
        state = State(None, "a")
        state.note("page:1", "v")
        assert State(state.cursor, "a").known("page:") == ["page:1"]
        assert not State(state.cursor, "b").known("page:")

    def test_only_another_version_is_new(self) -> None:
        state = State(None, "a")
        assert state.note("page:1", "v")
        assert not state.note("page:1", "v")
        assert state.note("page:1", "w")
        state.fail("page:1")
        assert state.failed() == ["page:1"]
        assert state.note("page:1", "w")
        assert not state.failed()

    def test_what_a_sweep_did_not_come_by_is_gone_at_its_end(self) -> None:
        state = State(None, "a")
        state.note("page:1", "v")
        state.note("page:2", "v")
        state.note("page:3", "v")
        state.begin(5.0, products=0)
        state.note("page:1", "v")
        state.keep("page:2")
        state.keep("page:9")
        state = State(json.loads(json.dumps(state.cursor)), "a")
        assert state.listed() == {"page:1", "page:2"}
        state.end()
        assert (state.swept, state.known("")) == (5.0, ["page:1", "page:2"])

    def test_a_cursor_is_not_changed_behind_the_back_of_who_keeps_it(self) -> None:
        state = State(None, "a")
        kept = state.cursor
        state.note("page:1", "v")
        state.begin(1.0, products=9)
        assert kept == State(None, "a").cursor
