"""Keys: who gets in, with what scopes, to which stores, and what of them can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from connectors.addresses import is_loopback
from openshelf import ConfigError, Shelf
from openshelf.server import keys, tables
from openshelf.server.access import refuse_open_door
from tests.openshelf.command import Result, invoke, sentence_of, write_shelf
from tests.server.live import Live, open_shelf, serving


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shelf(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def guarded(config: Path, model_cache: Path) -> Iterator[Live]:
    with Shelf.open(config) as shelf:
        shelf.sync()
        with serving(shelf) as running:
            yield running


@pytest.fixture(scope="module")
def owner(guarded: Live) -> str:
    return made(guarded, "owner", scopes=["read", "write"])


def made(live: Live, name: str, **options: object) -> str:
    with live.shelf.ledger.writing() as connection:
        return keys.create(connection, name, **options)


def test_without_keys_loopback_is_open_to_programs_and_closed_to_web_pages(tmp_path: Path, model_cache: Path) -> None:
    with open_shelf(tmp_path) as shelf, serving(shelf) as live, live.http() as http:
        assert http.get("/v1/files").status_code == 200
        assert http.get("/v1/files", headers={"origin": "http://localhost:3000"}).status_code == 200
        for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}):
            answer = http.get("/v1/files", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "loopback_only")
        token = made(live, "first", scopes=["read"])
        assert http.get("/v1/files").status_code == 401
        assert http.get("/v1/files", headers={"authorization": f"Bearer {token}"}).status_code == 200
        with live.shelf.ledger.writing() as connection:
            assert keys.revoke(connection, "first")
        # Revoking the last key must not open the door.
        assert http.get("/v1/files").status_code == 401
        assert http.get("/v1/files", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_no_key_takes_the_name_of_who_needs_none(guarded: Live) -> None:
    # What was made without a key belongs to that name, and such a key would read it all.
    with pytest.raises(ConfigError, match="without a key"):
        made(guarded, "loopback", scopes=["read"])


def test_a_wrong_key_is_an_authentication_error(guarded: Live, owner: str) -> None:
    head, _, secret = owner.rpartition("-")
    for key in ("nonsense", "osk-", "osk--", head, f"{head}-", f"{head}-{secret[:-1]}x", f"osk-000000000000-{secret}"):
        with pytest.raises(openai.AuthenticationError) as caught:
            guarded.client(key).vector_stores.list()
        assert caught.value.code == "invalid_api_key"
        assert secret not in str(caught.value)
    with guarded.http() as http:
        assert http.get("/v1/files", headers={"authorization": f"Basic {owner}"}).status_code == 401
        assert http.get("/v1/files").status_code == 401
    assert guarded.client(owner).vector_stores.list().data


def test_the_shelf_keeps_no_secret(guarded: Live, owner: str) -> None:
    secret = owner.split("-", 2)[2].encode()
    assert len(secret) == 43
    files = [path for path in guarded.shelf.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if secret in path.read_bytes()]


def test_scopes_bound_what_a_key_may_do(guarded: Live, owner: str) -> None:
    store = guarded.client(owner).vector_stores.create(name="scoped").id
    reads, writes = made(guarded, "reads", scopes=["read"]), made(guarded, "writes", scopes=["write"])
    assert guarded.client(reads).vector_stores.search(store, query="shoes").data == []
    with pytest.raises(openai.PermissionDeniedError) as caught:
        guarded.client(reads).vector_stores.create(name="x")
    assert caught.value.code == "insufficient_permissions"
    for refused in (
        lambda: guarded.client(reads).files.create(file=("a", b"x"), purpose="assistants"),
        lambda: guarded.client(reads).vector_stores.delete(store),
        lambda: guarded.client(writes).vector_stores.search(store, query="shoes"),
        lambda: guarded.client(writes).files.list(),
    ):
        with pytest.raises(openai.PermissionDeniedError):
            refused()
    assert guarded.client(writes).vector_stores.update(store, name="y").name == "y"


def test_a_key_for_some_stores_does_not_learn_of_the_others(guarded: Live, owner: str) -> None:
    mine, other = (guarded.client(owner).vector_stores.create(name=name).id for name in ("mine", "other"))
    secret = guarded.client(owner).files.create(file=("secret.txt", b"secret"), purpose="assistants").id
    shared = guarded.client(owner).files.create(file=("shared.txt", b"shared"), purpose="assistants").id
    guarded.client(owner).vector_stores.files.create_and_poll(shared, vector_store_id=mine, poll_interval_ms=50)
    client = guarded.client(made(guarded, "one store", scopes=["read", "write"], stores=[mine]))
    assert [store.id for store in client.vector_stores.list()] == [mine]
    assert client.vector_stores.search(mine, query="shared").data[0].file_id == shared
    for refused in (
        lambda: client.vector_stores.retrieve(other),
        lambda: client.vector_stores.search(other, query="x"),
        lambda: client.vector_stores.delete(other),
        lambda: client.vector_stores.files.list(other),
        lambda: client.vector_stores.file_batches.create(other, file_ids=[shared]),
        lambda: client.vector_stores.search("vs_kb", query="x"),
        lambda: client.files.retrieve(secret),
        lambda: client.files.content(secret),
        lambda: client.files.delete(secret),
        lambda: client.vector_stores.files.create(mine, file_id=secret),
        lambda: client.vector_stores.file_batches.create(mine, file_ids=[secret]),
    ):
        with pytest.raises(openai.NotFoundError):
            refused()
    own = client.files.create(file=("own.txt", b"own"), purpose="assistants").id
    assert {file.id for file in client.files.list()} == {own, shared}
    with pytest.raises(openai.PermissionDeniedError):
        client.vector_stores.create(name="a third")


def test_groups_of_a_key_decide_what_it_sees(guarded: Live, owner: str) -> None:
    agents = guarded.client(made(guarded, "agents", scopes=["read"], groups=["agents"]))
    hits = agents.vector_stores.search("vs_runbook", query="goodwill for a late parcel").data
    assert "ten pounds" in hits[0].content[0].text
    listed = agents.vector_stores.files.list("vs_runbook").data
    assert [file.id for file in listed] == [hits[0].file_id]
    public = guarded.client(owner)
    assert public.vector_stores.search("vs_runbook", query="goodwill for a late parcel").data == []
    for refused in (public.vector_stores.files.retrieve, public.vector_stores.files.content):
        with pytest.raises(openai.NotFoundError):
            refused(listed[0].id, vector_store_id="vs_runbook")


def test_health_needs_no_key_and_metrics_do(guarded: Live, owner: str) -> None:
    with guarded.http() as http:
        assert http.get("/healthz").text == "ok"
        assert http.get("/readyz").json() == {"status": "ok"}
        assert http.get("/metrics").status_code == 401
        text = http.get("/metrics", headers={"authorization": f"Bearer {owner}"}).text
    assert 'openshelf_http_requests_total{method="GET",route="/healthz",status="200"}' in text
    assert "openshelf_attached_files" in text


def test_the_command_line_makes_lists_and_revokes(tmp_path: Path, model_cache: Path) -> None:
    config = write_shelf(tmp_path)

    def run(*arguments: str) -> Result:
        return invoke("keys", *arguments, "--config", config)

    token = run("create", "site", "--scope", "read", "--store", "vs_kb", "--group", "agents").out.strip()
    assert token.startswith("osk-")
    [listed] = run("list", "--json").json
    assert (listed["name"], listed["scopes"], listed["stores"], listed["groups"], listed["revoked"]) == (
        "site",
        ["read"],
        ["vs_kb"],
        ["agents"],
        None,
    )
    assert "digest" not in listed
    assert "site" in run("list").out
    assert "already" in sentence_of(run("create", "site"))
    assert "vs_nowhere" in sentence_of(run("create", "other", "--store", "vs_nowhere"))
    assert "name" in sentence_of(run("create", " "))
    assert run("revoke", "site").code == 0
    assert "no key" in sentence_of(run("revoke", "site"))
    assert run("create", "site", "--json").json["key"] != token


def test_it_listens_elsewhere_only_with_a_key_in_force(tmp_path: Path, model_cache: Path) -> None:
    config = write_shelf(tmp_path)
    refused = sentence_of(invoke("serve", "--host", "0.0.0.0", "--port", "0", "--config", config))
    assert "keys create" in refused
    with Shelf.open(config) as shelf:
        tables.ensure(shelf.ledger)
        with shelf.ledger.writing() as connection:
            keys.create(connection, "a", scopes=["read"])
        refuse_open_door(shelf.ledger, "0.0.0.0")
        with shelf.ledger.writing() as connection:
            keys.revoke(connection, "a")
        with pytest.raises(ConfigError):
            refuse_open_door(shelf.ledger, "0.0.0.0")
        refuse_open_door(shelf.ledger, "127.0.0.1")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_what_counts_as_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local
