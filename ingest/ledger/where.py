"""Filters and visibility as SQL over ``documents`` and ``builds``: what decides, whatever the indexes return."""

from __future__ import annotations

import json
from collections.abc import Collection
from enum import Enum
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, String, and_, column, false, func, literal, not_, or_, select, true

from ingest.filters import All, AnyOf, Comparison, Filter, Scalar
from ingest.ledger.tables import builds, documents


class Everyone(Enum):
    """The type of ``ALL_GROUPS``."""

    EVERYONE = "everyone"


ALL_GROUPS: Final = Everyone.EVERYONE
"""In place of a viewer's groups: sees restricted documents too. For the operator's own tools, never for a viewer."""

Groups: TypeAlias = frozenset[str] | Everyone | None
"""A viewer's groups; ``None`` is an anonymous viewer, who sees only what is unrestricted."""

FIELDS = {
    "source": builds.c.source,
    "document_id": documents.c.document_id,
    "title": documents.c.title,
    "url": documents.c.url,
    "language": documents.c.language,
    "media_type": documents.c.media_type,
}
"""Keys that a filter can use although they are no metadata; they win over metadata of the same name."""


def among(name: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """``name IN values`` as one bound value, so that any number of them is one cached statement."""
    each = func.json_each(literal(json.dumps(list(values)), String)).table_valued(column("value"))
    return name.in_(select(each.c.value))


def clause(filter: Filter | None, groups: Groups) -> ColumnElement[bool]:
    """The condition that a document matches ``filter`` and may be seen by ``groups``.

    The enclosing statement joins ``documents`` and ``builds``. Values are bound, never written into the SQL.
    """
    seen = visible(groups)
    return seen if filter is None else and_(seen, matches(filter))


def visible(groups: Groups) -> ColumnElement[bool]:
    """The condition that a viewer may see a document. Default deny: a restricted one needs a group in common."""
    if groups is ALL_GROUPS:
        return true()
    unrestricted = documents.c.readers.is_(None)
    if not groups:
        return unrestricted
    reader = func.json_each(documents.c.readers).table_valued("value")
    # One bound value: SQLite bounds the arguments of a function and the variables of a statement.
    viewer = func.json_each(literal(json.dumps(sorted(groups)), String)).table_valued("value")
    members = select(viewer.c.value)
    return or_(unrestricted, select(literal(1)).select_from(reader).where(reader.c.value.in_(members)).exists())


def matches(filter: Filter) -> ColumnElement[bool]:
    """The condition that a document matches ``filter``, whoever looks."""
    if isinstance(filter, All):
        return and_(true(), *(matches(part) for part in filter.parts))
    if isinstance(filter, AnyOf):
        return or_(false(), *(matches(part) for part in filter.parts))
    values = filter.value if isinstance(filter.value, tuple) else (filter.value,)
    moments = filter.moment if isinstance(filter.moment, tuple) else (filter.moment,) * len(values)
    if filter.operator in ("eq", "in", "ne", "nin"):
        found = or_(false(), *(_equals(filter.key, value, at) for value, at in zip(values, moments, strict=True)))
        return found if filter.operator in ("eq", "in") else not_(found)
    return _ordered(filter, values[0], moments[0])


def _equals(key: str, value: Scalar, moment: float | None) -> ColumnElement[bool]:
    if key in FIELDS:
        # Never NULL, so that its negation is true for a missing title or URL.
        return func.coalesce(FIELDS[key] == value, false()) if isinstance(value, str) else false()
    each = _values()
    if isinstance(value, bool):
        return _has(each, key, each.c.type == ("true" if value else "false"))
    if not isinstance(value, str):
        return _has(each, key, and_(each.c.type.in_(("integer", "real")), each.c.value == value))
    item = func.json_each(each.c.value).table_valued("value")
    listed = select(literal(1)).select_from(item).where(item.c.value == value).correlate(each).exists()
    kinds = [and_(each.c.type == "text", each.c.value == value), and_(each.c.type == "array", listed)]
    if moment is not None:
        kinds.append(and_(_is_date(key), each.c.value == moment))
    return _has(each, key, or_(*kinds))


def _ordered(comparison: Comparison, value: Scalar, moment: float | None) -> ColumnElement[bool]:
    if comparison.key in FIELDS:
        return false()
    each = _values()
    bound = value if moment is None else moment
    compared = {
        "gt": each.c.value > bound,
        "gte": each.c.value >= bound,
        "lt": each.c.value < bound,
        "lte": each.c.value <= bound,
    }[comparison.operator]
    # A number also compares with a date, as epoch seconds; a date never with a number that is none.
    typed = each.c.type.in_(("integer", "real"))
    return _has(each, comparison.key, and_(typed, compared, true() if moment is None else _is_date(comparison.key)))


def _values() -> Any:
    # json_each rather than a path: before SQLite 3.42 a path misses keys that JSON has to escape.
    return func.json_each(documents.c.metadata).table_valued("key", "value", "type")


def _has(each: Any, key: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(literal(1)).select_from(each).where(each.c.key == key, condition).exists()


def _is_date(key: str) -> ColumnElement[bool]:
    name = func.json_each(documents.c.dates).table_valued("value")
    return select(literal(1)).select_from(name).where(name.c.value == key).correlate(documents).exists()
