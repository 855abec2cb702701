"""Durable indexing: a thread that brings the index up to date with the attachments.

What is to be done are rows (attachments in progress, removals), and how far it is done is the cursor that the ledger
commits with each flip. So a server that was killed goes on where it was, and of two servers on one shelf the one that
holds a source's lock does its work.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, select, update

from configs.errors import OpenshelfError, SyncBusy
from configs.schema import Prefix, Source, TokenChunker
from ingest.fingerprint import fingerprint
from ingest.forget import forget
from ingest.ledger import builds
from ingest.sync import SourceSync
from openshelf.metering import paid_for
from openshelf.server.attached import AttachedFiles
from openshelf.server.attaching import AUTO, COMPLETED, FAILED, IN_PROGRESS
from openshelf.server.blobs import Blobs
from openshelf.server.settling import followed, settle
from openshelf.server.tables import attachments, removals
from openshelf.shelf import Shelf

log = logging.getLogger("openshelf.server.indexing")

_LOOK = 1.0  # seconds until the tables are looked at again without being woken: another server may have written them
_BUSY = 0.5
_TRIES = 5
_LONGEST_WAIT = 60.0
_LIVES = 3


@dataclass(slots=True)
class _Trouble:
    times: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Tally:
    """What the thread did since it started.

    Attributes:
        embedded: texts for which a vector was computed.
    """

    completed: int = 0
    failed: int = 0
    embedded: int = 0
    last_error: str | None = None
    troubles: dict[str, _Trouble] = field(default_factory=dict)


class Indexing:
    """The indexing thread of one server.

    Args:
        chores: called now and then, and at the start; for what expires.
    """

    def __init__(self, shelf: Shelf, blobs: Blobs, chores: Callable[[], None], *, chores_every: float = 30.0) -> None:
        self.tally = Tally()
        self._shelf = shelf
        self._blobs = blobs
        self._chores = chores
        self._chores_every = chores_every
        self._read: set[int] = set()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._settled = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name="openshelf-indexing", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """End it after the files that it is at; what is left goes on at the next start."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def wait(self, source: str, revision: int, timeout: float) -> bool:
        """Wait until the index has followed ``revision``; whether it has."""
        self.wake()
        deadline = time.monotonic() + timeout
        with self._settled:
            while not self._followed(source, revision):
                left = deadline - time.monotonic()
                if left <= 0 or self._stop.is_set():
                    return False
                self._settled.wait(min(left, _BUSY))
        return True

    def _followed(self, source: str, revision: int) -> bool:
        with self._shelf.ledger.reading() as connection:
            return followed(connection, source) >= revision

    def _loop(self) -> None:
        next_chores = 0.0
        while not self._stop.is_set():
            self._wake.clear()
            try:
                if time.monotonic() >= next_chores:
                    self._chores()
                    next_chores = time.monotonic() + self._chores_every
                    outdated = self._outdated()
                else:
                    outdated = set()
                worked = [self._work(source) for source in sorted(self._waiting() | outdated)]
            except Exception as error:  # the thread outlives what it does not expect
                log.exception("Indexing stumbled and goes on.")
                self.tally.last_error = str(error)
                worked = []
                self._stop.wait(_LOOK)
            if not any(worked):
                self._wake.wait(_LOOK)

    def _waiting(self) -> set[str]:
        with self._shelf.ledger.reading() as connection:
            added = select(attachments.c.source).where(attachments.c.status == IN_PROGRESS).distinct()
            removed = select(removals.c.source).distinct()
            return {*connection.execute(added).scalars(), *connection.execute(removed).scalars()}

    def _outdated(self) -> set[str]:
        """Sources that a changed embedder or parser, or a lost index, makes anew."""
        with self._shelf.ledger.reading() as connection:
            rows = connection.execute(
                select(attachments.c.source, attachments.c.size, attachments.c.overlap)
                .where(attachments.c.status == COMPLETED)
                .distinct()
            ).all()
            active = {row.source: builds.find(connection, row.source, builds.ACTIVE) for row in rows}
        embedder = self._shelf.embedders.fingerprint if rows else ""
        return {
            name
            for name, size, overlap in rows
            if (build := active[name]) is None
            or build.fingerprint != fingerprint(self._source(name, size, overlap), embedder).whole
        }

    def _work(self, source: str) -> bool:
        trouble = self.tally.troubles.get(source)
        if self._stop.is_set() or (trouble is not None and time.monotonic() < trouble.not_before):
            return False
        try:
            if self._dropped(source):
                forget(self._shelf.ledger, self._shelf.store, source)
                self._forgotten(source)
            self._index(source)
        except SyncBusy:
            self._postpone(source, _BUSY)
            return False
        except Exception as error:
            if not isinstance(error, OpenshelfError):
                log.exception("%s: indexing stopped.", source)
            self._stumbled(source, str(error))
            return False
        return True

    def _dropped(self, source: str) -> bool:
        with self._shelf.ledger.reading() as connection:
            rows = select(removals.c.revision).where(removals.c.source == source, removals.c.file_id.is_(None))
            return connection.execute(rows).first() is not None

    def _forgotten(self, source: str) -> None:
        with self._shelf.ledger.writing() as connection:
            whole = select(removals.c.revision).where(removals.c.source == source, removals.c.file_id.is_(None))
            last = max(connection.execute(whole).scalars(), default=0)
            connection.execute(delete(removals).where(removals.c.source == source, removals.c.revision <= last))
        with self._settled:
            self._settled.notify_all()

    def _index(self, source: str) -> None:
        with self._shelf.ledger.reading() as connection:
            row = connection.execute(
                select(attachments.c.size, attachments.c.overlap).where(attachments.c.source == source)
            ).first()
            removed = connection.execute(select(removals.c.revision).where(removals.c.source == source)).first()
        if row is None and removed is None:
            return
        size, overlap = tuple(row) if row is not None else _sizes(source)
        made = self._source(source, size, overlap)
        connector = AttachedFiles(
            self._shelf.ledger,
            source,
            self._blobs.path,
            max_bytes=made.parser.max_bytes,
            stopping=self._stop.is_set,
            trying=self._trying,
        )
        with paid_for(source):
            report = SourceSync(
                ledger=self._shelf.ledger,
                store=self._shelf.store,
                embedders=self._shelf.embedders,
                source=made,
                connector=connector,
                settings=self._shelf.config.sync,
                allow_mass_delete=True,
                progress=lambda _source, _counts: self._settle(source),
            ).run()
        self.tally.embedded += report.counts.embedded
        self._settle(source)
        if report.error is not None:
            raise report.error
        self.tally.troubles.pop(source, None)

    def _source(self, name: str, size: int, overlap: int) -> Source:
        """How a store's files are indexed: as File Search does, windows of tokens of the bare text."""
        return Source(
            name=name,
            type="files",
            parser=self._shelf.config.defaults.parser,
            chunker=TokenChunker(size=size, overlap=overlap),
            prefix=Prefix(title=False, headings=False),
        )

    def _trying(self, attachment: Row[Any]) -> bool:
        """Note that a file is read now, so that one that ends the process does not do so at every start."""
        if attachment.revision in self._read or attachment.status != IN_PROGRESS:
            return True
        self._read.add(attachment.revision)
        with self._shelf.ledger.writing() as connection:
            tries = connection.execute(
                update(attachments)
                .where(attachments.c.number == attachment.number)
                .values(tries=attachments.c.tries + 1)
                .returning(attachments.c.tries)
            ).scalar()
        return (tries or 0) <= _LIVES

    def _settle(self, source: str) -> None:
        with self._shelf.ledger.writing() as connection:
            done = settle(connection, source)
        self._read -= done.revisions
        self.tally.completed += done.completed
        self.tally.failed += done.failed
        with self._settled:
            self._settled.notify_all()

    def _postpone(self, source: str, delay: float) -> _Trouble:
        trouble = self.tally.troubles.setdefault(source, _Trouble())
        trouble.not_before = time.monotonic() + delay
        return trouble

    def _stumbled(self, source: str, message: str) -> None:
        trouble = self._postpone(source, 0.0)
        trouble.times += 1
        trouble.not_before = time.monotonic() + min(2.0**trouble.times / 2, _LONGEST_WAIT)
        self.tally.last_error = message
        log.error("%s: indexing failed (%d of %d tries): %s", source, trouble.times, _TRIES, message)
        if trouble.times >= _TRIES:
            del self.tally.troubles[source]
            with self._shelf.ledger.writing() as connection:
                connection.execute(
                    update(attachments)
                    .where(attachments.c.source == source, attachments.c.status == IN_PROGRESS)
                    .values(status=FAILED, error_code="server_error", error=message)
                )


def _sizes(source: str) -> tuple[int, int]:
    _, _, sizes = source.partition(".")
    size, dash, overlap = sizes.partition("-")
    return (int(size), int(overlap)) if dash else AUTO
