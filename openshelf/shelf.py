"""``Shelf``: one object for the whole job. Everything it does, a command of the same name does too."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from configs.errors import ConfigError, OpenshelfError
from configs.loader import Loaded, from_mapping, load
from configs.schema import Config, Source
from ingest import repair
from ingest.embedders import Embedders
from ingest.ledger import Ledger
from retrieval.hit import Hit
from retrieval.search import Searcher

if TYPE_CHECKING:
    from connectors.contract import Connector
    from ingest.plan import SourcePlan
    from ingest.stores.contract import VectorStore
    from ingest.sync import Progress, Report


def cache_dir() -> Path:
    """Where exported models are kept, shared by all shelves: ``$OPENSHELF_CACHE`` or the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("OPENSHELF_CACHE")
    return Path(chosen) if chosen else user_cache_path("openshelf", appauthor=False)


class Shelf:
    """A shelf: sources, ledger, vector store, search and answers, as one YAML file describes them.

    Open it with ``Shelf.open``, close it with ``close`` or use it in a ``with``. Safe from many threads, and
    beside a sync in another process: a reader sees a new generation by its next query.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.config: Config = loaded.config
        self.folder = self.config.path if self.config.path.is_absolute() else loaded.base_dir / self.config.path
        self.embedders = Embedders(self.config.embedder, cache_dir())
        self._lock = threading.RLock()
        self._ledger: Ledger | None = None
        self._store: VectorStore | None = None

    @classmethod
    def open(cls, config: str | Path | Mapping[str, Any], *, base_dir: Path | None = None) -> Shelf:
        """Open the shelf that a YAML file, or a mapping of the same shape, describes.

        Args:
            base_dir: what a mapping's relative paths start from; the working directory by default.

        Raises:
            ConfigError: the configuration is wrong; every problem with its file, line and key.
        """
        if isinstance(config, Mapping):
            return cls(from_mapping(config, base_dir or Path.cwd()))
        return cls(load(Path(config)))

    # --- parts, opened on first use -------------------------------------------------------------

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
        )

    def connector(self, name: str) -> Connector:
        """A new connector for a configured source."""
        from connectors.registry import open_connector

        return open_connector(self.source(name), self.loaded.base_dir)

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

    # --- ingest ---------------------------------------------------------------------------------

    def sync(
        self,
        sources: Iterable[str] | None = None,
        *,
        allow_mass_delete: bool = False,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> list[Report]:
        """Bring the shelf up to date with its sources; one report each.

        A source that cannot be read ends in its report (``outcome == "failed"``), and the others go on.

        Args:
            allow_mass_delete: go on where a sync would drop more than ``sync.max_delete_share`` of a source.
            rebuild: index everything again beside the live index, even if no setting changed.

        Raises:
            SyncBusy: another process is syncing one of the sources.
        """
        return [
            self._sync_one(source, allow_mass_delete=allow_mass_delete, rebuild=rebuild, progress=progress)
            for source in self.enabled_sources(sources)
        ]

    def _sync_one(
        self, source: Source, *, allow_mass_delete: bool, rebuild: bool, progress: Progress | None
    ) -> Report:
        from ingest.sync import Counts, Report, SourceSync

        try:
            connector = self.connector(source.name)
        except OpenshelfError as error:
            return Report(source.name, "failed", Counts(), error)
        return SourceSync(
            ledger=self.ledger,
            store=self.store,
            embedders=self.embedders,
            source=source,
            connector=connector,
            settings=self.config.sync,
            allow_mass_delete=allow_mass_delete,
            force_rebuild=rebuild,
            progress=progress,
        ).run()

    def plan(self, sources: Iterable[str] | None = None) -> list[SourcePlan]:
        """What ``sync`` would do, like a diff; embeds nothing and writes nothing."""
        from ingest.plan import plan_source

        return [
            plan_source(
                ledger=self.ledger,
                embedders=self.embedders,
                source=source,
                connector=self.connector(source.name),
                costs=self.config.costs,
            )
            for source in self.enabled_sources(sources)
        ]

    def rollback(self, source: str) -> bool:
        """Swap a source's previous build back in; whether there was one."""
        from ingest.ledger import builds
        from ingest.locks import source_lock

        with source_lock(self.folder, source), self.ledger.writing() as connection:
            return builds.swap_back(connection, source) is not None

    # --- retrieval ------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Iterable[str] | None = None,
        **overrides: Any,
    ) -> list[Hit]:
        """The chunks that answer ``query``, best first; each says why in ``hit.why``.

        Args:
            top_k: most hits; ``retrieval.top_k`` by default.
            filters: see ``docs/retrieval.md``, for example ``{"source": "faq", "price": {"lt": 100}}``.
            groups: what the viewer belongs to. Restricted documents need one of their groups; by default none.
            overrides: any other key of ``retrieval``, for this search only.

        Raises:
            FilterError: the filter is malformed.
            RetrievalError: the query is empty.
        """
        viewer = None if groups is None else frozenset(groups)
        return self.searcher.search(query, top_k=top_k, filters=filters, groups=viewer, **overrides)

    async def asearch(self, query: str, **options: Any) -> list[Hit]:
        """``search`` for asyncio: runs in a worker thread."""
        return await asyncio.to_thread(functools.partial(self.search, query, **options))

    # --- lifetime -------------------------------------------------------------------------------

    def close(self) -> None:
        """Release the vector store and the ledger."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            if self._ledger is not None:
                self._ledger.close()
            self._store = self._ledger = None
            self.__dict__.pop("searcher", None)

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Shelf:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await asyncio.to_thread(self.close)

    def __repr__(self) -> str:
        return f"Shelf({str(self.loaded.path)!r}, sources={list(self.config.sources)})"
