"""What holds for every chunker on any document."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs import schema
from ingest.chunk import cut, make_chunker, tokenizer
from ingest.document import Document, Kind, Span
from tests.ingest.chunk.bag_of_words import BagOfWords, document

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"  # one emoji of seven code points
WORDS = st.sampled_from(
    [
        *[
            "the",
            "a",
            "parcel",
            "Return.",
            "refund?",
            "Yes!",
            "e.g.",
            "30",
            "days",
            "Données",
            "été",
            "<|endoftext|>",
            "https://ex.org/a?c=d&e=f",
        ],
        *["返品は三十日以内です。", "送料無料！", "안녕하세요", "नमस्ते", "🇫🇷🇯🇵", "👍🏽"],
        *[FAMILY, "e\u0301t\u0301", "lone\ud800surrogate", "x" * 300, "漢字" * 60, FAMILY * 12, "-" * 80],
    ]
)
SPACES = st.sampled_from([" ", " ", " ", "\n", "\n\n", "  ", "\t", "\r\n", "\u3000", "\u00a0"])


@st.composite
def prose(draw: st.DrawFn, words: int = 40) -> str:
    """Words and blanks of every script; never empty."""
    count = draw(st.integers(1, words))
    return "".join(draw(WORDS) + draw(SPACES) for _ in range(count)).strip() or "x"


@st.composite
def tables(draw: st.DrawFn) -> tuple[Kind, str, int, str | None]:
    header = " | ".join(draw(st.lists(WORDS, min_size=1, max_size=4)))
    rows = draw(st.lists(st.lists(WORDS, min_size=1, max_size=6).map(" | ".join), max_size=12))
    return Kind.TABLE, "\n".join([header, *rows]), 0, draw(st.sampled_from([header, None, "not in the text"]))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    kinds = st.sampled_from([Kind.TEXT, Kind.LIST, Kind.CODE, Kind.IMAGE, Kind.ROW, Kind.QUESTION, Kind.ANSWER])
    titles = st.tuples(st.just(Kind.TITLE), prose(6), st.integers(1, 3))
    parts = draw(st.lists(st.one_of(titles, tables(), st.tuples(kinds, prose())), max_size=8))
    made = document(*parts, gap=draw(st.sampled_from(["\n\n", "\n", " ", ""])))
    if draw(st.booleans()):  # a parser that leaves text uncovered must not lose it
        made = Document(made.id, made.source, made.title, f" lead {made.text} tail ", made.elements)
    return made


EMBEDDER = BagOfWords()
SIZES = [(1, 0), (3, 1), (8, 2), (16, 8), (30, 0), (64, 20), (256, 50)]
NAMES = ["token", "sentence", "recursive", "heading", "semantic", "rows", "conversation", "parent-child", "whole"]


def configured(name: str, size: int, overlap: int, measure: str) -> schema.Chunker:
    if name == "whole":
        return schema.WholeChunker()
    more = {"rows": {"rows": 3}, "parent-child": {"parent_size": size * 3}}.get(name, {})
    return schema.BUILT_IN_CHUNKERS[name](size=size, overlap=overlap, tokenizer=measure, **more)  # type: ignore[return-value]


def uncovered(text: str, spans: list[Span]) -> str:
    """The non-blank characters that no span holds."""
    covered = bytearray(len(text))
    for span in spans:
        covered[span.start : span.end] = b"\1" * (span.end - span.start)
    return "".join(c for c, seen in zip(text, covered, strict=True) if not seen and not c.isspace())


@pytest.mark.parametrize("measure", ["cl100k_base", "embedder"])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=documents(), sizes=st.sampled_from(SIZES))
def test_nothing_is_lost_and_spans_are_ordered_bounded_and_repeatable(
    name: str, measure: str, document: Document, sizes: tuple[int, int]
) -> None:
    size, overlap = sizes
    chosen = configured(name, size, overlap, measure)
    text = document.text
    spans = make_chunker(chosen, embedder=EMBEDDER).spans(document)

    assert uncovered(text, spans) == ""
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    assert spans == make_chunker(chosen, embedder=EMBEDDER).spans(document)
    for span in spans:
        if span.parent:
            assert span.parent[0] <= span.start < span.end <= span.parent[1]
    if name in ("token", "whole"):  # windows are measured in the tokens of the whole text, see test_token
        return
    ruler = tokenizer(measure, EMBEDDER)
    for span in spans:
        room = size - (ruler.count(f"{span.header}\n") if span.header else 0)
        piece = text[span.start : span.end].strip()
        # One character is never cut, however many tokens it has.
        assert ruler.count(piece) <= room or len(piece) == 1
        if span.parent:
            parent = text[slice(*span.parent)].strip()
            assert ruler.count(parent) <= size * 3 or len(parent) == 1


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=documents(), sizes=st.sampled_from([(30, 0), (64, 20), (256, 50)]))
def test_chunks_are_exact_pieces_with_the_documents_own_headings_and_pages(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    chunker = make_chunker(configured(name, *sizes, "cl100k_base"), embedder=EMBEDDER)
    chunks = cut(document, chunker, schema.Prefix(), EMBEDDER.count_tokens)

    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert chunk.text == document.text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip() != ""
        assert chunk.heading_path == document.heading_path(chunk.start)
        assert chunk.page == document.page(chunk.start)
        assert chunk.tokens == EMBEDDER.count_tokens(chunk.embed_text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", " \n\t\u3000 "])
def test_a_blank_document_has_no_chunks(name: str, text: str) -> None:
    blank = Document("d", "s", "t", text, [])
    chunker = make_chunker(configured(name, 64, 0, "cl100k_base"), embedder=EMBEDDER)
    assert cut(blank, chunker, schema.Prefix(), len) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != "whole"])
@pytest.mark.parametrize("cluster", [FAMILY, "e\u0301\u0323", "🇫🇷", "👍🏽", "각"])
def test_a_grapheme_is_never_cut_apart(name: str, cluster: str) -> None:
    text = cluster * 200
    spans = make_chunker(configured(name, 64, 8, "cl100k_base"), embedder=EMBEDDER).spans(document((Kind.TEXT, text)))
    assert len(spans) > 1
    assert all(span.start % len(cluster) == 0 and span.end % len(cluster) == 0 for span in spans)
