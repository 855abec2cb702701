"""The embedding cache: a text that was embedded once by a model is never embedded by it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from ingest.embed.contract import Vectors
from ingest.ledger.tables import chunks, embeddings

_PAGE = 500


def key(fingerprint: str, text: str) -> str:
    """Cache key of ``text`` for the embedder with that fingerprint."""
    return hashlib.sha256(f"{fingerprint}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:40]


def lookup(connection: Connection, keys: Sequence[str]) -> dict[str, Vectors]:
    """The cached vectors among ``keys``, each of shape (dimensions,)."""
    found: dict[str, Vectors] = {}
    for start in range(0, len(keys), _PAGE):
        rows = connection.execute(select(embeddings).where(embeddings.c.key.in_(keys[start : start + _PAGE])))
        found.update({row.key: np.frombuffer(row.vector, dtype="<f4") for row in rows})
    return found


def save(connection: Connection, vectors: Mapping[str, Vectors]) -> None:
    """Keep vectors. They are committed before the flip, so that a kill never pays for them twice."""
    if vectors:
        connection.execute(
            insert(embeddings).on_conflict_do_nothing(),
            [{"key": name, "vector": vector.astype("<f4").tobytes()} for name, vector in vectors.items()],
        )


def of_build(connection: Connection, build: int) -> Iterator[tuple[list[str], list[int], Vectors]]:
    """Pages of (chunk ids, document rowids, vectors of shape (n, dimensions)) of a build, for writing a store again."""
    last = 0
    while True:
        rows = connection.execute(
            select(chunks.c.rowid, chunks.c.id, chunks.c.document, embeddings.c.vector)
            .join(embeddings, embeddings.c.key == chunks.c.embedding)
            .where(chunks.c.build == build, chunks.c.rowid > last)
            .order_by(chunks.c.rowid)
            .limit(_PAGE)
        ).all()
        if not rows:
            return
        last = rows[-1].rowid
        matrix = np.stack([np.frombuffer(row.vector, dtype="<f4") for row in rows])
        yield [row.id for row in rows], [row.document for row in rows], matrix
