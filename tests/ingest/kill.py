"""SIGKILL a sync at a chosen boundary, run it again, and compare the shelf with one built from nothing.

    python -m tests.ingest.kill --kills 200 --seed 1

Every round edits the source (adds, edits, deletes; every few rounds the chunk size, so that a rebuild is killed
too), kills a sync in a child process before or after one of its writes, syncs again and compares documents,
chunks, keyword postings, failures and vectors with a clean shelf. The first difference ends the run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configs.schema import Embedder as EmbedderSettings
from configs.schema import HeadingChunker, Source, Store
from configs.schema import Sync as SyncSettings
from ingest.embedders import Embedders
from ingest.ledger import Ledger
from ingest.report import Report
from ingest.stores import open_store
from ingest.sync import SourceSync
from tests.ingest.corpus import CorpusConnector, article, document
from tests.ingest.snapshot import snapshot_of

Patch = Callable[[Any, Any], None]
REPOSITORY = Path(__file__).resolve().parents[2]


def sync_state(
    folder: Path, state: dict[str, Any], cache: Path, *, patch: Callable[[Any, Any], None] | None = None
) -> Report:
    """Sync the source that ``state`` describes into the shelf at ``folder``."""
    ledger = Ledger.open(folder)
    store = open_store(Store(), folder)
    try:
        if patch:
            patch(ledger, store)
        documents = {name: document(name, article(*numbers)) for name, numbers in state["documents"].items()}
        for name in state["broken"]:
            documents[name] = document(name, "x", title=name)
            object.__setattr__(documents[name], "media_type", "application/x-unheard-of")
        return SourceSync(
            ledger=ledger,
            store=store,
            embedders=Embedders(EmbedderSettings(), cache),
            source=Source(name="corpus", type="corpus", chunker=HeadingChunker(size=state["size"])),
            # Longer pages than batches, too: what is held until the cursor must not be lost by halves.
            connector=CorpusConnector(documents, page=9 if len(documents) % 2 else 3),
            settings=SyncSettings(batch=4, max_delete_share=1.0),
        ).run()
    finally:
        store.close()
        ledger.close()


def killer(kill_at: int, counter: Path) -> Callable[[Any, Any], None]:
    """Wrap every write of ledger and store: the ``kill_at``-th boundary ends the process."""
    passed = 0

    def boundary() -> None:
        nonlocal passed
        if passed == kill_at:
            counter.write_text(str(passed))
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1
        counter.write_text(str(passed))

    def patch(ledger: Any, store: Any) -> None:
        writing = ledger.writing

        @contextmanager
        def counted_writing() -> Iterator[Any]:
            boundary()
            with writing() as connection:
                yield connection
                boundary()  # written, not committed
            boundary()

        ledger.writing = counted_writing
        for name in ("create", "upsert", "delete", "drop"):
            setattr(store, name, _counted(getattr(store, name), boundary))

    return patch


def _counted(method: Callable[..., Any], boundary: Callable[[], None]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        boundary()
        result = method(*args, **options)
        boundary()
        return result

    return call


def mutate(state: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The source after some edits."""
    documents = dict(state["documents"])
    for _ in range(rng.randint(1, 5)):
        action = rng.choice(("add", "edit", "edit", "delete"))
        if action == "add" or len(documents) < 4:
            number = rng.randrange(10_000)
            documents[f"doc-{number}"] = [number, 0]
        elif action == "edit":
            name = rng.choice(sorted(documents))
            documents[name] = [documents[name][0], documents[name][1] + 1]
        else:
            del documents[rng.choice(sorted(documents))]
    size = rng.choice((40, 80, 160)) if rng.random() < 0.25 else state["size"]
    broken = ["broken.bin"] if rng.random() < 0.2 else []
    return {"documents": documents, "size": size, "broken": broken}


def child(folder: Path, state_file: Path, cache: Path, kill_at: int, counter: Path) -> int:
    """One sync in this process, killed at its ``kill_at``-th boundary (-1: never)."""
    report = sync_state(folder, json.loads(state_file.read_text()), cache, patch=killer(kill_at, counter))
    return 0 if report.outcome in ("clean", "failures") else 1


def run_kills(kills: int, seed: int, cache: Path, work: Path, say: Callable[[str], None] = lambda _line: None) -> int:
    """Rounds of edit, kill, sync, compare until ``kills`` processes were killed; how many there were.

    Raises:
        AssertionError: a shelf differs from a clean one.
    """
    rng = random.Random(seed)
    state: dict[str, Any] = {"documents": {f"doc-{n}": [n, 0] for n in range(8)}, "size": 80, "broken": []}
    folder, state_file, counter = work / "shelf", work / "state.json", work / "passed"
    done, boundaries, round_number = 0, 60, 0
    while done < kills:
        round_number += 1
        state = mutate(state, rng)
        state_file.write_text(json.dumps(state))
        for _ in range(rng.choice((1, 1, 2))):
            kill_at = rng.randrange(boundaries)
            code = _spawn(folder, state_file, cache, kill_at, counter)
            assert code in (0, -signal.SIGKILL), f"the sync ended with {code} (seed {seed}, round {round_number})"
            done += code == -signal.SIGKILL
            boundaries = max(10, int(counter.read_text())) if code == 0 else boundaries
        assert _spawn(folder, state_file, cache, -1, counter) == 0
        boundaries = max(10, int(counter.read_text()))
        compare(folder, state, cache, work / f"clean-{round_number}", f"seed {seed}, round {round_number}")
        say(f"round {round_number}: {done} of {kills} kills, shelf equals a clean run's")
    return done


def compare(folder: Path, state: dict[str, Any], cache: Path, clean: Path, where: str) -> None:
    """Assert that the shelf equals one built from nothing."""
    sync_state(clean, state, cache)
    found, wanted = snapshot_of(folder), snapshot_of(clean)
    for part, value in wanted.items():
        assert found[part] == value, f"{part} differ from a clean run's ({where})"


def _spawn(folder: Path, state_file: Path, cache: Path, kill_at: int, counter: Path) -> int:
    command = [sys.executable, "-m", "tests.ingest.kill", "--child", str(folder), str(state_file), str(cache)]
    return subprocess.run([*command, str(kill_at), str(counter)], cwd=REPOSITORY, check=False).returncode


def main() -> int:
    """The command line above."""
    if sys.argv[1:2] == ["--child"]:
        folder, state_file, cache, kill_at, counter = sys.argv[2:]
        return child(Path(folder), Path(state_file), Path(cache), int(kill_at), Path(counter))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from openshelf.shelf import cache_dir

    started = time.monotonic()
    os.environ.setdefault("OPENSHELF_STORE_IDLE", "3")
    with tempfile.TemporaryDirectory() as work:
        done = run_kills(options.kills, options.seed, cache_dir(), Path(work), print)
    print(f"{done} kills, no difference, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
