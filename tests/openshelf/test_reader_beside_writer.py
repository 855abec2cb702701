"""A reader in one process beside a sync in another: no error, no stale generation, no half-updated document."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from ingest.ledger.tables import builds, documents
from openshelf import Shelf

DOCUMENTS = 5000
ROOT = Path(__file__).resolve().parents[2]
SYNC = """
import sys
from openshelf import Shelf
with Shelf.open(sys.argv[1]) as shelf:
    outcome = shelf.sync()[0].outcome
sys.exit(outcome != "clean")
"""
CONFIG = """
path: shelf
defaults:
  chunker: {type: heading, size: 64}
  prefix: {title: false, headings: false}
sources:
  kb: {type: files, path: kb}
sync: {batch: 100, max_delete_share: 1.0}
"""


def write(folder: Path, revision: int) -> None:
    """5,000 articles of two chunks each; both name the article and the revision."""
    folder.mkdir(exist_ok=True)
    for number in range(DOCUMENTS):
        name = f"a{number}x"
        (folder / f"{name}.md").write_text(
            f"# One\n\n{name} revision{revision}x\n\n# Two\n\n{name} revision{revision}x\n"
        )


def sync(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SYNC, str(config)], cwd=ROOT)


@pytest.mark.timeout(900)
def test_a_reader_beside_a_writer_sees_whole_documents_of_the_latest_generation(tmp_path: Path) -> None:
    config = tmp_path / "openshelf.yaml"
    config.write_text(CONFIG)
    write(tmp_path / "kb", 0)
    with sync(config) as first:
        assert first.wait() == 0
    write(tmp_path / "kb", 1)
    rng, queries, seen = random.Random(7), 0, set()
    with Shelf.open(config) as reader, sync(config) as writer:
        while writer.poll() is None or queries < 20:
            name = f"a{rng.randrange(DOCUMENTS)}x"
            flipped = _updated(reader, f"{name}.md")
            hits = [hit for hit in reader.search(name, top_k=10) if hit.document_id == f"{name}.md"]
            revisions = set(re.findall(r"revision(\d)x", " ".join(hit.text for hit in hits)))
            assert len(hits) == 2, (name, [hit.text for hit in hits])
            assert len(revisions) == 1, f"half an update of {name}: {revisions}"
            if flipped:
                assert revisions == {"1"}, f"{name} was stale after its flip"
            seen |= revisions
            queries += 1
        assert writer.returncode == 0
        assert seen == {"0", "1"}
        assert queries > 50
        assert not any("revision0x" in hit.text for hit in reader.search("revision0x", top_k=100))


def _updated(shelf: Shelf, document_id: str) -> bool:
    with shelf.ledger.reading() as connection:
        text = connection.execute(
            select(documents.c.updated, builds.c.created)
            .join(builds, builds.c.id == documents.c.build)
            .where(documents.c.document_id == document_id)
        ).one()
        first_run_ended = connection.exec_driver_sql("SELECT finished FROM runs ORDER BY id LIMIT 1").scalar_one()
    return bool(text.updated > first_run_ended)
