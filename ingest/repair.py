"""Make the vector store equal to the ledger again: orphans swept, missing vectors written, no embedder called."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, select

from configs.errors import StoreBroken
from ingest.embed.contract import Vectors
from ingest.ledger import Ledger, builds, embeddings
from ingest.ledger.builds import Build
from ingest.ledger.flips import Indexed
from ingest.ledger.tables import chunks, documents
from ingest.metadata import Flat, store_metadata, vector_metadata
from ingest.stores.contract import VectorStore

T = TypeVar("T")
_PAGE = 500
_ITSELF = 0.99  # cosine of a stored vector to itself, rounding apart
log = logging.getLogger("openshelf.repair")


def reconcile(ledger: Ledger, store: VectorStore, build: Build, *, thorough: bool) -> int:
    """Compare one build with its collection and mend it; the number of vectors written or removed.

    Args:
        thorough: compare every id. Otherwise only when the counts differ (a cheap look).

    Raises:
        StoreBroken: the store cannot read its data, or does not find what is in it.
    """
    store.create(build.collection, build.dimensions)
    with ledger.reading() as connection:
        expected = builds.chunk_count(connection, build)
    if not thorough and store.count(build.collection) == expected:
        _probe(ledger, store, build)
        return 0
    present = set(store.ids(build.collection))
    with ledger.reading() as connection:
        wanted = set(connection.execute(select(chunks.c.id).where(chunks.c.build == build.id)).scalars())
    orphans, missing = present - wanted, wanted - present
    if orphans:
        store.delete(build.collection, sorted(orphans))
    if missing:
        _write(ledger, store, build, only=missing)
    if orphans or missing:
        log.info("%s: removed %d unreferenced vectors, wrote %d again", build.source, len(orphans), len(missing))
    return len(orphans) + len(missing)


def rebuild_store(ledger: Ledger, store: VectorStore) -> int:
    """Write the whole store again from the ledger; the number of vectors written."""
    with ledger.reading() as connection:
        every = builds.every(connection)
    store.wipe([build.collection for build in every])
    written = 0
    for build in every:
        store.create(build.collection, build.dimensions)
        written += _write(ledger, store, build, only=None)
    log.warning("The vector store was damaged and has been rebuilt from the ledger (%d vectors).", written)
    return written


def heal(ledger: Ledger, store: VectorStore) -> int:
    """Mend a store that reported ``StoreBroken``: reconcile every build, or rebuild it all where that is not enough."""
    try:
        with ledger.reading() as connection:
            every = builds.every(connection)
        mended = sum(reconcile(ledger, store, build, thorough=True) for build in every)
        for build in every:
            _probe(ledger, store, build)
    except StoreBroken:
        return rebuild_store(ledger, store)
    return mended


def _probe(ledger: Ledger, store: VectorStore, build: Build) -> None:
    """Search once: the list of ids may be whole while the vectors behind it are not.

    Raises:
        StoreBroken: a stored vector does not find itself.
    """
    with ledger.reading() as connection:
        page = next(embeddings.of_build(connection, build.id), None)
    if page is None:
        return
    best = store.query(build.collection, page[2][0], 1)
    if not best or best[0].score < _ITSELF:
        raise StoreBroken(f"Collection {build.collection} does not find what is in it.")


def healed(ledger: Ledger, store: VectorStore, action: Callable[[], T]) -> T:
    """Run ``action``; where the store turns out to be broken, mend it and run the action once more."""
    try:
        return action()
    except StoreBroken:
        heal(ledger, store)
        return action()


def write_vectors(
    ledger: Ledger, store: VectorStore, build: Build, items: Sequence[Indexed], vectors: Mapping[str, Vectors]
) -> None:
    """Write the vectors of the chunks that the ledger does not have yet (a known id never changes)."""
    ids = [chunk_id for item in items for chunk_id in item.ids]
    with ledger.reading() as connection:
        known = {
            found
            for start in range(0, len(ids), _PAGE)
            for found in connection.execute(
                select(chunks.c.id).where(chunks.c.id.in_(ids[start : start + _PAGE]))
            ).scalars()
        }
    rows = [
        (chunk_id, vectors[key], item.document)
        for item in items
        for chunk_id, key in zip(item.ids, item.keys, strict=True)
        if chunk_id not in known
    ]
    if rows:
        beside = {document.id: vector_metadata(document) for _, _, document in rows}
        store.upsert(
            build.collection,
            [chunk_id for chunk_id, _, _ in rows],
            np.stack([vector for _, vector, _ in rows]),
            [beside[document.id] for _, _, document in rows],
        )


def sweep_collections(ledger: Ledger, store: VectorStore) -> None:
    """Drop this shelf's collections that no build refers to."""
    # Collections first: a build's row is always committed before its collection is made.
    present = [name for name in store.collections() if name.startswith(f"os-{ledger.shelf_id}-")]
    with ledger.reading() as connection:
        wanted = {build.collection for build in builds.every(connection)}
    for name in present:
        if name not in wanted:
            store.drop(name)


def _write(ledger: Ledger, store: VectorStore, build: Build, *, only: set[str] | None) -> int:
    written = 0
    with ledger.reading() as connection:
        for ids, rowids, vectors in embeddings.of_build(connection, build.id):
            keep = [i for i, chunk_id in enumerate(ids) if only is None or chunk_id in only]
            if not keep:
                continue
            flat = _flat(connection, build, set(rowids))
            store.upsert(build.collection, [ids[i] for i in keep], vectors[keep], [flat[rowids[i]] for i in keep])
            written += len(keep)
    return written


def _flat(connection: Connection, build: Build, rowids: set[int]) -> dict[int, Flat]:
    rows = connection.execute(
        select(
            documents.c.rowid,
            documents.c.metadata.label("flat"),
            documents.c.readers,
            documents.c.document_id,
            documents.c.language,
        ).where(documents.c.rowid.in_(rowids))
    )
    return {
        row.rowid: store_metadata(
            row.flat, row.readers, source=build.source, document_id=row.document_id, language=row.language
        )
        for row in rows
    }
