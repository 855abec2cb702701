"""What a table's cells become: typed metadata, groups, titles."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.columns import Column, Template, header_lines, split_groups
from connectors.csv import CsvOptions, Tables
from connectors.tables import column_names
from tests.connectors.conformance import Shelf


def column(**options) -> Column:
    return Column.model_validate(options)


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ({"type": "str"}, " a ", "a"),
        ({"type": "int"}, " -07 ", -7),
        ({"type": "int"}, str(2**63 - 1), 2**63 - 1),
        ({"type": "float"}, "1e3", 1000.0),
        ({"type": "float", "decimal": ","}, "1 234 567,50", 1234567.5),
        ({"type": "float", "decimal": ","}, "1\u202f234,5", 1234.5),
        ({"type": "bool"}, "OUI", True),
        ({"type": "bool"}, "0", False),
        ({"type": "date"}, "2026-11-24", date(2026, 11, 24)),
        ({"type": "date"}, "2026-11-24T00:00:00", date(2026, 11, 24)),
        ({"type": "date", "format": "%d/%m/%Y"}, "24/11/2026", date(2026, 11, 24)),
        ({"type": "datetime"}, "2026-11-24T10:00:00Z", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ({"type": "datetime", "format": "%d.%m.%y %H:%M"}, "24.11.26 10:05", datetime(2026, 11, 24, 10, 5)),
        ({"type": "list"}, "a, b ,,c", ["a", "b", "c"]),
        ({"type": "list", "separator": "|"}, "a,b|c", ["a,b", "c"]),
    ],
)
def test_a_cell_becomes_a_typed_value(options: dict[str, str], text: str, value: object) -> None:
    found = column(**options).value(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"type": "int"}, "1.0"),
        ({"type": "int"}, "1_000"),
        ({"type": "int"}, "٣"),
        ({"type": "int"}, str(2**63)),
        ({"type": "float"}, "1,5"),
        ({"type": "float"}, "1_0.5"),
        ({"type": "float"}, "nan"),
        ({"type": "float"}, "1e999"),
        ({"type": "float", "decimal": ","}, "1.5"),
        ({"type": "bool"}, "maybe"),
        ({"type": "date"}, "24/11/2026"),
        ({"type": "date"}, "2026-11-24T10:00:00"),
        ({"type": "date"}, "2026-11-24T00:00:00.5"),
        ({"type": "date", "format": "%d/%m/%Y"}, "2026-11-24"),
        ({"type": "datetime"}, "soon"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(options: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=f"is no {options['type']}"):
        column(**options).value(text)


def test_a_long_bad_cell_is_shortened_in_the_message() -> None:
    with pytest.raises(ValueError, match="…") as caught:
        column(type="int").value("x" * 1000)
    assert len(str(caught.value)) < 80


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.datetimes(), st.dates())
def test_what_python_writes_is_read_back(number: int, real: float, moment: datetime, day: date) -> None:
    assert column(type="int").value(str(number)) == number
    assert column(type="float").value(repr(real)) == real
    assert column(type="datetime").value(moment.isoformat()) == moment
    assert column(type="date").value(day.isoformat()) == day


def test_typed_metadata_reaches_the_document_and_empty_cells_do_not(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('sku,Prix,Depuis,tags\nA,"1,5",24/11/2026,x|y\nB,,,\n')
    options = {
        "path": "t.csv",
        "key": "sku",
        "metadata": {
            "Prix": {"type": "float", "decimal": ",", "as": "price"},
            "Depuis": {"type": "date", "format": "%d/%m/%Y"},
            "tags": {"type": "list", "separator": "|"},
        },
    }
    shelf = Shelf()
    shelf.apply(Tables("t", CsvOptions.model_validate(options), base_dir=tmp_path).changes(None))
    assert shelf.documents["A"].metadata == {"price": 1.5, "Depuis": date(2026, 11, 24), "tags": ["x", "y"]}
    assert shelf.documents["B"].metadata == {}


def test_an_empty_readers_cell_is_nobody() -> None:
    assert split_groups(" a; b,,c\n d ") == frozenset("abcd")
    assert split_groups("  ") == frozenset()


@given(st.lists(st.sampled_from(["a", "b", "a_2", "", " ", "\ufeffa", "a  b"]), max_size=6))
def test_column_names_are_unique_and_never_blank(cells: list[str]) -> None:
    names = column_names(cells)
    assert len(set(names)) == len(cells)
    assert all(name.strip() for name in names)


@given(st.dictionaries(st.sampled_from(["a", "b c", "é"]), st.text(), min_size=3))
def test_a_template_puts_values_in_as_they_are(row: dict[str, str]) -> None:
    assert Template("{a}-{ b c }{{é}}{é}").fill(row) == f"{row['a']}-{row['b c']}{{é}}{row['é']}"


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}}}", "{}", "{{a}"])
def test_a_brace_without_partner_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="brace"):
        Template(text)


def test_empty_columns_are_left_out_of_the_text() -> None:
    assert header_lines({"a": " 1 ", "b": " ", "c": "x\ny"}) == "a: 1\nc: x\ny"
