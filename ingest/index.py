"""From a fetched document to chunks with ids: the per-batch step of ingest.

Pure apart from the embedding cache, so that a worker elsewhere can run it: parse → Document → chunk → keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from configs.errors import EmbedError
from configs.schema import Source
from connectors.contract import MetaValue, SourceDocument
from ingest.chunk import Chunker, cut, make_chunker
from ingest.document import Document
from ingest.embed.contract import Embedder, Vectors
from ingest.ledger import embeddings
from ingest.ledger.flips import Indexed
from ingest.ledger.ledger import Ledger
from ingest.metadata import vector_metadata
from ingest.parse import parse


class Indexer:
    """Parses and chunks the documents of one source for one build."""

    def __init__(self, source: Source, embedder: Embedder, build: int, fingerprint: str) -> None:
        self._source = source
        self._embedder = embedder
        self._salt = f"{source.name}\0{build}\0{fingerprint}"
        self._chunker: Chunker = make_chunker(source.chunker, embedder=embedder)

    def parse(self, raw: SourceDocument) -> Document:
        """The parsed document, before the source's metadata and visibility settings.

        Raises:
            ParseError: it cannot be parsed.
        """
        return parse(self._source.name, raw, self._source.parser)

    def index(self, origin: Document) -> Indexed:
        """Apply the source's settings, chunk, and name every chunk and its embedding."""
        document = replace(
            origin,
            metadata=mapped_metadata(origin.metadata, self._source.metadata),
            readers=effective_readers(origin.readers, self._source),
        )
        chunks = cut(document, self._chunker, self._source.prefix, self._embedder.count_tokens)
        beside = json.dumps(vector_metadata(document), sort_keys=True, ensure_ascii=False)
        ids = []
        for chunk in chunks:
            # Everything a vector or its metadata depends on: a chunk under a known id never differs.
            content = (
                f"{self._salt}\0{document.id}\0{chunk.start}\0{chunk.end}\0{chunk.parent}\0{chunk.embed_text}\0{beside}"
            )
            ids.append(hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32])
        keys = [embeddings.key(self._embedder.fingerprint, chunk.embed_text) for chunk in chunks]
        return Indexed(document=document, origin=origin, chunks=chunks, ids=ids, keys=keys)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors by embedding key, and what getting them took."""

    vectors: Mapping[str, Vectors]
    computed: int
    cached: int


def embed(ledger: Ledger, embedder: Embedder, items: Sequence[Indexed]) -> Embedded:
    """Vectors for every chunk of ``items``: from the cache, else computed and cached at once.

    Raises:
        EmbedError: the embedder failed.
    """
    texts = {key: chunk.embed_text for item in items for key, chunk in zip(item.keys, item.chunks, strict=True)}
    with ledger.reading() as connection:
        found = embeddings.lookup(connection, list(texts))
    missing = [key for key in texts if key not in found]
    if missing:
        matrix = embedder.embed_documents([texts[key] for key in missing])
        if matrix.shape != (len(missing), embedder.dimensions) or not np.isfinite(matrix).all():
            raise EmbedError(f"The embedder {embedder.model} gave vectors of shape {matrix.shape} or not finite.")
        fresh = dict(zip(missing, matrix, strict=True))
        with ledger.writing() as connection:
            embeddings.save(connection, fresh)
        found |= fresh
    return Embedded(found, computed=len(missing), cached=len(texts) - len(missing))


def mapped_metadata(
    metadata: Mapping[str, MetaValue], mapping: Mapping[str, str | int | float | bool]
) -> dict[str, MetaValue]:
    """``metadata`` with the source's constants added; ``$key`` copies another key's value."""
    result = dict(metadata)
    for key, value in mapping.items():
        if isinstance(value, str) and value.startswith("$"):
            if value[1:] in metadata:
                result[key] = metadata[value[1:]]
        else:
            result[key] = value
    return result


def effective_readers(readers: frozenset[str] | None, source: Source) -> frozenset[str] | None:
    """Who may see a document: its own readers, else the source's default ones; narrowed by the source's setting."""
    if readers is None and source.default_readers is not None:
        readers = frozenset(source.default_readers)
    return narrowed_readers(readers, source.visibility)


def narrowed_readers(readers: frozenset[str] | None, visibility: str | list[str]) -> frozenset[str] | None:
    """Who may see a document: the source's setting narrowed by what the document says, never widened."""
    if visibility == "public":
        return readers
    if visibility == "restricted":
        return readers if readers is not None else frozenset()
    groups = frozenset(visibility)
    return groups if readers is None else groups & readers
