"""Cursor pagination as OpenAI's API has it: ``after``, ``before``, ``order``, ``limit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select

from openshelf.server.errors import ApiError

Order = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True)
class Paging:
    """What a list request asked for."""

    limit: int = 20
    order: Order = "desc"
    after: str | None = None
    before: str | None = None


def _paging(
    limit: Annotated[int, Query(ge=1, le=100, description="Most objects in the page.")] = 20,
    order: Annotated[Order, Query(description="By time of creation.")] = "desc",
    after: Annotated[str | None, Query(description="The page starts behind the object of this id.")] = None,
    before: Annotated[str | None, Query(description="The page ends before the object of this id.")] = None,
) -> Paging:
    return Paging(limit, order, after, before)


def _rising(paging: Annotated[Paging, Depends(_paging)], order: Order = "asc") -> Paging:
    return replace(paging, order=order)


Paged = Annotated[Paging, Depends(_paging)]
PagedInOrder = Annotated[Paging, Depends(_rising)]
"""For lists that have an order of their own."""


def select_page(
    connection: Connection,
    statement: Select[Any],
    table: Table,
    key: ColumnElement[str],
    paging: Paging,
    *where: ColumnElement[bool],
) -> tuple[list[Row[Any]], bool]:
    """The rows of a page of ``statement``, ordered by ``table.number``, and whether there are more that way.

    Args:
        key: the column with the id that a cursor names.
        where: what belongs to the list at all; a cursor has to.

    Raises:
        ApiError: a cursor names nothing in the list (400).
    """
    number = table.c.number
    bounds: list[ColumnElement[bool]] = []
    for name, cursor in (("after", paging.after), ("before", paging.before)):
        if cursor is None:
            continue
        at = connection.execute(select(number).where(key == cursor, *where)).scalar()
        if at is None:
            raise bad_cursor(name, cursor)
        later = (name == "after") == (paging.order == "asc")
        bounds.append(number > at if later else number < at)
    # Backwards from a `before` alone: the nearest ones, turned round again below.
    backwards = paging.before is not None and paging.after is None
    rising = (paging.order == "asc") != backwards
    rows = list(
        connection.execute(
            statement.where(*where, *bounds).order_by(number.asc() if rising else number.desc()).limit(paging.limit + 1)
        )
    )
    page, more = rows[: paging.limit], len(rows) > paging.limit
    return (page[::-1] if backwards else page), more


def slice_page(ids: Sequence[str], paging: Paging) -> tuple[list[str], bool]:
    """The ids of a page of a list that is at hand, given in rising order.

    Raises:
        ApiError: a cursor names nothing in the list (400).
    """
    ordered = list(ids) if paging.order == "asc" else list(ids)[::-1]
    places = {name: place for place, name in enumerate(ordered)}
    start, end = 0, len(ordered)
    if paging.after is not None:
        if paging.after not in places:
            raise bad_cursor("after", paging.after)
        start = places[paging.after] + 1
    if paging.before is not None:
        if paging.before not in places:
            raise bad_cursor("before", paging.before)
        end = places[paging.before]
    within = ordered[start:end]
    if paging.before is not None and paging.after is None:
        return within[-paging.limit :], len(within) > paging.limit
    return within[: paging.limit], len(within) > paging.limit


def bad_cursor(name: str, value: str) -> ApiError:
    """400 for a cursor that names nothing in the list."""
    return ApiError(400, f"Invalid '{name}': there is no '{value}' in this list.", code="invalid_cursor", param=name)
