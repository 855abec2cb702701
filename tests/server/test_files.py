"""``/v1/files``: what is uploaded comes back as it was, is kept once, and leaves at its time."""

from __future__ import annotations

import io
import time

import openai
import pytest
from openai import OpenAI
from sqlalchemy import update

from openshelf.server.tables import files
from tests.server.live import Live


def test_a_file_comes_back_as_it_was_uploaded(live: Live, client: OpenAI) -> None:
    content = bytes(range(256)) * 9000  # more than a part that stays in memory
    made = client.files.create(file=("données 1.bin", content), purpose="user_data")
    assert (made.bytes, made.filename, made.purpose, made.status) == (
        len(content),
        "données 1.bin",
        "user_data",
        "processed",
    )
    assert client.files.retrieve(made.id) == made
    answer = client.files.content(made.id)
    assert answer.read() == content
    assert "attachment" in answer.response.headers["content-disposition"]


@pytest.mark.asyncio
async def test_the_asynchronous_client_does_the_same(live: Live) -> None:
    async with live.async_client() as client:
        made = await client.files.create(file=("a.txt", b"one"), purpose="assistants")
        assert (await client.files.content(made.id)).text == "one"
        assert (await client.files.list(limit=1)).data[0].id == made.id
        assert (await client.files.delete(made.id)).deleted


def test_files_are_listed_page_by_page_by_purpose_and_order(live: Live, client: OpenAI) -> None:
    made = [client.files.create(file=(f"{n}.txt", b"x"), purpose="evals").id for n in range(5)]
    with live.http() as http:
        listed = http.get("/v1/files", params={"purpose": "evals", "limit": 2}).json()
        assert [one["id"] for one in listed["data"]] == made[:2:-1]
        assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (True, made[4], made[3])
        after = http.get("/v1/files", params={"purpose": "evals", "order": "asc", "after": made[2]}).json()
        assert [one["id"] for one in after["data"]] == made[3:]
        assert after["has_more"] is False
    live.watched.problems.clear()  # OpenAI's document forgets `evals` among the purposes of an answer


def test_the_official_client_iterates_over_all_pages(client: OpenAI) -> None:
    made = [client.files.create(file=("v.png", b"x"), purpose="vision").id for _ in range(5)]
    assert [file.id for file in client.files.list(purpose="vision", order="asc", limit=2)] == made


def test_a_file_expires_at_its_time(live: Live, client: OpenAI) -> None:
    made = client.files.create(
        file=("a.txt", b"soon gone"), purpose="assistants", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at == made.created_at + 3600
    digest = _digest(live, made.id)
    with live.shelf.ledger.writing() as connection:
        connection.execute(update(files).where(files.c.id == made.id).values(expires_at=time.time() - 1))
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)
    live.services.expiry.sweep()
    assert not live.services.blobs.path(digest).exists()


@pytest.mark.parametrize("seconds", [3599, 2_592_001])
def test_an_expiration_out_of_bounds_is_refused(client: OpenAI, seconds: int) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(
            file=("a.txt", b"x"), purpose="assistants", expires_after={"anchor": "created_at", "seconds": seconds}
        )
    assert caught.value.param == "expires_after[seconds]"


def test_equal_contents_are_kept_once_and_until_the_last_file_is_gone(live: Live, client: OpenAI) -> None:
    one, two = live.upload("one.txt", "the same words"), live.upload("two.txt", "the same words")
    path = live.services.blobs.path(_digest(live, one))
    assert path == live.services.blobs.path(_digest(live, two))
    client.files.delete(one)
    assert client.files.content(two).text == "the same words"
    client.files.delete(two)
    assert not path.exists()
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.delete(two)
    assert caught.value.code == "file_not_found"


def test_bytes_that_a_killed_server_left_are_removed(live: Live) -> None:
    blobs = live.services.blobs
    upload = blobs.receive(io.BytesIO(b"nobody's"))
    blobs.keep(upload)
    kept = live.upload("kept.txt", "somebody's")
    live.services.expiry.sweep(thorough=True)
    assert not blobs.path(upload.digest).exists()
    assert blobs.path(_digest(live, kept)).exists()


def test_a_name_that_is_a_path_writes_nothing_elsewhere(live: Live, client: OpenAI) -> None:
    made = client.files.create(file=("../../../etc/passwd\r\nx: y", b"words"), purpose="assistants")
    assert client.files.content(made.id).text == "words"
    assert {path.parent.parent for path in live.shelf.folder.glob("files/*/*")} == {live.shelf.folder / "files"}


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ({"data": {"purpose": "assistants"}, "files": {"other": ("a", b"x")}}, "file"),
        ({"data": {"purpose": "assistants"}, "files": {"file": ("a", b"")}}, "file"),
        ({"data": {"purpose": "nonsense"}, "files": {"file": ("a", b"x")}}, "purpose"),
        ({"files": {"file": ("a", b"x")}}, "purpose"),
        ({"data": {"purpose": "assistants", "color": "red"}, "files": {"file": ("a", b"x")}}, "color"),
        ({"json": {"purpose": "assistants"}}, "file"),
    ],
)
def test_an_upload_that_does_not_fit_names_what_is_wrong(live: Live, parts: dict[str, object], param: str) -> None:
    with live.http() as http:
        answer = http.post("/v1/files", **parts)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def _digest(live: Live, file_id: str) -> str:
    with live.shelf.ledger.reading() as connection:
        return str(connection.execute(files.select().where(files.c.id == file_id)).one().digest)
