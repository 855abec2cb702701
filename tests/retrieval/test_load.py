"""Hits of chunks that are shown otherwise than they were found: pieces of a parent, rows under a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from ingest.ledger.tables import bodies, documents
from openshelf import Shelf

STORY = "\n\n".join(
    f"## Part {n}\n\nThe {animal} sleeps in the barn. It eats {food} in the morning. Nobody wakes it before noon."
    for n, (animal, food) in enumerate([("cow", "hay"), ("dog", "meat"), ("cat", "fish"), ("horse", "oats")])
)


@pytest.fixture(scope="module")
def barn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder: Path = tmp_path_factory.mktemp("barn")
    for name in ("stories", "pages"):
        (folder / name).mkdir()
    (folder / "stories" / "barn.md").write_text(STORY)
    table = "\n".join(f"<tr><td>Lamp model {n}</td><td>{n * 7} euros</td></tr>" for n in range(40))
    (folder / "pages" / "lamps.html").write_text(
        f"<h1>Lamps</h1><table><tr><th>name</th><th>price</th></tr>{table}</table>"
    )
    config = {
        "path": str(folder / "shelf"),
        "store": {"mode": "embedded"},
        "sources": {
            "stories": {
                "type": "files",
                "path": str(folder / "stories"),
                "chunker": {"type": "parent-child", "size": 16, "parent_size": 64},
            },
            "pages": {
                "type": "files",
                "path": str(folder / "pages"),
                "chunker": {"type": "heading", "size": 64},
            },
        },
    }
    with Shelf.open(config) as shelf:
        assert {report.outcome for report in shelf.sync()} == {"clean"}
        yield shelf


def body(shelf: Shelf, document_id: str) -> str:
    statement = select(bodies.c.text).join(documents, documents.c.body == bodies.c.hash)
    with shelf.ledger.reading() as connection:
        return str(connection.execute(statement.where(documents.c.document_id == document_id)).scalar_one())


def test_a_small_piece_is_found_and_its_parent_is_shown_once(barn: Shelf) -> None:
    hits = barn.search("Who eats oats in the morning?", filters={"source": "stories"}, top_k=50)
    assert "horse sleeps in the barn" in hits[0].text
    assert "eats oats" in hits[0].text
    spans = [(hit.start, hit.end) for hit in hits]
    assert len(spans) == len(set(spans))
    for hit in hits:
        assert hit.text == body(barn, "barn.md")[hit.start : hit.end]
        assert hit.why.chunker == "parent-child"


def test_rows_are_shown_under_the_header_of_their_table(barn: Shelf) -> None:
    hits = [hit for hit in barn.search("Lamp model 39", top_k=50) if hit.document_id == "lamps.html"]
    assert any(hit.header for hit in hits)
    for hit in hits:
        assert hit.text == (f"{hit.header}\n" if hit.header else "") + body(barn, "lamps.html")[hit.start : hit.end]
        assert not hit.header or {"name", "price"} <= set(hit.header.replace("|", " ").split())


def test_sources_are_searched_together_and_one_by_one(barn: Shelf) -> None:
    assert {hit.source for hit in barn.search("lamp in the barn", top_k=50)} == {"stories", "pages"}
    for name in ("stories", "pages"):
        assert {hit.source for hit in barn.search("lamp in the barn", filters={"source": name})} == {name}


def test_a_reranker_reads_what_was_indexed(barn: Shelf) -> None:
    from ingest.ledger.tables import chunks
    from retrieval.load import passages

    with barn.ledger.reading() as connection:
        rows = connection.execute(select(chunks.c.rowid, chunks.c.text, chunks.c.prefix, chunks.c.header)).all()
        texts = passages(connection, [row.rowid for row in rows])
    for row in rows:
        assert texts[row.rowid] == "\n".join(part for part in (row.prefix, row.header, row.text) if part)
    assert any(row.header for row in rows)
