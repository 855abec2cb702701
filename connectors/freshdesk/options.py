"""The YAML keys of a ``freshdesk`` source."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from connectors.desk_options import DeskOptions
from connectors.personal_data import PersonalKind

Plan = Literal["trial", "growth", "pro", "enterprise"]

LIMITS: dict[str, tuple[int, int]] = {
    "trial": (50, 20),
    "growth": (200, 20),
    "pro": (400, 100),
    "enterprise": (700, 200),
}
"""By plan, what an account may ask in a minute: in all, and lists of tickets ("Rate Limit")."""

STATUSES = {"open": 2, "pending": 3, "resolved": 4, "closed": 5}
"""Freshdesk's own statuses ("Ticket Properties"); an account's own ones have higher numbers."""

_ARTICLES_ONLY = ("categories", "folders", "languages")
_TICKETS_ONLY = ("statuses", "without_tags", "types", "groups", "since", "max_age", "strip_quotes", "redact")


class FreshdeskOptions(DeskOptions):
    """The YAML keys of a ``freshdesk`` source."""

    url: str = Field(description="`https://<company>.freshdesk.com`; not the portal's own domain.")
    api_key: SecretStr = Field(description="An agent's API key: ${FRESHDESK_API_KEY}.")
    content: Literal["articles", "tickets"] = Field(description="Solution articles, or solved tickets.")
    requests_per_minute: int = Field(
        100, ge=1, description="Most requests a minute, in place of half of what `plan` allows."
    )
    plan: Plan = Field("growth", description="The account's plan: half of its requests a minute are used.")

    categories: list[str | int] = Field(
        default_factory=list, description="Articles: only of these categories, by name or id."
    )
    folders: list[str | int] = Field(
        default_factory=list, description="Articles: only of these folders and the ones in them, by name or id."
    )
    languages: list[str] = Field(
        default_factory=list, description="Articles: these translations too, e.g. [`fr`, `pt-BR`]."
    )
    tags: list[str] = Field(default_factory=list, description="Only with one of these tags.")

    statuses: list[str | int] = Field(
        default=["resolved", "closed"], description="Tickets: only in one of these, by name or number."
    )
    without_tags: list[str] = Field(default_factory=list, description="Tickets: none with one of these tags.")
    types: list[str] = Field(default_factory=list, description="Tickets: only of one of these types.")
    groups: list[int] = Field(default_factory=list, description="Tickets: only of these groups, by id.")
    since: date | None = Field(None, description="Tickets: only resolved on this day or later, e.g. 2025-01-01.")
    max_age: str | None = Field(None, description="Tickets: only resolved within this time, e.g. `365d`.")
    strip_quotes: bool = Field(True, description="Tickets: leave out quoted mail and signatures.")
    redact: list[PersonalKind] = Field(
        default_factory=list,
        description="Tickets: personal data to take out of text and titles: email, phone, card, iban, ip.",
    )

    articles_only = _ARTICLES_ONLY
    tickets_only = _TICKETS_ONLY
    unscoped: ClassVar[frozenset[str]] = DeskOptions.unscoped | {"api_key", "plan"}

    @field_validator("api_key")
    @classmethod
    def _some_key(cls, key: SecretStr) -> SecretStr:
        if not key.get_secret_value().strip():
            raise ValueError("api_key is empty")
        return key

    @field_validator("statuses")
    @classmethod
    def _known_statuses(cls, statuses: list[str | int]) -> list[str | int]:
        if not statuses:
            raise ValueError("statuses is empty; leave it out for resolved and closed tickets")
        for status in statuses:
            if isinstance(status, str) and status.lower() not in STATUSES:
                raise ValueError(f"{status!r} is no status; write {', '.join(STATUSES)}, or a status's number")
        return [status.lower() if isinstance(status, str) else status for status in statuses]

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: list[str]) -> list[str]:
        for language in languages:
            if not language.replace("-", "").isalnum() or not language.isascii():
                raise ValueError(f"{language!r} is no language code; write for example fr or pt-BR")
        return languages

    @property
    def per_minute(self) -> int:
        """Requests a minute: as given, else half of what the plan allows, so that people can go on working."""
        if "requests_per_minute" in self.model_fields_set:
            return self.requests_per_minute
        return LIMITS[self.plan][0] // 2

    @property
    def lists_per_minute(self) -> int:
        """Lists of tickets a minute, of which a plan allows fewer."""
        return max(1, LIMITS[self.plan][1] // 2)

    @property
    def status_numbers(self) -> frozenset[int]:
        """``statuses`` as Freshdesk numbers them."""
        return frozenset(STATUSES[one] if isinstance(one, str) else one for one in self.statuses)
