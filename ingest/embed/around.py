"""An embedder around another one, for whoever changes a part of it."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.embed.contract import Embedder, Vectors


class Around:
    """An ``Embedder`` that hands everything on; a subclass changes what it is for."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    @property
    def fingerprint(self) -> str:
        """Of the embedder behind."""
        return self._inner.fingerprint

    @property
    def dimensions(self) -> int:
        """Of the embedder behind."""
        return self._inner.dimensions

    @property
    def model(self) -> str:
        """Of the embedder behind."""
        return self._inner.model

    @property
    def tokens_used(self) -> int:
        """Of the embedder behind."""
        return self._inner.tokens_used

    def count_tokens(self, text: str) -> int:
        """Of the embedder behind."""
        return self._inner.count_tokens(text)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Of the embedder behind."""
        return self._inner.embed_documents(texts)

    def embed_query(self, text: str) -> Vectors:
        """Of the embedder behind."""
        return self._inner.embed_query(text)
