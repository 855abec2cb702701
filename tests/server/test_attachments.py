"""Files in vector stores: what they become, what happens to their attributes, and why one fails."""

from __future__ import annotations

import io
import json

import openai
import pytest
from openai import OpenAI
from openpyxl import Workbook

from tests.server.live import ARTICLES, Live

CSV = "sku,name,price\nA1,Trail shoe,89\nB2,Road shoe,79\nC3,Rain jacket,120\n"


def test_a_file_is_uploaded_attached_and_found_in_one_call_each(live: Live, client: OpenAI) -> None:
    store = client.vector_stores.create(name="kb").id
    done = client.vector_stores.files.upload_and_poll(
        vector_store_id=store, file=("returns.md", ARTICLES["returns.md"].encode()), poll_interval_ms=50
    )
    assert (done.status, done.last_error, done.vector_store_id) == ("completed", None, store)
    assert done.usage_bytes == len(ARTICLES["returns.md"])
    found = client.vector_stores.search(store, query="can I give back unworn shoes?").data[0]
    assert (found.file_id, found.filename) == (done.id, "returns.md")
    assert "60 days" in found.content[0].text


@pytest.mark.asyncio
async def test_the_asynchronous_client_does_the_same(live: Live) -> None:
    async with live.async_client() as client:
        store = await client.vector_stores.create(name="kb")
        done = await client.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=("returns.md", ARTICLES["returns.md"].encode()), poll_interval_ms=50
        )
        assert done.status == "completed"
        hits = [hit async for hit in client.vector_stores.search(store.id, query="unworn shoes")]
        assert [hit.file_id for hit in hits] == [done.id]


def test_an_attribute_update_is_found_at_once_and_embeds_nothing(live: Live, client: OpenAI) -> None:
    store, names = live.store_with(ARTICLES)
    before = live.services.indexing.tally.embedded
    file = names["shipping.md"]
    done = client.vector_stores.files.update(
        file, vector_store_id=store, attributes={"country": "FR", "rank": 2, "draft": False}
    )
    assert (done.status, done.attributes) == ("completed", {"country": "FR", "rank": 2, "draft": False})
    for found in (
        {"type": "eq", "key": "country", "value": "FR"},
        {"type": "gte", "key": "rank", "value": 2},
        {"type": "eq", "key": "draft", "value": False},
    ):
        hits = client.vector_stores.search(store, query="parcels and shoes", filters=found).data
        assert [hit.file_id for hit in hits] == [file]
        assert hits[0].attributes == done.attributes
    client.vector_stores.files.update(file, vector_store_id=store, attributes=None)
    gone = {"type": "eq", "key": "country", "value": "FR"}
    assert client.vector_stores.search(store, query="parcels", filters=gone).data == []
    assert live.services.indexing.tally.embedded == before


@pytest.mark.parametrize(
    ("attributes", "param"),
    [
        ({str(n): 1 for n in range(17)}, "attributes"),
        ({"k" * 65: 1}, "attributes"),
        ({"": 1}, "attributes"),
        ({"k": "x" * 513}, "attributes"),
        ({"k": None}, "attributes"),
        ({"k": ["a"]}, "attributes"),
        ({"k": float("inf")}, "attributes"),
        ({"k\x00": 1}, "attributes"),
        ({"k": "a\x00b"}, "attributes"),
    ],
)
def test_attributes_beyond_the_bounds_are_refused(live: Live, attributes: dict[str, object], param: str) -> None:
    store, names = live.store_with({"returns.md": ARTICLES["returns.md"]})
    body = json.dumps({"file_id": names["returns.md"], "attributes": attributes})
    with live.http() as http:
        answer = http.post(
            f"/v1/vector_stores/{store}/files", content=body, headers={"content-type": "application/json"}
        )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(param)


def test_attributes_at_the_bounds_are_kept(live: Live, client: OpenAI) -> None:
    store, names = live.store_with({"returns.md": ARTICLES["returns.md"]})
    most = {f"{n:02}" + "k" * 62: "x" * 512 for n in range(14)} | {"big": 1e300, "title": "mine"}
    done = client.vector_stores.files.update(names["returns.md"], vector_store_id=store, attributes=most)
    assert done.attributes == most
    assert done.status == "completed"


def test_names_that_mean_something_to_the_stores_are_names_like_others(live: Live, client: OpenAI) -> None:
    store, names = live.store_with(ARTICLES)
    odd = ["#", "#document", "$and", "chroma:document", "reader:agents", "unrestricted", "attribute.title", "title"]
    odd += ["source", "document_id", "language", "media_type", "url", "è\n"]
    for attributes in ({key: key for key in odd}, dict.fromkeys(odd, False)):
        file = names["returns.md"]
        done = client.vector_stores.files.update(file, vector_store_id=store, attributes=attributes)
        assert (done.status, done.attributes) == ("completed", attributes)
        for key, value in attributes.items():
            found = {"type": "eq", "key": key, "value": value}
            hits = client.vector_stores.search(store, query="shoes parcels cards", filters=found).data
            assert [hit.file_id for hit in hits] == [file], key
            found = {"type": "ne", "key": key, "value": value}
            hits = client.vector_stores.search(store, query="shoes parcels cards", filters=found).data
            assert file not in {hit.file_id for hit in hits}, key
            assert len(hits) == 2


def test_a_table_is_searched_row_by_row(live: Live, client: OpenAI) -> None:
    store, names = live.store_with({"products.csv": CSV}, attributes={"kind": "product"})
    file = names["products.csv"]
    hit = client.vector_stores.search(
        store, query="rain jacket", filters={"type": "eq", "key": "kind", "value": "product"}
    ).data[0]
    assert (hit.file_id, hit.filename) == (file, "products.csv")
    assert hit.content[0].text == "sku: C3\nname: Rain jacket\nprice: 120"
    rows = client.vector_stores.files.content(file, vector_store_id=store).data
    assert [row.text.splitlines()[0] for row in rows] == ["sku: A1", "sku: B2", "sku: C3"]
    client.vector_stores.files.delete(file, vector_store_id=store)
    assert client.vector_stores.search(store, query="rain jacket").data == []
    assert client.vector_stores.retrieve(store).file_counts.total == 0


def test_spreadsheets_conversations_and_code_are_read(live: Live, client: OpenAI) -> None:
    sheet = io.BytesIO()
    book = Workbook()
    book.active.append(["city", "people"])
    book.active.append(["Lisbon", 545_000])
    book.save(sheet)
    talk = json.dumps({"turns": [{"role": "customer", "text": "Where is my parcel?"}]})
    store, _ = live.store_with(
        {
            "cities.xlsx": sheet.getvalue(),
            "talk.json": talk,
            "settings.json": '{"colour": "mauve"}',
            "greet.py": "def greet():\n    return 'hello'\n",
        }
    )
    assert client.vector_stores.retrieve(store).file_counts.completed == 4
    for question, name in (
        ("Lisbon", "cities.xlsx"),
        ("where is my parcel", "talk.json"),
        ("mauve", "settings.json"),
        ("greet hello", "greet.py"),
    ):
        assert client.vector_stores.search(store, query=question).data[0].filename == name


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("a.bin", bytes(range(256)), "unsupported_file", "a.bin"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "unsupported_file", "a.zip"),
        ("a.pdf", b"%PDF-1.7 but no more", "invalid_file", "a.pdf"),
        ("blank.txt", b" \n\n ", "invalid_file", "no text"),
        ("table.csv", b"", "", ""),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    live: Live, client: OpenAI, name: str, content: bytes, code: str, said: str
) -> None:
    if not content:
        with pytest.raises(openai.BadRequestError):
            live.upload(name, content)
        return
    store = client.vector_stores.create().id
    done = client.vector_stores.files.create_and_poll(
        live.upload(name, content), vector_store_id=store, poll_interval_ms=50
    )
    assert done.status == "failed"
    assert done.last_error is not None
    assert done.last_error.code == code
    assert said in done.last_error.message
    assert client.vector_stores.retrieve(store).file_counts.failed == 1


def test_rows_that_cannot_be_read_are_named_and_the_others_found(live: Live, client: OpenAI) -> None:
    store, names = live.store_with({"p.csv": CSV + "D4,Sock,5,too,many,cells\n"})
    done = client.vector_stores.files.retrieve(names["p.csv"], vector_store_id=store)
    assert done.status == "completed"
    assert done.last_error is not None
    assert "line 5" in done.last_error.message
    assert client.vector_stores.search(store, query="trail shoe").data[0].content[0].text.startswith("sku: A1")


def test_another_chunking_takes_the_place_of_the_one_before(live: Live, client: OpenAI) -> None:
    words = " ".join(f"word{n}" for n in range(300))
    store, names = live.store_with({"long.txt": words})
    file = names["long.txt"]
    small = {"type": "static", "static": {"max_chunk_size_tokens": 120, "chunk_overlap_tokens": 0}}
    done = client.vector_stores.files.create_and_poll(
        file, vector_store_id=store, chunking_strategy=small, poll_interval_ms=50
    )
    assert (done.status, done.chunking_strategy.static.max_chunk_size_tokens) == ("completed", 120)
    hits = client.vector_stores.search(store, query="word1 word2 word299", max_num_results=50).data
    texts = [hit.content[0].text for hit in hits]
    assert len(texts) == 5
    assert len(set(texts)) == len(texts)
    whole = "".join(sorted(texts, key=words.index))
    assert whole.replace(" ", "") == words.replace(" ", "")


def test_deleting_a_file_takes_it_out_of_every_store(live: Live, client: OpenAI) -> None:
    one, names = live.store_with(ARTICLES)
    two = client.vector_stores.create().id
    file = names["shipping.md"]
    client.vector_stores.files.create_and_poll(file, vector_store_id=two, poll_interval_ms=50)
    client.files.delete(file)
    for store in (one, two):
        assert file not in {hit.file_id for hit in client.vector_stores.search(store, query="parcels to France")}
        with pytest.raises(openai.NotFoundError):
            client.vector_stores.files.retrieve(file, vector_store_id=store)


def test_what_is_unknown_is_not_found(live: Live, client: OpenAI) -> None:
    store, names = live.store_with({"returns.md": ARTICLES["returns.md"]})
    other = client.vector_stores.create().id
    file = names["returns.md"]
    for ask in (
        lambda: client.vector_stores.files.create(store, file_id="file-unknown"),
        lambda: client.vector_stores.files.create("vs_unknown", file_id=file),
        lambda: client.vector_stores.files.retrieve(file, vector_store_id=other),
        lambda: client.vector_stores.files.content(file, vector_store_id=other),
        lambda: client.vector_stores.files.update(file, vector_store_id=other, attributes={}),
        lambda: client.vector_stores.files.delete(file, vector_store_id=other),
        lambda: client.vector_stores.files.list("vs_unknown"),
    ):
        with pytest.raises(openai.NotFoundError):
            ask()
