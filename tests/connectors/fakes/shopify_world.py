"""A shop that tests can edit: by name, and at random."""

from __future__ import annotations

import random
from typing import Any

from connectors.shopify.connector import Shopify
from connectors.shopify.options import ShopifyOptions
from tests.connectors.fakes.shopify import Record, ShopifyFake


class ShopifyWorld:
    """Documents of one content by name.

    ``traceable``: at random happens only what moves a time of change or is told as an event.
    """

    def __init__(
        self, fake: ShopifyFake, content: str = "products", *, traceable: bool = False, **options: Any
    ) -> None:
        self.traceable = traceable
        self.fake = fake
        self.content = content
        self.options = {"content": [content], "sweep_every": "0s", **options}
        self.names: dict[str, int] = {}
        self.trash: dict[str, Record] = {}

    def connector(self, **more: Any) -> Shopify:
        return Shopify("shop", options(self.fake, **{**self.options, **more}))

    def put(self, name: str, text: str) -> None:
        fake, field = self.fake, "descriptionHtml" if self.content in ("products", "collections") else "body"
        values = {"title": name, field: f"<p>{text}</p>"}
        held = self.trash.pop(name, None)
        if name in self.names:
            fake.edit(self.content, self.names[name], **values)
        elif held is not None and held[field] == values[field]:
            # As a backup app would: the same document as before, its time of change too.
            self.names[name] = held["id"]
            fake.records[self.content][held["id"]] = held
        else:
            self.names[name] = fake.create(self.content, **values)

    def remove(self, name: str) -> None:
        self.trash[name] = self.fake.delete(self.content, self.names.pop(name))

    def rename(self, old: str, new: str) -> None:
        record = self.fake.records[self.content][self.names[old]]
        text = record.get("descriptionHtml") or record["body"]
        self.remove(old)
        self.put(new, text.removeprefix("<p>").removesuffix("</p>"))

    def mutate(self, rng: random.Random) -> None:
        """One thing that a merchant does; the clock often stands still in between."""
        fake = self.fake
        with fake.lock:
            if rng.random() < 0.4:
                fake.tick(rng.choice([1, 1, 2, 60, 400]))
            wanted = self.options["content"]
            content = rng.choice(wanted)
            there = sorted(fake.records[content])
            if not there or rng.random() < 0.2:
                fake.create(content, **self._invented(content, rng))
                return
            number = rng.choice(there)
            if rng.random() < 0.12 and not (self.traceable and content == "collections"):
                fake.delete(content, number)
            elif rng.random() < 0.2 and not self.traceable:
                self._translate(content, number, rng)
            else:
                self._change(content, number, rng)

    def _invented(self, content: str, rng: random.Random) -> Record:
        if content == "articles":
            return {"blog": rng.choice(["news", "guides"]), "published_at": self._hour(rng)}
        if content == "pages":
            return {"published_at": self._hour(rng)}
        if content == "products":
            return {"status": rng.choice(["ACTIVE", "ACTIVE", "DRAFT"]), "tags": rng.sample(["a", "b", "secret"], 1)}
        return {}

    def _hour(self, rng: random.Random) -> int | None:
        """Visible, hidden, or visible later on."""
        return rng.choice([self.fake.now, self.fake.now - 100, None, self.fake.now + rng.randint(1, 500)])

    def _translate(self, content: str, number: int, rng: random.Random) -> None:
        key = "body" if content == "policies" else "body_html"
        value = rng.choice([None, f"<p>Texte {rng.randint(1, 9)}</p>"])
        self.fake.translate(content, number, "fr", rng.random() < 0.3, **{key: value, "title": value and "Titre"})

    def _change(self, content: str, number: int, rng: random.Random) -> None:
        fake = self.fake
        record = fake.records[content][number]
        text = f"<p>Words {rng.randint(1, 9)}</p>" if rng.random() < 0.9 else " "
        bump = self.traceable or rng.random() < 0.7
        match content:
            case "pages" | "articles":
                what = rng.choice(["body", "published_at", "title"])
                value = {"body": text, "published_at": self._hour(rng), "title": f"N{rng.randint(1, 9)}"}[what]
                fake.edit(content, number, bump=what != "published_at" or bump, **{what: value})
            case "policies":
                fake.edit(content, number, body=text)
            case "collections":
                if rng.random() < 0.5:
                    fake.edit(content, number, bump=bump, published=not record["published"])
                else:
                    fake.edit(content, number, descriptionHtml=text)
            case _:
                self._change_product(number, text, bump, rng)

    def _change_product(self, number: int, text: str, bump: bool, rng: random.Random) -> None:
        fake = self.fake
        record = fake.records["products"][number]
        match rng.randint(0, 6 if self.traceable else 7):
            case 0:
                fake.edit("products", number, descriptionHtml=text)
            case 1:
                fake.edit("products", number, status=rng.choice(["ACTIVE", "DRAFT", "ARCHIVED", "UNLISTED"]))
            case 2:
                fake.edit("products", number, bump=bump, published=not record["published"])
            case 3:
                fake.edit("products", number, tags=rng.sample(["a", "b", "secret"], rng.randint(0, 2)))
            case 4:
                sizes = [str(size) for size in range(rng.randint(2, 6))]
                variants = [fake.variant(f"V{size}", f"{rng.randint(1, 9)}.50", True, size) for size in sizes]
                fake.edit("products", number, options={"Size": sizes}, variants=variants)
            case 5:
                value = ("single_line_text_field", f"wool {rng.randint(1, 9)}")
                fake.edit("products", number, bump=bump, metafields={"custom.material": value})
            case 6:
                variant = rng.choice(record["variants"])
                variant["available"] = not variant["available"]
                variant["price"] = f"{rng.randint(1, 99)}.00"
                fake.edit("products", number)
            case _:
                # Joining or leaving a collection gives a product no new time of change.
                for one in fake.records["collections"].values():
                    if number in one["products"]:
                        one["products"].remove(number)
                    else:
                        one["products"].append(number)
                    break


def options(fake: ShopifyFake, **values: Any) -> ShopifyOptions:
    if "client_id" not in values:
        values.setdefault("token", "shpat_legacy")
    defaults = {"shop": "larkfield", "base_url": fake.url, "requests_per_minute": 1_000_000}
    return ShopifyOptions.model_validate({**defaults, **values})
