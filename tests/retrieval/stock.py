"""A small real shelf: 48 articles with front matter, each with what a filter or a viewer can be checked against."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

THINGS = {
    "boot": "The hiking boot has a sole of natural rubber and laces that do not slip.",
    "tent": "The tent stands in five minutes and keeps the rain out all night.",
    "stove": "The gas stove boils a litre of water in three minutes, even in wind.",
    "jacket": "The rain jacket weighs 300 grams and folds into its own pocket.",
    "lamp": "The head lamp shines for forty hours on one charge.",
    "rope": "The climbing rope holds nine falls and comes in two colours.",
}
CARES = {
    "wash": "Wash it by hand with mild soap and let it dry in the shade.",
    "return": "Return it within 30 days with the receipt for a full refund.",
    "repair": "Our workshop repairs it within ten working days.",
    "store": "Store it in a dry and dark place, away from heat.",
}
GROUPS = ("staff", "board")


@dataclass(frozen=True)
class Article:
    """One document, and what its front matter says."""

    name: str
    text: str
    readers: tuple[str, ...] | None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.name}.md"

    def visible_to(self, groups: Collection[str] | None) -> bool:
        return self.readers is None or bool(set(self.readers) & set(groups or ()))

    def write(self, folder: Path) -> None:
        front = {**self.metadata, **({} if self.readers is None else {"readers": list(self.readers)})}
        lines = [f"{key}: {value.isoformat() if isinstance(value, date) else value}" for key, value in front.items()]
        (folder / self.id).write_text("\n".join(["---", *lines, "---", self.text]), encoding="utf-8")


def articles() -> list[Article]:
    """All of them: each thing with each care, twice."""
    made = []
    for n, (thing, care, copy) in enumerate(
        (thing, care, copy) for copy in (1, 2) for thing in THINGS for care in CARES
    ):
        name = f"{thing}-{care}-{copy}"
        text = f"# The {thing}, model {copy}\n\n{THINGS[thing]}\n\n## How to {care} it\n\n{CARES[care]} Note {name}."
        readers = None if n % 5 else (GROUPS[n // 10 % 2],) if n % 10 else ()
        metadata: dict[str, Any] = {"thing": thing, "price": n * 5, "released": date(2026, 1 + n % 12, 1)}
        if n % 3 == 0:
            metadata["tags"] = ["sale", f"t{n % 4}"]
        if n % 4 == 0:
            metadata["boxed"] = n % 8 == 0
        made.append(Article(name, text, readers, metadata))
    return made


def config(folder: Path, **sections: Any) -> dict[str, Any]:
    """A shelf over ``folder``/kb, in ``folder``/shelf."""
    return {
        "path": str(folder / "shelf"),
        "store": {"mode": "embedded"},
        "sources": {"kb": {"type": "files", "path": str(folder / "kb"), "chunker": {"type": "heading", "size": 40}}},
        **sections,
    }


def passes(article: Article, filter: Mapping[str, Any] | None) -> bool:
    """What a filter in the plain spelling means, written down a second time."""
    return all(_part(article, key, value) for key, value in (filter or {}).items())


def _part(article: Article, key: str, value: Any) -> bool:
    if key == "and":
        return all(passes(article, part) for part in value)
    if key == "or":
        return any(passes(article, part) for part in value)
    (operator, operand), *_ = value.items()
    own = {"source": "kb", "document_id": article.id, **article.metadata}.get(key)
    if operator in ("ne", "nin"):
        return not _part(article, key, {"eq" if operator == "ne" else "in": operand})
    if own is None:
        return False
    operands = operand if isinstance(operand, list) else [operand]
    if operator in ("eq", "in"):
        return any(one in own if isinstance(own, list) else type(one) is type(own) and one == own for one in operands)
    if not isinstance(own, type(operand)):
        return False
    return {"gt": own > operand, "gte": own >= operand, "lt": own < operand, "lte": own <= operand}[operator]
