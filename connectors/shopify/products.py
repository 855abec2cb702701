"""A product as a document: its description, what it is, its variants; numbers that change by the hour stay out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from connectors.contract import MetaValue
from connectors.shopify.metafields import metafield_text
from connectors.shopify.options import ShopifyOptions
from connectors.shopify.translations import Node, Wording


def left_out(node: Node, options: ShopifyOptions) -> str | None:
    """Why the settings leave a product out; ``None`` where they do not."""
    reason = left_out_at_once(node, options)
    if reason is None and options.collections:
        handles = {one["handle"] for one in node["collections"]}
        return None if handles & set(options.collections) else "other collection"
    return reason


def left_out_at_once(node: Node, options: ShopifyOptions) -> str | None:
    """The same as far as a product says by itself, before its children are read."""
    status = str(node["status"]).lower()
    if status not in options.product_status:
        return status
    if options.published_only and not node["onlineStoreUrl"]:
        return "unpublished"
    tags = _folded(node["tags"])
    if options.tags and not tags & _folded(options.tags):
        return "other tag"
    if tags & _folded(options.exclude_tags):
        return "excluded tag"
    if options.product_types and not _folded([node["productType"]]) & _folded(options.product_types):
        return "other product type"
    if options.vendors and not _folded([node["vendor"]]) & _folded(options.vendors):
        return "other vendor"
    return None


def product_html(
    node: Node, description: str, wording: Wording, options: ShopifyOptions, names: Mapping[str, str]
) -> str:
    """The text of a product.

    Args:
        node: with ``variants``, ``metafields`` and ``collections`` as lists.
        description: already worded.
        names: of metafields, by ``namespace.key``.
    """
    values = _option_values(node, wording)
    plain = len(node["variants"]) == 1 and not values
    facts = [
        ("Vendor", node["vendor"]),
        ("Product type", wording.text(node, "product_type", node["productType"])),
        *((name, ", ".join(words.values())) for name, words in values.items()),
        *(_variant_facts(node["variants"][0], node, options) if plain else []),
        *_metafields(node, wording, names),
        ("Tags", ", ".join(node["tags"])),
    ]
    parts = [description.strip()]
    lines = [f"<li>{escape(label)}: {escape(text)}</li>" for label, text in facts if text]
    if lines:
        parts.append("<h2>Details</h2>\n<ul>\n" + "\n".join(lines) + "\n</ul>")
    if not plain and node["variants"]:
        parts.append(_table(node, list(values.values()), options))
    return "\n".join(part for part in parts if part)


def product_metadata(node: Node) -> dict[str, MetaValue]:
    """What filters can use; prices and availability are here and not in the text."""
    prices = node["priceRangeV2"]
    return {
        "kind": "product",
        "handle": node["handle"],
        "status": str(node["status"]).lower(),
        "vendor": node["vendor"],
        "product_type": node["productType"],
        "tags": list(node["tags"]),
        "collections": sorted(one["handle"] for one in node["collections"]),
        "price_min": float(prices["minVariantPrice"]["amount"]),
        "price_max": float(prices["maxVariantPrice"]["amount"]),
        "currency": prices["minVariantPrice"]["currencyCode"],
        "available": any(one["availableForSale"] for one in node["variants"]),
        "updated": moment(node["updatedAt"]),
    }


def moment(text: str) -> datetime:
    """Shopify's time stamps: ISO 8601 in UTC."""
    return datetime.fromisoformat(text)


def _option_values(node: Node, wording: Wording) -> dict[str, dict[str, str]]:
    """By worded name of an option: its values, original to worded. Empty where there is only a default variant."""
    found = {}
    for option in node["options"]:
        words = {one["name"]: wording.text(one, "name", one["name"]) for one in option["optionValues"]}
        if option["name"] == "Title" and list(words) == ["Default Title"]:
            continue  # what Shopify gives a product without options
        found[wording.text(option, "name", option["name"])] = words
    return found


def _table(node: Node, values: Sequence[Mapping[str, str]], options: ShopifyOptions) -> str:
    head = ["Variant", "SKU"]
    head += [label for label, _ in _volatile(node["variants"][0], node, options)]
    rows = ["<tr>" + "".join(f"<th>{escape(label)}</th>" for label in head) + "</tr>"]
    for variant in node["variants"]:
        chosen = [one["value"] for one in variant["selectedOptions"]]
        name = " / ".join(words.get(value, value) for words, value in zip(values, chosen, strict=False))
        cells = [name, variant["sku"] or "", *(text for _, text in _volatile(variant, node, options))]
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return "<h2>Variants</h2>\n<table>\n" + "\n".join(rows) + "\n</table>"


def _variant_facts(variant: Node, node: Node, options: ShopifyOptions) -> list[tuple[str, str]]:
    return [("SKU", variant["sku"] or ""), *_volatile(variant, node, options)]


def _volatile(variant: Node, node: Node, options: ShopifyOptions) -> list[tuple[str, str]]:
    facts = []
    if "price" in options.text_includes:
        facts.append(("Price", f"{variant['price']} {node['priceRangeV2']['minVariantPrice']['currencyCode']}"))
    if "stock" in options.text_includes:
        facts.append(("Available", "yes" if variant["availableForSale"] else "no"))
    return facts


def _metafields(node: Node, wording: Wording, names: Mapping[str, str]) -> list[tuple[str, str]]:
    facts = []
    for one in node["metafields"]:
        key = f"{one['namespace']}.{one['key']}"
        text = metafield_text(one["type"], wording.text(one, "value", one["value"]))
        if text:
            facts.append((names.get(key, one["key"].replace("_", " ")), text))
    return sorted(facts)


def _folded(texts: Sequence[Any]) -> set[str]:
    # Shopify's tags, types and vendors do not tell upper from lower case.
    return {str(text).strip().casefold() for text in texts}
