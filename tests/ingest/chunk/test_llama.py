"""``sentence`` and ``semantic`` are LlamaIndex's splitters with exact positions."""

from __future__ import annotations

from pathlib import Path

import pytest

import ingest.embed
from configs import schema
from configs.errors import ConfigError
from ingest.chunk import make_chunker, tokenizer
from ingest.chunk.llama import located
from tests.ingest.chunk.bag_of_words import BagOfWords, plain

COUNT = tokenizer("cl100k_base").count
ENGLISH = "\n\n".join(
    " ".join(f"Paragraph {p} has sentence {s}, and Dr. Smith read it twice." for s in range(12)) for p in range(12)
)


@pytest.mark.parametrize(("size", "overlap"), [(32, 0), (64, 20), (200, 0), (200, 100)])
@pytest.mark.parametrize("text", [ENGLISH, "The same sentence again. " * 150], ids=["english", "repeated"])
def test_sentence_gives_llama_index_texts_at_exact_positions(text: str, size: int, overlap: int) -> None:
    from llama_index.core.node_parser import SentenceSplitter

    splitter = SentenceSplitter(chunk_size=size, chunk_overlap=overlap, tokenizer=lambda piece: range(COUNT(piece)))
    spans = make_chunker(schema.SentenceChunker(size=size, overlap=overlap)).spans(plain(text))
    assert [text[span.start : span.end].strip() for span in spans] == splitter.split_text(text)


def test_repeated_text_is_located_one_after_another() -> None:
    assert located("go on. go on. go on.", ["go on. ", "go on. ", "go on."]) == [(0, 7), (7, 14), (14, 20)]


def test_semantic_breaks_where_the_subject_changes() -> None:
    shoes = "Shoes and boots are shoes. Boots like shoes are shoes. Shoes are boots. "
    taxes = "Taxes and duties are taxes. Duties like taxes are taxes. Taxes are duties."
    text = shoes + taxes
    chunker = make_chunker(schema.SemanticChunker(percentile=75), embedder=BagOfWords())
    found = [text[span.start : span.end].strip() for span in chunker.spans(plain(text))]
    assert len(found) == 2
    assert "Taxes are duties" not in found[0] and "Shoes are boots" not in found[1]


def test_semantic_needs_an_embedder() -> None:
    with pytest.raises(ConfigError, match="semantic"):
        make_chunker(schema.SemanticChunker())


@pytest.mark.skipif(not hasattr(ingest.embed, "open_embedder"), reason="the bundled embedder is not built yet")
def test_semantic_and_embedder_tokens_with_the_bundled_model(model_cache: Path) -> None:
    from ingest.embed import open_embedder

    embedder = open_embedder(schema.Embedder(), cache_dir=model_cache)
    text = (
        "You can return shoes within thirty days. Returned shoes must be clean. Refunds for shoes take a week. "
        "The lamp needs an E27 bulb. Switch the lamp off before you change the bulb. Bulbs are not included."
    )
    settings = schema.SemanticChunker(percentile=75, size=64, tokenizer="embedder")
    found = [text[s.start : s.end].strip() for s in make_chunker(settings, embedder=embedder).spans(plain(text))]
    assert len(found) > 1
    assert all(embedder.count_tokens(piece) <= 64 for piece in found)
    assert not any("shoes must be clean" in piece and "before you change" in piece for piece in found)


def test_texts_without_any_vector_are_cut_without_a_warning() -> None:
    document = plain("🇫🇷. 🇯🇵. 🇫🇷. 🇯🇵.")
    chunker = make_chunker(schema.SemanticChunker(size=8), embedder=BagOfWords())
    assert "".join(document.text[span.start : span.end] for span in chunker.spans(document)) == document.text
