"""Spreadsheets, and CSV files in Drive, as documents: one for each row, or one for each tab."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from configs.errors import ConnectorError
from connectors.contract import Failed, Upsert
from connectors.google_drive.api import GoogleApi
from connectors.guard import MAX_ID
from connectors.row_documents import Draft, RowDocuments, Rules
from connectors.tables import TableRow, column_names, shaped
from connectors.version import digest

ROWS = 5000
"""Rows asked for at once."""

_BYTES_OF_AN_ID = 200


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a spreadsheet that has cells."""

    name: str
    title: str
    rows: int


def grid_tabs(api: GoogleApi, file: str, *, hidden: bool) -> list[Tab]:
    """The tabs with cells, in their order; hidden ones where ``hidden``."""
    return [
        Tab(str(sheet.get("sheetId", 0)), str(sheet.get("title") or ""), int(grid.get("rowCount") or 0))
        for sheet in api.sheets(file)
        if sheet.get("sheetType", "GRID") == "GRID"
        and (grid := sheet.get("gridProperties"))
        and (hidden or not sheet.get("hidden"))
    ]


def tab_rows(api: GoogleApi, file: str, tab: Tab, header_row: int) -> Iterator[tuple[list[str], TableRow]]:
    """Each row below the header, with the columns' names; rows without a value are left out.

    Cells to the right of the header's last one belong to columns named by their number.
    """
    header: list[str] | None = None
    quoted = "'" + tab.title.replace("'", "''") + "'"
    for first in range(header_row, tab.rows + 1, ROWS):
        # A range that goes beyond the grid is an error.
        last = min(first + ROWS - 1, tab.rows)
        found = api.values(file, [f"{quoted}!{first}:{last}"])
        cells = [[_text(cell) for cell in row] for row in (found[0] if found else [])]
        if header is None:
            header = cells.pop(0) if cells else []
            start = first + 1
        else:
            start = first
        width = max([len(header), *(len(row) for row in cells)])
        columns = column_names(header + [""] * (width - len(header)))
        for number, row in enumerate(cells, start=start):
            if any(cell.strip() for cell in row):
                yield columns, shaped(TableRow(f"row {number}", number, row), columns, pad=True)


class Rows:
    """Makes one document for each row of one table.

    Args:
        key: the column that identifies a row; without it (in this table), its number does.
        sheet: the tab's id, the first part of the ids.
        title: the tab's title, ``None`` for a CSV file.
        name: the file's, for messages.
    """

    def __init__(self, key: str | None, sheet: str, title: str | None, name: str) -> None:
        self._key, self._sheet, self._title = key, sheet, title
        self._table = f"{name}, sheet {title!r}" if title is not None else name
        self._file = name
        self._documents: RowDocuments | None = None
        self._keyed = False

    @property
    def whole(self) -> bool:
        """Whether no row was lost."""
        return self._documents is None or self._documents.whole

    def of(self, columns: Sequence[str], row: TableRow) -> tuple[str, Upsert | Failed]:
        """What one row becomes: the end of its id, and a change whose id has yet to be made of it."""
        if self._documents is None:
            self._keyed = self._key is not None and self._key in columns
            self._documents = RowDocuments(Rules(key=[self._key] if self._keyed and self._key else []))
        change = next(self._documents.add(Draft(self._table, self._file, self._title, columns, row)))
        if isinstance(change, Failed):
            return f"{self._sheet}:?{row.number}", change
        if not self._keyed:
            return f"{self._sheet}:{row.number}", change
        name = change.document.id
        if len(name) > MAX_ID - _BYTES_OF_AN_ID:
            name = f"{name[: MAX_ID - _BYTES_OF_AN_ID]}…{digest(name)}"
        return f"{self._sheet}:{name}", change

    def link(self, url: str | None, row: TableRow) -> str | None:
        """Where a row is opened: its tab, and its line where the line identifies it."""
        if url is None or self._title is None:
            return url
        line = "" if self._keyed else f"&range={row.number}:{row.number}"
        return f"{url}#gid={self._sheet}{line}"


def html_table(title: str, rows: Iterator[tuple[list[str], TableRow]], max_bytes: int) -> bytes:
    """A whole table as HTML; empty without a row.

    Raises:
        ConnectorError: it is larger than allowed.
    """
    lines: list[str] = []
    size, width = 0, 0
    for columns, row in rows:
        if len(columns) > width:
            # A later part of the sheet can be wider; its head stands above it.
            lines.append(_line("th", columns))
            width = len(columns)
        lines.append(_line("td", row.cells))
        size += len(lines[-1])
        if size > max_bytes:
            raise ConnectorError(f"The table {title!r} has more than {max_bytes:,} bytes.", hint="Raise max_bytes.")
    if not lines:
        return b""
    return f"<h1>{html.escape(title)}</h1>\n<table>\n{''.join(lines)}</table>\n".encode()


def _line(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    return "" if cell is None else str(cell)
