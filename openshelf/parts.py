"""The parts of a shelf, each opened on first use: ledger, store, embedders, search, answers, money, conversations."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import ConfigError
from configs.loader import Loaded
from configs.schema import Config, Source
from ingest import repair
from ingest.embedders import Embedders
from ingest.ledger import Ledger
from openshelf.metering import Metered
from retrieval.conversations import Conversations
from retrieval.search import Searcher
from retrieval.spend import Spend

if TYPE_CHECKING:
    from connectors.contract import Connector
    from ingest.stores.contract import VectorStore
    from retrieval.answer import Answerer


def cache_dir() -> Path:
    """Where exported models are kept, shared by all shelves: ``$OPENSHELF_CACHE`` or the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("OPENSHELF_CACHE")
    return Path(chosen) if chosen else user_cache_path("openshelf", appauthor=False)


class Parts:
    """What a ``Shelf`` is made of. Safe from many threads."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.config: Config = loaded.config
        self.folder = self.config.path if self.config.path.is_absolute() else loaded.base_dir / self.config.path
        self.embedders = Embedders(self.config.embedder, cache_dir(), lambda inner: Metered(inner, lambda: self.spend))
        self._lock = threading.RLock()
        self._ledger: Ledger | None = None
        self._store: VectorStore | None = None

    @property
    def ledger(self) -> Ledger:
        """The ledger, made if it is not there yet."""
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger.open(self.folder)
            return self._ledger

    @property
    def store(self) -> VectorStore:
        """The vector store."""
        from ingest.stores import open_store

        with self._lock:
            if self._store is None:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._store = open_store(self.config.store, self.folder)
            return self._store

    @functools.cached_property
    def searcher(self) -> Searcher:
        """Keyword and vector search over the active builds."""
        return Searcher(
            self.ledger,
            self.store,
            self.embedders.of,
            self.config.retrieval,
            repair=lambda: repair.heal(self.ledger, self.store),
            # What the configuration no longer names is not searched, even before it is pruned.
            sources=self.config.sources,
        )

    @functools.cached_property
    def spend(self) -> Spend:
        """Prices, caps and what was spent."""
        return Spend(self.ledger.engine, self.config.costs)

    @functools.cached_property
    def conversations(self) -> Conversations:
        """The stored conversations."""
        from openshelf.answering import count_tokens

        return Conversations(self.ledger.engine, self.config.conversations, count_tokens)

    @functools.cached_property
    def answerer(self) -> Answerer:
        """Answers questions from this shelf."""
        from openshelf.answering import make_answerer

        return make_answerer(self)

    def connector(self, name: str) -> Connector:
        """A new connector for a configured source.

        Raises:
            ConfigError: its options are wrong; with file, line and key.
        """
        from connectors.registry import open_connector
        from openshelf.checks import source_options

        source = self.source(name)
        source_options(self, source)
        return open_connector(source, self.loaded.base_dir)

    def source(self, name: str) -> Source:
        """A configured source.

        Raises:
            ConfigError: there is no source of that name.
        """
        if name not in self.config.sources:
            known = ", ".join(self.config.sources) or "none"
            raise ConfigError(f"There is no source {name!r} in {self.loaded.path}.", hint=f"Sources: {known}.")
        return self.config.sources[name]

    def enabled_sources(self, names: Iterable[str] | None = None) -> list[Source]:
        """The named sources, or every enabled one."""
        if names:
            return [self.source(name) for name in names]
        return [source for source in self.config.sources.values() if source.enabled]

    def close(self) -> None:
        """Release the vector store, the ledger and connections. A closed shelf opens its parts again when used."""
        with self._lock:
            if "answerer" in self.__dict__:
                self.answerer.close()
            if self._store is not None:
                self._store.close()
            if self._ledger is not None:
                self._ledger.close()
            self._store = self._ledger = None
            for part in ("searcher", "answerer", "spend", "conversations"):
                self.__dict__.pop(part, None)
