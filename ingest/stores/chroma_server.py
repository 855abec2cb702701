"""Where the Chroma server is: one that the user runs, or the shelf's own, started when it is needed.

A Chroma folder must have exactly one owning process. The shelf's server is that process; every program that opens
the shelf shares it, and it stops by itself when the last of them is gone for ``OPENSHELF_STORE_IDLE`` seconds (60).
It listens on loopback and knows vectors, ids and filterable metadata, no texts.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

import httpx
import portalocker

from configs.errors import StoreBroken, StoreError
from ingest.stores import chroma_process
from ingest.stores.chroma_process import ADDRESS, DATA, OWNED_BY_ANOTHER, OWNER_LOCK, USERS_LOCK

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_EXCLUSIVE_NOW = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING


class Server(Protocol):
    """How a client finds its server."""

    @property
    def own(self) -> bool:
        """Whether the server and its data belong to this shelf alone."""
        ...

    def url(self, failed: str | None = None) -> str:
        """Its address, started where that is the shelf's task; ``failed`` is one that just did not answer."""
        ...

    def wipe(self) -> None:
        """Stop it and remove its data, where they belong to this shelf alone."""
        ...

    def close(self) -> None:
        """This client needs it no longer."""
        ...


class FixedServer:
    """A server that somebody else runs."""

    own = False

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def url(self, failed: str | None = None) -> str:
        """The configured address."""
        return self._url

    def wipe(self) -> None:
        """Nothing: its data is not ours."""

    def close(self) -> None:
        """Nothing."""


class SharedServer:
    """The server of the shelf in ``folder``. Safe from many threads and processes."""

    own = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._lock = threading.Lock()
        self._users: IO[str] | None = None
        self._url: str | None = None

    def url(self, failed: str | None = None) -> str:
        """Its address; starts it where it does not run.

        Raises:
            StoreBroken: it does not start on its data.
            StoreError: another process has the folder open as ``embedded``.
        """
        with self._lock:
            if self._url is not None and self._url != failed:
                return self._url
            self._use()
            self._url = self._found(failed) or self._started(failed)
            return self._url

    def wipe(self) -> None:
        """Stop the server, whoever started it, and remove its data."""
        with self._lock, self._starting():
            self._url = None
            with self._owning() as _:
                shutil.rmtree(self._folder / DATA, ignore_errors=True)
                (self._folder / ADDRESS).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it: it stops by itself when everybody has."""
        with self._lock:
            self._url = None
            if self._users is not None:
                self._users.close()  # releases the lock
                self._users = None

    def _use(self) -> None:
        if self._users is None:
            (self._folder / "locks").mkdir(parents=True, exist_ok=True, mode=0o700)
            users = (self._folder / USERS_LOCK).open("a+", encoding="utf-8")
            # Waits only for a server that is just stopping.
            portalocker.lock(users, portalocker.LockFlags.SHARED)
            self._users = users

    def _found(self, failed: str | None) -> str | None:
        address = self._address()
        if address is None or address["url"] == failed:
            return None
        url = str(address["url"])
        return url if _answers(url) else None

    def _address(self) -> dict[str, object] | None:
        try:
            address = json.loads((self._folder / ADDRESS).read_text(encoding="utf-8"))
            return address if isinstance(address, dict) and {"url", "pid"} <= address.keys() else None
        except (OSError, ValueError):
            return None

    def _starting(self) -> portalocker.Lock:
        (self._folder / "locks").mkdir(parents=True, exist_ok=True, mode=0o700)
        return portalocker.Lock(self._folder / "locks/chroma-start.lock", "a", timeout=_START_SECONDS)

    def _started(self, failed: str | None) -> str:
        deadline = time.monotonic() + _START_SECONDS
        with self._starting():
            while True:
                # Another process may have been faster, or the old server is just going.
                found = self._found(failed)
                if found is not None:
                    return found
                code, log = self._start()
                if code is None:
                    continue
                if code != OWNED_BY_ANOTHER:
                    raise StoreBroken(
                        f"The Chroma server does not start on {self._folder / DATA} (exit code {code}): {log}",
                        hint="Run `openshelf doctor --repair`: the ledger can write the vectors again.",
                    )
                self._explain_owner()
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"The Chroma server of {self._folder} does not answer and does not end.",
                        hint=f"See {self._folder / 'chroma.log'}, or end the process in {self._folder / OWNER_LOCK}.",
                    )
                failed = None
                time.sleep(0.05)

    def _start(self) -> tuple[int | None, str]:
        """Start the process and wait; its exit code and last words where it ended, ``None`` where it answers."""
        idle = os.environ.get("OPENSHELF_STORE_IDLE", "60")
        log = self._folder / "chroma.log"
        command = [sys.executable, "-P", chroma_process.__file__, str(self._folder), idle]
        with log.open("wb") as output:
            # A session of its own: Ctrl-C in a terminal is for the program, not for the shared server.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, close_fds=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None:
            address = self._address()
            if address is not None and address["pid"] == process.pid:
                threading.Thread(target=process.wait, daemon=True).start()  # reaped when it ends
                return None, ""
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                break
            time.sleep(0.01)
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return process.returncode, " ".join(lines[-1:])[:300] or "no output"

    def _explain_owner(self) -> None:
        with suppress(OSError, ValueError):
            owner = json.loads((self._folder / OWNER_LOCK).read_text(encoding="utf-8"))
            if owner.get("kind") == "embedded":
                raise StoreError(
                    f"Process {owner['pid']} has the vectors of {self._folder} open as `store.mode: embedded`.",
                    hint="Stop it, or use `mode: auto` there, which shares.",
                )

    def _owning(self) -> IO[str]:
        """The owner's lock, after ending the server that holds it."""
        address = self._address()
        handle = (self._folder / OWNER_LOCK).open("a+", encoding="utf-8")
        deadline = time.monotonic() + _STOP_SECONDS
        sent = signal.SIGTERM
        while True:
            try:
                portalocker.lock(handle, _EXCLUSIVE_NOW)
                return handle
            except portalocker.LockException:
                self._explain_owner()
                if address is not None:
                    with suppress(ProcessLookupError):
                        # It holds this folder's lock, so the number is still that server's.
                        os.kill(int(str(address["pid"])), sent)
                if time.monotonic() > deadline:
                    sent = getattr(signal, "SIGKILL", signal.SIGTERM)
                if time.monotonic() > 2 * _STOP_SECONDS + deadline:
                    handle.close()
                    raise StoreError(f"The Chroma server of {self._folder} cannot be stopped.") from None
                time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/heartbeat", timeout=5.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
