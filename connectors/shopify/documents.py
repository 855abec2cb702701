"""What becomes of a node of Shopify's: documents in the shop's language and in others, or a reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from connectors.contract import MetaValue, Skipped, SourceDocument
from connectors.front_matter import two_letters
from connectors.shopify.options import ShopifyOptions
from connectors.shopify.products import left_out, moment, product_html, product_metadata
from connectors.shopify.translations import Node, Outdated, Wording
from connectors.version import version_of

KINDS = {
    "products": ("product", "Product"),
    "collections": ("collection", "Collection"),
    "pages": ("page", "Page"),
    "articles": ("article", "Article"),
    "policies": ("policy", "ShopPolicy"),
}
"""By content: the start of a document's id, and Shopify's name of the type."""

Outcome: TypeAlias = SourceDocument | Skipped | None
"""``None``: there is no such document (not translated), or not any more."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What is the same for all documents of a run.

    Attributes:
        url: of the online store, without a slash at the end.
        language: of the shop's own texts, where the source reads locales.
        metafields: names by ``namespace.key``.
    """

    name: str
    url: str
    language: str | None
    metafields: Mapping[str, str]


def document_id(content: str, gid: str) -> str:
    """``product:123`` of ``gid://shopify/Product/123``."""
    return f"{KINDS[content][0]}:{gid.rsplit('/', 1)[-1]}"


def gid_of(name: str) -> tuple[str, str]:
    """Content and Shopify's id of a document: the way back."""
    start, number = name.split(":")[:2]
    content, kind = next((content, kind) for content, (prefix, kind) in KINDS.items() if prefix == start)
    return content, f"gid://shopify/{kind}/{number}"


class Documents:
    """Makes documents of nodes, the same ones of the same nodes."""

    def __init__(self, options: ShopifyOptions, shop: Shop) -> None:
        self._options = options
        self._shop = shop
        self._wordings = [Wording()] + [
            Wording(locale, number, options.outdated_translations) for number, locale in enumerate(options.locales)
        ]

    def names(self, content: str, gid: str) -> list[str]:
        """The ids of all documents that a node may have: its own, and one for each locale."""
        name = document_id(content, gid)
        return [name, *(f"{name}:{locale}" for locale in self._options.locales)]

    def of(self, content: str, node: Node, *, published: bool = True) -> list[tuple[str, Outcome]]:
        """For each of ``names`` what it is now.

        Args:
            published: whether the online store shows a collection, which the node does not say.

        Raises:
            KeyError, TypeError, ValueError: the node is not as Shopify's schema says.
        """
        names = self.names(content, node["id"])
        original, title = self._body(content, node), str(node["title"])
        url = self._url(content, node)
        reason = self._left_out(content, node, published=published)
        if reason is None and content != "products" and not original.strip():
            reason = "no text"
        if reason is not None:
            return [(names[0], Skipped(names[0], reason, title, url)), *((name, None) for name in names[1:])]
        metadata = self._metadata(content, node)
        return [
            (name, self._worded(name, content, node, original, url, metadata, wording))
            for name, wording in zip(names, self._wordings, strict=True)
        ]

    def _worded(
        self,
        name: str,
        content: str,
        node: Node,
        original: str,
        url: str | None,
        metadata: Mapping[str, MetaValue],
        wording: Wording,
    ) -> Outcome:
        title = str(node["title"])
        url = wording.url(url)
        try:
            worded = wording.main(node, "title", title)
            body = (
                wording.main(node, self._body_key(content, node), original)
                if original.strip()
                else ("" if worded else None)
            )
        except Outdated:
            return Skipped(name, "outdated translation", title, url)
        if body is None:
            return None
        if content == "products":
            body = product_html(node, body, wording, self._options, self._shop.metafields)
        title, code = worded or title or name, wording.locale or self._shop.language
        data, language = body.encode("utf-8", "replace"), two_letters(code)
        return SourceDocument(
            name,
            data,
            "text/html",
            title,
            version_of(data, title=title, url=url, metadata=metadata, language=language),
            url=url,
            metadata=metadata,
            language=language,
        )

    def _body(self, content: str, node: Node) -> str:
        field = {"products": "descriptionHtml", "collections": "descriptionHtml"}.get(content, "body")
        if self._body_key(content, node) == "summary_html":
            field = "summary"
        return str(node[field] or "")

    @staticmethod
    def _body_key(content: str, node: Node) -> str:
        """The key of the body's translation; an article without a body is its summary."""
        if content == "articles" and not (node["body"] or "").strip():
            return "summary_html"
        return "body" if content == "policies" else "body_html"

    def _left_out(self, content: str, node: Node, *, published: bool) -> str | None:
        options = self._options
        match content:
            case "products":
                return left_out(node, options)
            case "collections":
                if options.collections and node["handle"] not in options.collections:
                    return "other collection"
                return "unpublished" if options.published_only and not published else None
            case "articles" if options.blogs and node["blog"]["handle"] not in options.blogs:
                return "other blog"
            case "articles" | "pages":
                return "hidden" if options.published_only and not node["isPublished"] else None
        return None

    def _url(self, content: str, node: Node) -> str | None:
        match content:
            case "products":
                return node["onlineStoreUrl"] or None
            case "policies":
                return str(node["url"])
            case "articles":
                path = f"blogs/{quote(node['blog']['handle'])}/{quote(node['handle'])}"
            case _:
                path = f"{content}/{quote(node['handle'])}"
        return f"{self._shop.url}/{path}"

    def _metadata(self, content: str, node: Node) -> dict[str, MetaValue]:
        if content == "products":
            return product_metadata(node)
        metadata: dict[str, MetaValue] = {"kind": KINDS[content][0]}
        if content == "policies":
            metadata["policy"] = str(node["type"]).lower()
        else:
            metadata["handle"] = node["handle"]
        if node["updatedAt"]:
            metadata["updated"] = moment(node["updatedAt"])
        if content == "articles":
            author: Any = node["author"] or {}
            metadata |= {"blog": node["blog"]["handle"], "tags": list(node["tags"])}
            if author.get("name"):
                metadata["author"] = author["name"]
            if node["publishedAt"]:
                metadata["published"] = moment(node["publishedAt"])
        return metadata
