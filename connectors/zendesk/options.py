"""The YAML keys of a ``zendesk`` source."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from configs.schema import seconds
from connectors.addresses import configured_url
from connectors.api_options import ApiOptions
from connectors.personal_data import PersonalKind

Status = Literal["new", "open", "pending", "hold", "solved", "closed"]
Named = str | int
"""A thing's name or its id."""

_ARTICLES_ONLY = ("locales", "sections", "categories", "labels", "include_drafts", "include_outdated")
_TICKETS_ONLY = ("statuses", "tags", "without_tags", "since", "max_age", "include_internal_notes", "strip_quotes")
_TICKET_SWEEP = 7 * 86400.0


class ZendeskOAuth(BaseModel):
    """An OAuth client that gets its tokens itself (client credentials grant)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: str = Field(min_length=1, description="The OAuth client's identifier.")
    client_secret: SecretStr = Field(description="Its secret: ${ZENDESK_CLIENT_SECRET}.")
    scope: str = Field("read", min_length=1, description="Scopes of the tokens, with spaces between them.")


class ZendeskOptions(ApiOptions):
    """The YAML keys of a ``zendesk`` source."""

    model_config = ConfigDict(hide_input_in_errors=True)

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

    unscoped: ClassVar[frozenset[str]] = ApiOptions.unscoped | {
        "oauth",
        "token",
        "email",
        "api_token",
        "incremental_per_minute",
    }

    @field_validator("url")
    @classmethod
    def _safe_url(cls, url: str) -> str:
        return configured_url(url).rstrip("/")

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

    @field_validator("max_age")
    @classmethod
    def _an_age(cls, text: str | None) -> str | None:
        if text is not None:
            seconds(text)
        return text

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        ways = [self.oauth is not None, self.token is not None, self.api_token is not None]
        if sum(ways) != 1:
            raise ValueError("give one of oauth, token, or email with api_token")
        if (self.email is None) != (self.api_token is None):
            raise ValueError("email and api_token go together")
        others = _TICKETS_ONLY if self.content == "articles" else _ARTICLES_ONLY
        misplaced = [name for name in others if name in self.model_fields_set]
        if misplaced:
            owner = "tickets" if self.content == "articles" else "articles"
            raise ValueError(f"{misplaced[0]} goes with content: {owner}")
        if self.since is not None and self.max_age is not None:
            raise ValueError("give either since or max_age")
        return self

    @property
    def sweep_seconds(self) -> float:
        """``sweep_every`` in seconds; tickets report their deletions, so by default they are listed once a week."""
        if self.content == "tickets" and "sweep_every" not in self.model_fields_set:
            return _TICKET_SWEEP
        return super().sweep_seconds

    def oldest(self, now: float) -> float:
        """The moment (seconds) before which a solved ticket is too old; 0 where any age is right."""
        if self.since is not None:
            return datetime(self.since.year, self.since.month, self.since.day, tzinfo=UTC).timestamp()
        return 0.0 if self.max_age is None else max(0.0, now - seconds(self.max_age))
