"""A drawing shows every character once, in order, with the chunks that have it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.document import Chunk, Document, Element, Kind
from openshelf.inspector import drawing
from openshelf.inspector.drawing import draw, figures


def document(text: str) -> Document:
    return Document("d", "s", "t", text, (Element(Kind.TEXT, 0, len(text)),) if text else ())


def chunk(text: str, start: int, end: int, ordinal: int) -> Chunk:
    return Chunk(text[start:end], start, end, ordinal, tokens=end - start)


@st.composite
def cuts(draw_: st.DrawFn) -> tuple[Document, list[Chunk]]:
    text = draw_(st.text("ab. \n𝔸é", max_size=60))
    places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).filter(lambda pair: pair[0] < pair[1])
    spans = sorted(draw_(st.lists(places, max_size=8))) if text else []
    return document(text), [chunk(text, start, end, number) for number, (start, end) in enumerate(spans)]


@given(cuts(), st.integers(-5, 70), st.integers(1, 30))
def test_the_parts_are_the_text_and_each_piece_names_its_chunks(
    cut: tuple[Document, list[Chunk]], at: int, window: int
) -> None:
    whole, chunks = cut
    before = drawing.WINDOW
    drawing.WINDOW = window
    try:
        part = draw(whole, chunks, 0)
        parts = [part]
        while part.after is not None:
            part = draw(whole, chunks, part.after)
            assert draw(whole, chunks, part.start).before == parts[-1].start
            parts.append(part)
        looked = draw(whole, chunks, at)
    finally:
        drawing.WINDOW = before
    assert "".join(piece.text for part in parts for row in part.rows for piece in row.pieces) == whole.text
    assert [row.number for part in parts for row in part.rows if row.chunk] == [one.ordinal + 1 for one in chunks]
    assert looked.start <= max(0, at) < looked.end or looked.after is None
    position = 0
    for row in (row for part in parts for row in part.rows):
        if row.chunk is not None:
            assert position == row.chunk.start
            earlier = [one for one in chunks if one.ordinal < row.chunk.ordinal]
            shared = {at for one in earlier for at in range(one.start, one.end)}
            assert set(range(row.chunk.start, row.chunk.start + row.overlap)) <= shared
            assert row.overlap == max(0, min(max((o.end for o in earlier), default=0), row.chunk.end) - row.chunk.start)
        for piece in row.pieces:
            end = position + len(piece.text)
            assert set(piece.numbers) == {o.ordinal + 1 for o in chunks if o.start <= position and o.end >= end}
            assert piece.blank == (not piece.text.strip())
            position = end


def test_figures_count_the_chunks_that_end_inside_a_sentence() -> None:
    text = "One goes here. Two goes there. Three stays."
    whole = document(text)
    first, second = text.index(" Two"), text.index(" Three")
    clean = [chunk(text, 0, first, 0), chunk(text, first + 1, second, 1), chunk(text, second + 1, len(text), 2)]
    assert figures(whole, clean).cut_sentences == 0
    inside = text.index("there")
    cut = [chunk(text, 0, inside, 0), chunk(text, inside, len(text), 1)]
    assert figures(whole, cut).cut_sentences == 1
    assert [row.cuts for row in draw(whole, cut).rows] == [True, False]
    overlapping = [chunk(text, 0, second, 0), chunk(text, first, len(text), 1)]
    found = figures(whole, overlapping)
    assert (found.chunks, found.tokens, found.smallest) == (2, second + len(text) - first, len(text) - first)
    assert found.repeated == (second - first) / len(text)


def test_the_parent_of_small_chunks_opens_where_it_begins() -> None:
    text = "aaaa bbbb cccc"
    chunks = [
        Chunk(text[s:e], s, e, number, parent=parent, tokens=1)
        for number, (s, e, parent) in enumerate([(0, 4, (0, 9)), (5, 9, (0, 9)), (10, 14, (10, 14))])
    ]
    assert [row.opens_parent for row in draw(document(text), chunks).rows] == [True, False, True]


def test_a_document_without_text_draws_nothing() -> None:
    assert [piece.text for row in draw(document(""), []).rows for piece in row.pieces] == []
    assert figures(document(""), []).chunks == 0
