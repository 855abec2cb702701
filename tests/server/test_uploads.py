"""``/v1/uploads``: a file in parts is the file, whatever happens between; what is given up leaves nothing."""

from __future__ import annotations

import hashlib
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import OpenAI
from sqlalchemy import select, update

from configs.server import Server
from openshelf import Shelf
from openshelf.server import keys, parts
from openshelf.server.tables import parts as rows
from openshelf.server.tables import uploads
from tests.server.live import Live, open_shelf, serving
from tests.server.test_jobs import process

LIMIT = 100_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Live]:
    """A server that takes files of 100 kB, and no other request above 20 kB."""
    limits = Server(max_file_bytes=LIMIT, max_request_bytes=20_000)
    with open_shelf(tmp_path_factory.mktemp("small")) as shelf, serving(shelf, limits) as running:
        yield running


def begin(client: OpenAI, size: int, **options: Any) -> str:
    """A new upload's id."""
    fields: dict[str, Any] = {"filename": "a.txt", "purpose": "assistants", "mime_type": "text/plain", **options}
    return client.uploads.create(bytes=size, **fields).id


def on_disk(live: Live, *upload_ids: str) -> list[str]:
    """Parts of these uploads that are on disk."""
    return sorted(set(live.services.blobs.parts()) & set(part_rows(live, *upload_ids)))


def part_rows(live: Live, *upload_ids: str) -> list[str]:
    with live.shelf.ledger.reading() as connection:
        return list(connection.execute(select(rows.c.id).where(rows.c.upload.in_(upload_ids))).scalars())


def make_old(live: Live, upload_id: str, seconds: float) -> None:
    with live.shelf.ledger.writing() as connection:
        connection.execute(update(uploads).where(uploads.c.id == upload_id).values(expires_at=time.time() - seconds))


def test_parts_become_the_file_in_the_order_that_complete_names(client: OpenAI) -> None:
    made = client.uploads.create(bytes=11, filename="greeting.md", mime_type="text/markdown", purpose="user_data")
    assert (made.object, made.status, made.bytes, made.filename, made.purpose, made.file) == (
        "upload",
        "pending",
        11,
        "greeting.md",
        "user_data",
        None,
    )
    assert made.expires_at == made.created_at + 3600
    world = client.uploads.parts.create(made.id, data=b" world")
    hello = client.uploads.parts.create(made.id, data=b"hello")
    assert (world.object, world.upload_id) == ("upload.part", made.id)
    done = client.uploads.complete(
        made.id, part_ids=[hello.id, world.id], md5=hashlib.md5(b"hello world").hexdigest().upper()
    )
    assert (done.id, done.status) == (made.id, "completed")
    assert done.file is not None
    assert client.files.retrieve(done.file.id) == done.file
    assert (done.file.filename, done.file.bytes, done.file.purpose) == ("greeting.md", 11, "user_data")
    assert client.files.content(done.file.id).read() == b"hello world"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_any_pieces_sent_in_any_order_are_the_same_file(client: OpenAI, pieces: list[bytes], order: Any) -> None:
    content = b"".join(pieces)
    upload = begin(client, len(content))
    sent = list(range(len(pieces)))
    order.shuffle(sent)
    names = {n: client.uploads.parts.create(upload, data=pieces[n]).id for n in sent}
    done = client.uploads.complete(upload, part_ids=[names[n] for n in range(len(pieces))])
    assert done.file is not None
    assert client.files.content(done.file.id).read() == content


def test_the_official_client_uploads_in_chunks_from_disk_and_memory(live: Live, client: OpenAI, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    path = tmp_path / "large.bin"
    path.write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    from_disk = client.uploads.upload_file_chunked(
        file=path, mime_type="application/octet-stream", purpose="assistants", part_size=2_000_000, md5=md5
    )
    from_memory = client.uploads.upload_file_chunked(
        file=content,
        filename="large.bin",
        bytes=len(content),
        mime_type="application/octet-stream",
        purpose="assistants",
        part_size=700_001,
    )
    for done in (from_disk, from_memory):
        assert done.status == "completed"
        assert done.file is not None
        assert client.files.content(done.file.id).read() == content
    assert on_disk(live, from_disk.id, from_memory.id) == []


@pytest.mark.asyncio
async def test_the_asynchronous_client_does_the_same(live: Live, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"# Notes\n\nOtters eat fish.\n")
    async with live.async_client() as client:
        done = await client.uploads.upload_file_chunked(
            file=path, mime_type="text/markdown", purpose="assistants", part_size=10
        )
        assert done.file is not None
        assert (await client.files.content(done.file.id)).read() == path.read_bytes()
        other = await client.uploads.create(bytes=4, filename="b", mime_type="text/plain", purpose="vision")
        part = await client.uploads.parts.create(other.id, data=b"1234")
        assert part.upload_id == other.id
        assert (await client.uploads.cancel(other.id)).status == "cancelled"
        with pytest.raises(openai.BadRequestError):
            await client.uploads.complete(other.id, part_ids=[part.id])


def test_a_file_that_came_in_parts_is_found_in_its_store(client: OpenAI) -> None:
    content = b"# Parcels\n\nParcels to Norway take nine working days."
    upload = begin(client, len(content), filename="parcels.md")
    names = [client.uploads.parts.create(upload, data=piece).id for piece in (content[:20], content[20:])]
    file = client.uploads.complete(upload, part_ids=names).file
    assert file is not None
    store = client.vector_stores.create().id
    done = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store, poll_interval_ms=50)
    assert done.status == "completed"
    assert client.vector_stores.search(store, query="days to Norway").data[0].filename == "parcels.md"


def test_a_part_is_the_bytes_whatever_the_form_says_of_them(live: Live) -> None:
    with live.http() as http:
        body = {"bytes": 3, "filename": "a", "mime_type": "x", "purpose": "batch"}
        upload = http.post("/v1/uploads", json=body).json()
        answer = http.post(f"/v1/uploads/{upload['id']}/parts", files={"data": ("../../x", b"\x00\r\n", "text/html")})
        done = http.post(f"/v1/uploads/{upload['id']}/complete", json={"part_ids": [answer.json()["id"]]}).json()
        assert http.get(f"/v1/files/{done['file']['id']}/content").content == b"\x00\r\n"
    assert {path.name[:5] for path in live.shelf.folder.glob("files/parts/*")} <= {"part_"}


def test_the_file_expires_as_the_upload_said_counted_from_the_file(live: Live, client: OpenAI) -> None:
    upload = begin(client, 1, expires_after={"anchor": "created_at", "seconds": 7200})
    part = client.uploads.parts.create(upload, data=b"x")
    file = client.uploads.complete(upload, part_ids=[part.id]).file
    assert file is not None
    assert file.expires_at is not None
    assert abs(file.expires_at - file.created_at - 7200) <= 1


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": 2**70}, "bytes"),
        ({"bytes": "12"}, "bytes"),
        ({"filename": ""}, "filename"),
        ({"purpose": "fun"}, "purpose"),
        ({"mime_type": None}, "mime_type"),
        ({"color": "red"}, "color"),
        ({"expires_after": {"anchor": "created_at", "seconds": 3599}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "last_active_at", "seconds": 3600}}, "expires_after.anchor"),
    ],
)
def test_an_upload_that_does_not_fit_names_what_is_wrong(live: Live, changed: dict[str, Any], param: str) -> None:
    body = {"bytes": 3, "filename": "a", "mime_type": "text/plain", "purpose": "assistants", **changed}
    with live.http() as http:
        answer = http.post("/v1/uploads", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ({"files": {"data": ("a", b"")}}, "data"),
        ({"files": {"other": ("a", b"x")}}, "other"),
        ({"data": {"data": "words, not a file"}}, "data"),
        ({"json": {"data": "x"}}, "data"),
        ({"files": {"data": ("a", b"x")}, "data": {"index": "1"}}, "index"),
    ],
)
def test_a_part_that_does_not_fit_names_what_is_wrong(
    live: Live, client: OpenAI, parts: dict[str, Any], param: str
) -> None:
    upload = begin(client, 3)
    with live.http() as http:
        answer = http.post(f"/v1/uploads/{upload}/parts", **parts)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert part_rows(live, upload) == []


def test_complete_wants_every_announced_byte_and_leaves_the_upload_pending_where_it_refuses(
    live: Live, client: OpenAI
) -> None:
    upload, other = begin(client, 6), begin(client, 3)
    one, two = (client.uploads.parts.create(upload, data=data).id for data in (b"abc", b"def"))
    foreign = client.uploads.parts.create(other, data=b"def").id

    def refused(names: list[str], **options: Any) -> tuple[str | None, str | None]:
        with pytest.raises(openai.BadRequestError) as caught:
            client.uploads.complete(upload, part_ids=names, **options)
        return caught.value.code, caught.value.param

    assert refused([one]) == ("bytes_mismatch", "part_ids")
    assert refused([]) == ("bytes_mismatch", "part_ids")
    assert refused([one, one]) == ("invalid_part", "part_ids[1]")
    assert refused([one, foreign]) == ("invalid_part", "part_ids[1]")
    assert refused(["../../ledger.sqlite", two]) == ("invalid_part", "part_ids[0]")
    assert refused([two, one], md5=hashlib.md5(b"abcdef").hexdigest()) == ("checksum_mismatch", "md5")
    assert refused([one, two], md5="not a checksum") == ("invalid_value", "md5")
    assert not list(live.shelf.folder.glob("files/.*"))
    done = client.uploads.complete(upload, part_ids=[one, two], md5=hashlib.md5(b"abcdef").hexdigest())
    assert done.status == "completed"


def test_what_has_ended_takes_nothing_more(live: Live, client: OpenAI) -> None:
    upload = begin(client, 1)
    part = client.uploads.parts.create(upload, data=b"x").id
    done = client.uploads.complete(upload, part_ids=[part])
    # A client whose connection broke asks again, and must not get a second file.
    assert client.uploads.complete(upload, part_ids=[part]) == done
    for ask in (
        lambda: client.uploads.complete(upload, part_ids=[]),
        lambda: client.uploads.parts.create(upload, data=b"y"),
        lambda: client.uploads.cancel(upload),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            ask()
        assert caught.value.code == "upload_completed"
    given_up = begin(client, 1)
    client.uploads.parts.create(given_up, data=b"x")
    assert len(on_disk(live, given_up)) == 1
    assert client.uploads.cancel(given_up).status == "cancelled"
    assert client.uploads.cancel(given_up).status == "cancelled"
    assert part_rows(live, given_up) == []
    with pytest.raises(openai.BadRequestError) as caught:
        client.uploads.parts.create(given_up, data=b"y")
    assert caught.value.code == "upload_cancelled"


def test_an_upload_expires_after_its_hour_and_its_parts_go(live: Live, client: OpenAI) -> None:
    upload = begin(client, 1)
    part = client.uploads.parts.create(upload, data=b"x").id
    make_old(live, upload, 1)
    for ask in (
        lambda: client.uploads.complete(upload, part_ids=[part]),
        lambda: client.uploads.parts.create(upload, data=b"y"),
        lambda: client.uploads.cancel(upload),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            ask()
        assert caught.value.code == "upload_expired"
    live.services.expiry.sweep()
    assert part not in live.services.blobs.parts()
    make_old(live, upload, 90_000)
    live.services.expiry.sweep()
    with pytest.raises(openai.NotFoundError) as gone:
        client.uploads.cancel(upload)
    assert (gone.value.code, gone.value.param) == ("upload_not_found", "upload_id")


def test_parts_that_nobody_has_are_removed_and_those_of_pending_uploads_stay(live: Live, client: OpenAI) -> None:
    upload = begin(client, 1)
    part = client.uploads.parts.create(upload, data=b"x").id
    stray = live.services.blobs.part("part_of_nobody")
    stray.write_bytes(b"a server was killed behind the renaming")
    live.services.expiry.sweep(thorough=True)
    assert not stray.exists()
    done = client.uploads.complete(upload, part_ids=[part])
    assert done.status == "completed"


def test_two_who_complete_at_once_get_one_file(live: Live, client: OpenAI) -> None:
    before = {file.id for file in client.files.list(purpose="fine-tune")}
    upload = begin(client, 200_000, purpose="fine-tune")
    names = [client.uploads.parts.create(upload, data=b"x" * 50_000).id for _ in range(4)]

    def ask(_n: int) -> str | None:
        try:
            file = client.uploads.complete(upload, part_ids=names).file
        except openai.BadRequestError as error:
            assert error.code == "upload_completed"
            return None
        assert file is not None
        return file.id

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ask, range(6))) - {None}
    assert {file.id for file in client.files.list(purpose="fine-tune")} - before == found
    assert len(found) == 1


def test_a_server_that_is_killed_between_the_parts_goes_on_and_cleans_up(tmp_path: Path, model_cache: Path) -> None:
    config = tmp_path / "openshelf.yaml"
    config.write_text("path: shelf\nstore: {mode: embedded}\n")
    with process(config) as (server, client):
        upload, late = begin(client, 6), begin(client, 6)
        first = client.uploads.parts.create(upload, data=b"abc").id
        client.uploads.parts.create(late, data=b"abc")
        server.send_signal(signal.SIGKILL)
        server.wait(30)
    with Shelf.open(config) as shelf:
        stray = shelf.folder / "files" / "parts" / "part_stray"
        stray.write_bytes(b"x")
        with shelf.ledger.writing() as connection:
            connection.execute(update(uploads).where(uploads.c.id == late).values(expires_at=time.time() - 1))
    with process(config) as (_, client):
        second = client.uploads.parts.create(upload, data=b"def").id
        deadline = time.monotonic() + 30
        while len(list(stray.parent.iterdir())) > 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert {path.name for path in stray.parent.iterdir()} == {first, second}
        file = client.uploads.complete(upload, part_ids=[first, second]).file
        assert file is not None
        assert client.files.content(file.id).read() == b"abcdef"
        assert list(stray.parent.iterdir()) == []


def test_a_key_sees_its_own_uploads_only(tmp_path: Path, model_cache: Path) -> None:
    with open_shelf(tmp_path) as shelf, serving(shelf) as live:
        with shelf.ledger.writing() as connection:
            tokens = {
                name: keys.create(connection, name, scopes=scopes)
                for name, scopes in {"one": ["write"], "two": ["read", "write"], "reader": ["read"]}.items()
            }
        one, two, reader = (live.client(tokens[name]) for name in ("one", "two", "reader"))
        upload = begin(one, 1)
        part = one.uploads.parts.create(upload, data=b"x").id
        for ask in (
            lambda: two.uploads.parts.create(upload, data=b"y"),
            lambda: two.uploads.complete(upload, part_ids=[part]),
            lambda: two.uploads.cancel(upload),
        ):
            with pytest.raises(openai.NotFoundError):
                ask()
        with pytest.raises(openai.PermissionDeniedError):
            begin(reader, 1)
        mine = begin(two, 1)
        with pytest.raises(openai.BadRequestError) as caught:
            two.uploads.complete(mine, part_ids=[part])
        assert caught.value.code == "invalid_part"
        assert one.uploads.complete(upload, part_ids=[part]).status == "completed"


class TestLimits:
    """What one key can make the disk hold."""

    def test_a_part_may_be_larger_than_other_requests_and_not_larger_than_a_part(self, small: Live) -> None:
        client = small.client()
        upload = begin(client, LIMIT)
        part = client.uploads.parts.create(upload, data=b"x" * LIMIT).id
        with pytest.raises(openai.APIStatusError) as caught:
            client.uploads.parts.create(upload, data=b"x" * (LIMIT + 1))
        assert (caught.value.status_code, caught.value.code) == (413, "part_too_large")
        with pytest.raises(openai.APIStatusError) as caught:
            client.uploads.parts.create(upload, data=b"x" * 3_000_000)
        assert (caught.value.status_code, caught.value.code) == (413, "part_too_large")
        boundary = b"--b\r\ncontent-disposition: form-data; name=data; filename=a\r\n\r\n"
        pieces = (boundary if n == 0 else b"x" * 10_000 for n in range(300))  # no declared length
        with small.http() as http:
            kind = {"content-type": "multipart/form-data; boundary=b"}
            answer = http.post(f"/v1/uploads/{upload}/parts", content=pieces, headers=kind)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "part_too_large")
            # Its neighbours have the limit of all requests.
            answer = http.post(f"/v1/uploads/{upload}/complete", json={"part_ids": ["a" * 30_000]})
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
        assert client.uploads.complete(upload, part_ids=[part]).status == "completed"
        assert not list(small.shelf.folder.glob("files/.*"))

    def test_a_part_that_is_declared_too_large_is_refused_before_it_comes(self, small: Live) -> None:
        upload = begin(small.client(), LIMIT)
        address = httpx.URL(small.url)
        with socket.create_connection((address.host, address.port or 80), timeout=30) as line:
            line.sendall(
                f"POST /v1/uploads/{upload}/parts HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
                "content-type: multipart/form-data; boundary=b\r\ncontent-length: 9000000000\r\n\r\n".encode()
            )
            # Nothing of the body is sent: a server that waits for it says nothing, and the line times out.
            assert line.recv(1000).startswith(b"HTTP/1.1 413")

    def test_no_more_is_announced_than_a_file_can_be(self, small: Live) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            begin(small.client(), LIMIT + 1)
        assert (caught.value.code, caught.value.param) == ("file_too_large", "bytes")

    def test_a_part_may_come_twice_but_not_without_end(self, small: Live) -> None:
        client = small.client()
        upload = begin(client, 10)
        client.uploads.parts.create(upload, data=b"0123456789")
        again = client.uploads.parts.create(upload, data=b"0123456789").id
        with pytest.raises(openai.BadRequestError) as caught:
            client.uploads.parts.create(upload, data=b"0")
        assert caught.value.code == "too_many_bytes"
        assert client.uploads.complete(upload, part_ids=[again]).status == "completed"

    def test_the_number_of_parts_has_an_end(self, small: Live, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "MOST_PARTS", 3)
        client = small.client()
        upload = begin(client, 10)
        for _ in range(3):
            client.uploads.parts.create(upload, data=b"x")
        with pytest.raises(openai.BadRequestError) as caught:
            client.uploads.parts.create(upload, data=b"x")
        assert caught.value.code == "too_many_parts"
        assert len(on_disk(small, upload)) == 3


def test_all_that_waits_of_a_key_has_an_end(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_FILES_WAITING", 2)
    with open_shelf(tmp_path) as shelf, serving(shelf, Server(max_file_bytes=LIMIT)) as live:
        client = live.client()
        waiting = [begin(client, LIMIT) for _ in range(3)]
        for upload in waiting[:2]:
            client.uploads.parts.create(upload, data=b"x" * LIMIT)
        with pytest.raises(openai.BadRequestError) as caught:
            client.uploads.parts.create(waiting[2], data=b"x" * LIMIT)
        assert caught.value.code == "too_many_bytes"
        client.uploads.cancel(waiting[0])
        client.uploads.parts.create(waiting[2], data=b"x" * LIMIT)
        monkeypatch.setattr(parts, "MOST_PENDING", 2)
        with pytest.raises(openai.BadRequestError) as caught:
            begin(client, 1)
        assert caught.value.code == "too_many_uploads"
