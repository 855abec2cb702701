"""What a table's columns become: text through templates, typed metadata, groups of readers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from configs.errors import ConfigError
from connectors.contract import MetaValue

Row = Mapping[str, str]
ValueType = Literal["str", "int", "float", "bool", "date", "datetime", "list"]
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "oui", "vrai"}), frozenset({"false", "no", "n", "0", "non", "faux"})
_RESERVED = frozenset({"source", "document_id", "language"})
_INT64 = 2**63


class Column(BaseModel):
    """How one column becomes metadata; ``price: float`` is short for ``price: {type: float}``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: ValueType = "str"
    name: str | None = Field(None, alias="as", description="The metadata key; the column's name by default.")
    format: str | None = Field(None, description="strptime format of dates that are not ISO 8601: `%d/%m/%Y`.")
    separator: str = Field(",", min_length=1, description="Between the items of a list.")
    decimal: Literal[".", ","] = Field(".", description="`,` reads 1 234,50 as 1234.5.")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _usable_key(cls, name: str | None) -> str | None:
        return None if name is None else metadata_key(name)

    @model_validator(mode="after")
    def _format_is_for_dates(self) -> Column:
        if self.format is not None and self.type not in ("date", "datetime"):
            raise ValueError("format goes with type: date or datetime")
        return self

    def value(self, text: str) -> MetaValue:
        """``text`` as this type.

        Raises:
            ValueError: it does not fit; the rest of a sentence.
        """
        try:
            return _CONVERSIONS[self.type](text.strip(), self)
        except (ValueError, OverflowError):
            raise ValueError(f"{_short(text)!r} is no {self.type}") from None


def metadata_key(name: str) -> str:
    """``name`` if a filter can use it and the shelf does not.

    Raises:
        ValueError: it is taken or cannot be used.
    """
    if not name.strip() or '"' in name or name.startswith("_") or name in _RESERVED:
        raise ValueError(f"{name!r} cannot be a metadata key; choose another with `as`")
    return name


def check_columns(wanted: Iterable[str], columns: Sequence[str], option: str, table: str) -> None:
    """See that all columns that an option names are there.

    Raises:
        ConfigError: names the column and those there are.
    """
    for name in wanted:
        if name not in columns:
            raise ConfigError(
                f"{table} has no column {name!r}, which `{option}` names.", hint=f"Its columns: {', '.join(columns)}."
            )


class Template:
    """Text with ``{column}`` in it; ``{{`` and ``}}`` are braces. Values are put in as they are, never evaluated.

    Raises:
        ValueError: a brace is left open.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.columns = [match[1].strip() for match in _TOKEN.finditer(text) if match[1]]
        if set(_TOKEN.sub("", text)) & set("{}"):
            raise ValueError(f"{text!r} has a brace without its partner; write {{{{ for a brace itself")

    def fill(self, row: Row, quote: Callable[[str], str] | None = None) -> str:
        """The text with the row's values, each passed through ``quote``. All columns must be in ``row``."""

        def value(match: re.Match[str]) -> str:
            if match[1] is None:
                return match[0][0]
            cell = row[match[1].strip()]
            return quote(cell) if quote else cell

        return _TOKEN.sub(value, self._text)


def header_lines(row: Row) -> str:
    """Every column that is not empty as ``Header: value``."""
    return "\n".join(f"{name}: {value.strip()}" for name, value in row.items() if value.strip())


def split_groups(text: str) -> frozenset[str]:
    """Groups in a cell, between commas or semicolons; an empty cell names nobody."""
    return frozenset(part.strip() for part in re.split(r"[,;\n]", text) if part.strip())


def _integer(text: str, _: Column) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        raise ValueError
    number = int(text)
    if not -_INT64 <= number < _INT64:
        raise ValueError
    return number


def _decimal(text: str, column: Column) -> float:
    if column.decimal == ",":
        text = re.sub(r"(?<=\d)[ \u00a0\u202f](?=\d)", "", text)
        if "." in text:
            raise ValueError
        text = text.replace(",", ".")
    if "_" in text:
        raise ValueError
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _truth(text: str, _: Column) -> bool:
    word = text.casefold()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _moment(text: str, column: Column) -> datetime:
    # strptime is told nothing of time zones by most formats; naive means UTC everywhere.
    return datetime.strptime(text, column.format) if column.format else datetime.fromisoformat(text)


def _day(text: str, column: Column) -> date:
    moment = _moment(text, column)
    if moment.time() != time():
        raise ValueError
    return moment.date()


_CONVERSIONS: dict[str, Callable[[str, Column], MetaValue]] = {
    "str": lambda text, _: text,
    "int": _integer,
    "float": _decimal,
    "bool": _truth,
    "date": _day,
    "datetime": _moment,
    "list": lambda text, column: [part.strip() for part in text.split(column.separator) if part.strip()],
}


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"
