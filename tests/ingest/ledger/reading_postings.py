"""The keyword index read back, as it was given."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, select

from ingest.ledger.postings import POSTING
from ingest.ledger.tables import chunks, postings, segments

Counts = dict[str, tuple[int, int]]


def living(connection: Connection) -> dict[int, Counts]:
    """How often each term is in prefix and body, by ``chunks.rowid`` of the chunks that the ledger has.

    Sees to it that a chunk is in one segment of its own build at most, inside that segment's bounds, and that
    nothing is counted as gone that is there.
    """
    builds = dict(connection.execute(select(chunks.c.rowid, chunks.c.build)).all())
    found: dict[int, Counts] = {}
    segment_of: dict[int, int] = {}
    gone: dict[int, set[int]] = {}
    rows = connection.execute(
        select(segments, postings.c.term, postings.c.data).join(postings, postings.c.segment == segments.c.id)
    ).all()
    for row in rows:
        entries = np.frombuffer(row.data, POSTING)
        assert (np.diff(entries["chunk"].astype(np.int64)) > 0).all()
        for number, _length, prefix, body in entries.tolist():
            assert row.first <= number <= row.last
            if number not in builds:
                gone.setdefault(row.id, set()).add(number)
                continue
            assert builds[number] == row.build
            assert segment_of.setdefault(number, row.id) == row.id
            found.setdefault(number, {})[row.term] = (prefix, body)
    for row in connection.execute(select(segments)):
        assert len(gone.get(row.id, ())) <= row.gone  # a chunk without terms can be gone too
    for number, counts in found.items():
        lengths = {int(length) for length in _lengths(connection, segment_of[number], number)}
        assert lengths == {sum(prefix + body for prefix, body in counts.values())}
    return found


def _lengths(connection: Connection, segment: int, number: int) -> set[int]:
    data = connection.scalars(select(postings.c.data).where(postings.c.segment == segment)).all()
    entries = np.frombuffer(b"".join(data), POSTING)
    return set(entries["length"][entries["chunk"] == number].tolist())
