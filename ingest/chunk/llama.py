"""``sentence`` and ``semantic``: LlamaIndex's node parsers, their texts mapped back to exact positions.

LlamaIndex is imported on the first document (about two seconds), with nltk's data from its own ``_static``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ingest.chunk import graphemes
from ingest.chunk.packing import Packer
from ingest.chunk.ruler import Ruler
from ingest.chunk.sentences import sentence_spans
from ingest.chunk.tokens import Tokenizer, without_surrogates
from ingest.document import Document, Element, Kind, Span
from ingest.embed.contract import Embedder

# Below this SentenceSplitter refuses text: one character can have more tokens than a chunk.
_SMALLEST = 8


class Sentences:
    """Whole sentences packed up to ``size`` by LlamaIndex's ``SentenceSplitter`` (Punkt, English)."""

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._overlap = overlap

    @cached_property
    def _splitter(self) -> Any:
        from llama_index.core.node_parser import SentenceSplitter

        return SentenceSplitter(
            chunk_size=self._size,
            chunk_overlap=self._overlap,
            # It only takes the length of what this returns.
            tokenizer=lambda text: range(self._tokenizer.count(text)),
        )

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``."""
        text = without_surrogates(document.text)  # they would fail inside LlamaIndex; positions stay
        if not text.strip():
            return []
        ruler = Ruler(text, self._tokenizer)
        if self._size < _SMALLEST:
            return _packed(ruler, 0, len(text), self._size, self._overlap)
        # The two halves of SentenceSplitter.split_text. Between them each split's text becomes its number, so
        # that a chunk says which splits it holds; searching its text would be ambiguous where text repeats.
        splits = self._splitter._split(text, self._size)
        numbered = [replace(split, text=f"{number} ") for number, split in enumerate(splits)]
        places = located(text, [split.text for split in splits])
        pieces = []
        for chunk in self._splitter._merge(numbered, self._size):
            numbers = [int(number) for number in chunk.split()]
            pieces.append((places[numbers[0]][0], places[numbers[-1]][1]))
        spans: list[Span] = []
        for start, end in _filled(text, pieces):
            # SentenceSplitter's last resort is single code points; the parts of a grapheme belong together.
            start, end = graphemes.floor(text, start), graphemes.floor(text, end)
            spans += [Span(*piece) for piece in ruler.pieces(start, end, self._size, proved=True)]
        return sorted(spans, key=lambda span: (span.start, span.end))


class Semantic:
    """Breaks where neighbouring sentences differ most, by LlamaIndex's ``SemanticSplitterNodeParser``.

    What lies between two breaks and is larger than ``size`` is cut at sentences. Sentences are ours: Punkt
    knows English only.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int, percentile: float, embedder: Embedder) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._overlap = overlap
        self._percentile = percentile
        self._embedder = embedder

    @cached_property
    def _parser(self) -> Any:
        from llama_index.core.base.embeddings.base import BaseEmbedding
        from llama_index.core.node_parser import SemanticSplitterNodeParser

        embedder = self._embedder

        class Adapter(BaseEmbedding):  # type: ignore[misc]
            """Our embedder as LlamaIndex wants one."""

            def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
                vectors: list[list[float]] = embedder.embed_documents(texts).tolist()
                return vectors

            def _get_text_embedding(self, text: str) -> list[float]:
                return self._get_text_embeddings([text])[0]

            def _get_query_embedding(self, query: str) -> list[float]:
                vector: list[float] = embedder.embed_query(query).tolist()
                return vector

            def similarity(self, embedding1: list[float], embedding2: list[float], mode: Any = None) -> float:
                # Our vectors have length 1; LlamaIndex would divide by it, which fails for an API's null vector.
                return float(np.dot(embedding1, embedding2))

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

        class Parser(SemanticSplitterNodeParser):  # type: ignore[misc]
            """LlamaIndex types the percentile as whole numbers; its arithmetic takes any."""

            breakpoint_percentile_threshold: float = 95.0

        return Parser(
            embed_model=Adapter(embed_batch_size=2048),
            breakpoint_percentile_threshold=self._percentile,
            sentence_splitter=_sentences,
            include_prev_next_rel=False,
        )

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``.

        Raises:
            EmbedError: the embedder failed.
        """
        from llama_index.core.schema import Document as LlamaDocument

        text = without_surrogates(document.text)  # they would fail inside LlamaIndex; positions stay
        if not text.strip():
            return []
        ruler = Ruler(text, self._tokenizer)
        nodes = self._parser.build_semantic_nodes_from_documents([LlamaDocument(text=text)])
        texts = [node.get_content() for node in nodes]
        spans: list[Span] = []
        for start, end in _filled(text, located(text, texts)):
            spans += _packed(ruler, start, end, self._size, self._overlap)
        return spans


def located(text: str, texts: Sequence[str]) -> list[tuple[int, int]]:
    """Where ``texts``, which follow one another in ``text``, stand: each begins after the one before ended.

    LlamaIndex's own positions are the first occurrence of each text, which is wrong where text repeats. One that
    is not found has an empty place, and ``_filled`` brings its characters back.
    """
    found: list[tuple[int, int]] = []
    at = 0
    for piece in texts:
        start = text.find(piece, at)
        found.append((start, start + len(piece)) if start >= 0 else (at, at))
        at = found[-1][1]
    return found


def _filled(text: str, pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """``pieces`` and, between them, whatever non-blank text they leave out."""
    filled: list[tuple[int, int]] = []
    at = 0
    for start, end in [*pieces, (len(text), len(text))]:
        if text[at:start].strip():
            filled.append((at, start))
        if start < end:
            filled.append((start, end))
        at = max(at, end)
    return filled


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, 0, len(text))]


def _packed(ruler: Ruler, start: int, end: int, size: int, overlap: int) -> list[Span]:
    packer = Packer(ruler, size, overlap)
    packer.add(Element(Kind.TEXT, start, end))
    return packer.finish()
