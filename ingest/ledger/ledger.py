"""Open the ledger: one SQLite file in WAL mode, one schema version, one generation number."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.exc import DatabaseError

from configs.errors import LedgerError
from ingest.ledger import tables

FILE = "ledger.sqlite"
_BUSY_SECONDS = 60


class Ledger:
    """The truth about what is on the shelf. Safe from many threads and beside other processes.

    Readers take a snapshot (``reading``), so they never see half a batch; writers take turns (``writing``).
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder

    @classmethod
    def open(cls, folder: Path, *, create: bool = True) -> Ledger:
        """Open the ledger in ``folder``.

        Raises:
            LedgerError: it is not there (and ``create`` is false), damaged, or written by a newer version.
        """
        path = folder / FILE
        if not path.exists():
            if not create:
                raise LedgerError(f"There is no shelf at {folder}.", hint="Run `openshelf sync` first.")
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_connection)
        event.listen(engine, "begin", _begin)
        ledger = cls(engine, folder)
        try:
            ledger._ensure_schema()
        except DatabaseError as error:
            engine.dispose()
            raise LedgerError(
                f"The ledger {path} cannot be read: {error.orig}.",
                hint="Restore it from a backup, or move it away and run `openshelf sync`.",
            ) from error
        return ledger

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot: everything read inside belongs to one generation."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One atomic change; waits for other writers."""
        with self.engine.connect().execution_options(immediate=True) as connection, connection.begin():
            yield connection

    def generation(self) -> int:
        """Grows with every flip that search can see."""
        with self.reading() as connection:
            return generation(connection)

    @property
    def shelf_id(self) -> str:
        """A random name of this shelf: marks its collections on a shared vector store."""
        with self.reading() as connection:
            return _get(connection, "shelf") or ""

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _ensure_schema(self) -> None:
        with self.reading() as connection:
            known = connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'meta'")).first()
            version = int(_get(connection, "schema") or 0) if known else 0
        if version > tables.SCHEMA_VERSION:
            raise LedgerError(
                f"The shelf at {self.folder} was written by a newer Openshelf (schema {version}).",
                hint="Upgrade with: pip install -U openshelf",
            )
        if version == tables.SCHEMA_VERSION:
            return
        with self.writing() as connection:
            tables.metadata.create_all(connection)
            if _get(connection, "schema") is None:
                connection.execute(
                    tables.meta.insert(),
                    [
                        {"key": "schema", "value": str(tables.SCHEMA_VERSION)},
                        {"key": "generation", "value": "0"},
                        {"key": "chunks", "value": "1"},
                        {"key": "shelf", "value": secrets.token_hex(4)},
                    ],
                )
            else:
                from ingest.ledger.upgrade import upgrade

                upgrade(connection, int(_get(connection, "schema") or 0))


def generation(connection: Connection) -> int:
    """The generation number as this connection's snapshot sees it."""
    return int(_get(connection, "generation") or 0)


def reserve_chunks(connection: Connection, count: int) -> int:
    """The first of ``count`` numbers for new chunks (``chunks.rowid``): ascending, never given twice."""
    statement = "UPDATE meta SET value = CAST(value AS INTEGER) + :count WHERE key = 'chunks' RETURNING value"
    return int(connection.execute(text(statement), {"count": count}).scalar_one()) - count


def next_generation(connection: Connection) -> None:
    """Tell readers, as part of the running transaction, that what search sees has changed."""
    connection.execute(text("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'"))


def _get(connection: Connection, key: str) -> str | None:
    return connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == key)).scalar()


def _prepare_connection(dbapi_connection: Any, _record: object) -> None:
    # SQLAlchemy begins transactions itself (below): the driver's own implicit BEGIN would come too late.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -32000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a read snapshot later fails with SQLITE_BUSY.
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
