"""``Shelf``: one object for the whole job. Everything it does, a command of the same name does too."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from configs.errors import OpenshelfError, RetrievalError
from configs.loader import from_mapping, load
from configs.schema import Source
from ingest.ledger.where import ALL_GROUPS, Groups
from openshelf.metering import paid_for
from openshelf.parts import Parts, cache_dir
from retrieval.answer import Question
from retrieval.hit import Hit
from retrieval.spend import By, SpendLine

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever

    from ingest.plan import SourcePlan
    from ingest.report import Progress, Report
    from ingest.status import SourceStatus
    from openshelf.findings import Finding
    from openshelf.preview import Preview
    from retrieval.context import ContextBlock
    from retrieval.events import Answer, Event
    from retrieval.explain import Explanation

__all__ = ["Shelf", "cache_dir"]


class Shelf(Parts):
    """A shelf: sources, ledger, vector store, search and answers, as one YAML file describes them.

    Open it with ``Shelf.open``, close it with ``close`` or use it in a ``with``. Safe from many threads, and
    beside a sync in another process: a reader sees a new generation by its next query.
    """

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

    async def sync_async(self, sources: Iterable[str] | None = None, **options: Any) -> list[Report]:
        """``sync`` for asyncio, in a worker thread. (Its name: ``a`` and ``sync`` make a keyword.)"""
        return await asyncio.to_thread(functools.partial(self.sync, sources, **options))

    def _sync_one(self, source: Source, *, allow_mass_delete: bool, rebuild: bool, progress: Progress | None) -> Report:
        from ingest.report import Counts, Report
        from ingest.sync import SourceSync

        try:
            connector = self.connector(source.name)
        except OpenshelfError as error:
            return Report(source.name, "failed", Counts(), error)
        with paid_for(source.name):
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

    async def aplan(self, sources: Iterable[str] | None = None) -> list[SourcePlan]:
        """``plan`` for asyncio, in a worker thread."""
        return await asyncio.to_thread(self.plan, sources)

    def rollback(self, source: str) -> bool:
        """Swap a source's previous build back in; whether there was one. It stays until the YAML changes again.

        Raises:
            ConfigError: there is no source of that name.
            SyncBusy: the source is being synced.
        """
        from ingest.ledger import builds
        from ingest.locks import source_lock

        name = self.source(source).name
        with source_lock(self.folder, name), self.ledger.writing() as connection:
            return builds.swap_back(connection, name) is not None

    def prune(self) -> list[str]:
        """Remove what is on the shelf of sources that the configuration no longer has; their names.

        Vector stores that were made over HTTP (``vs_...``) are no sources and stay.

        Raises:
            SyncBusy: one of them is being synced (by a process with another configuration).
        """
        from ingest.forget import forget

        gone = [one.name for one in self.status() if one.state == "not in the configuration"]
        for name in gone:
            forget(self.ledger, self.store, name)
        return gone

    def status(self) -> list[SourceStatus]:
        """How each source stands: documents, chunks, last run, failures."""
        from ingest.status import read_status

        return read_status(self.ledger, self.config.sources.values())

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
        return self.searcher.search(query, top_k=top_k, filters=filters, groups=_viewer(groups), **overrides)

    async def asearch(self, query: str, **options: Any) -> list[Hit]:
        """``search`` for asyncio, in a worker thread."""
        return await asyncio.to_thread(functools.partial(self.search, query, **options))

    def explain(
        self,
        document_id: str,
        query: str,
        *,
        source: str | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Iterable[str] | None = None,
        **overrides: Any,
    ) -> Explanation:
        """Why a document came back for ``query`` or did not; for the shelf's operator, never for a viewer.

        Raises:
            RetrievalError: the query is empty, or several sources have a document of that id.
            FilterError: the filter is malformed.
        """
        from retrieval.explain import explain

        disabled = [name for name, one in self.config.sources.items() if not one.enabled]
        return explain(
            self.searcher,
            document_id,
            query,
            source=source,
            filters=filters,
            groups=_viewer(groups),
            disabled=disabled,
            **overrides,
        )

    async def aexplain(self, document_id: str, query: str, **options: Any) -> Explanation:
        """``explain`` for asyncio, in a worker thread."""
        return await asyncio.to_thread(functools.partial(self.explain, document_id, query, **options))

    def context(self, question: str, *, budget: int | None = None, **options: Any) -> ContextBlock:
        """What a model would be given for ``question``: numbered, delimited sources inside a token budget.

        Args:
            budget: tokens; ``context.budget`` by default.
            options: as for ``search``.
        """
        from retrieval.context import build_context

        settings = self.config.context if budget is None else self.config.context.model_copy(update={"budget": budget})
        answerer = self.answerer
        return build_context(self.search(question, **options), settings, answerer.count_tokens, answerer.body)

    async def acontext(self, question: str, **options: Any) -> ContextBlock:
        """``context`` for asyncio, in a worker thread."""
        return await asyncio.to_thread(functools.partial(self.context, question, **options))

    @overload
    def answer(self, question: str, *, stream: Literal[False] = False, **options: Any) -> Answer: ...

    @overload
    def answer(self, question: str, *, stream: Literal[True], **options: Any) -> Iterator[Event]: ...

    def answer(self, question: str, *, stream: bool = False, **options: Any) -> Answer | Iterator[Event]:
        """Answer from the knowledge base, with citations, or say that it has no answer.

        Args:
            stream: give events as they come (``Searching``, ``Sources``, ``Delta``, ``Cited``, at last ``Done``).
            options: ``conversation``, ``openai_conversation``, ``top_k``, ``filters``, ``groups``, ``mode``.

        Raises:
            AnswerError: the model could not be reached or did not answer.
            BudgetExceeded: a cap could be passed; nothing was sent.
            ConfigError: a key or a price is missing.
        """
        _only_known(options)
        return self.answerer.stream(question, **options) if stream else self.answerer.answer(question, **options)

    @overload
    async def aanswer(self, question: str, *, stream: Literal[False] = False, **options: Any) -> Answer: ...

    @overload
    async def aanswer(self, question: str, *, stream: Literal[True], **options: Any) -> AsyncIterator[Event]: ...

    async def aanswer(self, question: str, *, stream: bool = False, **options: Any) -> Answer | AsyncIterator[Event]:
        """``answer`` for asyncio: ``await`` it, and with ``stream=True`` iterate what it gives."""
        _only_known(options)
        if stream:
            return self.answerer.astream(question, **options)
        return await self.answerer.aanswer(question, **options)

    def as_retriever(self, **options: Any) -> BaseRetriever:
        """The shelf as a LlamaIndex retriever; ``options`` as for ``search`` apply to every query."""
        from retrieval.retriever import as_retriever

        options["groups"] = _viewer(options.get("groups"))
        return as_retriever(self.searcher, **options)

    # --- looking after it -----------------------------------------------------------------------

    def costs(self, by: By = "day") -> list[SpendLine]:
        """What was spent, by ``day``, ``source``, ``conversation`` or ``model``."""
        return self.spend.report(by)

    def check(self, *, online: bool = True) -> list[Finding]:
        """Whether everything is valid and reachable, before anything is spent."""
        from openshelf.checks import check

        return check(self, online=online)

    def doctor(self, *, repair: bool = False) -> list[Finding]:
        """Whether the shelf is whole; ``repair`` writes the vector store again where it differs from the ledger."""
        from openshelf.doctor import examine

        return examine(self, repair=repair)

    def preview(self, target: str, *, chunker: Mapping[str, Any] | None = None, source: str | None = None) -> Preview:
        """How a file, or a document on the shelf, is cut into chunks: as configured, or with another chunker."""
        from openshelf.preview import preview

        return preview(self, target, chunker=chunker, source=source)

    # --- lifetime -------------------------------------------------------------------------------

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


def _viewer(groups: Iterable[str] | Groups) -> Groups:
    if groups is None or groups is ALL_GROUPS:
        return groups
    if isinstance(groups, str):
        raise RetrievalError("groups is a list of names, not one text.", hint=f"Write groups=[{groups!r}].")
    return frozenset(groups)


def _only_known(options: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(Question) if field.name != "text"]
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise TypeError(f"answer() does not know {', '.join(unknown)}; it takes stream, {', '.join(known)}.")
