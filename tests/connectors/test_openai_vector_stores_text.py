"""Overlapping chunks become the text that they were cut from."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.openai_vector_stores.text import Windows, joined, overlap
from ingest.chunk.tokens import cl100k
from tests.connectors.fakes.openai_stores import windows


@st.composite
def sizes(draw: st.DrawFn) -> Windows:
    size = draw(st.integers(2, 24))
    return Windows(size, draw(st.integers(1, size // 2)))


def again(tokens: list[str], shape: Windows) -> str:
    return joined(windows(tokens, shape.size, shape.overlap), shape)


@given(st.text(st.characters(exclude_characters="\ufffd"), max_size=200), sizes())
def test_any_text_cut_by_characters_comes_back(text: str, shape: Windows) -> None:
    # White space that fills a whole window is no chunk.
    assert "".join(again(list(text), shape).split()) == "".join(text.split())


@given(st.text("ab", max_size=200), sizes())
def test_a_text_that_repeats_itself_comes_back(text: str, shape: Windows) -> None:
    assert again(list(text), shape) == text


@given(st.lists(st.integers(0, 10**6), max_size=80, unique=True), sizes())
def test_a_text_of_different_words_comes_back(numbers: list[int], shape: Windows) -> None:
    tokens = [f" {number}\n" for number in numbers]
    assert again(tokens, shape) == "".join(tokens)


@given(st.lists(st.integers(0, 10**6), max_size=80, unique=True), sizes())
def test_chunks_trimmed_at_their_edges_come_back_but_for_white_space(numbers: list[int], shape: Windows) -> None:
    chunks = [chunk.strip() for chunk in windows([f" \n{number}" for number in numbers], shape.size, shape.overlap)]
    assert joined(chunks, shape).split() == [str(number) for number in numbers]


PROSE = "The {0}th parcel of order {1} went to {2}, and nobody asked why; une étiquette manquait. "
JAPANESE = "第{0}便の荷物は注文{1}のもので、{2}に届きました。返品は三十日以内にお願いします。"
TABLE = "| {0} | {1} | shoes | 42 | in stock |\n"
EMOJI = "👩‍👩‍👧 {0} 𝔘𝔫𝔦 {1} 𐍈 {2} "


@pytest.mark.parametrize("line", [PROSE, JAPANESE, TABLE, EMOJI, PROSE + TABLE + JAPANESE])
@pytest.mark.parametrize("shape", [Windows(), Windows(100, 50), Windows(100, 7), Windows(4096, 2048)])
def test_texts_cut_by_the_vendors_tokens_come_back(line: str, shape: Windows) -> None:
    rng = random.Random(7)
    text = "".join(line.format(n, rng.randrange(10**6), rng.randrange(10**4)) for n in range(400))
    coder = cl100k()
    tokens = coder.encode(text, disallowed_special=())
    # An edge in the middle of a character leaves U+FFFD, as the vendor's own decoding does.
    pieces, start = [], 0
    while True:
        pieces.append(coder.decode(tokens[start : start + shape.size], errors="replace"))
        if start + shape.size >= len(tokens):
            break
        start += shape.size - shape.overlap
    assert joined(pieces, shape) == text


def test_the_same_line_over_and_over_keeps_its_length() -> None:
    tokens = [word for _ in range(300) for word in (" out", " of", " stock", ".\n")]
    assert again(tokens, Windows()) == "".join(tokens)


def test_chunks_without_an_overlap_are_lines() -> None:
    assert joined(["one two", "three", "", "  ", "four"], Windows(100, 0)) == "one two\nthree\nfour"
    assert joined(["one two", "three"]) == "one two\nthree"
    assert joined([]) == ""
    assert joined(["whole"]) == "whole"


def test_a_letter_in_common_is_chance() -> None:
    assert joined(["it was the end", "done and dusted"]) == "it was the end\ndone and dusted"
    assert overlap("the end", "end", Windows(8, 0)) == 0


def test_a_short_last_chunk_inside_the_one_before_adds_nothing() -> None:
    words = [f" w{n}" for n in range(150)]
    chunks = ["".join(words[:100]), "".join(words[50:150]), "".join(words[100:150])]
    assert joined(chunks, Windows(100, 50)) == "".join(words)


def test_a_chunk_as_long_as_a_book_is_no_trouble() -> None:
    long = "ab" * 250_000
    assert joined([long, long], Windows()) == "ab" * 375_000
