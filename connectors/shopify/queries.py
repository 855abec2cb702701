"""The GraphQL that the ``shopify`` connector sends, made from its options."""

from __future__ import annotations

import json
from collections.abc import Sequence

VARIANTS, METAFIELDS, COLLECTIONS = 50, 25, 25
"""Children of a product that come with it; what is beyond is paged by itself, 250 at a time."""

SHOP = "{ shop { name currencyCode primaryDomain { url } } }"
LOCALES = "{ shopLocales { locale primary published } }"
SCOPES = "{ currentAppInstallation { accessScopes { handle } } }"
DEFINITIONS = """
query Definitions($after: String) {
  metafieldDefinitions(ownerType: PRODUCT, first: 250, after: $after) {
    nodes { namespace key name access { storefront } }
    pageInfo { hasNextPage endCursor }
  }
}"""
EVENTS = """
query Deletions($first: Int!, $after: String, $query: String, $reverse: Boolean) {
  events(first: $first, after: $after, query: $query, sortKey: CREATED_AT, reverse: $reverse) {
    nodes { id createdAt ... on BasicEvent { subjectId subjectType } }
    pageInfo { hasNextPage endCursor }
  }
}"""
PUBLISHED_COLLECTIONS = """
query PublishedCollections($first: Int!, $after: String) {
  collections(first: $first, after: $after, query: "published_status:published", sortKey: ID) {
    nodes { id }
    pageInfo { hasNextPage endCursor }
  }
}"""
_COUNTS = {
    "products": "products_count: productsCount(limit: null) { count }",
    "collections": "collections_count: collectionsCount(limit: null) { count }",
    "pages": "pages_count: pagesCount(limit: null) { count }",
    "articles": "articles_count: blogs(first: 250) { nodes { articlesCount(limit: null) { count } } }",
}
BULK_RUN = """
mutation Bulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}"""
BULK_STATE = """
query BulkState($id: ID!) {
  bulkOperation(id: $id) { id status errorCode url partialDataUrl rootObjectCount }
}"""

_VARIANT = "id sku price availableForSale selectedOptions { name value }"
_METAFIELD = "id namespace key type value"
_COLLECTION = "id handle"


class Queries:
    """Queries for one choice of locales and product metafields.

    Args:
        locales: whose translations come along, each under the alias ``t<number>``.
        metafields: ``namespace.key`` of the product metafields that come along.
    """

    def __init__(self, locales: Sequence[str], metafields: Sequence[str]) -> None:
        self._locales = locales
        self.metafields = list(metafields)

    def listing(self, content: str, fields: str | None = None) -> str:
        """A page of ``content`` with ``fields``, or everything a document is made of."""
        sort = {"products": "Product", "pages": "Page", "articles": "Article", "collections": "Collection"}[content]
        return f"""
query Listing($first: Int!, $after: String, $query: String, $sort: {sort}SortKeys) {{
  {content}(first: $first, after: $after, query: $query, sortKey: $sort) {{
    nodes {{ {fields or self.fields(content)} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""

    def overview(self, contents: Sequence[str], dated: Sequence[str]) -> str:
        """How much there is of ``contents``, and the latest time of change of ``dated``."""
        parts = [_COUNTS[content] for content in contents if content in _COUNTS]
        newest = "(first: 1, sortKey: UPDATED_AT, reverse: true) { nodes { updatedAt } }"
        return "{ shop { id } " + " ".join([*parts, *(f"{content}{newest}" for content in dated)]) + " }"

    def policies(self) -> str:
        """All policies; they are not paged."""
        return f"{{ shop {{ shopPolicies {{ {self.fields('policies')} }} }} }}"

    def by_id(self, content: str) -> str:
        """Documents of ``content`` by their ids."""
        kind = {"products": "Product", "pages": "Page", "articles": "Article", "collections": "Collection"}[content]
        return f"query ById($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {{ {self.fields(content)} }} }} }}"

    def children(self, connection: str) -> str:
        """The next page of a product's ``variants``, ``metafields`` or ``collections``."""
        extra = self._keys() if connection == "metafields" else ""
        return f"""
query Children($id: ID!, $after: String) {{
  product(id: $id) {{
    {connection}(first: 250, after: $after{extra}) {{
      nodes {{ {self._child(connection)} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}"""

    def bulk(self) -> str:
        """All products for a bulk operation: connections without sizes, no variables."""
        return f"{{ products {{ edges {{ node {{ {self._product(bulk=True)} }} }} }} }}"

    def fields(self, content: str) -> str:
        """What is asked of one node of ``content``."""
        names = self._translations()
        match content:
            case "products":
                return self._product(bulk=False)
            case "collections":
                return f"id title handle descriptionHtml updatedAt {names}"
            case "pages":
                return f"id title handle body isPublished updatedAt {names}"
            case "articles":
                return (
                    "id title handle body summary isPublished publishedAt updatedAt tags "
                    f"author {{ name }} blog {{ handle title }} {names}"
                )
            case _:
                return f"id title type body url updatedAt {names}"

    def _product(self, *, bulk: bool) -> str:
        names = self._translations()
        parts = [
            "id title handle descriptionHtml status onlineStoreUrl updatedAt vendor productType tags",
            "priceRangeV2 { minVariantPrice { amount currencyCode } maxVariantPrice { amount } }",
            f"options {{ name {names} optionValues {{ name {names} }} }}",
            names,
        ]
        sizes = {"variants": VARIANTS, "collections": COLLECTIONS}
        if self.metafields:
            sizes["metafields"] = METAFIELDS
        for connection, size in sizes.items():
            keys = self._keys() if connection == "metafields" else ""
            fields = self._child(connection)
            if bulk:
                arguments = f"({keys.removeprefix(', ')})" if keys else ""
                parts.append(f"{connection}{arguments} {{ edges {{ node {{ {fields} }} }} }}")
            else:
                parts.append(
                    f"{connection}(first: {size}{keys}) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }}"
                )
        return " ".join(part for part in parts if part)

    def _child(self, connection: str) -> str:
        if connection == "metafields":
            return f"{_METAFIELD} {self._translations()}"
        return {"variants": _VARIANT, "collections": _COLLECTION}[connection]

    def _keys(self) -> str:
        # A JSON string is a GraphQL string.
        return f", keys: {json.dumps(self.metafields)}"

    def _translations(self) -> str:
        return " ".join(
            f"t{number}: translations(locale: {json.dumps(locale)}) {{ key value outdated }}"
            for number, locale in enumerate(self._locales)
        )
