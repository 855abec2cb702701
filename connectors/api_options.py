"""What the sources that are read over a vendor's API have in common in the YAML."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from configs.schema import seconds
from connectors.version import digest


class ApiOptions(BaseModel):
    """Options of a source behind an API. A connector's own model adds to them."""

    # A secret that is written wrong must not come back in the message about it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    requests_per_minute: int = Field(
        300, ge=1, description="Most requests a minute; sources of the same account share them."
    )
    timeout: float = Field(30.0, gt=0, le=600, description="Seconds for connecting and for each read.")
    sweep_every: str = Field(
        "1d",
        description="How often everything is listed, to find what disappeared without a word; `0s`: every sync.",
    )
    allow_private_network: bool = Field(False, description="Let the host be in the own network.")
    max_bytes: int = Field(100_000_000, gt=0, description="A larger answer or attachment is an error.")

    unscoped: ClassVar[frozenset[str]] = frozenset(
        {"requests_per_minute", "timeout", "sweep_every", "allow_private_network", "max_bytes"}
    )
    """Options that do not decide which documents there are; a subclass adds its credentials' names."""

    @field_validator("sweep_every")
    @classmethod
    def _a_duration(cls, text: str) -> str:
        seconds(text)
        return text

    @property
    def sweep_seconds(self) -> float:
        """``sweep_every`` in seconds."""
        return seconds(self.sweep_every)

    def scope(self) -> str:
        """A digest of what decides which documents there are and what is in them: another one, another crawl.

        Secrets and transport are not part of it: a new token must not read everything again.
        """
        values = {name: value for name, value in self if name not in self.unscoped and not isinstance(value, SecretStr)}
        return digest([type(self).__name__, BaseModel.model_dump(self, mode="json", include=set(values))])
