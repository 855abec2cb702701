"""Sync one source: apply a connector's changes to the ledger, the keyword index and the vector store.

For each batch: parse, chunk, embed (cache first). With the cursor that belongs to it: write the new vectors, flip the
ledger in one transaction, delete the stale vectors. A kill at any boundary leaves at worst unreferenced vectors, which
search cannot see and the next sync sweeps; running again converges to what one clean run gives.

What the ledger holds is never ahead of its cursor: a connector says nothing of a document that a killed run brought
and that is gone since, or that its cursor knows as it is now. Where more is to come before the next cursor than can
be held, the cursor is forgotten with the first part that goes in without it; a run killed then reads the whole source.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

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
from ingest.batch import Batch
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
        self._batch = Batch()
        self._placed = build.cursor is not None
        """Whether the ledger has a cursor, which what it holds must not be ahead of."""

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
                        self._batch.forget(document.id)
                        counts.unchanged += 1
                    else:
                        self._batch.add(document)
                case Delete(document_id):
                    self._delete(document_id)
                case Skipped(document_id, reason):
                    counts.fetched += 1
                    counts.skip(reason)
                    self._delete(document_id)
                case Failed():
                    counts.fetched += 1
                    self._batch.given += 1
                    self._batch.fail(change, None)
                case Expected(documents):
                    counts.expected = documents
                    self._sync._progress(self._build.source, counts)
                case Checkpoint(cursor):
                    self._flush(cursor)
                case Complete(ids):
                    self._complete(ids)
            if len(self._batch.upserts) >= self._sync.settings.batch:
                self._stage()
                self._sync._progress(self._build.source, counts)
                if self._batch.full or not self._placed:
                    self._flush(None, ahead=True)
        self._flush(None, ahead=True)

    def apply(self, documents: Iterable[SourceDocument]) -> None:
        """Try documents again that failed before."""
        for document in documents:
            self._sync.counts.again += 1
            self._batch.add(document)
            if len(self._batch.upserts) >= self._sync.settings.batch:
                self._flush(None)
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
            self._batch.add(document)
        if len(self._batch.upserts) >= self._sync.settings.batch:
            self._flush(None)

    def _delete(self, document_id: str) -> None:
        self._batch.forget(document_id)
        if document_id in self._versions:
            self._batch.deletes.add(document_id)
        if document_id in self._failing:
            self._batch.cleared.add(document_id)

    def _complete(self, ids: frozenset[str]) -> None:
        self._stage()
        batch = self._batch
        gone = (self._versions.keys() | batch.items.keys()) - batch.deletes - batch.hidden - ids
        if not ids and gone and not self._sync.allow_mass_delete:
            self._flush(None, ahead=True)
            raise MassDelete(
                f"Source {self._build.source!r} listed no documents, but {len(gone)} are on the shelf. "
                "Nothing was deleted.",
                hint=f"If the source is really empty: openshelf sync {self._build.source} --allow-mass-delete",
            )
        for document_id in gone | ((self._failing | batch.failures.keys()) - ids):
            self._delete(document_id)

    def _stage(self) -> dict[str, Vectors]:
        """Parse and embed what was given since the last time; their vectors."""
        batch = self._batch
        vectors, items = self._embedded(self._prepared(batch), batch)
        for item in items:
            batch.ready(item, copied=isinstance(batch.upserts[item.document.id], Document))
        batch.upserts = {}
        return vectors

    def _flush(self, cursor: Cursor | None, *, ahead: bool = False) -> None:
        """Bring everything into the ledger.

        Args:
            cursor: what belongs to it.
            ahead: there is no cursor yet that belongs to it, so that an older one is true no more.
        """
        if not self._batch and cursor is None:
            return
        try:
            if deletes := len(self._batch.deletes):
                shelf = max(self._at_start, len(self._versions.keys() | self._batch.items.keys()))
                self._sync._guard_share(self._dropped + deletes, shelf)
        except MassDelete:
            self._batch.deletes = set()
            self._flush(None, ahead=True)
            raise
        vectors = self._stage()
        batch, self._batch = self._batch, Batch()
        self._dropped += len(batch.deletes)
        size = self._sync.settings.batch
        items = list(batch.items.values())
        for start in range(0, len(items), size):
            self._write(items[start : start + size], vectors)
        self._commit(batch, items, cursor, ahead=ahead and self._placed and bool(items or batch.failures))
        self._sync._progress(self._build.source, self._sync.counts)

    def _write(self, items: list[Indexed], vectors: Mapping[str, Vectors]) -> None:
        ledger, store = self._sync.ledger, self._sync.store
        if any(key not in vectors for item in items for key in item.keys):
            vectors = embed(ledger, self._embedder, items).vectors  # from the cache: they were staged before
        repair.healed(ledger, store, lambda: repair.write_vectors(ledger, store, self._build, items, vectors))

    def _prepared(self, batch: Batch) -> list[Indexed]:
        items = []
        for raw in batch.upserts.values():
            try:
                origin = raw if isinstance(raw, Document) else self._indexer.parse(raw)
                items.append(self._indexer.index(origin))
            except EmbedError:
                raise  # the embedder's own trouble, which its tokenizer can have too
            except IngestError as error:  # it cannot be parsed, or its metadata cannot be kept
                batch.fail(*_failure(raw, "parse", error))
                self._hide_if_narrowed(raw, batch)
        return items

    def _hide_if_narrowed(self, raw: SourceDocument | Document, batch: Batch) -> None:
        """A failed document keeps its old text, but not for readers whom its new version leaves out."""
        if raw.id not in self._versions:
            return
        with self._sync.ledger.reading() as connection:
            old = flips.stored(connection, self._build, raw.id)
        if old is not None and raw.readers is not None and (old.readers is None or old.readers - raw.readers):
            batch.hidden.add(raw.id)

    def _embedded(self, items: list[Indexed], batch: Batch) -> tuple[dict[str, Vectors], list[Indexed]]:
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
                        batch.fail(*_failure(raw, "embed", error))
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

    def _commit(self, batch: Batch, items: list[Indexed], cursor: Cursor | None, *, ahead: bool) -> None:
        sync, source = self._sync, self._build.source
        done = {item.document.id: item.document.version for item in items}
        leaving = batch.deletes | batch.hidden
        settled = batch.cleared | (done.keys() - batch.copied)
        with sync.ledger.writing() as connection:
            stale = flips.flip(
                connection,
                self._build,
                items,
                sorted(leaving),
                cursor=cursor,
                visible=self._build.state == builds.ACTIVE,
            )
            if ahead:
                builds.forget_cursor(connection, self._build)
            runs.clear_failures(connection, source, sorted(settled & self._failing))
            for failure, document in batch.failures.values():
                runs.record_failure(connection, source, failure, document)
        if stale:
            collection = self._build.collection
            repair.healed(sync.ledger, sync.store, lambda: sync.store.delete(collection, stale))
        self._placed = cursor is not None or (self._placed and not ahead)
        self._failing = (self._failing - settled) | batch.failures.keys()
        self._versions.update(done)
        for document_id in leaving:
            self._versions.pop(document_id, None)
        sync.counts.upserted += len(items)
        sync.counts.rejected += len(batch.failures)
        sync.counts.superseded += batch.given - len(items) - len(batch.failures)
        sync.counts.deleted += len(leaving)
        sync.counts.chunks += sum(len(item.chunks) for item in items)


def _failure(raw: SourceDocument | Document, step: str, error: OpenshelfError) -> tuple[Failed, SourceDocument | None]:
    failure = Failed(id=raw.id, error=str(error), step=step, title=raw.title, url=raw.url)
    return failure, raw if isinstance(raw, SourceDocument) else None
