"""The section ``costs`` of the YAML: what models cost, and what may be spent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from configs.section import Section

Money = Annotated[float, Field(ge=0.0)]


class Price(Section):
    """Money for a million tokens."""

    input: Money = Field(0.0, description="Tokens sent.")
    cached_input: Money | None = Field(
        None, description="Tokens sent that the provider had cached; as `input` if left out."
    )
    output: Money = Field(0.0, description="Tokens received, reasoning included.")


class Caps(Section):
    """Most money; a call that could pass a cap is not made."""

    per_call: Money | None = Field(None, description="For one call.")
    per_conversation: Money | None = Field(None, description="For one conversation.")
    per_day: Money | None = Field(None, description="For a day in UTC, all calls of the shelf together.")


class Costs(Section):
    """Prices and caps."""

    currency: str = Field("USD", description="What the prices are in; only shown.")
    prices: dict[str, Price] = Field(default_factory=dict, description="By model, for a million tokens.")
    caps: Caps = Caps()
