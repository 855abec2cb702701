"""Excel workbooks, by openpyxl.

Not ``unstructured.partition_xlsx``: it goes through pandas' HTML formatter, which rounds 12.3456789 to 12.345679
and writes 1e-9 as 0.0 (0.27.35, measured), and cells must come out as they went in.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed
from ingest.parse.tables import table_block


def parse_sheets(content: bytes) -> Parsed:
    """Parse .xlsx: each visible sheet is a title and its tables; ``page`` is the sheet's number.

    Blank rows separate tables; rows of one cell above a table are text. A formula shows its stored value, or
    itself where the file holds none.
    """
    import openpyxl

    values = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    formulas = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    try:
        blocks: list[Block] = []
        for number, sheet in enumerate(values.worksheets, 1):
            if sheet.sheet_state != "visible":
                continue
            blocks.append(Block(Kind.TITLE, sheet.title, level=1, page=number))
            twin = formulas[sheet.title]
            sheet.reset_dimensions()  # written by some programs, and wrong
            twin.reset_dimensions()
            blocks.extend(_tables(_rows(sheet, twin), number))
        title = values.properties.title if values.properties else None
        return Parsed(blocks, title=title or "")
    finally:
        values.close()
        formulas.close()


def _rows(sheet: Any, twin: Any) -> Iterator[list[str]]:
    for row, formula_row in zip(sheet.iter_rows(), twin.iter_rows(), strict=False):
        cells = []
        for cell, formula in zip(row, formula_row, strict=False):
            value = formula.value if cell.value is None else cell.value
            cells.append("" if value is None else _shown(value, getattr(cell, "number_format", None)))
        while cells and not cells[-1]:
            cells.pop()
        yield cells


def _shown(value: object, number_format: str | None) -> str:
    """A cell as a person would read it, without losing digits."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if number_format and "%" in number_format:
            return f"{value * 100:.15g}%"
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    text = getattr(value, "text", value)  # array formulas keep theirs in .text
    return str(text).strip()


def _tables(rows: Iterator[list[str]], page: int) -> Iterator[Block]:
    pending: list[list[str]] = []
    width = 0
    after_blank = False
    for row in rows:
        if not row:
            after_blank = True
            continue
        if after_blank and pending and not _continues(pending, row, width):
            yield from _table(pending, page)
            pending, width = [], 0
        after_blank = False
        pending.append(row)
        width = max(width, len(row))
    yield from _table(pending, page)


def _continues(table: list[list[str]], row: list[str], width: int) -> bool:
    """Whether a row after a blank one is more of the same table: as wide, and with a number where data has them."""
    digits = any(character.isdigit() for cell in row for character in cell)
    return len(table) > 1 and len(row) == width and width > 1 and digits


def _table(rows: list[list[str]], page: int) -> Iterator[Block]:
    first = 0
    widest = max((sum(1 for cell in row if cell) for row in rows), default=0)
    while widest > 1 and first < len(rows) and sum(1 for cell in rows[first] if cell) == 1:
        yield Block(Kind.TEXT, next(cell for cell in rows[first] if cell), page=page)
        first += 1
    if widest == 1 and len(rows) == 1:
        yield Block(Kind.TEXT, "".join(rows[0]), page=page)
    elif (block := table_block(rows[first:], page)) is not None:
        yield block
