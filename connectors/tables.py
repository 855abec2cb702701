"""What a table file becomes before it is anybody's document: named columns and numbered rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from configs.errors import ConnectorError


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row as text.

    Attributes:
        place: for messages: ``line 7`` of a CSV file, ``row 7`` of a sheet.
        number: the line or row number.
        cells: one for each column; fewer or other ones where there is a ``problem``.
        problem: why the row cannot be used, as the rest of a sentence.
        lost: rows after this one may be missing because of the problem.
    """

    place: str
    number: int
    cells: Sequence[str]
    problem: str | None = None
    lost: bool = False


def column_names(cells: Sequence[str]) -> list[str]:
    """Names of the columns: spaces tidied, blanks named ``column_3``, repeats numbered ``price_2``."""
    names: list[str] = []
    for position, cell in enumerate(cells, start=1):
        plain = " ".join(cell.replace("\ufeff", "").split()) or f"column_{position}"
        name, copy = plain, 2
        while name in names:
            name, copy = f"{plain}_{copy}", copy + 1
        names.append(name)
    return names


def shaped(row: TableRow, columns: Sequence[str], *, pad: bool) -> TableRow:
    """``row`` with as many cells as there are columns, or with its problem.

    Args:
        pad: whether missing cells at the end are empty ones (a sheet stores none) or an error (CSV).
    """
    cells = list(row.cells)
    while len(cells) > len(columns) and not cells[-1].strip():
        cells.pop()
    if row.problem is None and (len(cells) > len(columns) or (len(cells) < len(columns) and not pad)):
        problem = f"it has {len(cells)} cells where the header has {len(columns)}"
        return TableRow(row.place, row.number, cells, problem)
    cells += [""] * (len(columns) - len(cells))
    return TableRow(row.place, row.number, cells, row.problem, row.lost)


def no_header(name: str, header_row: int) -> ConnectorError:
    """The error for a table that ends before its header."""
    return ConnectorError(
        f"{name} has no header in row {header_row}.", hint="Set header_row to the row with the columns' names."
    )
