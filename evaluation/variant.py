"""A variant: the user's synced shelf under other settings, in a folder of its own, without asking any vendor.

The ledger of the shelf is copied once (``snapshot``). For each variant the copy is copied, opened with the changed
configuration, and brought up to date by the production path, with connectors that have nothing new: the parsed texts
in the ledger are chunked, embedded (cache first) and swapped in as after any change of the YAML. What was embedded
flows back into a cache that all variants share, so no text is embedded twice.

Configurations with the same ingest settings share one variant; settings of search, context and answers cost nothing.
The vectors are kept in this process (``store.mode: embedded``), never on the server of the user's own shelf.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlalchemy import select

from configs.errors import ConfigError, IngestError
from configs.loader import Loaded
from configs.schema import Source, Store
from connectors.contract import Change, Cursor, Reachability
from evaluation import snapshot
from evaluation.remembered import Memory, RememberingEmbedders
from evaluation.spending import carried_spend
from evaluation.subject import OpenSubject, Subject
from ingest import repair
from ingest.fingerprint import Fingerprint, fingerprint, index_settings
from ingest.ledger import Ledger, builds
from ingest.ledger.ledger import FILE
from ingest.ledger.tables import failures
from ingest.plan import SourcePlan, plan_source
from ingest.report import Counts, Progress
from ingest.sync import SourceSync

MADE = "variant.json"
KEPT = 12
"""Variants whose folders stay on disk; the least recently used go first. Their embeddings stay in the cache."""


class NothingNew:
    """A connector of a source that has not changed."""

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Nothing."""
        return iter(())

    def check(self) -> Reachability:
        """Always fine."""
        return Reachability(True, "nothing is read")


@dataclass(frozen=True, slots=True)
class Made:
    """An index that is ready to be searched.

    Attributes:
        embedded: texts that the run which finished it embedded; ``cached`` were known already.
        seconds: that it took.
        cost: money that the embedder took.
        fresh: whether it was made by this call.
    """

    name: str
    chunks: int
    embedded: int
    cached: int
    seconds: float
    cost: float
    fresh: bool = False


class Variants:
    """The variants of one shelf. One process at a time.

    Args:
        base: the user's configuration; its shelf is only read (money spent on embeddings is written down there).
        folder: holds the frozen ledger, the shared embeddings and a folder for each variant.
        open_subject: opens a shelf for a configuration.
    """

    def __init__(self, base: Loaded, folder: Path, open_subject: OpenSubject, *, keep: int = KEPT) -> None:
        self.folder = folder
        self.shelf = base.config.path if base.config.path.is_absolute() else base.base_dir / base.config.path
        self._open_subject = open_subject
        self._keep = keep
        self._memory = Memory()
        self._embedder_prints: dict[str, str] = {}
        self._prints: dict[str, Fingerprint] = {}
        self._cache = folder / snapshot.CACHE
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        snapshot.freeze(self.shelf, self.frozen, self._cache)
        with snapshot.opened(self.frozen) as ledger:
            self.data_hash = snapshot.data_hash(ledger)
            with ledger.reading() as connection:
                self._active = {build.source: build for build in builds.active(connection)}

    @property
    def frozen(self) -> Path:
        """Folder of the copied ledger."""
        return self.folder / "snapshot"

    def moved_on(self) -> bool:
        """Whether the shelf has other documents now than when it was copied."""
        with snapshot.opened(self.shelf) as ledger:
            return snapshot.data_hash(ledger) != self.data_hash

    def fingerprints(self, loaded: Loaded) -> dict[str, Fingerprint]:
        """What decides the index of each enabled source."""
        settings = loaded.config.embedder.model_dump_json(exclude={"api_key"})
        if settings not in self._embedder_prints:
            subject = self._open_subject(self._moved(loaded, self.frozen))
            self._embedder_prints[settings] = subject.embedders.fingerprint
            subject.close()
        embedder = self._embedder_prints[settings]
        found = {}
        for source in _enabled(loaded):
            key = json.dumps([index_settings(source), embedder], sort_keys=True)
            if key not in self._prints:
                self._prints[key] = fingerprint(source, embedder)
            found[source.name] = self._prints[key]
        return found

    def name(self, loaded: Loaded) -> str:
        """Name of the variant for a configuration; the same for all with these ingest settings."""
        prints = {source: one.whole for source, one in sorted(self.fingerprints(loaded).items())}
        return hashlib.sha256(json.dumps(prints).encode()).hexdigest()[:12]

    def check(self, loaded: Loaded) -> None:
        """Raise what keeps the variant from being made from the parsed texts.

        Raises:
            ConfigError: a source was never synced, or its parser's settings (or the parser) have changed.
        """
        for source, wanted in self.fingerprints(loaded).items():
            active = self._active.get(source)
            if active is None:
                raise ConfigError(
                    f"Source {source!r} has no documents on the shelf at {self.shelf}.",
                    hint=f"Run `openshelf sync {source}` first, or set `enabled: false` for it.",
                )
            if active.parse_fingerprint != wanted.parse:
                raise ConfigError(
                    f"Source {source!r} was parsed with other settings (or by an earlier version), so its documents "
                    "would have to be read again.",
                    hint=f"Variants are made from the parsed texts on the shelf: set the parser as you want it, "
                    f"run `openshelf sync {source}`, then tune.",
                )

    def plan(self, loaded: Loaded) -> list[SourcePlan]:
        """What making the variant would embed and cost; nothing for one that is there. Embeds nothing."""
        folder = self._folder(loaded)
        if (folder / MADE).exists():
            return []
        self._copied(folder)
        snapshot.lend(folder / FILE, self._cache)
        with self._subject(loaded, folder) as subject:
            return [
                plan_source(
                    ledger=subject.ledger,
                    embedders=subject.embedders,
                    source=source,
                    connector=NothingNew(),
                    costs=loaded.config.costs,
                )
                for source in _enabled(loaded)
            ]

    def make(self, loaded: Loaded, *, progress: Progress | None = None, money_left: float | None = None) -> Made:
        """Build the variant's index, or find it there. A build that was stopped goes on where it was.

        Args:
            progress: told after every batch; what it raises stops the build.
            money_left: a cap on what the embedder may cost.

        Raises:
            ConfigError: see ``check``.
            IngestError: a document could not be chunked or embedded; then there is nothing to compare.
        """
        self.check(loaded)
        folder = self._folder(loaded)
        marker = folder / MADE
        if marker.exists():
            marker.touch()
            return Made(**json.loads(marker.read_text(encoding="utf-8")))
        self._make_room(folder)
        self._copied(folder)
        started = time.monotonic()
        embedded = cached = 0
        with self.opened(loaded, money_left=money_left) as (subject, spent):
            for source in _enabled(loaded):
                counts = self._sync(subject, source, folder, progress)
                embedded, cached = embedded + counts.embedded, cached + counts.cached
            snapshot.drop_former_builds(subject.ledger)
            repair.sweep_collections(subject.ledger, subject.store)
            with subject.ledger.reading() as connection:
                chunks = sum(builds.chunk_count(connection, build) for build in builds.active(connection))
            cost = spent()
        made = Made(folder.name, chunks, embedded, cached, time.monotonic() - started, cost)
        marker.write_text(json.dumps(asdict(made)), encoding="utf-8")
        return replace(made, fresh=True)

    @contextmanager
    def opened(
        self, loaded: Loaded, *, money_left: float | None = None
    ) -> Iterator[tuple[Subject, Callable[[], float]]]:
        """The variant's shelf for a configuration, and what it has cost since it was opened. Make it first."""
        folder = self._folder(loaded)
        with carried_spend(folder / FILE, self.shelf / FILE, loaded.config, money_left) as (costs, spent):
            capped = replace(loaded, config=loaded.config.model_copy(update={"costs": costs}))
            with self._subject(capped, folder) as subject:
                yield subject, spent

    def _sync(self, subject: Subject, source: Source, folder: Path, progress: Progress | None) -> Counts:
        # Each rebuild ends with a clean-up of the ledger's own cache, so it is filled again for each source.
        snapshot.lend(folder / FILE, self._cache)
        sync = SourceSync(
            ledger=subject.ledger,
            store=subject.store,
            embedders=subject.embedders,
            source=source,
            connector=NothingNew(),
            settings=subject.config.sync,
            progress=progress,
        )
        try:
            report = sync.run()
        finally:
            snapshot.collect(folder / FILE, self._cache)
        if report.error is not None:
            raise report.error
        if report.outcome != "clean":
            raise IngestError(
                f"Source {source.name!r}: {report.counts.failed} documents cannot be indexed with these settings.",
                hint=_first_failure(subject.ledger, source.name),
            )
        return report.counts

    def _folder(self, loaded: Loaded) -> Path:
        return self.folder / "variants" / self.name(loaded)

    def _copied(self, folder: Path) -> None:
        if (folder / FILE).exists():
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = folder / f"{FILE}.new"
        new.unlink(missing_ok=True)
        snapshot.copy(self.frozen / FILE, new)
        new.replace(folder / FILE)

    def _make_room(self, wanted: Path) -> None:
        # Made ones only: a build that was stopped has work in it that nobody wants to do twice.
        made = sorted(wanted.parent.glob(f"*/{MADE}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for marker in made[self._keep - 1 :]:
            with suppress(FileNotFoundError):
                marker.unlink()
            shutil.rmtree(marker.parent, ignore_errors=True)

    @contextmanager
    def _subject(self, loaded: Loaded, folder: Path) -> Iterator[Subject]:
        subject = self._open_subject(self._moved(loaded, folder))
        subject.embedders = RememberingEmbedders(subject.embedders, self._memory)
        try:
            yield subject
        finally:
            subject.close()

    def _moved(self, loaded: Loaded, folder: Path) -> Loaded:
        """The configuration over a variant's folder, with a vector store of its own."""
        changed = {"path": folder.absolute(), "store": Store(mode="embedded")}
        return replace(loaded, config=loaded.config.model_copy(update=changed))


def _enabled(loaded: Loaded) -> list[Source]:
    return [source for source in loaded.config.sources.values() if source.enabled]


def _first_failure(ledger: Ledger, source: str) -> str | None:
    with ledger.reading() as connection:
        failed = connection.execute(select(failures).where(failures.c.source == source).limit(1)).first()
    return None if failed is None else f"{failed.document_id}: {failed.error}"
