"""``token`` is File Search's fixed windows."""

from __future__ import annotations

from itertools import pairwise

import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import schema
from ingest.chunk import make_chunker, tokenizer
from tests.ingest.chunk.bag_of_words import plain


def windows(text: str, size: int, overlap: int) -> list[str]:
    """Windows as OpenAI's documentation and Chroma's report describe them, decoded token by token."""
    tokenizer("cl100k_base")  # finds the bundled data
    encoding = tiktoken.get_encoding("cl100k_base")
    ids = encoding.encode(text, disallowed_special=())
    found = []
    for start in range(0, len(ids), size - overlap):
        found.append(encoding.decode(ids[start : start + size]))
        if start + size >= len(ids):
            break
    return found


@settings(deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["The", "parcel,", "returned", "un-opened;", "costs", "12.50", "EUR\n\n(or", "so)", ""]),
        min_size=1,
    ),
    sizes=st.sampled_from([(1, 0), (5, 2), (8, 4), (10, 0), (800, 400)]),
)
def test_windows_equal_straightforward_token_windows(words: list[str], sizes: tuple[int, int]) -> None:
    text = " ".join(words)
    size, overlap = sizes
    spans = make_chunker(schema.TokenChunker(size=size, overlap=overlap)).spans(plain(text))
    assert [text[span.start : span.end] for span in spans] == (windows(text, size, overlap) if text.strip() else [])


@settings(deadline=None)
@given(text=st.text(alphabet="返品は三十日以内。é👩‍👧 a", min_size=1, max_size=200), size=st.integers(4, 20))
def test_windows_over_split_characters_stay_within_size(text: str, size: int) -> None:
    offsets = tokenizer("cl100k_base").offsets(text)
    for overlap in (0, size // 2):
        for span in make_chunker(schema.TokenChunker(size=size, overlap=overlap)).spans(plain(text)):
            touched = sum(1 for start, end in offsets if start < span.end and end > span.start)
            assert touched <= size or span.end - span.start == 1


def test_the_defaults_of_file_search_overlap_by_half() -> None:
    text = " ".join(f"word{number}" for number in range(1500))
    spans = make_chunker(schema.TokenChunker(size=800, overlap=400)).spans(plain(text))
    count = tokenizer("cl100k_base").count
    assert [count(text[s.start : s.end]) for s in spans[:-1]] == [800] * (len(spans) - 1)
    assert all(count(text[b.start : a.end]) == 400 for a, b in pairwise(spans))
