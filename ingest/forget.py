"""Remove a source from the shelf: for one that the configuration no longer has."""

from __future__ import annotations

from sqlalchemy import delete

from ingest import repair
from ingest.ledger import Ledger, builds
from ingest.ledger.tables import failures, sources
from ingest.locks import source_lock
from ingest.stores.contract import VectorStore


def forget(ledger: Ledger, store: VectorStore, source: str) -> None:
    """Remove a source's builds, failures and vectors. Its runs and what it cost stay on record.

    Raises:
        SyncBusy: it is being synced.
    """
    with source_lock(ledger.folder, source):
        with ledger.writing() as connection:
            for build in builds.every(connection):
                if build.source == source:
                    builds.drop(connection, build)
            connection.execute(delete(failures).where(failures.c.source == source))
            connection.execute(delete(sources).where(sources.c.name == source))
            builds.collect_garbage(connection)
        repair.sweep_collections(ledger, store)
