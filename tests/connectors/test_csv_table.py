"""Reading CSV and TSV: dialects, encodings, damage; every cell comes back as it was written."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from configs.errors import ConnectorError
from connectors.csv_table import CsvTable
from connectors.encoding import detect_encoding


def table(content: str | bytes, **options) -> CsvTable:
    return CsvTable(io.BytesIO(content.encode() if isinstance(content, str) else content), "t.csv", **options)


def cells(content: str | bytes, **options) -> list[list[str]]:
    read = table(content, **options)
    rows = list(read.rows())
    assert not [row.problem for row in rows if row.problem]
    return [list(read.columns), *(list(row.cells) for row in rows)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    rows = [["sku", "name", "price"], ["A1", "Boot, high; wide", "1.5"], ["A2", "Shoe\tlow|flat", "2.5"]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    assert cells(out.getvalue()) == rows


def test_decimal_commas_do_not_pass_for_delimiters() -> None:
    text = "nom;prix;poids\nBotte;1,5;2,25\nChaussure;10,0;3,50\n"
    assert cells(text)[1] == ["Botte", "1,5", "2,25"]


def test_one_column_is_one_column() -> None:
    assert cells("note\nfirst one\nsecond, with a comma\n", delimiter=";") == [
        ["note"],
        ["first one"],
        ["second, with a comma"],
    ]
    assert cells("note\nfirst\nsecond\n") == [["note"], ["first"], ["second"]]


def test_quotes_hold_delimiters_newlines_and_quotes() -> None:
    text = 'id,note\n1,"a, b"\n2,"two\r\nlines"\n3,"say ""hi"""\n4,\n'
    assert cells(text)[1:] == [["1", "a, b"], ["2", "two\r\nlines"], ["3", 'say "hi"'], ["4", ""]]


def test_backslashes_escape_only_where_a_quote_shows_it() -> None:
    assert cells('id,note\n1,"a \\"b\\" c"\n2,"d \\"e\\""\n')[1][1] == 'a "b" c'
    assert cells("id,path\n1,C:\\new\\table\n2,D:\\x\n")[1][1] == "C:\\new\\table"


def test_apostrophes_are_no_quotes_among_double_quotes() -> None:
    assert cells("id,note\n1,'tis\n2,\"it's, well\"\n")[1:] == [["1", "'tis"], ["2", "it's, well"]]


def test_single_quotes_are_quotes_when_they_are_the_only_ones() -> None:
    assert cells("id,note\n1,'a, b'\n2,'c, d'\n3,'e, f'\n")[1:] == [["1", "a, b"], ["2", "c, d"], ["3", "e, f"]]


def test_rows_above_the_header_and_blank_lines_are_no_rows() -> None:
    read = table("Export of today,,\n\nid,note,\n1,a,\n\n , ,\n2,b,\n\n\n", header_row=2, delimiter=",")
    assert read.columns[:2] == ["id", "note"]
    assert [row.number for row in read.rows()] == [4, 7]


@pytest.mark.parametrize("content", ["", "\n\n", ",,\n1,2,3\n", "\ufeff"])
def test_a_table_without_a_header_is_an_error(content: str) -> None:
    with pytest.raises(ConnectorError, match="no header in row 1"):
        table(content, delimiter=",")


def test_a_header_with_a_lost_quote_is_an_error() -> None:
    with pytest.raises(ConnectorError, match="the header cannot be read"):
        table('id,"note\n1,2\n')


def test_undecodable_bytes_name_their_cell_and_spare_the_other_rows() -> None:
    read = table("id,note\n1,été\n2,vu\n".encode() + b"3,caf\xe9\n" + "4,à\n".encode())
    assert [(row.cells[0], row.problem) for row in read.rows()] == [
        ("1", None),
        ("2", None),
        ("3", "cell 2 has bytes that are not utf-8"),
        ("4", None),
    ]
    wide = table(b"\xff\xfe" + "id,note\n1,a\n".encode("utf-16-le") + b"\x00\xd8")
    assert [row.problem for row in wide.rows()][-1] is not None


FRENCH = "nom,description\n" + "".join(
    f"Produit {n},L'été dernier nous avons déjà reçu « {n} » commandes à traiter près de l'hôtel\n" for n in range(30)
)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_the_encoding_is_found(encoding: str) -> None:
    assert cells(FRENCH.encode(encoding)) == cells(FRENCH)


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("cp1252", "Prix: 12 € – très “bon” marché, à côté de l'œuvre\n"),
        ("cp1252", "Größe und Farbe der Schuhe ändern, Rückgabe über die Filiale möglich\n"),
        ("cp1252", "¿Cómo puedo devolver un artículo dañado? La señal está caída mañana\n"),
        ("cp1250", "Jak mogę zwrócić zakupiony towar? Proszę o pomoc, żółte buty są źle dobrane\n"),
        ("cp1250", "Jak mohu vrátit zboží, které jsem si koupil včera\n"),
        ("cp1251", "Сколько стоит доставка в другой город и когда придёт заказ\n"),
        ("cp932", "商品を返品したいのですが、送料はいくらですか。注文番号を確認してください\n"),
        ("gb18030", "我想退货，请问运费是多少？请确认您的订单号码和收货地址\n"),
    ],
)
def test_older_encodings_are_found(encoding: str, line: str) -> None:
    content = ("a\n" + line * 20).encode(encoding)
    assert content.decode(detect_encoding(io.BytesIO(content), "t.csv")) == "a\n" + line * 20


def test_one_damaged_line_does_not_change_the_encoding_of_a_file() -> None:
    assert detect_encoding(io.BytesIO("é\nà\n".encode() + b"\xff\n"), "t") == "utf-8"


def test_a_named_encoding_is_taken() -> None:
    assert cells("a\né\n".encode("cp437"), encoding="cp437") == [["a"], ["é"]]


def test_bytes_that_are_no_text_are_an_error() -> None:
    with pytest.raises(ConnectorError):
        table(bytes(range(128, 256)) * 40 + b"\x81\x8d\x8f\x90\x9d" * 50)


CELL = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=12)
COLUMNS = st.integers(1, 4)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(COLUMNS)
    header = [f"col{n}" for n in range(width)]
    rows = draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6))
    return [header, *(row for row in rows if any(cell.strip() for cell in row))]


@settings(deadline=None, max_examples=150)
@given(
    rows=tables(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
@example([["a"], ['"']], ",", csv.QUOTE_MINIMAL, "\n", "utf-8")
@example([["a", "b"], ["x\r\ny", "\\"]], ";", csv.QUOTE_MINIMAL, "\r\n", "utf-8")
def test_what_a_writer_writes_comes_back_cell_for_cell(
    rows: list[list[str]], delimiter: str, quoting: int, end: str, encoding: str
) -> None:
    if end == "\n" and quoting == csv.QUOTE_MINIMAL:
        # Python's writer leaves a lone carriage return without quotes there, which is a line's end to every reader.
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
        rows = [rows[0], *(row for row in rows[1:] if any(cell.strip() for cell in row))]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    content = out.getvalue().encode(encoding)
    assert cells(content, delimiter=delimiter, encoding=encoding) == rows


WORD = st.text(st.sampled_from("abcdefghé 返 0123456789"), min_size=1, max_size=10).filter(str.strip)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(1, 999), WORD, WORD, WORD), min_size=4, max_size=12),
    extra=st.sampled_from(["two\nlines", "a, b; c", 'say "hi"', "it's", "plain"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_the_dialect_of_ordinary_tables_is_detected(rows: list[tuple], extra: str, delimiter: str) -> None:
    written = [["id", "name", "note", "more"], *([str(n), a, b, c] for n, a, b, c in rows), ["1", extra, "b", extra]]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(written)
    read = cells(out.getvalue())
    assert read == written
