"""The YAML keys of an ``openai-vector-stores`` source."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from connectors.addresses import configured_url
from connectors.api_options import ApiOptions


class VectorStoresOptions(ApiOptions):
    """The YAML keys of an ``openai-vector-stores`` source."""

    api_key: SecretStr = Field(description="An API key: ${OPENAI_API_KEY}.")
    base_url: str = Field("https://api.openai.com/v1", description="Root of the API.")
    organization: str | None = Field(None, description="`org-…`, where the key belongs to several.")
    project: str | None = Field(None, description="`proj_…`, where the key belongs to several.")
    stores: list[str] = Field(
        default_factory=list, description="Only these vector stores, by id or name; default: all."
    )
    originals: bool = Field(
        True, description="Take the uploaded file itself where it can be downloaded, and its chunks where not."
    )
    title_attribute: str | None = Field(None, description="A file attribute with the title; default: the file's name.")
    url_attribute: str | None = Field(None, description="A file attribute with the link (https://…).")
    language_attribute: str | None = Field(None, description="A file attribute with the language, e.g. `fr`.")

    unscoped: ClassVar[frozenset[str]] = ApiOptions.unscoped | {"api_key"}

    @field_validator("base_url")
    @classmethod
    def _safe_url(cls, url: str) -> str:
        return configured_url(url).rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _some_key(cls, key: SecretStr) -> SecretStr:
        if not key.get_secret_value().strip():
            raise ValueError("api_key is empty")
        return key

    @field_validator("stores")
    @classmethod
    def _some_names(cls, stores: list[str]) -> list[str]:
        if not all(name.strip() for name in stores):
            raise ValueError("stores has an empty name; leave `stores` out for all of them")
        return stores
