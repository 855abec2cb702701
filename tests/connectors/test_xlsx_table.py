"""Reading workbooks: values as a person sees them, chosen sheets, formulas, damage."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from configs.errors import ConfigError, ConnectorError
from connectors.xlsx_table import XlsxTable, open_sheets, shown


def saved(book: Workbook) -> io.BytesIO:
    out = io.BytesIO()
    book.save(out)
    return out


def book(*rows: list, title: str = "Sheet1") -> Workbook:
    made = Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    return made


def opened(made: Workbook, **options) -> list[XlsxTable]:
    return open_sheets(saved(made), "t.xlsx", **{"sheet": None, "header_row": 1, "max_bytes": 10_000_000, **options})


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (None, "General", ""),
        (True, "General", "true"),
        (False, "General", "false"),
        (3.0, "General", "3"),
        (0.1 + 0.2, "General", "0.3"),
        (42, "00000", "00042"),
        (42, "0", "42"),
        (-1, "General", "-1"),
        (datetime(2026, 11, 24), "yyyy-mm-dd", "2026-11-24"),
        (datetime(2026, 11, 24, 10, 5), "General", "2026-11-24T10:05:00"),
        (date(2026, 11, 24), "General", "2026-11-24"),
        (time(10, 5), "General", "10:05:00"),
        (timedelta(hours=30), "General", "1 day, 6:00:00"),
        ("=1+1", "General", "=1+1"),
    ],
)
def test_a_value_is_shown_as_in_the_sheet(value: object, number_format: str, text: str) -> None:
    assert shown(value, number_format) == text


def test_all_sheets_with_content_are_read() -> None:
    made = book(["id"], [1])
    made.create_sheet("Empty")
    second = made.create_sheet("Prix")
    second.append(["sku", "prix"])
    second.append(["A", 1.5])
    tables = opened(made)
    assert [(table.sheet, table.columns) for table in tables] == [("Sheet1", ["id"]), ("Prix", ["sku", "prix"])]
    assert [list(row.cells) for row in tables[1].rows()] == [["A", "1.5"]]


@pytest.mark.parametrize(("sheet", "title"), [(2, "7"), ("7", "7"), (1, "Sheet1"), (7, "7")])
def test_a_sheet_is_chosen_by_name_or_number(sheet: str | int, title: str) -> None:
    made = book(["id"])
    made.create_sheet("7").append(["x"])
    assert [table.sheet for table in opened(made, sheet=sheet)] == [title]


@pytest.mark.parametrize("sheet", [0, 3, "sheet1", "None"])
def test_a_sheet_that_is_not_there_is_an_error_that_lists_them(sheet: str | int) -> None:
    with pytest.raises(ConfigError, match=r"no sheet .* It has 1: Sheet1"):
        opened(book(["id"]), sheet=sheet)


def test_rows_above_the_header_and_blank_rows_are_no_rows() -> None:
    (table,) = opened(book(["Report"], [], ["id", "note"], [1, "a"], [None, " "], [2, "b"]), header_row=3)
    assert [(row.place, list(row.cells)) for row in table.rows()] == [("row 4", ["1", "a"]), ("row 6", ["2", "b"])]
    with pytest.raises(ConnectorError, match="no header in row 2"):
        opened(book(["Report"], [], ["id"]), header_row=2)


def test_short_rows_are_filled_and_long_ones_named() -> None:
    (table,) = opened(book(["a", "b"], [1], [1, 2, 3], [1, 2, None]))
    rows = list(table.rows())
    assert [list(row.cells) for row in (rows[0], rows[2])] == [["1", ""], ["1", "2"]]
    assert rows[1].problem == "it has 3 cells where the header has 2"


def test_a_formula_without_a_stored_result_is_a_problem_of_its_row() -> None:
    (table,) = opened(book(["a", "b"], [1, "=A2*2"], [2, 4]))
    first, second = table.rows()
    assert "cell 2 is a formula without a stored result" in (first.problem or "")
    assert second.problem is None


def test_what_is_no_workbook_or_a_damaged_one_is_an_error() -> None:
    with pytest.raises(ConnectorError, match="cannot be read as an XLSX workbook"):
        open_sheets(io.BytesIO(b"PK\x03\x04 rubbish"), "t.xlsx", sheet=None, header_row=1, max_bytes=1000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    with pytest.raises(ConnectorError, match="cannot be read as an XLSX workbook"):
        open_sheets(out, "t.xlsx", sheet=None, header_row=1, max_bytes=1000)


def test_a_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000)
    with pytest.raises(ConnectorError, match="unpacks to 30,000 bytes"):
        open_sheets(out, "t.xlsx", sheet=None, header_row=1, max_bytes=1000)


def printable(text: str) -> bool:
    return not ILLEGAL_CHARACTERS_RE.search(text) and not text.startswith("=") and "\r" not in text


CELL = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="_"), min_size=1, max_size=10)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(CELL.filter(printable), min_size=2, max_size=2), min_size=1, max_size=4))
def test_texts_come_back_cell_for_cell(rows: list[list[str]]) -> None:
    made = Workbook(write_only=True)
    sheet = made.create_sheet("S")
    for row in [["a", "b"], *rows]:
        sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    (table,) = open_sheets(out, "t.xlsx", sheet=None, header_row=1, max_bytes=10_000_000)
    assert [list(row.cells) for row in table.rows()] == [row for row in rows if any(cell.strip() for cell in row)]
