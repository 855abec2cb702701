"""Product metafields as text: which of them, what they are called, and how each type reads."""

from __future__ import annotations

import json
from typing import Any

from connectors.shopify.graphql import Graph
from connectors.shopify.queries import DEFINITIONS
from connectors.trail import Trail

_PLAIN = frozenset(
    {
        "single_line_text_field",
        "multi_line_text_field",
        "number_integer",
        "number_decimal",
        "date",
        "date_time",
        "url",
        "color",
        "id",
    }
)
_MEASURES = frozenset({"dimension", "weight", "volume"})


def definitions(graph: Graph) -> dict[str, tuple[str, bool]]:
    """By ``namespace.key``: the name that merchants gave it, and whether the storefront may read it.

    Raises:
        ConnectorError: the definitions cannot be read.
    """
    found: dict[str, tuple[str, bool]] = {}
    after: str | None = None
    trail = Trail("Shopify's metafield definitions")
    while True:
        page = graph.ask(DEFINITIONS, {"after": after})["metafieldDefinitions"]
        for one in page["nodes"]:
            visible = one["access"]["storefront"] == "PUBLIC_READ"
            found[f"{one['namespace']}.{one['key']}"] = (one["name"], visible)
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]
        trail.step(after)


def metafield_text(kind: str, value: str) -> str | None:
    """A value as a person reads it ("Metafields › List of data types").

    ``None`` for what is no text: references to files, products or metaobjects, and JSON.
    """
    if kind in _PLAIN:
        return value.strip() or None
    if kind == "boolean":
        return {"true": "yes", "false": "no"}.get(value.strip().lower())
    inner = kind.removeprefix("list.")
    if not (inner in _PLAIN or inner in _MEASURES or inner in ("rating", "money", "rich_text_field")):
        return None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return None
    items = parsed if kind.startswith("list.") and isinstance(parsed, list) else [parsed]
    texts = [text for text in (_one(inner, item) for item in items) if text]
    return ", ".join(texts) or None


def _one(kind: str, item: Any) -> str | None:
    if kind == "rich_text_field":
        return " ".join(" ".join(_rich(item)).split()) or None
    if isinstance(item, dict):
        if kind in _MEASURES:
            return f"{item.get('value')} {str(item.get('unit', '')).lower().replace('_', ' ')}".strip()
        if kind == "rating":
            return f"{item.get('value')} of {item.get('scale_max')}"
        if kind == "money":
            return f"{item.get('amount')} {item.get('currency_code')}"
        return None
    return str(item).strip() or None if isinstance(item, str | int | float) else None


def _rich(root: Any) -> list[str]:
    texts: list[str] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("value"), str):
                texts.append(node["value"])
            waiting.extend(reversed(node.get("children") or []))
    return texts
