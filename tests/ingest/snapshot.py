"""Everything a shelf holds, in a form that two shelves can be compared by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from configs.schema import Store
from ingest.ledger import Ledger, builds, embeddings
from ingest.ledger.tables import bodies, chunks, documents, failures
from ingest.stores import open_store
from ingest.stores.contract import VectorStore
from tests.ingest.ledger.reading_postings import living


def snapshot(ledger: Ledger, store: VectorStore) -> dict[str, Any]:
    """Documents, chunks, keyword postings, failures and vectors of the active builds."""
    with ledger.reading() as connection:
        active = {build.id: build for build in builds.active(connection)}
        rows = connection.execute(
            select(documents, bodies.c.text, bodies.c.elements).join(bodies, bodies.c.hash == documents.c.body)
        ).all()
        found_documents = {
            (active[row.build].source, row.document_id): (
                row.version,
                row.title,
                row.url,
                row.language,
                row.metadata,
                row.readers,
                row.text,
                row.elements,
            )
            for row in rows
            if row.build in active
        }
        chunk_rows = connection.execute(
            select(chunks, documents.c.document_id).join(documents, documents.c.rowid == chunks.c.document)
        ).all()
        names = {row.rowid: (row.document_id, row.ordinal) for row in chunk_rows if row.build in active}
        found_chunks = {
            (active[row.build].source, row.document_id, row.ordinal): (row.text, row.prefix, row.start, row.end)
            for row in chunk_rows
            if row.build in active
        }
        # A build kept for swapping back keeps its postings.
        postings = {names[number]: counts for number, counts in living(connection).items() if number in names}
        failed = {(row.source, row.document_id, row.step) for row in connection.execute(select(failures))}
        by_id = {row.id: (row.document_id, row.ordinal) for row in chunk_rows if row.build in active}
    vectors: dict[str, list[Any]] = {}
    for build in active.values():
        ids = sorted(store.ids(build.collection))
        vectors[build.source] = sorted(by_id.get(chunk_id, ("orphan", chunk_id)) for chunk_id in ids)
        with ledger.reading() as connection:
            for page, _, matrix in embeddings.of_build(connection, build.id):
                for chunk_id, vector in zip(page, matrix, strict=True):
                    # The stored vector is its own nearest neighbour; equal texts may tie.
                    best = store.query(build.collection, vector, 1)
                    assert best[0].score > 0.999, (chunk_id, best)
    return {
        "documents": found_documents,
        "chunks": found_chunks,
        "postings": postings,
        "failures": failed,
        "vectors": vectors,
    }


def snapshot_of(folder: Path) -> dict[str, Any]:
    """``snapshot`` of the shelf in ``folder``, opened for it and closed again."""
    ledger, store = Ledger.open(folder), open_store(Store(), folder)
    try:
        return snapshot(ledger, store)
    finally:
        store.close()
        ledger.close()
