"""Workbooks: values without losing digits, one table for each block of rows, only what is visible."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta

import pytest
from openpyxl import Workbook

from ingest.document import Document, Kind
from ingest.parse.formats import XLSX
from ingest.parse.sheets import _shown
from tests.ingest.parse.shapes import assert_tiled, parsed, texts


def saved(*rows: list, book: Workbook | None = None) -> bytes:
    book = book or Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(*rows: list, book: Workbook | None = None) -> Document:
    document = parsed(saved(*rows, book=book), XLSX)
    assert_tiled(document)
    return document


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (True, "General", "TRUE"),
        (False, "General", "FALSE"),
        (12.3456789, "0.00", "12.3456789"),
        (1e-9, "General", "1e-09"),
        (3.0, "General", "3"),
        (0.125, "0.0%", "12.5%"),
        (12345678901234567, "General", "12345678901234567"),
        (datetime(2026, 11, 24), "General", "2026-11-24"),
        (datetime(2026, 11, 24, 10, 5), "General", "2026-11-24 10:05:00"),
        (date(2026, 11, 24), "General", "2026-11-24"),
        (time(10, 5), "General", "10:05:00"),
        (timedelta(hours=30), "General", "1 day, 6:00:00"),
        ("  text ", None, "text"),
    ],
)
def test_a_value_keeps_its_digits(value: object, number_format: str | None, text: str) -> None:
    assert _shown(value, number_format) == text


def test_rows_of_one_cell_above_a_table_are_text_and_blank_rows_part_tables() -> None:
    document = read(["Prices"], ["sku", "price"], ["A", 1.5], [], ["city", "shop", "open"], ["Lyon", "Rue 1", True])
    assert [element.kind for element in document.elements] == [Kind.TITLE, Kind.TEXT, Kind.TABLE, Kind.TABLE]
    assert texts(document, Kind.TABLE) == [
        "| sku | price |\n| --- | --- |\n| A | 1.5 |",
        "| city | shop | open |\n| --- | --- | --- |\n| Lyon | Rue 1 | TRUE |",
    ]


def test_a_blank_row_inside_a_table_does_not_part_it() -> None:
    document = read(["sku", "price"], ["A", 1], [], ["B", 2])
    assert texts(document, Kind.TABLE) == ["| sku | price |\n| --- | --- |\n| A | 1 |\n| B | 2 |"]


def test_hidden_sheets_are_not_read_and_pages_are_sheet_numbers() -> None:
    book = Workbook()
    book.active.append(["first", "x"])
    hidden = book.create_sheet("Secret")
    hidden.append(["secret"])
    hidden.sheet_state = "hidden"
    book.create_sheet("Third").append(["note"])
    document = read(book=book)
    assert "secret" not in document.text.lower()
    assert [element.page for element in document.elements if element.kind is Kind.TITLE] == [1, 3]


def test_a_formula_without_a_result_shows_itself() -> None:
    assert "| A | =B1*2 |" in read(["sku", "price"], ["A", "=B1*2"]).text


def test_pipes_and_line_breaks_in_cells_stay_in_their_cell() -> None:
    assert "| a\\|b | two<br>lines |" in read(["x", "y"], ["a|b", "two\nlines"]).text


def test_the_workbooks_title_is_the_documents() -> None:
    book = Workbook()
    book.properties.title = "Price list"
    book.active.title = "S"
    assert read(["a", "b"], [1, 2], book=book).title in ("Price list", "S")
