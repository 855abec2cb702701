"""Citations: markers are read wherever a stream is cut, and each is tied to the sentence that supports it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.citations import CitationReader, cite, infer, last_statement, without_markers
from retrieval.context import Source
from retrieval.events import Citation
from retrieval.wording import overlap, sentences, terms
from tests.retrieval.hits import REPAIR, RETURNS, hit, sentence_hits, source

SOURCES = {1: source(1, RETURNS, "returns"), 2: source(2, REPAIR, "repair")}


def read(text: str, *cuts: int) -> CitationReader:
    reader = CitationReader(SOURCES)
    shown, cited = "", 0
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        piece = reader.feed(text[start:end])
        shown, cited = shown + piece.text, cited + len(piece.citations)
    piece = reader.finish()
    assert shown + piece.text == reader.text
    assert cited + len(piece.citations) == len(reader.citations)
    return reader


@pytest.mark.parametrize(
    ("written", "text", "numbers"),
    [
        ("Yes [1].", "Yes [1].", [1]),
        ("Yes [1][2].", "Yes [1][2].", [1, 2]),
        ("Yes [1] [2].", "Yes [1] [2].", [1, 2]),
        ("Yes [1, 2].", "Yes [1][2].", [1, 2]),
        ("Yes [ 1;2 ].", "Yes [1][2].", [1, 2]),
        ("Yes 【1】.", "Yes [1].", [1]),
        ("Yes 【2†source】.", "Yes [2].", [2]),
        ("Yes [1, 1].", "Yes [1].", [1]),
        ("Yes [7].", "Yes.", []),
        ("Yes [7, 2].", "Yes [2].", [2]),
        ("Yes\n[7]\nno", "Yes\n\nno", []),
        ("See [the page](x) [1]", "See [the page](x) [1]", [1]),
        ("Use `a[1]` [1].", "Use `a[1]` [1].", [1]),
        ("```\nx = a[1]\n``` [2]", "```\nx = a[1]\n``` [2]", [2]),
        ("a `b\n[1]", "a `b\n[1]", [1]),  # a stray backtick ends with its line
        ("``a`[1]`` [1]", "``a`[1]`` [1]", [1]),
        ("left [open", "left [open", []),
        ("left [1", "left [1", []),
        ("[1" + "2" * 80 + "]", "[1" + "2" * 80 + "]", []),
        ("  \n Yes.  \n", "Yes.", []),
        ("", "", []),
    ],
)
def test_markers_of_every_spelling(written: str, text: str, numbers: list[int]) -> None:
    reader = read(written)
    assert (reader.text, [one.number for one in reader.citations]) == (text, numbers)
    for one in reader.citations:
        assert reader.text[one.position :].startswith(f"[{one.number}]")


def test_the_word_for_no_answer_is_no_text() -> None:
    reader = read("[NO_ANSWER]")
    assert reader.no_answer
    assert reader.text == ""
    assert not read("NO_ANSWER").no_answer


PIECES = st.lists(
    st.sampled_from(
        [
            "[1]",
            "[",
            "]",
            "1",
            " ",
            "\n",
            "`",
            "```",
            "word",
            "[2, 1]",
            "【1†a】",
            "[9]",
            "[NO_ANSWER]",
            ".",
            "【",
            "†",
            "é",
        ]
    ),
    max_size=25,
)


@given(parts=PIECES, data=st.data())
@settings(max_examples=300, deadline=None)
def test_where_the_stream_is_cut_makes_no_difference(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    whole, cut = read(text), read(text, *cuts)
    every = read(text, *range(1, len(text)))
    assert whole.text == cut.text == every.text
    assert whole.citations == cut.citations == every.citations
    assert whole.no_answer == cut.no_answer == every.no_answer
    for one in whole.citations:
        assert whole.text[one.position :].startswith(f"[{one.number}]")


@given(st.text(st.characters(exclude_characters="[]【】", exclude_categories=("Cs",))))
@settings(deadline=None)
def test_text_without_markers_is_not_changed(text: str) -> None:
    assert read(text).text == text.strip()


def test_a_citation_points_at_the_sentence_that_supports_its_statement() -> None:
    reader = read("You get a refund of the full price [1]. Bring the receipt [1]. Lyon resoles boots [2].")
    assert [one.quote for one in reader.citations] == [
        "We refund the full price to your card.",
        "Bring the receipt to any shop.",
        "Our workshop in Lyon resoles hiking boots.",
    ]
    assert [one.document_id for one in reader.citations] == ["returns", "returns", "repair"]


def test_a_citation_names_the_chunk_that_holds_the_quote() -> None:
    parts = sentence_hits("intro. " + RETURNS, "returns")
    shifted = Source(1, 7, 7 + len(RETURNS), RETURNS, None, tuple(parts[1:]))
    one = cite(shifted, 1, 0, "the full price is refunded")
    assert ("intro. " + RETURNS)[one.start : one.end] == one.quote == "We refund the full price to your card."
    assert one.chunk_id == parts[3].chunk_id
    assert (one.title, one.url) == ("Returns", "https://help.test/returns")


def test_a_position_outside_every_hit_belongs_to_the_nearest() -> None:
    gap = Source(1, 0, 100, "x" * 100, None, (hit("a" * 10, "d", 0), hit("b" * 10, "d", 80)))
    assert [gap.chunk_at(position).start for position in (0, 9, 20, 60, 85, 99)] == [0, 0, 0, 80, 80, 80]


def test_a_statement_without_shared_terms_points_at_the_beginning() -> None:
    assert cite(SOURCES[2], 2, 0, "").quote == "Our workshop in Lyon resoles hiking boots."
    blank = source(3, "   ")
    assert cite(blank, 3, 0, "x").quote == "   "


def test_missing_markers_are_inferred_where_a_source_supports_the_sentence() -> None:
    text = "Hiking boots are resoled in our Lyon workshop. Shoes fly to the moon on Tuesdays. Yes."
    found = infer(text, SOURCES)
    assert [(one.number, one.inferred) for one in found] == [(2, True)]
    assert text[: found[0].position].endswith("workshop.")
    assert infer(text, {}) == []


@pytest.mark.parametrize(
    ("text", "clean"),
    [("Yes [1]. No [2][3].", "Yes. No."), ("Yes【1†x】 a[b]", "Yes a[b]"), ("none", "none"), ("A [1, 2]\nB", "A\nB")],
)
def test_markers_can_be_taken_out(text: str, clean: str) -> None:
    assert without_markers(text) == clean


def test_the_last_statement_is_the_sentence_before_a_marker() -> None:
    assert last_statement("One [1]. Two is here") == "Two is here"
    assert last_statement("One. [1]") == "One."
    assert last_statement("") == ""


def test_a_citation_can_be_written_down_and_read_again() -> None:
    from dataclasses import asdict

    one = cite(SOURCES[1], 1, 5, "receipt")
    assert Citation(**asdict(one)) == one
    assert re.search("receipt", one.quote)


_WORDS = st.sampled_from(
    [
        *("shoes", "returned", "within", "thirty", "days", "worn", "repair", "zip", "broken", "the", "of", "30"),
        *("chaussures", "retournées", "jours", "返品", "返品期限", "靴"),
    ]
)
_STATEMENT = st.lists(_WORDS, min_size=1, max_size=9).map(" ".join)
_PROSE = st.lists(_STATEMENT, max_size=6).map(lambda parts: "".join(f"{part.capitalize()}. " for part in parts))


def _slowly(text: str, sources: dict[int, Source]) -> list[tuple[int, int, int, int]]:
    """What ``infer`` finds, worked out from ``overlap`` for each sentence anew: number, position, and span in the
    document."""
    found = []
    for start, end in sentences(text):
        wanted = terms(text[start:end])
        if len(wanted) < 3 or not sources:
            continue
        number = max(sources, key=lambda number: (overlap(wanted, sources[number].text), -number))
        there = sources[number]
        share = overlap(wanted, there.text)
        if share >= 0.5 and share * len(wanted) >= 3:
            spans = sentences(there.text) or [(0, len(there.text))]
            first, last = max(spans, key=lambda span: overlap(wanted, there.text[slice(*span)]))
            found.append((number, end, there.start + first, there.start + last))
    return found


@given(_PROSE, st.lists(_PROSE.filter(bool), max_size=4))
@settings(max_examples=200)
def test_sources_that_are_read_once_are_cited_as_if_read_for_every_sentence(text: str, contents: list[str]) -> None:
    sources = {number: source(number, content, f"d{number}") for number, content in enumerate(contents, 1)}
    found = [(one.number, one.position, one.start, one.end) for one in infer(text, sources)]
    assert found == _slowly(text, sources)
    for number, there in sources.items():
        one = cite(there, number, 0, text)
        spans = sentences(there.text) or [(0, len(there.text))]
        first, last = max(spans, key=lambda span: overlap(terms(text), there.text[slice(*span)]))
        assert (one.start, one.end) == (there.start + first, there.start + last)
