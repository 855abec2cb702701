"""A ``Filter`` as Chroma's ``where`` (https://docs.trychroma.com/docs/querying-collections/metadata-filtering)."""

from __future__ import annotations

from typing import Any

from ingest.filters import All, AnyOf, Filter

_MOST = 200  # values of one $in; Chroma turns each into SQL


def where(filter: Filter) -> dict[str, Any] | None:
    """``filter`` for Chroma; ``None`` where it cannot narrow anything (a store may return more, never less).

    Chroma has no group of fewer than two parts, and wants the values of ``$in`` to be of one type.
    """
    if isinstance(filter, All):
        return _group("$and", [part for part in map(where, filter.parts) if part is not None])
    if isinstance(filter, AnyOf):
        parts = [where(part) for part in filter.parts]
        return None if None in parts else _group("$or", [part for part in parts if part is not None])
    if isinstance(filter.value, tuple):
        if filter.operator == "nin" or len(filter.value) > _MOST or len({type(value) for value in filter.value}) > 1:
            return None
        return {filter.key: {"$in": list(filter.value)}}
    if filter.operator == "ne":
        return None
    return {filter.key: {f"${filter.operator}": filter.value}}


def _group(name: str, parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else {name: parts}
