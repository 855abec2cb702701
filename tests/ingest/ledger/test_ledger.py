"""Opening, snapshots and taking turns; what is damaged, newer or not there is one sentence."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from configs.errors import LedgerError
from ingest.ledger import Ledger, embeddings, flips
from ingest.ledger.ledger import FILE
from tests.ingest.ledger.shelving import indexed, new_build


def test_a_shelf_that_is_not_there_is_made_or_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=f"no shelf at {tmp_path}"):
        Ledger.open(tmp_path, create=False)
    assert not (tmp_path / FILE).exists()
    ledger = Ledger.open(tmp_path / "deep" / "shelf")
    assert ledger.generation() == 0
    assert (tmp_path / "deep" / "shelf").stat().st_mode & 0o077 == 0  # holds what readers may not all see
    ledger.close()


def test_a_shelf_keeps_its_name_and_generation(tmp_path: Path) -> None:
    first = Ledger.open(tmp_path)
    with first.writing() as connection:
        build = new_build(connection)
        flips.flip(connection, build, [indexed(build, "a")], [], cursor=None, visible=True)
    name, generation = first.shelf_id, first.generation()
    first.close()
    again = Ledger.open(tmp_path, create=False)
    assert (again.shelf_id, again.generation()) == (name, generation)
    again.close()
    other = Ledger.open(tmp_path / "other")
    assert other.shelf_id != name
    other.close()


@pytest.mark.parametrize("content", [b"not a database" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(LedgerError, match=r"cannot be read: .*Restore it from a backup"):
        Ledger.open(tmp_path)


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    Ledger.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as raw:
        raw.execute("UPDATE meta SET value = '999' WHERE key = 'schema'")
    raw.close()
    with pytest.raises(LedgerError, match=r"newer Openshelf \(schema 999\).*pip install -U openshelf"):
        Ledger.open(tmp_path)


def test_a_reader_keeps_its_snapshot_while_a_writer_commits(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build = new_build(connection)
    with ledger.reading() as before:
        assert flips.versions(before, build) == {}
        with ledger.writing() as connection:
            flips.flip(connection, build, [indexed(build, "a")], [], cursor=None, visible=True)
        assert flips.versions(before, build) == {}
    with ledger.reading() as after:
        assert set(flips.versions(after, build)) == {"a"}


def test_writers_take_turns_and_lose_nothing(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build = new_build(connection)
    failed: list[Exception] = []

    def write(number: int) -> None:
        try:
            for step in range(5):
                with ledger.writing() as connection:
                    item = indexed(build, f"{number}-{step}")
                    flips.flip(connection, build, [item], [], cursor=None, visible=True)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with ledger.reading() as connection:
        assert len(flips.versions(connection, build)) == 30
    assert ledger.generation() == 30


def test_many_processes_may_make_the_same_shelf_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from ingest.ledger import Ledger;"
    command = [sys.executable, "-c", f"{code} print(Ledger.open(Path(sys.argv[1])).shelf_id)", str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    names = [process.communicate()[0].strip() for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert len(set(names)) == 1
    assert names[0]


def test_what_raises_inside_is_taken_back(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
        new_build(connection)
        raise ZeroDivisionError
    with ledger.writing() as connection:
        assert new_build(connection).id == 1


def test_cached_vectors_come_back_bit_for_bit(ledger: Ledger) -> None:
    rng = np.random.default_rng(1)
    vectors = {embeddings.key("print", str(n)): rng.normal(size=4).astype(np.float32) for n in range(1200)}
    with ledger.writing() as connection:
        embeddings.save(connection, {})
        embeddings.save(connection, vectors)
        embeddings.save(connection, dict.fromkeys(vectors, np.zeros(4, np.float32)))  # the first one stays
        found = embeddings.lookup(connection, [*vectors, "unknown"])
    assert found.keys() == vectors.keys()
    assert all(np.array_equal(found[key], vectors[key]) for key in vectors)
    assert embeddings.key("print", "a") != embeddings.key("other", "a")
    assert embeddings.key("print", "\ud800")


def test_a_build_can_be_written_to_a_store_again_from_pages(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build, other = new_build(connection), new_build(connection, "other")
        made = [indexed(build, f"d{n}", [f"text {n}", "shared"]) for n in range(300)]
        flips.flip(connection, build, made, [], cursor=None, visible=True)
        flips.flip(connection, other, [indexed(other, "x", ["shared"])], [], cursor=None, visible=True)
        keys = {key: float(n) for n, key in enumerate(dict.fromkeys(k for item in made for k in item.keys))}
        embeddings.save(connection, {key: np.array([n, 1], np.float32) for key, n in keys.items()})
        pages = list(embeddings.of_build(connection, build.id))
    assert len(pages) == 2
    ids = [name for page in pages for name in page[0]]
    assert ids == [name for item in made for name in item.ids]
    matrix = np.concatenate([page[2] for page in pages])
    assert np.array_equal(matrix[:, 0], [keys[key] for item in made for key in item.keys])
