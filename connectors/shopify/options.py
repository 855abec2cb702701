"""The YAML keys of a ``shopify`` source."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.addresses import configured_url
from connectors.api_options import ApiOptions

Content = Literal["products", "collections", "pages", "articles", "policies"]
Status = Literal["active", "unlisted", "draft", "archived"]
Volatile = Literal["price", "stock"]

_SHOP = re.compile(r"[a-z0-9][a-z0-9-]*")
_METAFIELD = re.compile(r"[^.\s]+\.[^.\s]+")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")


class ShopifyOptions(ApiOptions):
    """The YAML keys of a ``shopify`` source."""

    shop: str = Field(description="The shop's myshopify.com name: `my-shop` or `my-shop.myshopify.com`.")
    client_id: str | None = Field(None, description="Client ID of a Dev Dashboard app; with client_secret.")
    client_secret: SecretStr | None = Field(None, description="Its secret, e.g. ${SHOPIFY_CLIENT_SECRET}.")
    token: SecretStr | None = Field(None, description="Instead of these: an access token `shpat_...`.")
    content: list[Content] = Field(
        ["products", "collections", "pages", "articles", "policies"], min_length=1, description="What is read."
    )
    product_status: list[Status] = Field(["active"], min_length=1, description="Products in these states.")
    published_only: bool = Field(True, description="Only what the online store shows.")
    tags: list[str] = Field(default_factory=list, description="Only products with one of these tags.")
    exclude_tags: list[str] = Field(default_factory=list, description="No product with one of these tags.")
    product_types: list[str] = Field(default_factory=list, description="Only products of these types.")
    vendors: list[str] = Field(default_factory=list, description="Only products of these vendors.")
    collections: list[str] = Field(
        default_factory=list, description="Handles: only these collections and the products in one of them."
    )
    blogs: list[str] = Field(default_factory=list, description="Handles: only articles of these blogs.")
    metafields: Literal["visible"] | list[str] = Field(
        "visible",
        description="Product metafields in the text: `visible` (those the storefront may read) or `namespace.key`s.",
    )
    text_includes: list[Volatile] = Field(
        default_factory=list,
        description="`price`, `stock`: put them into the text too, which then is embedded again when they change.",
    )
    locales: list[str] = Field(default_factory=list, description="Translations: one more document for each of these.")
    outdated_translations: bool = Field(False, description="Keep translations that are older than their original.")
    bulk_above: int = Field(2000, ge=0, description="More products than this are read by a bulk operation.")
    base_url: str | None = Field(None, description="Where the API is, if not at https://<shop>.myshopify.com.")

    unscoped: ClassVar[frozenset[str]] = ApiOptions.unscoped | {
        "client_id",
        "client_secret",
        "token",
        "base_url",
        "bulk_above",
    }

    @field_validator("shop")
    @classmethod
    def _a_shop(cls, text: str) -> str:
        name = text.strip().lower().removeprefix("https://").rstrip("/").removesuffix(".myshopify.com")
        if not _SHOP.fullmatch(name):
            raise ValueError(
                f"{text!r} is no shop: write the part before .myshopify.com, not the shop's own domain "
                "(Settings › Domains shows it)"
            )
        return name

    @field_validator("base_url")
    @classmethod
    def _safe_url(cls, url: str | None) -> str | None:
        return None if url is None else configured_url(url)

    @field_validator("metafields")
    @classmethod
    def _keys(cls, value: str | list[str]) -> str | list[str]:
        for key in value if isinstance(value, list) else []:
            if not _METAFIELD.fullmatch(key):
                raise ValueError(f"{key!r} is no metafield: write namespace.key, for example custom.material")
        return value

    @field_validator("locales")
    @classmethod
    def _locales(cls, codes: list[str]) -> list[str]:
        for code in codes:
            if not _LOCALE.fullmatch(code):
                raise ValueError(f"{code!r} is no language code of Shopify's: write fr, pt-BR")
        if len(set(codes)) < len(codes):
            raise ValueError("locales names a language twice")
        return codes

    @model_validator(mode="after")
    def _one_way_in(self) -> ShopifyOptions:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret go together")
        if (self.token is None) == (self.client_id is None):
            raise ValueError("give either client_id and client_secret (a Dev Dashboard app) or token (shpat_...)")
        secret = self.token or self.client_secret
        if secret is not None and not secret.get_secret_value().strip():
            raise ValueError("the secret is empty: is its environment variable set?")
        return self

    @property
    def root(self) -> str:
        """Where the shop's admin is, without a slash at the end."""
        return (self.base_url or f"https://{self.shop}.myshopify.com").rstrip("/")
