"""Filters over metadata: one small language, understood by the ledger and by every vector store.

Three spellings mean the same::

    {"source": "faq", "price": {"lt": 20}}
    {"and": [{"source": {"eq": "faq"}}, {"price": {"lt": 20}}]}
    {"type": "and", "filters": [{"type": "eq", "key": "source", "value": "faq"}, ...]}   # OpenAI's

A list-valued key matches ``eq`` when it contains the value. A missing key matches only ``ne`` and ``nin``.
Dates are given as ``date``, ``datetime`` or ISO 8601 text and compare as points in time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias, cast

from configs.errors import FilterError

Operator: TypeAlias = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
Scalar: TypeAlias = str | int | float | bool
OPERATORS: tuple[str, ...] = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")
MAX_DEPTH, MAX_TERMS = 10, 500


@dataclass(frozen=True, slots=True)
class Comparison:
    """``key`` compared with ``value``; dates are already epoch seconds in ``moment``.

    Attributes:
        value: a scalar, or a tuple of scalars for ``in`` and ``nin``.
        moment: ``value`` as epoch seconds, where it can be read as a point in time (same shape).
    """

    key: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]
    moment: float | tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Every part matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part at least matches."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = Comparison | All | AnyOf


def epoch(value: object) -> float | None:
    """``value`` as seconds since 1970 UTC where it is a date or ISO 8601 text, else ``None``."""
    if isinstance(value, str):
        if len(value) < 10 or not value[:4].isdigit():
            return None
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return None


def parse_filter(raw: Mapping[str, Any] | None) -> Filter | None:
    """Read any of the three spellings; ``None`` and ``{}`` mean no filter.

    Raises:
        FilterError: names the part that is malformed.
    """
    if not raw:
        return None
    budget = [MAX_TERMS]
    return _parse(raw, 0, budget)


def _parse(raw: object, depth: int, budget: list[int]) -> Filter:
    if depth > MAX_DEPTH:
        raise FilterError(f"The filter is nested deeper than {MAX_DEPTH} levels.")
    if not isinstance(raw, Mapping):
        raise FilterError(f"A filter is a mapping, not {raw!r}.")
    if "type" in raw and ("filters" in raw or ("key" in raw and "value" in raw)):
        kind = raw["type"]
        if kind in ("and", "or"):
            return _group(kind, raw.get("filters"), depth, budget)
        return _comparison(raw.get("key"), kind, raw.get("value"), budget)
    parts: list[Filter] = []
    for key, value in raw.items():
        if key in ("and", "or"):
            parts.append(_group(key, value, depth, budget))
        elif isinstance(value, Mapping):
            parts.extend(_comparison(key, operator, operand, budget) for operator, operand in value.items())
        elif isinstance(value, list | tuple):
            parts.append(_comparison(key, "in", value, budget))
        else:
            parts.append(_comparison(key, "eq", value, budget))
    if not parts:
        raise FilterError("The filter has an empty part.")
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _group(kind: str, raw: object, depth: int, budget: list[int]) -> Filter:
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
        raise FilterError(f"{kind!r} takes a non-empty list of filters, not {raw!r}.")
    parts = tuple(_parse(part, depth + 1, budget) for part in raw)
    return All(parts) if kind == "and" else AnyOf(parts)


def _comparison(key: object, operator: object, value: object, budget: list[int]) -> Comparison:
    # Each value of a list is a term of the statement that it becomes.
    budget[0] -= len(value) if isinstance(value, list | tuple | set | frozenset) else 1
    if budget[0] < 0:
        raise FilterError(f"The filter has more than {MAX_TERMS} terms.")
    if not isinstance(key, str) or not key or '"' in key or not _encodable(key):
        raise FilterError(f"A filter's key is a plain name, not {key!r}.")
    if operator not in OPERATORS:
        raise FilterError(
            f"{operator!r} is no filter operator (at {key!r}).", hint=f"Use one of {', '.join(OPERATORS)}."
        )
    if operator in ("in", "nin"):
        if not isinstance(value, list | tuple | set | frozenset) or not value:
            raise FilterError(f"{operator!r} at {key!r} takes a non-empty list, not {value!r}.")
        values = tuple(_scalar(key, item) for item in value)
        return Comparison(key, cast(Operator, operator), values, tuple(epoch(item) for item in value))
    scalar = _scalar(key, value)
    if operator in ("gt", "gte", "lt", "lte") and epoch(value) is None and (isinstance(scalar, str | bool)):
        raise FilterError(f"{operator!r} at {key!r} compares numbers and dates, not {value!r}.")
    return Comparison(key, cast(Operator, operator), scalar, epoch(value))


def _scalar(key: str, value: object) -> Scalar:
    if isinstance(value, bool | int | float | str):
        if isinstance(value, float) and value != value:
            raise FilterError(f"NaN cannot be compared (at {key!r}).")
        if isinstance(value, str) and not _encodable(value):
            raise FilterError(f"The text {value!r} at {key!r} has half a character in it (a lone surrogate).")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return _as_float(value)
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise FilterError(f"{value!r} at {key!r} is no text, number, truth value or date.")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_float(number: int) -> float:
    """A number beyond the 64 bits that are stored: no stored integer equals it, but it has a place in the order."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
