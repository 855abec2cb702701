"""Reads CSV and TSV: finds out encoding and dialect, then streams the rows; what cannot be read is named."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from configs.errors import ConnectorError
from connectors.encoding import detect_encoding
from connectors.tables import TableRow, column_names, no_header, shaped

_DELIMITERS = [",", ";", "\t", "|"]
_SAMPLE = 60_000
_ESCAPED = re.compile("[\udc80-\udcff]")
_CELL = 64_000_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart."""

    delimiter: str
    quote: str = '"'
    escape: str | None = None


class CsvTable:
    """One CSV file, opened on a binary file that can be rewound.

    Args:
        name: for messages.
        header_row: 1-based record with the columns' names; records above it are skipped.

    Raises:
        ConnectorError: encoding or header cannot be found.
    """

    def __init__(
        self,
        file: IO[bytes],
        name: str,
        *,
        header_row: int = 1,
        delimiter: str | None = None,
        encoding: str | None = None,
    ) -> None:
        # The limit belongs to the process; it only guards against a lost quote, which is caught below.
        csv.field_size_limit(max(csv.field_size_limit(), _CELL))
        self.name = name
        self.sheet: str | None = None
        self._file = file
        self._header_row = header_row
        self.encoding = encoding or detect_encoding(file, name)
        self.dialect = self._detect(delimiter)
        self.columns = self._header()

    def rows(self) -> Iterator[TableRow]:
        """All rows below the header that are not blank."""
        for index, row in enumerate(self._records(), start=1):
            if index > self._header_row:
                # Blank lines at the end of a file are no rows.
                if row.problem is None and not any(cell.strip() for cell in row.cells):
                    continue
                yield shaped(row, self.columns, pad=False)

    def _header(self) -> list[str]:
        for index, row in enumerate(self._records(), start=1):
            if index == self._header_row:
                if row.problem:
                    raise ConnectorError(f"{self.name}, {row.place}: the header cannot be read: {row.problem}.")
                if any(cell.strip() for cell in row.cells):
                    return column_names(row.cells)
                break
        raise no_header(self.name, self._header_row)

    def _text(self) -> io.TextIOWrapper:
        self._file.seek(0)
        # Undecodable bytes become marks that no text holds, so that the row they are in can be named.
        errors = "replace" if self._wide else "surrogateescape"
        return io.TextIOWrapper(self._file, encoding=self.encoding, errors=errors, newline="")

    @property
    def _wide(self) -> bool:
        return self.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))

    def _records(self) -> Iterator[TableRow]:
        text = self._text()
        dialect = self.dialect
        reader = csv.reader(
            text,
            delimiter=dialect.delimiter,
            quotechar=dialect.quote,
            escapechar=dialect.escape,
            doublequote=True,
            strict=True,
        )
        try:
            while True:
                start = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield self._broken(start, error)
                    continue
                if len(cells) == 0:
                    continue
                yield TableRow(f"line {start}", start, cells, self._undecodable(cells))
        finally:
            text.detach()

    def _broken(self, line: int, error: csv.Error) -> TableRow:
        if "unexpected end" in str(error):
            problem = "a quote that opens there is never closed, so the rows after it cannot be told apart"
            return TableRow(f"line {line}", line, [], problem, lost=True)
        return TableRow(f"line {line}", line, [], f"its quotes are malformed ({error})")

    def _undecodable(self, cells: list[str]) -> str | None:
        damaged = "\ufffd" if self._wide else None
        for number, cell in enumerate(cells, start=1):
            if (damaged and damaged in cell) or _ESCAPED.search(cell):
                return f"cell {number} has bytes that are not {self.encoding}"
        return None

    def _detect(self, delimiter: str | None) -> Dialect:
        text = self._text()
        try:
            sample = text.read(_SAMPLE)
        finally:
            text.detach()
        if len(sample) == _SAMPLE:
            # A last line cut in two would look like a ragged row.
            sample = sample[: sample.rfind("\n") + 1] or sample
        if delimiter is not None:
            return Dialect(delimiter)
        import clevercsv

        try:
            found = clevercsv.Detector().detect(_ESCAPED.sub("\ufffd", sample), delimiters=_DELIMITERS)
        except clevercsv.Error:
            found = None
        if found is None:
            return Dialect(",")
        # The sample may hold no quotes though the rest does, so the usual one stays in force.
        quote = "'" if found.quotechar == "'" and '"' not in sample else '"'
        escape = "\\" if found.escapechar == "\\" and f"\\{quote}" in sample else None
        return Dialect(found.delimiter or ",", quote, escape)
