"""Which HTML tables hold data, and their cells as a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

_MAX_SPAN = 1000  # HTML's own limit for colspan


def data_rows(table: _Element, cell_text: Callable[[_Element], str]) -> list[list[str]] | None:
    """The grid of a data table, or ``None`` for a table that only lays out a page.

    A table is layout when it says so, has one column or one row, or wraps other tables without header cells.
    A cell that spans columns or rows has its text in the first of them and leaves the others empty.
    """
    if table.get("role") in ("presentation", "none"):
        return None
    rows = [list(_cells(row)) for row in _rows(table)]
    widest = max((len(row) for row in rows), default=0)
    has_header = any(cell.tag == "th" for row in rows for cell in row)
    if widest < 2 and not has_header:
        return None
    nested = any(True for cell_row in rows for cell in cell_row for _ in cell.iter("table"))
    if nested and not has_header and (len(rows) < 2 or widest < 2):
        return None
    if _stray_text(table):
        return None  # broken markup with text between cells: read it as it comes, lose nothing
    grid: list[list[str]] = []
    reserved: dict[tuple[int, int], bool] = {}
    for row_number, row in enumerate(rows):
        line: list[str] = []
        for cell in row:
            while reserved.get((row_number, len(line))):
                line.append("")
            columns, depth = _span(cell, "colspan"), min(_span(cell, "rowspan"), len(rows) - row_number)
            for below in range(1, depth):
                for across in range(columns):
                    reserved[row_number + below, len(line) + across] = True
            line.extend([cell_text(cell), *[""] * (columns - 1)])
        grid.append(line)
    return grid


def _rows(table: _Element) -> Iterator[_Element]:
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child if row.tag == "tr")


def _cells(row: _Element) -> Iterator[_Element]:
    return (cell for cell in row if cell.tag in ("td", "th") and cell.get("hidden") is None)


def _stray_text(table: _Element) -> bool:
    known = {"tr", "thead", "tbody", "tfoot", "td", "th", "caption", "colgroup", "col"}
    containers = [table, *(part for part in table if part.tag in ("thead", "tbody", "tfoot")), *_rows(table)]
    return any(
        (node.text or "").strip()
        or any((child.tail or "").strip() or (child.tag not in known and _has_text(child)) for child in node)
        for node in containers
    )


def _has_text(node: _Element) -> bool:
    return any(part.strip() for part in node.itertext())


def _span(cell: _Element, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() else 1
