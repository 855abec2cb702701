"""What the help desks have in common in the YAML: articles or tickets, and which tickets are too old."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from configs.schema import seconds
from connectors.addresses import configured_url
from connectors.api_options import ApiOptions

_TICKET_SWEEP = 7 * 86400.0


class DeskOptions(ApiOptions):
    """Options of a help desk. A connector's own model describes the first four in its vendor's words."""

    url: str = Field(description="The account's address.")
    content: Literal["articles", "tickets"] = Field(description="Articles, or solved tickets.")
    since: date | None = Field(None, description="Tickets: only solved on this day or later, e.g. 2025-01-01.")
    max_age: str | None = Field(None, description="Tickets: only solved within this time, e.g. `365d`.")

    articles_only: ClassVar[tuple[str, ...]] = ()
    """Options that go with ``content: articles``."""
    tickets_only: ClassVar[tuple[str, ...]] = ()
    """Options that go with ``content: tickets``."""

    @field_validator("url")
    @classmethod
    def _safe_url(cls, url: str) -> str:
        return configured_url(url).rstrip("/")

    @field_validator("max_age")
    @classmethod
    def _an_age(cls, text: str | None) -> str | None:
        if text is not None:
            seconds(text)
        return text

    @model_validator(mode="after")
    def _fit_the_content(self) -> Self:
        others = self.tickets_only if self.content == "articles" else self.articles_only
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
