"""Sync one source: apply a connector's changes to the ledger, the keyword index and the vector store.

For each batch: parse, chunk, embed (cache first), write the new vectors, flip the ledger in one transaction,
delete the stale vectors. A kill at any boundary leaves at worst unreferenced vectors, which search cannot see
and the next sync sweeps; running again converges to what one clean run gives.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from configs.errors import EmbedError, IngestError, MassDelete, OpenshelfError
from configs.schema import Source
from configs.schema import Sync as SyncSettings
from connectors.contract import (
    Checkpoint,
    Complete,
    Connector,
    Cursor,
    Delete,
    Expected,
    Failed,
    Skipped,
    SourceDocument,
    Upsert,
)
from connectors.guard import checked
from ingest import repair
from ingest.document import Document
from ingest.embed.contract import Embedder, Vectors
from ingest.embedders import Embedders
from ingest.index import Indexer, embed
from ingest.ledger import Ledger, builds, flips, runs
from ingest.ledger.builds import Build
from ingest.ledger.flips import Indexed
from ingest.locks import source_lock
from ingest.rebuild import choose_build, finish_rebuild
from ingest.report import Counts, Progress, Report
from ingest.stores.contract import VectorStore

log = logging.getLogger("openshelf.sync")
_HARMLESS = "Is anybody there?"


@dataclass(slots=True)
class _Batch:
    upserts: dict[str, SourceDocument | Document] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    failures: dict[str, tuple[Failed, SourceDocument | None]] = field(default_factory=dict)
    given: int = 0

    def __bool__(self) -> bool:
        return bool(self.upserts or self.deletes or self.failures)


class SourceSync:
    """One source's sync. Make one for each run."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        store: VectorStore,
        embedders: Embedders,
        source: Source,
        connector: Connector,
        settings: SyncSettings,
        allow_mass_delete: bool = False,
        force_rebuild: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.ledger = ledger
        self.store = store
        self.embedders = embedders
        self.source = source
        self.connector = connector
        self.settings = settings
        self.allow_mass_delete = allow_mass_delete
        self.force_rebuild = force_rebuild
        self.counts = Counts()
        self._progress = progress or (lambda _source, _counts: None)
        self._failed: set[str] = set()

    def run(self) -> Report:
        """Sync the source.

        Raises:
            SyncBusy: another process is syncing it. Every other error of the tree ends in the report.
        """
        with source_lock(self.ledger.folder, self.source.name):
            with self.ledger.writing() as connection:
                run = runs.begin(connection, self.source.name)
            error: OpenshelfError | None = None
            rebuilt = False
            try:
                rebuilt = self._run(run)
            except OpenshelfError as problem:
                error = problem
            except BaseException as problem:
                # Anything else is a bug or an interrupt: noted for `status`, then passed on.
                stopped = isinstance(problem, KeyboardInterrupt | SystemExit)
                said = "The run was interrupted." if stopped else f"{type(problem).__name__}: {problem}"
                self._finish(run, "failed", said)
                raise
            with self.ledger.reading() as connection:
                open_failures = runs.failed_ids(connection, self.source.name)
            outcome = "failed" if error else "failures" if open_failures else "clean"
            self.counts.failed = len(open_failures)
            self._finish(run, outcome, str(error) if error else None)
            return Report(self.source.name, outcome, self.counts, error, rebuilt)

    def _finish(self, run: int, outcome: str, error: str | None) -> None:
        with self.ledger.writing() as connection:
            runs.finish(connection, run, outcome, self.counts.as_dict(), error)

    def _run(self, run: int) -> bool:
        choice = choose_build(self.ledger, self.source, self.embedders, force=self.force_rebuild)
        build, source, embedder = choice.build, choice.source, choice.embedder
        with self.ledger.reading() as connection:
            interrupted = runs.last_outcome(connection, self.source.name, before=run) != "clean"
            retry = list(runs.to_retry(connection, self.source.name))
        self.counts.repaired = repair.healed(
            self.ledger, self.store, lambda: repair.reconcile(self.ledger, self.store, build, thorough=interrupted)
        )
        work = _BuildWriter(self, build, source, embedder)
        copied = choice.reuse is not None and work.copy_documents(choice.reuse)
        if build.state == builds.BUILDING and copied:
            build = finish_rebuild(self.ledger, build, self._guard_share)
            work = _BuildWriter(self, build, source, embedder)
        work.apply(retry)
        work.follow()
        if build.state == builds.BUILDING:
            work.carry_over_failed()
            finish_rebuild(self.ledger, build, self._guard_share)
        if self.counts.deleted or choice.rebuild:
            with self.ledger.writing() as connection:
                builds.collect_garbage(connection)
        repair.sweep_collections(self.ledger, self.store)
        return choice.rebuild

    def _guard_share(self, dropped: int, of: int) -> None:
        if self.allow_mass_delete or dropped <= self.settings.max_delete_floor:
            return
        if of and dropped / of > self.settings.max_delete_share:
            raise MassDelete(
                f"Source {self.source.name!r}: this sync would delete {dropped} of {of} documents, more than "
                f"max_delete_share ({self.settings.max_delete_share:.0%}). Nothing more was deleted.",
                hint=f"If that is right: openshelf sync {self.source.name} --allow-mass-delete",
            )


class _BuildWriter:
    """Applies documents to one build, batch by batch."""

    def __init__(self, sync: SourceSync, build: Build, source: Source, embedder: Embedder) -> None:
        self._sync = sync
        self._build = build
        self._embedder = embedder
        self._indexer = Indexer(source, embedder, build.id, build.fingerprint)
        with sync.ledger.reading() as connection:
            self._versions = flips.versions(connection, build)
            self._failing = runs.failed_ids(connection, source.name)
        self._at_start = len(self._versions)
        self._dropped = 0
        self._batch = _Batch()

    def follow(self) -> None:
        """Apply what the connector says has changed."""
        counts = self._sync.counts
        for change in checked(
            self._sync.connector.changes(self._build.cursor), self._sync.source.name, self._build.cursor
        ):
            match change:
                case Upsert(document):
                    counts.fetched += 1
                    if self._versions.get(document.id) == document.version and document.id not in self._failing:
                        self._batch.deletes.discard(document.id)
                        counts.unchanged += 1
                    else:
                        self._add(document)
                case Delete(document_id):
                    self._delete(document_id)
                case Skipped(document_id, reason):
                    counts.fetched += 1
                    counts.skip(reason)
                    self._delete(document_id)
                case Failed():
                    counts.fetched += 1
                    self._batch.given += 1
                    self._batch.failures[change.id] = (change, None)
                case Expected(documents):
                    counts.expected = documents
                    self._sync._progress(self._build.source, counts)
                case Checkpoint(cursor):
                    self._flush(cursor)
                case Complete(ids):
                    self._complete(ids)
            if len(self._batch.upserts) >= self._sync.settings.batch:
                self._flush(None)
        self._flush(None)

    def apply(self, documents: Iterable[SourceDocument]) -> None:
        """Try documents again that failed before."""
        for document in documents:
            self._sync.counts.again += 1
            self._add(document)
        self._flush(None)

    def copy_documents(self, old: Build) -> bool:
        """Index the parsed documents of another build of the same source, without asking the source.

        Returns:
            Whether all of them made it. Otherwise the cursor stays empty, so that the source is read in full: a
            document that failed is then kept as the source gave it, and tried again by every sync.
        """
        with self._sync.ledger.reading() as connection:
            wanted = flips.versions(connection, old)
        for document_id, version in wanted.items():
            if self._versions.get(document_id) != version:
                self._copy(old, document_id)
        self._flush(None)
        whole = not wanted.keys() - self._versions.keys()
        if whole:
            self._flush(old.cursor)
        return whole

    def carry_over_failed(self) -> None:
        """Documents that the old build has and that failed in this one keep their old text."""
        with self._sync.ledger.reading() as connection:
            old = builds.find(connection, self._build.source, builds.ACTIVE)
            failing = runs.failed_ids(connection, self._build.source)
        if old is not None:
            for document_id in sorted(failing - self._versions.keys()):
                self._copy(old, document_id)
            self._flush(None)

    def _copy(self, old: Build, document_id: str) -> None:
        with self._sync.ledger.reading() as connection:
            document = flips.stored(connection, old, document_id)
        if document is not None:
            self._sync.counts.again += 1
            self._batch.given += 1
            self._batch.upserts[document_id] = document
        if len(self._batch.upserts) >= self._sync.settings.batch:
            self._flush(None)

    def _add(self, document: SourceDocument) -> None:
        self._batch.given += 1
        self._batch.deletes.discard(document.id)
        self._batch.failures.pop(document.id, None)
        self._batch.upserts[document.id] = document

    def _delete(self, document_id: str) -> None:
        self._batch.upserts.pop(document_id, None)
        if document_id in self._versions:
            self._batch.deletes.add(document_id)
        with self._sync.ledger.writing() as connection:
            runs.clear_failures(connection, self._build.source, [document_id] if document_id in self._failing else [])

    def _complete(self, ids: frozenset[str]) -> None:
        self._flush(None)
        gone = self._versions.keys() - ids
        if not ids and self._versions and not self._sync.allow_mass_delete:
            raise MassDelete(
                f"Source {self._build.source!r} listed no documents, but {len(self._versions)} are on the shelf. "
                "Nothing was deleted.",
                hint=f"If the source is really empty: openshelf sync {self._build.source} --allow-mass-delete",
            )
        self._batch.deletes |= gone
        with self._sync.ledger.writing() as connection:
            runs.clear_failures(connection, self._build.source, sorted(self._failing - ids))
        self._flush(None)

    def _flush(self, cursor: Cursor | None) -> None:
        batch, self._batch = self._batch, _Batch()
        if not batch and cursor is None:
            return
        self._dropped += len(batch.deletes)
        if batch.deletes:
            self._sync._guard_share(self._dropped, max(self._at_start, len(self._versions)))
        items = self._prepared(batch)
        vectors, items = self._embedded(items, batch)
        ledger, store = self._sync.ledger, self._sync.store
        repair.healed(ledger, store, lambda: repair.write_vectors(ledger, store, self._build, items, vectors))
        self._commit(batch, items, cursor)
        self._sync._progress(self._build.source, self._sync.counts)

    def _prepared(self, batch: _Batch) -> list[Indexed]:
        items = []
        for raw in batch.upserts.values():
            try:
                origin = raw if isinstance(raw, Document) else self._indexer.parse(raw)
                items.append(self._indexer.index(origin))
            except EmbedError:
                raise  # the embedder's own trouble, which its tokenizer can have too
            except IngestError as error:  # it cannot be parsed, or its metadata cannot be kept
                batch.failures[raw.id] = _failure(raw, "parse", error)
                self._hide_if_narrowed(raw, batch)
        return items

    def _hide_if_narrowed(self, raw: SourceDocument | Document, batch: _Batch) -> None:
        """A failed document keeps its old text, but not for readers whom its new version leaves out."""
        if raw.id not in self._versions:
            return
        with self._sync.ledger.reading() as connection:
            old = flips.stored(connection, self._build, raw.id)
        if old is not None and raw.readers is not None and (old.readers is None or old.readers - raw.readers):
            batch.deletes.add(raw.id)

    def _embedded(self, items: list[Indexed], batch: _Batch) -> tuple[dict[str, Vectors], list[Indexed]]:
        ledger, embedder, counts = self._sync.ledger, self._embedder, self._sync.counts
        try:
            groups = [(items, embed(ledger, embedder, items))]
        except EmbedError:
            # Find the document that cannot be embedded; when none can, see whether the embedder itself is down.
            groups = []
            for item in items:
                try:
                    groups.append(([item], embed(ledger, embedder, [item])))
                except EmbedError as error:
                    raw = batch.upserts[item.document.id]
                    if not (isinstance(raw, Document) and raw.id in self._failing):  # that one has the source's content
                        batch.failures[raw.id] = _failure(raw, "embed", error)
                    self._hide_if_narrowed(raw, batch)
            if not groups:
                embedder.embed_documents([_HARMLESS])
        vectors: dict[str, Vectors] = {}
        kept: list[Indexed] = []
        for group, embedded in groups:
            vectors |= embedded.vectors
            kept += group
            counts.embedded += embedded.computed
            counts.cached += embedded.cached
        return vectors, kept

    def _commit(self, batch: _Batch, items: list[Indexed], cursor: Cursor | None) -> None:
        sync, source = self._sync, self._build.source
        done = {item.document.id: item.document.version for item in items}
        with sync.ledger.writing() as connection:
            stale = flips.flip(
                connection,
                self._build,
                items,
                sorted(batch.deletes),
                cursor=cursor,
                visible=self._build.state == builds.ACTIVE,
            )
            fresh = [name for name in done if not isinstance(batch.upserts[name], Document)]
            runs.clear_failures(connection, source, [name for name in fresh if name in self._failing])
            for failure, document in batch.failures.values():
                runs.record_failure(connection, source, failure, document)
        if stale:
            collection = self._build.collection
            repair.healed(sync.ledger, sync.store, lambda: sync.store.delete(collection, stale))
        self._failing = (self._failing - set(fresh)) | batch.failures.keys()
        self._versions.update(done)
        for document_id in batch.deletes:
            self._versions.pop(document_id, None)
        sync.counts.upserted += len(items)
        sync.counts.rejected += len(batch.failures)
        sync.counts.superseded += batch.given - len(items) - len(batch.failures)
        sync.counts.deleted += len(batch.deletes)
        sync.counts.chunks += sum(len(item.chunks) for item in items)


def _failure(raw: SourceDocument | Document, step: str, error: OpenshelfError) -> tuple[Failed, SourceDocument | None]:
    failure = Failed(id=raw.id, error=str(error), step=step, title=raw.title, url=raw.url)
    return failure, raw if isinstance(raw, SourceDocument) else None
