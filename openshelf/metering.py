"""Puts a paid embedder's calls on the ledger of money, and stops them at the caps before they are made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from ingest.embed.around import Around
from ingest.embed.contract import Embedder, Vectors
from retrieval.events import Usage
from retrieval.spend import Spend

_source: ContextVar[str | None] = ContextVar("openshelf_source", default=None)


@contextmanager
def paid_for(source: str) -> Iterator[None]:
    """Whatever is embedded inside is written down for ``source``."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


class Metered(Around):
    """An ``Embedder`` that asks ``spend`` (opened at the first call) before each call. Safe from many threads."""

    def __init__(self, inner: Embedder, spend: Callable[[], Spend]) -> None:
        super().__init__(inner)
        self._spend = spend
        self._lock = threading.Lock()

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors of ``texts``.

        Raises:
            BudgetExceeded: a cap could be passed; nothing was sent.
            ConfigError: a cap is set and the model has no price.
            EmbedError: the API failed.
        """
        with self._metered(sum(self.count_tokens(text) for text in texts)):
            return self._inner.embed_documents(texts)

    def embed_query(self, text: str) -> Vectors:
        """Vector of one question; raises as ``embed_documents``."""
        with self._metered(self.count_tokens(text)):
            return self._inner.embed_query(text)

    @contextmanager
    def _metered(self, tokens: int) -> Iterator[None]:
        spend = self._spend()
        reservation = spend.check("embedding", self.model, tokens, source=_source.get())
        # One call at a time: the difference of the counter is then this call's.
        with self._lock:
            before = self.tokens_used
            try:
                yield
            finally:
                used = self.tokens_used - before
                if used:
                    spend.settle(reservation, Usage(input=used))
                else:
                    spend.release(reservation)
