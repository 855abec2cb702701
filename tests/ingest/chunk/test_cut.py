"""``cut``: trimming, prefixes, parents, and spans that a plug-in got wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from configs import schema
from configs.errors import ParseError
from ingest.chunk import cut, make_chunker, tokenizer
from ingest.document import Document, Kind, Span
from tests.ingest.chunk.bag_of_words import document

COUNT = tokenizer("cl100k_base").count


class Fixed:
    """A chunker that gives the spans it was made with."""

    def __init__(self, *spans: Span) -> None:
        self._spans = list(spans)

    def spans(self, document: Document) -> list[Span]:
        return self._spans


def prefixes(made: Document, prefix: schema.Prefix) -> list[str]:
    return [chunk.prefix for chunk in cut(made, make_chunker(schema.HeadingChunker()), prefix, COUNT)]


GUIDE = document(
    (Kind.TITLE, "Guide", 1),
    (Kind.TEXT, "Welcome."),
    (Kind.TITLE, "Returns", 2),
    (Kind.TEXT, "Thirty days."),
    (Kind.TITLE, "Worn\nshoes", 3),
    (Kind.TEXT, "No."),
    title="guide",
    metadata={"brand": "Nord", "tags": ["a", "b"], "since": date(2026, 1, 2), "empty": ""},
)


def test_the_prefix_is_title_headings_and_metadata_without_repetition() -> None:
    assert prefixes(GUIDE, schema.Prefix(metadata=["brand", "missing", "empty", "tags", "since"])) == [
        "guide › Nord › a, b › 2026-01-02",
        "guide › Nord › a, b › 2026-01-02",
        "guide › Returns › Nord › a, b › 2026-01-02",
    ]


def test_a_section_that_begins_with_its_title_is_not_filed_under_the_section_before() -> None:
    made = document(
        (Kind.TITLE, "A", 1), (Kind.TITLE, "B", 2), (Kind.TEXT, "b"), (Kind.TITLE, "C", 2), (Kind.TEXT, "c")
    )
    chunks = cut(made, make_chunker(schema.HeadingChunker()), schema.Prefix(), COUNT)
    assert [(chunk.text, chunk.heading_path) for chunk in chunks] == [("A\n\nB\n\nb", ()), ("C\n\nc", ("A",))]


def test_parts_of_the_prefix_can_be_switched_off() -> None:
    assert prefixes(GUIDE, schema.Prefix(title=False)) == ["", "Guide", "Guide › Returns"]
    assert prefixes(GUIDE, schema.Prefix(headings=False)) == ["guide"] * 3
    assert prefixes(GUIDE, schema.Prefix(title=False, headings=False)) == [""] * 3


@pytest.mark.parametrize("title", ["very long title " * 200, "漢字" * 400, "x" * 5000])
def test_a_prefix_never_has_more_than_64_tokens(title: str) -> None:
    (first, *_) = prefixes(replace(GUIDE, title=title), schema.Prefix())
    assert 40 < COUNT(first) <= 64 and first.endswith("…")


def test_blank_space_is_trimmed_and_blank_spans_are_dropped() -> None:
    made = document((Kind.TEXT, "  one   two  "))
    chunks = cut(made, Fixed(Span(0, 6), Span(6, 8), Span(7, 13, parent=(0, 13))), schema.Prefix(title=False), COUNT)
    assert [(chunk.text, chunk.start, chunk.end, chunk.parent) for chunk in chunks] == [
        ("one", 2, 5, None),
        ("two", 8, 11, (2, 11)),
    ]


def test_spans_come_in_order_whatever_a_plugin_gives() -> None:
    made = document((Kind.TEXT, "one two"))
    assert [c.text for c in cut(made, Fixed(Span(4, 7), Span(0, 3)), schema.Prefix(), COUNT)] == ["one", "two"]


@pytest.mark.parametrize("span", [Span(-1, 2), Span(0, 99), Span(3, 1), Span(0, 3, parent=(0, 99))])
def test_a_span_outside_the_document_is_that_documents_failure(span: Span) -> None:
    with pytest.raises(ParseError, match="span"):
        cut(document((Kind.TEXT, "one two")), Fixed(span), schema.Prefix(), COUNT)


def test_tokens_count_what_is_embedded() -> None:
    (chunk,) = cut(document((Kind.TEXT, "one two")), Fixed(Span(0, 7, header="A | B")), schema.Prefix(), COUNT)
    assert chunk.embed_text == "Guide\nA | B\none two"
    assert chunk.tokens == COUNT(chunk.embed_text)


def test_pages_carry_on_until_the_next_is_named() -> None:
    made = document((Kind.TEXT, "one"), (Kind.TEXT, "two"), (Kind.TEXT, "three"))
    elements = [replace(made.elements[0], page=3), made.elements[1], replace(made.elements[2], page=4)]
    chunks = cut(replace(made, elements=elements), Fixed(Span(0, 3), Span(5, 8), Span(10, 15)), schema.Prefix(), COUNT)
    assert [chunk.page for chunk in chunks] == [3, 3, 4]
