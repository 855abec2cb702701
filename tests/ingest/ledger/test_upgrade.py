"""A ledger that an earlier version wrote opens, with everything in it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select, text

from ingest.ledger import Ledger, flips, keywords
from ingest.ledger.tables import chunks
from tests.ingest.ledger.reading_postings import living
from tests.ingest.ledger.shelving import indexed, new_build


def test_the_keyword_index_of_the_first_schema_is_written_anew(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    with ledger.writing() as connection:
        build, other = new_build(connection), new_build(connection, "other")
        made = [indexed(build, f"d{n}", [f"tent number{n}", "pole"], prefix="Guide") for n in range(70)]
        flips.flip(connection, build, made, [], cursor=None, visible=True)
        flips.flip(connection, other, [indexed(other, "o", ["tentes"], language="fr")], [], cursor=None, visible=True)
        before = living(connection)
        # As schema 1 had it: an FTS5 table, and no counter of chunks.
        for statement in (
            "DROP TABLE postings",
            "DROP TABLE segments",
            "CREATE VIRTUAL TABLE keywords USING fts5(prefix, body)",
            "DELETE FROM meta WHERE key = 'chunks'",
            "UPDATE meta SET value = '1' WHERE key = 'schema'",
        ):
            connection.execute(text(statement))
    ledger.close()
    ledger = Ledger.open(tmp_path)
    with ledger.writing() as connection:
        assert living(connection) == before
        assert not list(connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'keywords'")))
        hits = keywords.search(connection, "tent number7", 1, builds=[build.id], languages=["en"])
        assert connection.scalar(select(chunks.c.text).where(chunks.c.rowid == hits[0][0])) == "tent number7"
        flips.flip(connection, build, [indexed(build, "new", ["fresh"])], [], cursor=None, visible=True)
        assert len(living(connection)) == len(before) + 1
    ledger.close()
    Ledger.open(tmp_path).close()
