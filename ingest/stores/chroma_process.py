"""The process behind a shelf's own Chroma server: ``python chroma_process.py FOLDER IDLE_SECONDS``.

Run as a file, so that nothing is imported but what it needs: it answers after a tenth of a second. Chroma's server
runs in the main thread; a second thread announces its address and ends the process when nobody has used the shelf
for a while, or when the data was taken away under it.

Who uses the shelf is told by a lock: each client holds ``users.lock`` shared, and the operating system lets go of
it when the client dies.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import portalocker

DATA, ADDRESS = "chroma", "chroma.json"
OWNER_LOCK, USERS_LOCK = "locks/chroma.lock", "locks/chroma-users.lock"
OWNED_BY_ANOTHER = 3
"""Exit code: another process has the folder."""

_POLL = 0.25
_FLAGS = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING


def main(folder: Path, idle: float) -> int:
    """Serve the Chroma data of the shelf in ``folder`` until it is idle for ``idle`` seconds."""
    import chromadb_rust_bindings

    (folder / "locks").mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = (folder / OWNER_LOCK).open("a+", encoding="utf-8")
    try:
        portalocker.lock(owner, _FLAGS)
    except portalocker.LockException:
        return OWNED_BY_ANOTHER
    owner.seek(0)
    owner.truncate()
    json.dump({"pid": os.getpid(), "kind": "server"}, owner)
    owner.flush()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    threading.Thread(target=_watch, args=(folder, port, idle), daemon=True).start()
    chromadb_rust_bindings.cli(
        ["chroma", "run", "--path", str(folder / DATA), "--host", "127.0.0.1", "--port", str(port)]
    )
    return 0


def _watch(folder: Path, port: int, idle: float) -> None:
    address = folder / ADDRESS
    while not _answers(port):
        time.sleep(0.01)
    new = address.with_suffix(".new")
    new.write_text(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid()}), encoding="utf-8")
    new.replace(address)
    data = folder / DATA / "chroma.sqlite3"
    inode = data.stat().st_ino
    used = time.monotonic()
    with (folder / USERS_LOCK).open("a+", encoding="utf-8") as users:
        while True:
            time.sleep(_POLL)
            try:
                taken = data.stat().st_ino != inode
            except OSError:
                taken = True
            if taken:
                break  # what is written to deleted files is lost: the next client starts a new server
            try:
                portalocker.lock(users, _FLAGS)
            except portalocker.LockException:
                used = time.monotonic()
                continue
            if time.monotonic() - used > idle:
                break  # with the lock held, so that no client comes while the server goes
            portalocker.unlock(users)
        address.unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        os._exit(1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/api/v2/heartbeat")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
