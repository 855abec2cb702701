"""The YAML keys of a ``confluence`` source."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from configs.schema import seconds
from connectors.addresses import configured_url
from connectors.api_options import ApiOptions

MIB = 1_048_576


class ConfluenceOptions(ApiOptions):
    """The YAML keys of a ``confluence`` source."""

    url: str = Field(
        description="The site: `https://acme.atlassian.net`, or a Data Center's address with its context path."
    )
    edition: Literal["cloud", "data-center"] = Field("cloud", description="`cloud` or `data-center`.")
    email: str | None = Field(None, description="Cloud: the account that the API token belongs to.")
    api_token: SecretStr | None = Field(None, description="Cloud: an API token, with or without scopes.")
    cloud_id: str | None = Field(
        None, description="Cloud: the site's id; needed for a token with scopes, which goes through the gateway."
    )
    token: SecretStr | None = Field(
        None, description="Data Center: a personal access token. Cloud: a service account's token, with `cloud_id`."
    )
    gateway: str = Field("https://api.atlassian.com", description="Where tokens with scopes are sent.")
    spaces: list[str] = Field(default_factory=list, description="Keys of the spaces to read; default: all.")
    exclude_spaces: list[str] = Field(default_factory=list, description="Keys of spaces to leave out.")
    personal_spaces: bool = Field(False, description="Read personal spaces too (one named in `spaces` is read anyway).")
    labels: list[str] = Field(default_factory=list, description="Only pages with one of these labels.")
    exclude_labels: list[str] = Field(default_factory=list, description="Leave out pages with one of these labels.")
    ancestors: list[str] = Field(default_factory=list, description="Only these pages (by id) and what is below them.")
    blogposts: bool = Field(True, description="Read blog posts too.")
    attachments: bool = Field(False, description="Read the pages' PDF, Office, text and image attachments too.")
    max_attachment_bytes: int = Field(25 * MIB, gt=0, description="Leave larger attachments out.")
    restrictions: Literal["enforce", "ignore"] = Field(
        "enforce", description="`ignore` lets everybody who may see the source read restricted pages."
    )
    restrictions_every: str = Field(
        "0s",
        description="How often the tree and all restrictions are looked through for moves, deletions and changed "
        "restrictions, which leave a page's version as it is; `0s`: every sync.",
    )
    dynamic_macros: Literal["render", "leave-out"] = Field(
        "render", description="Whether Confluence is asked for the text of macros such as `jira` or `children`."
    )

    unscoped: ClassVar[frozenset[str]] = ApiOptions.unscoped | {
        "email",
        "api_token",
        "token",
        "gateway",
        "cloud_id",
        "restrictions_every",
    }

    @field_validator("url", "gateway")
    @classmethod
    def _safe_url(cls, url: str) -> str:
        return configured_url(url).rstrip("/")

    @field_validator("restrictions_every")
    @classmethod
    def _a_duration_too(cls, text: str) -> str:
        seconds(text)
        return text

    @field_validator("ancestors")
    @classmethod
    def _ids(cls, ids: list[str]) -> list[str]:
        for one in ids:
            if not (one.isascii() and one.isdigit()):
                raise ValueError(f"{one!r} is no page id: write the number from the page's address, in quotes")
        return ids

    @field_validator("cloud_id")
    @classmethod
    def _one_segment(cls, cloud_id: str | None) -> str | None:
        if cloud_id is not None and not all(c.isalnum() or c == "-" for c in cloud_id):
            raise ValueError("cloud_id is the id that https://<site>.atlassian.net/_edge/tenant_info shows")
        return cloud_id

    @model_validator(mode="after")
    def _combinations(self) -> ConfluenceOptions:
        if self.edition == "data-center":
            if self.token is None:
                raise ValueError("data-center needs token: a personal access token")
            if self.email or self.api_token or self.cloud_id:
                raise ValueError("email, api_token and cloud_id go with edition: cloud; data-center takes token alone")
            return self
        if self.token is not None:
            if self.email or self.api_token:
                raise ValueError("give either email and api_token, or token")
            if not self.cloud_id:
                raise ValueError(
                    "token with edition: cloud needs cloud_id; a personal API token is api_token with email"
                )
        elif not (self.email and self.api_token):
            raise ValueError("cloud needs email and api_token (or token and cloud_id of a service account)")
        if self.url.endswith("/wiki"):
            raise ValueError("write the url of the site without /wiki")
        both = set(self.spaces) & set(self.exclude_spaces)
        if both:
            raise ValueError(f"space {min(both)!r} is both in spaces and in exclude_spaces")
        return self

    @property
    def restrictions_seconds(self) -> float:
        """``restrictions_every`` in seconds."""
        return seconds(self.restrictions_every)

    @property
    def root(self) -> str:
        """Where the API's paths start: the site, or the gateway's prefix for tokens with scopes."""
        return f"{self.gateway}/ex/confluence/{self.cloud_id}" if self.cloud_id else self.url

    @property
    def site(self) -> str:
        """What the links that people open start with."""
        return f"{self.url}/wiki" if self.edition == "cloud" else self.url
