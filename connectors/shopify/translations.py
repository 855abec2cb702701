"""The words of a shop's own language or of one translation of it, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Node = Mapping[str, Any]


class Outdated(Exception):
    """The original was changed after the translation of ``key``."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How one document is worded.

    Attributes:
        locale: ``None`` for the shop's own language.
        number: of the locale among the source's, which is the alias of its translations in a node.
        outdated: whether translations older than their original are used.
    """

    locale: str | None = None
    number: int = 0
    outdated: bool = False

    def text(self, node: Node, key: str, original: str | None) -> str:
        """The translation of ``key``, or ``original`` where there is none or only an outdated one."""
        entry = self._entry(node, key)
        if entry is None or (entry["outdated"] and not self.outdated):
            return original or ""
        return str(entry["value"])

    def main(self, node: Node, key: str, original: str | None) -> str | None:
        """The same for what the document is about: ``None`` where it is not translated.

        Raises:
            Outdated: its translation is, and those are not wanted.
        """
        if self.locale is None:
            return original or ""
        entry = self._entry(node, key)
        if entry is None:
            return None
        if entry["outdated"] and not self.outdated:
            raise Outdated(key)
        return str(entry["value"])

    def url(self, url: str | None) -> str | None:
        """``url`` in this language: Shopify puts the locale in front of the path ("Markets › subfolders")."""
        if self.locale is None or url is None:
            return url
        parts = urlsplit(url)
        return parts._replace(path=f"/{self.locale.lower()}{parts.path}").geturl()

    def _entry(self, node: Node, key: str) -> Mapping[str, Any] | None:
        if self.locale is None:
            return None
        for entry in node.get(f"t{self.number}") or []:
            if entry["key"] == key and (entry["value"] or "").strip():
                return {"value": entry["value"], "outdated": bool(entry["outdated"])}
        return None
