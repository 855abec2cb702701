"""Reads XLSX workbooks row by row, with values as a person sees them in the sheet."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import IO, Any

from configs.errors import ConfigError, ConnectorError
from connectors.tables import TableRow, column_names, no_header, shaped

DAMAGED = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, SyntaxError)
"""What the zip and XML readers raise for a damaged workbook (an XML error is a ``SyntaxError``)."""

_BLOWN_UP = 20
"""A workbook may unpack to this many times ``max_bytes``; a larger one is taken for a zip bomb."""


class XlsxTable:
    """One sheet. Made by ``open_sheets``."""

    def __init__(self, file: IO[bytes], name: str, sheet: str, header_row: int, formulas: bool) -> None:
        self.name = f"{name}, sheet {sheet!r}"
        self.sheet: str | None = sheet
        self._file = file
        self._header_row = header_row
        self._formulas = formulas
        self.columns = self._header()

    def rows(self) -> Iterator[TableRow]:
        """All rows below the header that are not blank."""
        for row in islice(self._records(), self._header_row, None):
            if row.problem is not None or any(cell.strip() for cell in row.cells):
                yield shaped(row, self.columns, pad=True)

    @property
    def blank(self) -> bool:
        """Whether the sheet holds nothing at all."""
        return not self.columns

    def _header(self) -> list[str]:
        for row in islice(self._records(), self._header_row - 1, self._header_row):
            cells = list(row.cells)
            while cells and not cells[-1].strip():
                cells.pop()
            if cells:
                return column_names(cells)
        if any(any(row.cells) for row in self._records()):
            raise no_header(self.name, self._header_row)
        return []

    def _records(self) -> Iterator[TableRow]:
        values = _cells(self._file, self.sheet, data_only=True)
        if not self._formulas:
            for number, row in enumerate(values, start=1):
                yield TableRow(f"row {number}", number, [shown(*cell) for cell in row])
            return
        for number, (row, written) in enumerate(
            zip(values, _cells(self._file, self.sheet, data_only=False), strict=True), start=1
        ):
            problem = None
            for position, ((value, _), (formula, _)) in enumerate(zip(row, written, strict=True), start=1):
                if value is None and formula is not None:
                    problem = (
                        f"cell {position} is a formula without a stored result; save the file in a spreadsheet program"
                    )
            yield TableRow(f"row {number}", number, [shown(*cell) for cell in row], problem)


def open_sheets(
    file: IO[bytes], name: str, *, sheet: str | int | None, header_row: int, max_bytes: int
) -> list[XlsxTable]:
    """The sheet with this name or 1-based number, or all sheets that are not blank.

    Raises:
        ConfigError: there is no such sheet.
        ConnectorError: it is no workbook, or it unpacks to more than 20 times ``max_bytes``.
    """
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > _BLOWN_UP * max_bytes:
                raise ConnectorError(f"{name} unpacks to {unpacked:,} bytes.", hint="Raise max_bytes if that is right.")
            formulas = any(_has_formula(archive, entry.filename) for entry in archive.infolist())
        tables = [
            XlsxTable(file, name, title, header_row, formulas) for title in _chosen(_sheet_names(file), name, sheet)
        ]
        return [table for table in tables if not table.blank]
    except (*DAMAGED, OSError) as error:
        raise ConnectorError(
            f"{name} cannot be read as an XLSX workbook ({type(error).__name__}).", hint="Save it again as .xlsx."
        ) from error


def shown(value: Any, number_format: str) -> str:
    """A cell's value as text: whole numbers without ``.0``, dates as ISO 8601, the format's leading zeros."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if isinstance(value, float) and not value.is_integer():
            return format(value, ".15g")  # what a sheet computes with; hides 0.30000000000000004
        whole = int(value)
        zeros = re.fullmatch(r"0{2,}", number_format)
        return f"{whole:0{len(number_format)}d}" if zeros else str(whole)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _chosen(names: list[str], name: str, sheet: str | int | None) -> list[str]:
    if sheet is None:
        return names
    if isinstance(sheet, int) and 1 <= sheet <= len(names):
        return [names[sheet - 1]]
    if str(sheet) in names:
        return [str(sheet)]
    raise ConfigError(f"{name} has no sheet {sheet!r}.", hint=f"It has {len(names)}: {', '.join(names)}.")


def _cells(file: IO[bytes], sheet: str | None, *, data_only: bool) -> Iterator[list[tuple[Any, str]]]:
    from openpyxl import load_workbook

    file.seek(0)
    workbook = load_workbook(file, read_only=True, data_only=data_only, keep_links=False)
    try:
        worksheet = workbook[sheet]
        # The size a writer noted can be wrong, and rows beyond it would be cut.
        worksheet.reset_dimensions()
        for row in worksheet.iter_rows():
            yield [(cell.value, getattr(cell, "number_format", None) or "General") for cell in row]
    finally:
        workbook.close()


def _sheet_names(file: IO[bytes]) -> list[str]:
    from openpyxl import load_workbook

    file.seek(0)
    workbook = load_workbook(file, read_only=True, keep_links=False)
    try:
        return [worksheet.title for worksheet in workbook.worksheets]
    finally:
        workbook.close()


def _has_formula(archive: zipfile.ZipFile, member: str) -> bool:
    if not (member.startswith("xl/worksheets/") and member.endswith(".xml")):
        return False
    tail = b""
    with archive.open(member) as part:
        while piece := part.read(1 << 20):
            if re.search(rb"<f[\s>/]", tail + piece):
                return True
            tail = piece[-4:]
    return False
