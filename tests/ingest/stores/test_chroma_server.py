"""One process owns a Chroma folder: the shelf's server is started, shared, replaced and stopped by itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import portalocker
import pytest

from configs.errors import StoreBroken, StoreError
from configs.schema import Store
from ingest.stores import open_store
from ingest.stores.chroma_http import ChromaHttp
from ingest.stores.chroma_process import ADDRESS, DATA, OWNER_LOCK
from ingest.stores.chroma_server import FixedServer

VECTOR = np.eye(4, dtype=np.float32)


def filled(folder: Path) -> ChromaHttp:
    store = open_store(Store(), folder)
    assert isinstance(store, ChromaHttp)
    store.create("os-a-1", 4)
    store.upsert("os-a-1", ["w", "x", "y", "z"], VECTOR, [{}, {}, {}, {}])
    return store


def server(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / ADDRESS).read_text()))


def owner_is_gone(folder: Path, seconds: float = 30.0) -> bool:
    """Wait for the server's own lock: the operating system lets go of it when the process has ended."""
    deadline = time.monotonic() + seconds
    with (folder / OWNER_LOCK).open("a+") as handle:
        while time.monotonic() < deadline:
            try:
                portalocker.lock(handle, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
                return True
            except portalocker.LockException:
                time.sleep(0.05)
    return False


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSHELF_STORE_IDLE", "0.2")


def test_two_clients_share_one_server_and_see_each_others_writes(tmp_path: Path) -> None:
    one = filled(tmp_path)
    other = open_store(Store(), tmp_path)
    pid = server(tmp_path)["pid"]
    assert other.query("os-a-1", VECTOR[2], 1)[0].id == "y"
    other.delete("os-a-1", ["y"])
    assert sorted(one.ids("os-a-1")) == ["w", "x", "z"]
    assert server(tmp_path)["pid"] == pid
    one.close()
    other.close()


def test_the_server_listens_on_loopback_only(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert str(server(tmp_path)["url"]).startswith("http://127.0.0.1:")
    port = int(str(server(tmp_path)["url"]).rsplit(":", 1)[1])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {fields[1].split(":")[0] for fields in listening if int(fields[1].split(":")[1], 16) == port}
    assert addresses == {"0100007F"}
    store.close()


def test_it_stops_when_nobody_has_used_it_for_a_while(tmp_path: Path, quick: None) -> None:
    store = filled(tmp_path)
    store.close()
    assert owner_is_gone(tmp_path)
    assert not (tmp_path / ADDRESS).exists()


def test_it_stays_while_somebody_uses_it_even_if_idle(tmp_path: Path, quick: None) -> None:
    store = filled(tmp_path)
    pid = server(tmp_path)["pid"]
    time.sleep(1.0)  # five times as long as it waits
    assert store.count("os-a-1") == 4
    assert server(tmp_path)["pid"] == pid
    store.close()


def test_a_killed_server_is_started_again_without_an_error(tmp_path: Path) -> None:
    store = filled(tmp_path)
    os.kill(int(str(server(tmp_path)["pid"])), signal.SIGKILL)
    assert owner_is_gone(tmp_path)
    assert store.query("os-a-1", VECTOR[1], 1)[0].id == "x"
    store.close()


def test_a_client_that_was_killed_does_not_keep_the_server(tmp_path: Path, quick: None) -> None:
    code = (
        "import sys, time; from pathlib import Path; from configs.schema import Store; from ingest.stores import "
        "open_store; s = open_store(Store(), Path(sys.argv[1])); s.create('os-a-1', 4); print('up', flush=True); "
        "time.sleep(60)"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "up\n"
        client.kill()
    assert owner_is_gone(tmp_path)


def test_a_folder_that_is_deleted_under_a_running_server_is_noticed(tmp_path: Path) -> None:
    store = filled(tmp_path)
    shutil.rmtree(tmp_path / DATA)
    assert owner_is_gone(tmp_path)
    with pytest.raises(StoreBroken):
        store.count("os-a-1")
    store.create("os-a-1", 4)
    assert store.count("os-a-1") == 0
    store.close()


def test_a_damaged_database_is_broken_and_can_be_wiped(tmp_path: Path, quick: None) -> None:
    filled(tmp_path).close()
    assert owner_is_gone(tmp_path)
    (tmp_path / DATA / "chroma.sqlite3").write_bytes(b"this is no database" * 500)
    store = open_store(Store(), tmp_path)
    with pytest.raises(StoreBroken, match="does not start"):
        store.count("os-a-1")
    store.wipe()
    store.create("os-a-1", 4)
    assert store.count("os-a-1") == 0
    store.close()


def test_an_embedded_store_and_the_server_refuse_each_other_by_name(tmp_path: Path) -> None:
    embedded = open_store(Store(mode="embedded"), tmp_path)
    with pytest.raises(StoreError, match=f"process {os.getpid()} .embedded."):
        open_store(Store(mode="embedded"), tmp_path)
    shared = open_store(Store(), tmp_path)
    with pytest.raises(StoreError, match=f"Process {os.getpid()} has the vectors .* embedded"):
        shared.collections()
    embedded.close()
    assert shared.collections() == []
    with pytest.raises(StoreError, match="server"):
        open_store(Store(mode="embedded"), tmp_path)
    shared.close()


def test_a_server_of_ones_own_is_used_with_its_token_and_only_our_collections_are_wiped(tmp_path: Path) -> None:
    running = filled(tmp_path)
    running.create("os-other-1", 4)
    url = str(server(tmp_path)["url"])
    store = open_store(Store(mode="server", url=url, token="not-asked-for"), tmp_path / "elsewhere")  # type: ignore[arg-type]
    assert store.query("os-a-1", VECTOR[0], 1)[0].id == "w"
    store.wipe(["os-a-1"])
    assert store.collections() == ["os-other-1"]
    store.close()
    running.close()


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    store = ChromaHttp(FixedServer("http://127.0.0.1:9"))
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9 does not answer"):
        store.collections()
    store.close()


def test_it_answers_what_chroma_describes(tmp_path: Path) -> None:
    store = filled(tmp_path)
    paths = httpx.get(f"{server(tmp_path)['url']}/openapi.json").json()["paths"]
    below = "/api/v2/tenants/{tenant}/databases/{database}/collections"
    for action in ("upsert", "delete", "query", "get", "count"):
        assert f"{below}/{{collection_id}}/{action}" in paths
    store.close()


def test_wiping_works_where_nothing_was_opened_yet(tmp_path: Path) -> None:
    store = open_store(Store(), tmp_path / "restored")
    store.wipe()
    assert store.collections() == []
    store.close()
