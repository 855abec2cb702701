"""``recursive`` against a direct transcription of the published algorithm over strings."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from configs import schema
from ingest.chunk import make_chunker, tokenizer
from tests.ingest.chunk.bag_of_words import plain

COUNT = tokenizer("cl100k_base").count


def reference(text: str, marks: list[str], size: int, overlap: int) -> list[str]:
    """RecursiveTokenChunker(keep_separator=True) with token lengths; words are shorter than ``size``."""
    level = next(i for i, mark in enumerate(marks) if mark in text)
    mark, finer = marks[level], marks[level + 1 :]
    first, *others = re.split(re.escape(mark), text)
    chunks: list[str] = []
    small: list[str] = []
    for piece in filter(None, [first, *(mark + other for other in others)]):
        if COUNT(piece) < size:
            small.append(piece)
        else:
            chunks += merged(small, size, overlap)
            small = []
            chunks += reference(piece, finer, size, overlap)
    return chunks + merged(small, size, overlap)


def merged(pieces: list[str], size: int, overlap: int) -> list[str]:
    chunks: list[str] = []
    current: list[str] = []
    for piece in pieces:
        total = sum(map(COUNT, current))
        if current and total + COUNT(piece) > size:
            chunks.append("".join(current).strip())
            while current and (total > overlap or total + COUNT(piece) > size):
                total -= COUNT(current.pop(0))
        current.append(piece)
    return [chunk for chunk in [*chunks, "".join(current).strip()] if chunk]


@settings(deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(
            ["It came late.", "Why?", "Wait!", "Refunds take 30 days", "\n", "\n\n", " ", "…", "and so on"]
        ),
        min_size=20,
        max_size=120,
    ),
    sizes=st.sampled_from([(20, 0), (20, 10), (50, 12), (120, 60)]),
)
def test_recursive_equals_the_published_algorithm(pieces: list[str], sizes: tuple[int, int]) -> None:
    text = " ".join(pieces)
    size, overlap = sizes
    spans = make_chunker(schema.RecursiveChunker(size=size, overlap=overlap)).spans(plain(text))
    expected = reference(text, ["\n\n", "\n", ".", "?", "!", " "], size, overlap)
    assert [text[span.start : span.end].strip() for span in spans] == expected


def test_japanese_is_cut_at_its_own_full_stops() -> None:
    text = "返品は三十日以内に受け付けます。送料はお客様の負担です。" * 10
    spans = make_chunker(schema.RecursiveChunker(size=40)).spans(plain(text))
    assert len(spans) > 5
    assert all(text[span.start] == "。" for span in spans[1:])  # a kept separator opens the next piece


def test_a_word_longer_than_a_chunk_is_cut_by_tokens() -> None:
    text = "short " + "x1y2" * 200
    spans = make_chunker(schema.RecursiveChunker(size=30)).spans(plain(text))
    assert all(COUNT(text[span.start : span.end].strip()) <= 30 for span in spans)
    assert "".join(text[span.start : span.end] for span in spans) == text
