"""One sync at a time for each source, and a dead holder's lock is free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from configs.errors import SyncBusy
from ingest.locks import source_lock

HOLD = """
import sys, time
from pathlib import Path
from ingest.locks import source_lock
with source_lock(Path(sys.argv[1]), "kb"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_holders_lock_is_taken_over(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, cwd=root, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SyncBusy, match=str(holder.pid)), source_lock(tmp_path, "kb"):
            pass
        with source_lock(tmp_path, "another source"):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with source_lock(tmp_path, "kb"):
        pass


def test_names_that_look_alike_as_files_do_not_share_a_lock(tmp_path: Path) -> None:
    with source_lock(tmp_path, "a/b"), source_lock(tmp_path, "a b"):
        pass
