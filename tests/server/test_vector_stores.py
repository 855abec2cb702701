"""``/v1/vector_stores``: their life, their lists, and the sources of the YAML among them."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import openai
import pytest
from openai import OpenAI
from sqlalchemy import update

from ingest.chunk.tokens import tokenizer
from openshelf.server.tables import stores
from tests.server.live import ARTICLES, Live


def test_a_store_is_made_with_files_and_cut_as_asked(live: Live, client: OpenAI) -> None:
    words = " ".join(f"word{n}" for n in range(400))
    cl100k_base = tokenizer("cl100k_base")
    file = live.upload("long.txt", words)
    made = client.vector_stores.create(
        name="long",
        file_ids=[file],
        chunking_strategy={
            "type": "static",
            "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50},
        },
        metadata={"team": "support"},
    )
    assert (made.file_counts.total, made.metadata) == (1, {"team": "support"})
    attached = client.vector_stores.files.poll(file, vector_store_id=made.id, poll_interval_ms=50)
    assert attached.status == "completed"
    stored = client.vector_stores.retrieve(made.id)
    assert (stored.status, stored.file_counts.completed, stored.usage_bytes) == ("completed", 1, len(words))
    with live.http() as http:
        chunks = http.get(f"/v1/vector_stores/{made.id}/files/{file}/chunks", params={"limit": 100}).json()["data"]
    assert len(chunks) > 10
    assert all(cl100k_base.count(chunk["text"]) <= 101 for chunk in chunks)
    assert cl100k_base.count(chunks[0]["text"]) == 100
    assert all(chunk["text"] == words[chunk["start"] : chunk["end"]] for chunk in chunks)
    assert all(two["start"] < one["end"] for one, two in pairwise(chunks))


def test_two_stores_of_one_name_are_two_stores(live: Live, client: OpenAI) -> None:
    one, names = live.store_with({"returns.md": ARTICLES["returns.md"]})
    two, _ = live.store_with({"shipping.md": ARTICLES["shipping.md"]})
    assert one != two
    assert {hit.filename for hit in client.vector_stores.search(one, query="shoes or parcels")} == {"returns.md"}
    assert {hit.filename for hit in client.vector_stores.search(two, query="shoes or parcels")} == {"shipping.md"}
    client.vector_stores.delete(two)
    assert client.vector_stores.search(one, query="shoes").data[0].file_id == names["returns.md"]


def test_a_store_is_changed_and_deleted(live: Live, client: OpenAI) -> None:
    store, names = live.store_with({"returns.md": ARTICLES["returns.md"]})
    changed = client.vector_stores.update(
        store, name="other", metadata={"a": "b"}, expires_after={"anchor": "last_active_at", "days": 7}
    )
    assert (changed.name, changed.metadata) == ("other", {"a": "b"})
    assert changed.expires_at == changed.last_active_at + 7 * 86_400
    # What a change leaves out stays.
    assert client.vector_stores.update(store, name="third").metadata == {"a": "b"}
    assert client.vector_stores.delete(store).deleted
    for question in (client.vector_stores.retrieve, client.vector_stores.delete):
        with pytest.raises(openai.NotFoundError) as caught:
            question(store)
        assert caught.value.code == "vector_store_not_found"
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.search(store, query="shoes")
    assert client.files.retrieve(names["returns.md"]).filename == "returns.md"


def test_stores_are_listed_page_by_page_both_ways(live: Live, client: OpenAI) -> None:
    made = [client.vector_stores.create(name=f"page {n}").id for n in range(5)]
    listed = [store.id for store in client.vector_stores.list(limit=2)]
    assert listed[:5] == made[::-1]
    assert len(set(listed)) == len(listed)
    page = client.vector_stores.list(limit=2, order="asc", after=made[1])
    assert ([store.id for store in page.data], page.has_more) == (made[2:4], True)
    before = client.vector_stores.list(limit=2, before=made[1])
    assert ([store.id for store in before.data], before.has_more) == ([made[3], made[2]], True)
    with pytest.raises(openai.BadRequestError) as caught:
        client.vector_stores.list(after="vs_unknown")
    assert caught.value.param == "after"


def test_a_store_without_use_expires_and_leaves_the_index(live: Live, client: OpenAI) -> None:
    store, names = live.store_with({"returns.md": ARTICLES["returns.md"]})
    client.vector_stores.update(store, expires_after={"anchor": "last_active_at", "days": 1})
    with live.shelf.ledger.writing() as connection:
        connection.execute(update(stores).where(stores.c.id == store).values(last_active=time.time() - 86_401))
    assert client.vector_stores.retrieve(store).status == "expired"
    with pytest.raises(openai.BadRequestError) as caught:
        client.vector_stores.search(store, query="shoes")
    assert caught.value.code == "vector_store_expired"
    live.services.expiry.sweep()
    expired = client.vector_stores.retrieve(store)
    assert (expired.status, expired.file_counts.total) == ("expired", 0)
    with pytest.raises(openai.BadRequestError):
        client.vector_stores.files.create(store, file_id=names["returns.md"])


def test_a_search_keeps_a_store_alive(live: Live, client: OpenAI) -> None:
    store, _ = live.store_with({"returns.md": ARTICLES["returns.md"]})
    with live.shelf.ledger.writing() as connection:
        connection.execute(update(stores).where(stores.c.id == store).values(last_active=time.time() - 86_000))
    before = client.vector_stores.retrieve(store).last_active_at
    client.vector_stores.search(store, query="shoes")
    assert client.vector_stores.retrieve(store).last_active_at > before


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"nme": "x"}, "nme"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"metadata": {"k": "x" * 513}}, "metadata.k"),
        ({"expires_after": {"anchor": "last_active_at", "days": 366}}, "expires_after.days"),
        ({"expires_after": {"anchor": "created_at", "days": 1}}, "expires_after.anchor"),
        ({"file_ids": ["file-unknown"]}, "file_id"),
        (
            {
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
                }
            },
            "chunking_strategy.static.static",
        ),
        (
            {
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0},
                }
            },
            "chunking_strategy.static.static.max_chunk_size_tokens",
        ),
        ({"name": "\ud800"}, "name"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(live: Live, body: dict[str, object], param: str) -> None:
    with live.http() as http:
        answer = http.post("/v1/vector_stores", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == param
