"""Embedders that remember questions, for asking the same ones of many shelves."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from ingest.embed.around import Around
from ingest.embed.contract import Embedder, Vectors
from ingest.embedders import Embedders


class Memory:
    """Vectors of questions by embedder and text, and the opened local models. Safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vectors: dict[tuple[str, str], Vectors] = {}
        self._models: dict[str, Embedder] = {}

    def model(self, opened: Embedder) -> Embedder:
        """The model that was opened first of those with this fingerprint; its weights are in memory already."""
        with self._lock:
            return self._models.setdefault(opened.fingerprint, opened)

    def question(self, embedder: Embedder, text: str) -> Vectors:
        """The vector of a question, computed once for each embedder."""
        key = (embedder.fingerprint, text)
        with self._lock:
            known = self._vectors.get(key)
        if known is None:
            known = embedder.embed_query(text)
            with self._lock:
                self._vectors[key] = known
        return known


class RememberingEmbedders(Embedders):
    """A shelf's embedders over a memory that outlives the shelf."""

    def __init__(self, inner: Embedders, memory: Memory) -> None:
        self._inner = inner
        self._memory = memory

    @property
    def stored_settings(self) -> dict[str, Any]:
        """As the shelf's own."""
        return self._inner.stored_settings

    @property
    def fingerprint(self) -> str:
        """As the shelf's own."""
        return self._inner.fingerprint

    def current(self) -> Embedder:
        """The configured embedder."""
        return self._remembering(self._inner.current(), self._inner.stored_settings)

    def of(self, stored: Mapping[str, Any]) -> Embedder:
        """The embedder that a build with these stored settings was made with."""
        return self._remembering(self._inner.of(stored), stored)

    def _remembering(self, embedder: Embedder, stored: Mapping[str, Any]) -> Embedder:
        # A paid one stays the shelf's own: it writes down on that shelf's ledger what it costs.
        local = stored.get("provider", "local") == "local"
        return _Remembering(self._memory.model(embedder) if local else embedder, self._memory)


class _Remembering(Around):
    """An ``Embedder`` whose questions are remembered."""

    def __init__(self, inner: Embedder, memory: Memory) -> None:
        super().__init__(inner)
        self._memory = memory

    def embed_query(self, text: str) -> Vectors:
        return self._memory.question(self._inner, text)
