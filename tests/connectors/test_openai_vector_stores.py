"""OpenAI's vector stores against a server that behaves like OpenAI and is held to its OpenAPI document."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.errors import AuthError, ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Delete, Expected, Upsert
from connectors.openai_vector_stores.connector import VectorStores, connector
from connectors.openai_vector_stores.options import VectorStoresOptions
from tests.connectors.conformance import Conformance, Shelf
from tests.connectors.differential import follow_changes
from tests.connectors.fakes.openai_stores import KEY, SPEC, Store, Stores
from tests.connectors.fakes.openapi import OpenApi
from tests.connectors.fakes.server import PASSING, Fault, Response

pytestmark = pytest.mark.usefixtures("quick")

LARGE = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}}
REFUSED: dict[str, Any] = {"error": {"message": "no", "type": "tokens", "param": None, "code": None}}


class StoresWorld:
    """A vector store. An edit is another file, as it is at OpenAI; the same text comes back as the same file."""

    def __init__(self, fake: Stores, *, purpose: str = "assistants", suffix: str = "txt") -> None:
        self.fake = fake
        self.purpose, self.suffix = purpose, suffix
        self.store = fake.store("Help")
        self.other = fake.store("Other")
        self.names: dict[str, str] = {}

    def connector(self) -> VectorStores:
        return source(self.fake)

    def put(self, name: str, text: str) -> None:
        number = "file-" + hashlib.sha256(f"{name}\0{text}".encode()).hexdigest()[:20]
        if self.names.get(name) == number:
            return
        with self.fake.lock:
            self.fake.upload(number, f"{name}.{self.suffix}", text.encode(), self.purpose)
            if name in self.names:
                self.fake.detach(self.store, self.names[name])
            self.fake.attach(self.store, number)
        self.names[name] = number

    def remove(self, name: str) -> None:
        self.fake.detach(self.store, self.names.pop(name))

    def rename(self, old: str, new: str) -> None:
        text = self.fake.files[self.names[old]].content.decode()
        self.remove(old)
        self.put(new, text)

    def mutate(self, rng: random.Random) -> None:
        name, fake = f"doc{rng.randrange(25)}", self.fake
        present = sorted(self.names)
        with fake.lock:
            kind = rng.randrange(9)
            if kind <= 2 or not present:
                self.put(name, f"{rng.randrange(50)} " + "word " * rng.randrange(400))
            elif kind == 3:
                self.remove(rng.choice(present))
            elif kind == 4:
                self.rename(rng.choice(present), f"new{rng.randrange(5)}")
            elif kind == 5:
                self.store.files[self.names[rng.choice(present)]].attributes = {"n": rng.randrange(3), "ok": True}
            elif kind == 6:
                one = self.store.files[self.names[rng.choice(present)]]
                one.status = rng.choice(["in_progress", "completed", "cancelled"])
            elif kind == 7:
                self.other.status = rng.choice(["expired", "completed"])
                self.store.name = rng.choice(["Help", "Help desk"])
            else:
                number = rng.choice(list(fake.files))
                if number in self.other.files:
                    fake.detach(self.other, number)
                else:
                    fake.attach(self.other, number)


@pytest.fixture
def fake() -> Iterator[Stores]:
    with Stores() as server:
        yield server


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.openai_vector_stores.api.PAGE", 3)


def options(fake: Stores, **more: Any) -> VectorStoresOptions:
    return VectorStoresOptions.model_validate(
        {"api_key": KEY, "base_url": fake.base, "requests_per_minute": 1_000_000, **more}
    )


def source(fake: Stores, **more: Any) -> VectorStores:
    return VectorStores("test", options(fake, **more))


def crawl(fake: Stores, shelf: Shelf | None = None, **more: Any) -> tuple[Shelf, list[Change]]:
    shelf = shelf or Shelf()
    return shelf, shelf.apply(source(fake, **more).changes(shelf.cursor))


def stocked(fake: Stores, count: int = 7, **more: Any) -> Store:
    store = fake.store("Help")
    for number in range(count):
        fake.upload(f"file-{number}", f"page {number}.txt", f"Text number {number}.".encode())
        fake.attach(store, f"file-{number}", **more)
    return store


class TestChunks(Conformance):
    @pytest.fixture
    def world(self, fake: Stores) -> StoresWorld:
        return StoresWorld(fake)


class TestOriginals(Conformance):
    @pytest.fixture
    def world(self, fake: Stores) -> StoresWorld:
        return StoresWorld(fake, purpose="user_data", suffix="md")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_following_equals_reading_afresh(fake: Stores, seed: int) -> None:
    follow_changes(StoresWorld(fake, purpose="user_data" if seed == 2 else "assistants"), seed)


def test_the_text_is_back_without_its_overlaps(fake: Stores) -> None:
    store = fake.store("Help")
    text = "\n".join(f"Line {n} says {n * 7919 % 1000}." for n in range(400))
    fake.upload("file-a", "Guide.pdf", b"%PDF", "assistants")
    fake.attach(store, "file-a", text, strategy=LARGE)
    document = crawl(fake)[0].documents["vs_0/file-a"]
    assert document.content.decode() == text
    assert (document.media_type, document.title, document.filename, document.url) == (
        "text/plain",
        "Guide.pdf",
        None,
        None,
    )
    assert document.readers is None


@pytest.mark.parametrize("strategy", [{"type": "other"}, {"type": "static", "static": {"max_chunk_size_tokens": "?"}}])
def test_without_a_word_on_the_chunking_the_vendors_own_is_taken(fake: Stores, strategy: dict[str, Any]) -> None:
    stocked(fake, 1)
    words = [f" word{number}" for number in range(1000)]
    one = fake.stores["vs_0"].files["file-0"]
    one.strategy, one.chunks = strategy, ["".join(words[:800]), "".join(words[400:])]
    assert crawl(fake)[0].texts == ["".join(words)]
    fake.problems.clear()  # the second is not OpenAI's


def test_metadata_is_the_files_attributes_and_where_it_is(fake: Stores) -> None:
    store = fake.store("Help", "vs_help")
    fake.upload("file-a", "guide.txt", b"Text.")
    attributes = {
        "year": 2024.0,
        "public": True,
        "team": "returns",
        "source": "wiki",
        "filename": "other.txt",
        "heading": "The guide",
        "link": "https://x.org/g",
        "lang": "fr-CA",
    }
    fake.attach(store, "file-a", attributes=attributes)
    document = crawl(fake, title_attribute="heading", url_attribute="link", language_attribute="lang")[0].documents[
        "vs_help/file-a"
    ]
    assert (document.title, document.url, document.language) == ("The guide", "https://x.org/g", "fr")
    assert document.metadata == {
        "vector_store": "Help",
        "vector_store_id": "vs_help",
        "file_id": "file-a",
        "filename": "other.txt",
        "uploaded_at": datetime.fromtimestamp(fake.files["file-a"].created_at, UTC),
        "year": 2024.0,
        "public": True,
        "team": "returns",
        "attribute_source": "wiki",
        "heading": "The guide",
        "link": "https://x.org/g",
        "lang": "fr-CA",
    }


def test_a_link_that_is_none_is_no_link(fake: Stores) -> None:
    store = stocked(fake, 1)
    store.files["file-0"].attributes = {"link": "javascript:alert(1)", "heading": 3.0}
    document = crawl(fake, title_attribute="heading", url_attribute="link")[0].documents["vs_0/file-0"]
    assert (document.title, document.url) == ("3.0", None)


def test_the_uploaded_bytes_win_where_they_can_be_had(fake: Stores) -> None:
    store = fake.store("Help")
    page = b"<html lang='fr'><title>Retours</title><p>Le texte.</p></html>"
    fake.upload("file-a", "page.html", page, "user_data")
    fake.attach(store, "file-a", "Le texte.")
    document = crawl(fake)[0].documents["vs_0/file-a"]
    assert (document.content, document.media_type, document.filename) == (page, "text/html", "page.html")
    assert (document.title, document.language) == ("Retours", "fr")
    document = crawl(fake, originals=False)[0].documents["vs_0/file-a"]
    assert (document.content, document.media_type, document.title) == (b"Le texte.", "text/plain", "page.html")


@pytest.mark.parametrize(("name", "original"), [("a.py", True), ("a.json", True), ("a.doc", False), ("noname", False)])
def test_formats_that_are_not_parsed_here_come_as_chunks(fake: Stores, name: str, original: bool) -> None:
    fake.upload("file-a", name, b"bytes", "user_data")
    fake.attach(fake.store("Help"), "file-a", "chunks")
    document = crawl(fake)[0].documents["vs_0/file-a"]
    assert document.content == (b"bytes" if original else b"chunks")
    assert (document.media_type, document.filename, document.title) == ("text/plain", None, name)


def test_a_purpose_that_is_refused_is_asked_for_once(fake: Stores) -> None:
    stocked(fake)
    crawl(fake)
    assert len([path for path in fake.paths("/v1/files/") if path.endswith("/content")]) == 1


def test_a_refusal_of_one_file_says_nothing_of_the_next(fake: Stores) -> None:
    store = fake.store("Help")
    for name in ("file-a", "file-b"):
        fake.upload(name, f"{name}.txt", b"bytes", "user_data")
        fake.attach(store, name, "chunks")
    answer = fake.answer
    fake.answer = lambda request: (  # type: ignore[method-assign]
        Response(403, json={"error": {"message": "no", "code": None}})
        if request.path == "/v1/files/file-a/content"
        else answer(request)
    )
    assert crawl(fake)[0].texts == ["bytes", "chunks"]


def test_a_large_original_comes_as_chunks(fake: Stores) -> None:
    fake.upload("file-a", "a.txt", b"x" * 5000, "user_data")
    fake.attach(fake.store("Help"), "file-a", "chunks")
    assert crawl(fake, max_bytes=4000)[0].texts == ["chunks"]


def test_a_download_of_the_wrong_length_is_a_failure(fake: Stores) -> None:
    fake.upload("file-a", "a.txt", b"bytes", "user_data").size = 99
    fake.attach(fake.store("Help"), "file-a", "chunks")
    shelf, _ = crawl(fake)
    assert not shelf.documents
    assert "5 bytes where the file has 99" in shelf.failed["vs_0/file-a"]
    assert "originals: false" in shelf.failed["vs_0/file-a"]


def test_a_page_of_a_proxy_is_not_taken_for_the_file(fake: Stores) -> None:
    fake.upload("file-a", "a.html", b"<p>Mine</p>", "user_data")
    fake.attach(fake.store("Help"), "file-a", "chunks")
    fake.break_next(Fault("html", path="/v1/files/file-a/content"), Fault("truncated", path="/v1/files/file-a/content"))
    assert crawl(fake)[0].texts == ["<p>Mine</p>"]


def test_a_file_in_two_stores_is_a_document_in_each(fake: Stores) -> None:
    first, second = fake.store("Help"), fake.store("Shop")
    fake.upload("file-a", "a.txt", b"Text.")
    fake.attach(first, "file-a", attributes={"audience": "help"})
    fake.attach(second, "file-a", attributes={"audience": "shop"})
    shelf, _ = crawl(fake)
    assert {name: document.metadata["audience"] for name, document in shelf.documents.items()} == {
        "vs_0/file-a": "help",
        "vs_1/file-a": "shop",
    }
    fake.detach(first, "file-a")
    crawl(fake, shelf)
    assert set(shelf.documents) == {"vs_1/file-a"}


def test_states_of_a_file_are_told(fake: Stores) -> None:
    store = stocked(fake, 4)
    store.files["file-0"].status = "in_progress"
    store.files["file-1"].status = "cancelled"
    store.files["file-2"].status = "failed"
    store.files["file-2"].last_error = {"code": "unsupported_file", "message": "The file is empty."}
    shelf, _ = crawl(fake)
    assert set(shelf.documents) == {"vs_0/file-3"}
    assert shelf.skipped == {"vs_0/file-0": "not yet processed", "vs_0/file-1": "cancelled"}
    assert shelf.failed == {"vs_0/file-2": "OpenAI could not process the file: The file is empty."}
    for one in store.files.values():
        one.status = "completed"
    crawl(fake, shelf)
    assert len(shelf.documents) == 4
    assert not shelf.failed


def test_a_file_without_text_is_a_failure_and_tried_again(fake: Stores) -> None:
    store = stocked(fake, 1)
    store.files["file-0"].text = " \n"
    shelf, _ = crawl(fake)
    assert shelf.failed == {"vs_0/file-0": "file-0: OpenAI found no text in it."}
    store.files["file-0"].text = "Now."
    crawl(fake, shelf)
    assert shelf.texts == ["Now."]


def test_an_expired_store_is_skipped_and_its_files_leave(fake: Stores) -> None:
    store = stocked(fake)
    other = fake.store("Other")
    fake.attach(other, "file-1")
    shelf, _ = crawl(fake)
    assert len(shelf.documents) == 8
    store.status = "expired"
    crawl(fake, shelf)
    assert set(shelf.documents) == {"vs_1/file-1"}
    assert shelf.skipped == {"vs_0": "expired store"}


def test_only_the_stores_that_are_named_are_read(fake: Stores) -> None:
    for number, name in enumerate(["Help", "Shop", "Shop", "Secret"]):
        fake.upload(f"file-{number}", "a.txt", name.encode())
        fake.attach(fake.store(name), f"file-{number}")
    assert crawl(fake, stores=["vs_0", "Shop"])[0].texts == ["Help", "Shop", "Shop"]
    with pytest.raises(ConnectorError, match="no vector store 'Shopp'"):
        crawl(fake, stores=["Shopp"])
    reachable = source(fake, stores=["Shopp"]).check()
    assert not reachable.ok
    assert "'Help', 'Shop'" in (reachable.hint or "")


def test_a_named_store_that_is_gone_deletes_nothing(fake: Stores) -> None:
    stocked(fake)
    shelf, _ = crawl(fake, stores=["Help"])
    del fake.stores["vs_0"]
    with pytest.raises(ConnectorError, match="no vector store 'Help'"):
        crawl(fake, shelf, stores=["Help"])
    assert len(shelf.documents) == 7


def test_unchanged_files_are_not_fetched_again(fake: Stores) -> None:
    store = stocked(fake)
    shelf, seen = crawl(fake)
    assert [change.documents for change in seen if isinstance(change, Expected)] == [7]
    fake.asked.clear()
    store.files["file-3"].attributes = {"topic": "returns"}
    _, seen = crawl(fake, shelf)
    assert [change.document.id for change in seen if isinstance(change, Upsert)] == ["vs_0/file-3"]
    assert not any(isinstance(change, Expected) for change in seen)
    assert fake.paths("/v1/files/") == ["/v1/files/file-3", "/v1/files/file-3/content"]
    assert len(fake.paths("/v1/vector_stores/vs_0/files")) == 3 + 1


def test_a_renamed_store_changes_its_documents(fake: Stores) -> None:
    store = stocked(fake, 2)
    shelf, _ = crawl(fake)
    store.name = "Help desk"
    crawl(fake, shelf)
    assert {document.metadata["vector_store"] for document in shelf.documents.values()} == {"Help desk"}


def test_a_stopped_run_goes_on_without_fetching_again(fake: Stores) -> None:
    stocked(fake)
    shelf = Shelf()
    run = source(fake).changes(None)
    for change in run:
        shelf.replay([change])
        if isinstance(change, Checkpoint):
            break
    run.close()  # type: ignore[attr-defined]
    assert len(shelf.documents) == 3
    fake.asked.clear()
    crawl(fake, shelf)
    assert len(shelf.documents) == 7
    assert len(fake.paths("/content")) == 4 + 1  # four files, and one refused download


def test_a_cursor_is_small_and_holds_no_secret(fake: Stores) -> None:
    stocked(fake, 50)
    shelf, _ = crawl(fake)
    text = json.dumps(shelf.cursor)
    assert KEY not in text
    assert len(text) < 50 * 60
    for name in list(fake.stores["vs_0"].files)[1:]:
        fake.detach(fake.stores["vs_0"], name)
    crawl(fake, shelf)
    assert shelf.cursor is not None
    assert list(shelf.cursor["stamps"]["vs_0"]) == ["file-0"]


def test_other_options_read_everything_again_and_another_key_does_not(fake: Stores) -> None:
    assert options(fake).scope() == options(fake, api_key="sk-other").scope()
    stocked(fake, 2)
    shelf, _ = crawl(fake)
    _, seen = crawl(fake, shelf, originals=False)
    assert len([change for change in seen if isinstance(change, Upsert)]) == 2


def test_a_file_detached_at_a_pages_edge_does_not_end_the_listing(fake: Stores) -> None:
    store = stocked(fake)
    fake.meanwhile = lambda: fake.detach(store, "file-2")
    shelf, seen = crawl(fake)
    assert len([change for change in seen if isinstance(change, Upsert)]) == 6
    assert [change.id for change in seen if isinstance(change, Delete)] == ["vs_0/file-2"]
    assert len([one for one in fake.asked if one.path.endswith("vs_0/files")]) == 1 + 1 + 2
    crawl(fake, shelf)
    assert len(shelf.documents) == 6


def test_a_list_that_never_keeps_its_thread_is_an_error(fake: Stores) -> None:
    stocked(fake)
    answer = fake.answer
    fake.answer = lambda request: (  # type: ignore[method-assign]
        Response(404, json={"error": {"message": "none"}}) if "after" in request.query else answer(request)
    )
    with pytest.raises(ConnectorError, match="404"):
        crawl(fake)


def test_a_store_deleted_while_it_is_listed_is_gone(fake: Stores) -> None:
    stocked(fake)
    other = fake.store("Other")
    fake.attach(other, "file-1")
    shelf, _ = crawl(fake)
    fake.meanwhile = lambda: fake.stores.pop("vs_1")
    _, seen = crawl(fake, shelf)
    assert any(isinstance(change, Complete) for change in seen)
    assert len(shelf.documents) == 7


def test_a_file_detached_while_it_is_read_is_deleted(fake: Stores) -> None:
    store = stocked(fake, 3)
    shelf, _ = crawl(fake)
    store.files["file-1"].attributes = {"a": "b"}
    fake.meanwhile = lambda: fake.detach(store, "file-1")
    _, seen = crawl(fake, shelf)
    assert [change.id for change in seen if isinstance(change, Delete)] == ["vs_0/file-1"]
    assert len(shelf.documents) == 2


def test_a_deleted_upload_that_is_still_attached_keeps_its_text(fake: Stores) -> None:
    stocked(fake, 1)
    del fake.files["file-0"]
    document = crawl(fake)[0].documents["vs_0/file-0"]
    assert (document.title, document.content) == ("file-0", b"Text number 0.")


def test_one_broken_file_fails_alone_and_many_fail_the_source(fake: Stores) -> None:
    stocked(fake)
    path = "/v1/vector_stores/vs_0/files/file-1/content"
    fake.break_next(*[Fault("error", 500, path=path)] * 5)
    shelf, _ = crawl(fake)
    assert "status 500, after 5 tries" in shelf.failed["vs_0/file-1"]
    assert len(shelf.documents) == 6
    crawl(fake, shelf)
    assert len(shelf.documents) == 7
    fake.break_next(*[Fault("error", 500, path="/content")] * 100)
    with pytest.raises(ConnectorError, match="status 500"):
        crawl(fake)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.retry_after}")
def test_what_passes_is_asked_over(fake: Stores, fault: Fault) -> None:
    store = fake.store("Help")
    fake.upload("file-a", "a.txt", b"bytes", "user_data")
    fake.attach(store, "file-a", "chunks")
    paths = ("/v1/vector_stores", "/files", "/v1/files/file-a", "/v1/files/file-a/content")
    fake.break_next(*[Fault(fault.kind, fault.status, fault.retry_after, path=path) for path in paths])
    assert crawl(fake)[0].texts == ["bytes"]


def test_the_vendors_wait_in_milliseconds_is_kept(fake: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []
    monkeypatch.setattr("connectors.http.pause", lambda asked, *_: waits.append(asked) or 0.0)
    stocked(fake, 1)
    answer, plan = fake.answer, [Response(429, json=REFUSED, headers={"retry-after-ms": "1500"})]
    fake.answer = lambda request: plan.pop() if plan else answer(request)  # type: ignore[method-assign]
    assert len(crawl(fake)[0].documents) == 1
    assert waits == [1.5]


def test_no_credit_is_not_asked_over(fake: Stores) -> None:
    fake.answer = lambda _: Response(  # type: ignore[method-assign]
        429, json={"error": {**REFUSED["error"], "code": "insufficient_quota"}}
    )
    reachable = source(fake).check()
    assert "no credit left" in reachable.detail
    assert len(fake.asked) == 1


def test_a_wrong_key_is_named_without_showing_it(fake: Stores) -> None:
    stocked(fake)
    wrong = source(fake, api_key="sk-wrong-key")
    reachable = wrong.check()
    assert not reachable.ok
    assert "does not accept the API key" in reachable.detail
    assert "API keys" in (reachable.hint or "")
    with pytest.raises(AuthError) as caught:
        list(wrong.changes(None))
    shown = f"{caught.value} {caught.value.hint} {reachable} {wrong.options!r} {wrong!r}"
    assert "sk-" not in shown


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("scope", "part"), [("api.vector_stores.read", "Vector stores: Read"), ("api.files.read", "Files: Read")]
)
def test_a_missing_permission_is_named_and_deletes_nothing(fake: Stores, scope: str, part: str, status: int) -> None:
    stocked(fake)
    shelf, _ = crawl(fake)
    fake.missing_status = status
    fake.scopes.discard(scope)
    reachable = source(fake).check()
    assert not reachable.ok
    assert f"It lacks {scope}" in reachable.detail
    assert part in (reachable.hint or "")
    fake.stores["vs_0"].files["file-1"].attributes = {"a": "b"}
    with pytest.raises(AuthError, match="may not read"):
        crawl(fake, shelf)
    assert len(shelf.documents) == 7


def test_another_refusal_names_both_permissions(fake: Stores) -> None:
    fake.answer = lambda _: Response(403, body=b"no")  # type: ignore[method-assign]
    reachable = source(fake).check()
    assert "refuses access" in reachable.detail
    assert "Files: Read" in (reachable.hint or "")


def test_check_counts(fake: Stores) -> None:
    assert source(fake).check().detail == "0 vector stores with 0 files at 127.0.0.1."
    stocked(fake)
    assert source(fake).check().detail == "1 vector store with 7 files at 127.0.0.1."
    fake.store("Old").status = "expired"
    assert source(fake).check().detail == "1 vector store with 7 files at 127.0.0.1; 1 expired."


def test_organisation_and_project_are_sent(fake: Stores) -> None:
    stocked(fake, 1)
    crawl(fake, organization="org-1", project="proj_1")
    sent = {(one.headers.get("openai-organization"), one.headers.get("openai-project")) for one in fake.asked}
    assert sent == {("org-1", "proj_1")}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/v1/vector_stores", [], "is no object"),
        ("/v1/vector_stores", {"data": 3}, "has no list"),
        ("/v1/vector_stores", {"data": [{"id": ""}]}, "without an id"),
        ("/v1/vector_stores", {"data": [], "has_more": True}, "does not say where"),
        ("/v1/vector_stores", {"data": [{"id": "vs_0"}], "has_more": True}, "does not advance"),
        ("/v1/vector_stores/vs_0/files", {"data": [{"id": "file-0"}], "has_more": True}, "does not advance"),
    ],
)
def test_answers_beyond_reason_are_errors(fake: Stores, path: str, body: Any, message: str) -> None:
    stocked(fake, 1)
    answer = fake.answer
    fake.answer = lambda request: Response(json=body) if request.path == path else answer(request)  # type: ignore
    fake.problem = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(ConnectorError, match=message):
        crawl(fake)


@pytest.mark.parametrize(
    ("page", "message"), [({"next_page": None}, "does not say where"), ({"next_page": "p"}, "does not advance")]
)
def test_content_that_never_ends_is_a_failure(fake: Stores, page: dict[str, Any], message: str) -> None:
    stocked(fake, 1)
    answer = fake.answer
    fake.answer = lambda request: (  # type: ignore[method-assign]
        Response(json={"data": [{"type": "text", "text": "a"}, {"type": "image"}], "has_more": True, **page})
        if request.path.endswith("vs_0/files/file-0/content")
        else answer(request)
    )
    fake.problem = lambda *_: None  # type: ignore[method-assign]
    assert message in crawl(fake)[0].failed["vs_0/file-0"]


def test_chunks_beyond_max_bytes_are_a_failure(fake: Stores) -> None:
    stocked(fake, 1)
    fake.stores["vs_0"].files["file-0"].chunks = ["x" * 600] * 3
    fake.page = 1
    assert "more than 1,200 characters" in crawl(fake, max_bytes=1200, originals=False)[0].failed["vs_0/file-0"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"api_key": " "}, "api_key is empty"),
        ({"base_url": "http://x.org"}, "use https"),
        ({"stores": [""]}, "leave `stores` out"),
        ({"store": ["a"]}, "Extra inputs"),
        ({"sweep_every": "soon"}, "is not a duration"),
    ],
)
def test_wrong_options_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VectorStoresOptions.model_validate({"api_key": KEY, **given})


def test_it_is_built_by_its_type(fake: Stores, tmp_path: Path) -> None:
    stocked(fake, 1)
    built = connector.build("stores", options(fake), base_dir=tmp_path)
    assert built.check().ok
    assert connector.options is VectorStoresOptions


@pytest.mark.skipif(not OpenApi.here(SPEC), reason="../shared/specs is not there")
def test_the_fake_is_held_to_the_vendors_document(fake: Stores) -> None:
    store = stocked(fake, 1)
    store.files["file-0"].attributes = {f"key{n}": "v" for n in range(17)}
    crawl(fake)
    assert "too many properties" in fake.problems[0]
    fake.problems.clear()
