"""A frozen copy of a shelf's ledger to build variants from, and the embeddings that all of them share.

The copy has what was indexed (parsed texts, chunks, keywords) and nothing that is not needed to measure: no
conversations, no runs, no failed documents, no earlier builds. It is another shelf, with an id of its own, so that
nothing it does can reach the vectors of the shelf that it came from.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import select

from configs.errors import LedgerError
from ingest.ledger import Ledger, builds
from ingest.ledger.ledger import FILE
from ingest.ledger.tables import builds as build_rows
from ingest.ledger.tables import documents

CACHE = "embeddings.sqlite"
_NOT_NEEDED = ("conversations", "turns", "runs", "failures")
_BUSY_SECONDS = 60.0


def freeze(shelf: Path, folder: Path, cache: Path) -> None:
    """Copy the ledger of the shelf in ``shelf`` to ``folder`` and its embeddings to ``cache``.

    Reads one snapshot, beside any writer; the shelf is not changed. A copy that is there already is kept.

    Raises:
        LedgerError: there is no shelf, or it cannot be read.
    """
    target = folder / FILE
    if target.exists():
        return
    if not (shelf / FILE).exists():
        raise LedgerError(f"There is no shelf at {shelf}.", hint="Run `openshelf sync` first.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = folder / f"{FILE}.new"
    new.unlink(missing_ok=True)
    copy(shelf / FILE, new)
    collect(new, cache)
    with _opened(new) as connection, connection:
        old = connection.execute("SELECT value FROM meta WHERE key = 'shelf'").fetchone()[0]
        own = secrets.token_hex(4)
        for name in _NOT_NEEDED:
            connection.execute(f"DELETE FROM {name}")
        connection.execute("UPDATE sources SET rejected = NULL")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'shelf'", (own,))
        connection.execute(
            "UPDATE builds SET collection = ? || substr(collection, ?) WHERE substr(collection, 1, ?) = ?",
            (f"os-{own}-", len(old) + 5, len(old) + 4, f"os-{old}-"),
        )
    new.replace(target)
    with opened(folder) as ledger:
        drop_former_builds(ledger)


def copy(ledger: Path, target: Path) -> None:
    """A compact copy of a ledger's file, of one moment, even while it is written to.

    Raises:
        LedgerError: it cannot be read.
    """
    try:
        with _opened(ledger) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise LedgerError(f"The ledger {ledger} cannot be copied: {error}.", hint="Is the disk full?") from error
    target.chmod(0o600)


@contextmanager
def opened(folder: Path) -> Iterator[Ledger]:
    """The ledger in ``folder``, closed in the end."""
    ledger = Ledger.open(folder, create=False)
    try:
        yield ledger
    finally:
        ledger.close()


def drop_former_builds(ledger: Ledger) -> None:
    """Keep the active builds alone: postings of others would move the scores of BM25."""
    with ledger.writing() as connection:
        for build in builds.every(connection):
            if build.state != builds.ACTIVE:
                builds.drop(connection, build)
        builds.collect_garbage(connection)


def data_hash(ledger: Ledger) -> str:
    """Hash of what is indexed: each active document with its version and its parsed text."""
    with ledger.reading() as connection:
        rows = connection.execute(
            select(build_rows.c.source, documents.c.document_id, documents.c.version, documents.c.body)
            .join(documents, documents.c.build == build_rows.c.id)
            .where(build_rows.c.state == builds.ACTIVE)
            .order_by(build_rows.c.source, documents.c.document_id)
        ).all()
    return hashlib.sha256(json.dumps([list(row) for row in rows]).encode()).hexdigest()


def lend(ledger: Path, cache: Path) -> None:
    """Give a ledger all embeddings of the cache, so that none of them is computed again."""
    _pour("cache", "main", ledger, cache)


def collect(ledger: Path, cache: Path) -> None:
    """Take a ledger's embeddings into the cache."""
    _pour("main", "cache", ledger, cache)


def _pour(origin: str, target: str, ledger: Path, cache: Path) -> None:
    with _opened(ledger) as connection:
        connection.execute("ATTACH ? AS cache", (str(cache),))
        connection.execute("CREATE TABLE IF NOT EXISTS cache.embeddings (key TEXT PRIMARY KEY, vector BLOB NOT NULL)")
        with connection:
            connection.execute(
                f"INSERT OR IGNORE INTO {target}.embeddings (key, vector) SELECT key, vector FROM {origin}.embeddings"
            )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
        yield connection
