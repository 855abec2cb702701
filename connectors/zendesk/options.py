"""The YAML keys of a ``zendesk`` source."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.desk_options import DeskOptions
from connectors.personal_data import PersonalKind

Status = Literal["new", "open", "pending", "hold", "solved", "closed"]
Named = str | int
"""A thing's name or its id."""

_ARTICLES_ONLY = ("locales", "sections", "categories", "labels", "include_drafts", "include_outdated")
_TICKETS_ONLY = ("statuses", "tags", "without_tags", "since", "max_age", "include_internal_notes", "strip_quotes")


class ZendeskOAuth(BaseModel):
    """An OAuth client that gets its tokens itself (client credentials grant)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: str = Field(min_length=1, description="The OAuth client's identifier.")
    client_secret: SecretStr = Field(description="Its secret: ${ZENDESK_CLIENT_SECRET}.")
    scope: str = Field("read", min_length=1, description="Scopes of the tokens, with spaces between them.")


class ZendeskOptions(DeskOptions):
    """The YAML keys of a ``zendesk`` source."""

    url: str = Field(description="`https://<company>.zendesk.com`.")
    content: Literal["articles", "tickets"] = Field(description="Help centre articles, or solved tickets.")

    oauth: ZendeskOAuth | None = Field(None, description="An OAuth client: `{client_id, client_secret, scope}`.")
    token: SecretStr | None = Field(None, description="A ready OAuth access token.")
    email: str | None = Field(None, description="With `api_token`: whose it is.")
    api_token: SecretStr | None = Field(None, description="An API token; Zendesk ends these on 2027-04-30.")

    brands: list[Named] = Field(default_factory=list, description="Only these brands, by name or id; default: all.")
    locales: list[str] = Field(default_factory=list, description="Articles: only these, e.g. [`en-us`, `fr`].")
    sections: list[Named] = Field(
        default_factory=list, description="Articles: only these sections and the ones in them, by name or id."
    )
    categories: list[Named] = Field(default_factory=list, description="Articles: only these categories.")
    labels: list[str] = Field(default_factory=list, description="Articles: only with one of these labels.")
    include_drafts: bool = Field(False, description="Articles: drafts too, for the group `zendesk-agents` alone.")
    include_outdated: bool = Field(False, description="Articles: translations marked as outdated too.")

    statuses: list[Status] = Field(default=["solved", "closed"], description="Tickets: only in one of these.")
    tags: list[str] = Field(default_factory=list, description="Tickets: only with one of these tags.")
    without_tags: list[str] = Field(default_factory=list, description="Tickets: none with one of these tags.")
    since: date | None = Field(None, description="Tickets: only solved on this day or later, e.g. 2025-01-01.")
    max_age: str | None = Field(None, description="Tickets: only solved within this time, e.g. `365d`.")
    include_internal_notes: bool = Field(
        False, description="Tickets: internal notes too; such a ticket is for the group `zendesk-agents` alone."
    )
    strip_quotes: bool = Field(True, description="Tickets: leave out quoted mail and signatures.")

    redact: list[PersonalKind] = Field(
        default_factory=list, description="Personal data to take out of text and titles: email, phone, card, iban, ip."
    )
    incremental_per_minute: int = Field(
        10, ge=1, description="Most requests a minute to incremental exports; Zendesk allows 10."
    )

    articles_only = _ARTICLES_ONLY
    tickets_only = _TICKETS_ONLY
    unscoped: ClassVar[frozenset[str]] = DeskOptions.unscoped | {
        "oauth",
        "token",
        "email",
        "api_token",
        "incremental_per_minute",
    }

    @field_validator("locales")
    @classmethod
    def _lower_case(cls, locales: list[str]) -> list[str]:
        return [locale.lower() for locale in locales]

    @field_validator("statuses")
    @classmethod
    def _some_status(cls, statuses: list[Status]) -> list[Status]:
        if not statuses:
            raise ValueError("statuses is empty; leave it out for solved and closed tickets")
        return statuses

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [self.oauth is not None, self.token is not None, self.api_token is not None]
        if sum(ways) != 1:
            raise ValueError("give one of oauth, token, or email with api_token")
        if (self.email is None) != (self.api_token is None):
            raise ValueError("email and api_token go together")
        return self
