"""What a shop holds, and what its merchants do with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

KINDS = {
    "products": "Product",
    "collections": "Collection",
    "pages": "Page",
    "articles": "Article",
    "policies": "ShopPolicy",
}
START = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())
Record = dict[str, Any]


def iso(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ShopifyShop:
    """Records by content and number. Time is logical: it moves by ``tick`` only, so that changes share a second.

    Attributes:
        told: content whose deletions become events.
    """

    def __init__(self) -> None:
        self.now = START
        self.records: dict[str, dict[int, Record]] = {content: {} for content in KINDS}
        self.events: list[Record] = []
        self.blogs = {"news": "News", "guides": "Guides"}
        self.told = {"products", "pages", "articles", "collections"}
        self._ids = 100

    def tick(self, seconds: int = 1) -> None:
        self.now += seconds

    def new_id(self) -> int:
        self._ids += 1
        return self._ids

    def create(self, content: str, *, id: int | None = None, **values: Any) -> int:
        number = id or self.new_id()
        record = {"id": number, "title": f"T{number}", "handle": f"h-{number}", "translations": {}, **values}
        if content == "products":
            record = {
                "descriptionHtml": "<p>Text</p>",
                "status": "ACTIVE",
                "published": True,
                "published_at": self.now,
                "vendor": "Larkfield",
                "productType": "Boots",
                "tags": [],
                "options": {"Title": ["Default Title"]},
                "variants": [self.variant(f"S{number}")],
                "metafields": {},
                "words": {},
                **record,
            }
        elif content == "collections":
            record = {"descriptionHtml": "<p>Text</p>", "published": True, "products": [], **record}
        elif content == "policies":
            record = {"body": "<p>Text</p>", "type": "REFUND_POLICY", **record}
        else:
            record = {"body": "<p>Text</p>", "published_at": self.now, **record}
            if content == "articles":
                record = {"blog": "news", "tags": [], "summary": "", "author": "Ann", **record}
        record.setdefault("updated_at", self.now)
        self.records[content][number] = record
        return number

    def variant(self, sku: str, price: str = "10.00", available: bool = True, *values: str) -> Record:
        return {
            "id": self.new_id(),
            "sku": sku,
            "price": price,
            "available": available,
            "values": list(values) or ["Default Title"],
        }

    def edit(self, content: str, number: int, *, bump: bool = True, **values: Any) -> None:
        """Change a record. A translation of what changed becomes outdated. ``bump``: it gets a new ``updatedAt``."""
        record = self.records[content][number]
        keys = {
            "title": "title",
            "body": "body" if content == "policies" else "body_html",
            "descriptionHtml": "body_html",
        }
        for name, value in values.items():
            if record.get(name) != value and name in keys:
                for words in record["translations"].values():
                    if keys[name] in words:
                        words[keys[name]] = (words[keys[name]][0], True)
            record[name] = value
        if bump:
            record["updated_at"] = self.now

    def delete(self, content: str, number: int) -> Record:
        record = self.records[content].pop(number)
        for one in self.records["collections"].values():
            if content == "products" and number in one["products"]:
                one["products"].remove(number)
        if content in self.told:
            self.event("destroy", content, number)
        return record

    def event(self, action: str, content: str, number: int) -> None:
        self.events.append(
            {"id": self.new_id(), "action": action, "content": content, "subject": number, "created_at": self.now}
        )

    def translate(self, content: str, number: int, locale: str, outdated: bool = False, **words: str | None) -> None:
        """Write (``None``: remove) translations by key; they never change ``updatedAt``."""
        held = self.records[content][number]["translations"].setdefault(locale, {})
        for key, value in words.items():
            if value is None:
                held.pop(key, None)
            else:
                held[key] = (value, outdated)
