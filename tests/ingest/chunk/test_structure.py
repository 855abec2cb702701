"""``heading``, ``rows``, ``conversation`` and ``parent-child`` on documents with a known structure."""

from __future__ import annotations

from itertools import pairwise

from configs import schema
from ingest.chunk import cut, make_chunker, tokenizer
from ingest.document import Chunk, Document, Kind
from tests.ingest.chunk.bag_of_words import document

COUNT = tokenizer("cl100k_base").count
LONG = " ".join(f"Sentence number {n} says something about parcels." for n in range(60))
HEADER = "Item | Price"
TABLE = "\n".join([HEADER, *(f"Shoe {n} | {n} EUR" for n in range(60))])


def chunks(settings: schema.Chunker, made: Document) -> list[Chunk]:
    return cut(made, make_chunker(settings), schema.Prefix(), COUNT)


def test_a_chunk_never_crosses_a_heading() -> None:
    made = document(
        (Kind.TITLE, "Returns", 1),
        (Kind.TEXT, "Thirty days."),
        (Kind.TITLE, "Worn shoes", 2),
        (Kind.TEXT, "Not accepted."),
        (Kind.TITLE, "Shipping", 1),
        (Kind.TEXT, "Free."),
    )
    assert [chunk.text for chunk in chunks(schema.HeadingChunker(), made)] == [
        "Returns\n\nThirty days.",
        "Worn shoes\n\nNot accepted.",
        "Shipping\n\nFree.",
    ]


def test_titles_without_text_join_the_section_that_follows() -> None:
    made = document((Kind.TITLE, "Handbook", 1), (Kind.TITLE, "Returns", 2), (Kind.TEXT, "Thirty days."))
    assert [chunk.text for chunk in chunks(schema.HeadingChunker(), made)] == ["Handbook\n\nReturns\n\nThirty days."]


def test_a_title_is_never_alone_even_before_a_paragraph_that_must_be_cut() -> None:
    made = document((Kind.TITLE, "Returns", 1), (Kind.TEXT, LONG))
    first, *_ = chunks(schema.HeadingChunker(size=64), made)
    assert first.text.startswith("Returns\n\nSentence number 0")


def test_long_prose_is_cut_at_sentences() -> None:
    found = chunks(schema.HeadingChunker(size=64), document((Kind.TEXT, LONG)))
    assert len(found) > 5
    assert all(chunk.text.startswith("Sentence") and chunk.text.endswith("parcels.") for chunk in found)


def test_overlap_repeats_whole_sentences_of_the_same_section_only() -> None:
    made = document((Kind.TITLE, "A", 1), (Kind.TEXT, LONG), (Kind.TITLE, "B", 1), (Kind.TEXT, LONG))
    found = chunks(schema.HeadingChunker(size=64, overlap=20), made)
    for before, after in pairwise(found):
        shared = made.text[after.start : before.end]
        if after.text.startswith("B\n"):
            assert shared == ""
        else:
            assert shared.strip().startswith("Sentence") and COUNT(shared) <= 20


def test_a_table_that_fits_stays_whole() -> None:
    made = document((Kind.TEXT, LONG), (Kind.TABLE, TABLE, 0, HEADER))
    assert any(TABLE in chunk.text for chunk in chunks(schema.HeadingChunker(size=600), made))


def test_a_long_table_is_cut_between_rows_and_repeats_its_header() -> None:
    made = document((Kind.TITLE, "Prices", 1), (Kind.TABLE, TABLE, 0, HEADER), (Kind.TEXT, "All prices with tax."))
    first, *others, last = chunks(schema.HeadingChunker(size=64), made)
    assert first.text.startswith(f"Prices\n\n{HEADER}\nShoe 0") and first.header is None
    assert last.text == "All prices with tax." and last.header is None
    assert len(others) > 3
    for chunk in others:
        assert chunk.header == HEADER
        assert chunk.shown.startswith(f"{HEADER}\nShoe") and chunk.text.endswith("EUR")
        assert COUNT(chunk.shown) <= 64


def test_a_header_too_large_to_repeat_is_not_repeated() -> None:
    header = " | ".join(f"column {n}" for n in range(30))
    made = document((Kind.TABLE, "\n".join([header, *(f"{n} | value" for n in range(60))]), 0, header))
    assert all(chunk.header is None for chunk in chunks(schema.HeadingChunker(size=64), made))


def test_code_is_cut_between_lines() -> None:
    code = "\n".join(f"    call_{n}(argument={n})" for n in range(80))
    found = chunks(schema.HeadingChunker(size=64), document((Kind.CODE, code)))
    lines = {line.strip() for line in code.splitlines()}
    assert len(found) > 5
    assert all(line.strip() in lines for chunk in found for line in chunk.text.splitlines())


def test_rows_come_in_the_number_asked_for_with_their_header() -> None:
    made = document((Kind.TITLE, "Prices", 1), (Kind.TABLE, TABLE, 0, HEADER))
    first, *others = chunks(schema.RowsChunker(rows=4), made)
    assert first.text == f"Prices\n\n{HEADER}\nShoe 0 | 0 EUR\nShoe 1 | 1 EUR\nShoe 2 | 2 EUR\nShoe 3 | 3 EUR"
    assert len(others) == 14
    assert all(chunk.header == HEADER and len(chunk.text.splitlines()) == 4 for chunk in others)


def test_rows_that_do_not_fit_together_come_in_fewer() -> None:
    found = chunks(schema.RowsChunker(rows=50, size=64), document((Kind.TABLE, TABLE, 0, HEADER)))
    assert 5 < len(found) < 60
    assert all(COUNT(chunk.shown) <= 64 for chunk in found)


def test_row_elements_are_grouped_and_a_long_row_is_cut_at_its_lines() -> None:
    rows = [(Kind.ROW, f"name: Shoe {n}\nprice: {n}") for n in range(4)]
    assert [chunk.text.count("name:") for chunk in chunks(schema.RowsChunker(rows=3), document(*rows))] == [3, 1]
    long_row = (Kind.ROW, "\n".join(f"column {n}: value {n}" for n in range(60)))
    found = chunks(schema.RowsChunker(size=64), document(long_row))
    assert len(found) > 3
    assert all(chunk.text.startswith("column") for chunk in found)


def test_a_question_stays_with_its_answers() -> None:
    made = document(
        (Kind.QUESTION, "Can I return worn shoes?"),
        (Kind.ANSWER, "No."),
        (Kind.ANSWER, "Unless they are faulty."),
        (Kind.QUESTION, "And a jacket?"),
        (Kind.QUESTION, "A red one?"),
        (Kind.ANSWER, "Yes."),
    )
    assert [chunk.text for chunk in chunks(schema.ConversationChunker(), made)] == [
        "Can I return worn shoes?\n\nNo.\n\nUnless they are faulty.",
        "And a jacket?\n\nA red one?\n\nYes.",
    ]


def test_a_long_exchange_repeats_the_beginning_of_its_question() -> None:
    question = "Can I return worn shoes? " + "I walked a lot. " * 20
    made = document((Kind.QUESTION, question), (Kind.ANSWER, LONG))
    first, *others = chunks(schema.ConversationChunker(size=160), made)
    assert first.text.startswith("Can I return worn shoes?") and first.header is None
    assert len(others) > 2
    for chunk in others:
        assert chunk.header is not None and chunk.header.startswith("Can I return worn shoes?")
        assert chunk.header.endswith("…") and COUNT(chunk.header) <= 50
        assert COUNT(chunk.shown) <= 160


def test_children_lie_inside_parents_that_end_at_headings() -> None:
    made = document((Kind.TITLE, "A", 1), (Kind.TEXT, LONG), (Kind.TITLE, "B", 1), (Kind.TEXT, "Short."))
    found = chunks(schema.ParentChildChunker(size=32, parent_size=128), made)
    parents = [chunk.parent for chunk in found]
    assert None not in parents and len(set(parents)) < len(parents) / 2
    for chunk in found:
        assert chunk.parent is not None
        assert COUNT(chunk.text) <= 32 and COUNT(made.text[slice(*chunk.parent)]) <= 128
    assert found[-1].parent == (found[-1].start, found[-1].end) and found[-1].text == "B\n\nShort."


def test_children_of_a_cut_table_know_its_header() -> None:
    made = document((Kind.TABLE, TABLE, 0, HEADER))
    found = chunks(schema.ParentChildChunker(size=40, parent_size=128), made)
    assert all(chunk.shown.startswith(HEADER) for chunk in found)


def test_whole_is_one_chunk() -> None:
    made = document((Kind.TITLE, "A", 1), (Kind.TEXT, LONG))
    assert [chunk.text for chunk in chunks(schema.WholeChunker(), made)] == [made.text]
