"""HTML tables: data becomes a grid, layout becomes text, nothing is lost either way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.document import Kind
from tests.ingest.parse.shapes import assert_tiled, parsed, texts


def read(html: str):
    document = parsed(f"<meta charset=utf-8>{html}", "text/html")
    assert_tiled(document)
    return document


def test_spans_leave_their_other_cells_empty() -> None:
    html = (
        "<table><tr><th>a<th>b<th>c</tr><tr><td rowspan=2>1<td colspan=2>2</tr><tr><td>3<td>4</tr>"
        "<tr><td rowspan=99>5<td>6<td>7</tr></table>"
    )
    assert texts(read(html), Kind.TABLE) == [
        "| a | b | c |\n| --- | --- | --- |\n| 1 | 2 |  |\n|  | 3 | 4 |\n| 5 | 6 | 7 |"
    ]


@pytest.mark.parametrize(
    "html",
    [
        "<table role=presentation><tr><td>one<td>two</tr><tr><td>three<td>four</tr></table>",
        "<table><tr><td>one</tr><tr><td>two</tr><tr><td>three</tr><tr><td>four</tr></table>",
        "<table><tr><td>one<table><tr><td>two<td>three</tr></table></td><td>four</td></tr></table>",
    ],
)
def test_a_table_that_lays_out_a_page_is_text(html: str) -> None:
    document = read(html)
    position = 0
    for word in ("one", "two", "three", "four"):
        position = document.text.index(word, position)
    assert not any("| one |" in text for text in texts(document, Kind.TABLE))


def test_heads_bodies_feet_and_captions_are_read_and_hidden_cells_are_not() -> None:
    html = (
        "<table><caption>Prices</caption><thead><tr><th>sku<th>price</tr></thead><tbody><tr><td>A<td>1"
        "<td hidden>secret</tr></tbody><tfoot><tr><td>all<td>1</tr></tfoot></table>"
    )
    document = read(html)
    assert "Prices" in document.text
    assert "secret" not in document.text
    assert texts(document, Kind.TABLE) == ["| sku | price |\n| --- | --- |\n| A | 1 |\n| all | 1 |"]


@pytest.mark.parametrize("span", ["x", "-1", "0", "", "1e9", "99999999999"])
def test_a_span_that_is_no_number_does_no_harm(span: str) -> None:
    document = read(f"<table><tr><th colspan='{span}'>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>")
    assert all(word in document.text for word in ("a", "b", "1", "2"))


CELLS = st.text(st.sampled_from("abcé 返|\\1"), min_size=1, max_size=5).filter(str.strip)


@given(st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=2)))
def test_every_cell_of_a_plain_grid_comes_out_in_its_place(rows: list[list[str]]) -> None:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    (table,) = texts(read(f"<table>{body}</table>"), Kind.TABLE)
    lines = table.split("\n")
    lines.pop(1)
    assert lines == ["| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in row) + " |" for row in rows]
