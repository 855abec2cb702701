"""Limits, errors in OpenAI's envelope, ids of requests, and the server's own pages."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from configs.server import Server
from openshelf.server.access import Rate
from openshelf.server.errors import ApiError
from tests.server.live import Live, open_shelf, serving

SMALL = Server(max_file_bytes=50_000, max_request_bytes=20_000, requests_per_minute=0, max_concurrent=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Live]:
    with open_shelf(tmp_path_factory.mktemp("small")) as shelf, serving(shelf, SMALL) as running:
        yield running


def test_a_request_that_is_too_large_is_refused_before_it_is_read(small: Live) -> None:
    with small.http() as http:
        body = {"query": "a" * 20_000}
        answer = http.post("/v1/vector_stores/vs_x/search", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
        # Without a declared length it is cut off where it passes the limit.
        pieces = (b"{" + b" " * 5000 for _ in range(100))
        answer = http.post("/v1/vector_stores", content=pieces, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(small: Live) -> None:
    client = small.client()
    with pytest.raises(openai.APIStatusError) as caught:
        client.files.create(file=("big.txt", b"x" * 50_001), purpose="assistants")
    assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")
    with pytest.raises(openai.APIStatusError) as caught:
        client.files.create(file=("huge.txt", b"x" * 2_000_000), purpose="assistants")
    assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
    assert client.files.create(file=("fits.txt", b"x" * 50_000), purpose="assistants").bytes == 50_000
    assert not list(small.shelf.folder.glob("files/.*"))


def test_more_requests_than_fit_at_once_are_told_to_wait(small: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go = threading.Semaphore(0), threading.Event()
    store = small.client().vector_stores.create().id
    original = small.services.yaml.source

    def slow(name: str) -> str | None:
        inside.release()
        assert go.wait(30)
        return original(name)

    monkeypatch.setattr(small.services.yaml, "source", slow)
    waiting = [threading.Thread(target=small.client().vector_stores.retrieve, args=(store,)) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert all(inside.acquire(timeout=30) for _ in waiting)
    with small.http() as http:
        answer = http.get(f"/v1/vector_stores/{store}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_requests")
        assert answer.headers["retry-after"] == "1"
        assert http.get("/healthz").status_code == 200
    go.set()
    for thread in waiting:
        thread.join(30)
    assert small.client().vector_stores.retrieve(store).id == store


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path, model_cache: Path) -> None:
    settings = Server(requests_per_minute=3)
    with open_shelf(tmp_path) as shelf, serving(shelf, settings) as live, live.http() as http:
        answers = [http.get("/v1/files") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20


def test_each_name_has_a_bucket_of_its_own_that_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("openshelf.server.access.time.monotonic", lambda: now)
    rate = Rate(60)
    for _ in range(60):
        rate.take("a")
    with pytest.raises(ApiError) as caught:
        rate.take("a")
    assert caught.value.retry_after == pytest.approx(1)
    rate.take("b")
    now = 2.0
    rate.take("a")
    rate.take("a")
    with pytest.raises(ApiError):
        rate.take("a")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/files", 405),
        ("GET", "/", 404),
        ("GET", "/v1/files/", 404),
        ("DELETE", "/v1/vector_stores", 405),
    ],
)
def test_an_unknown_address_or_method_is_an_error_like_others(small: Live, method: str, path: str, status: int) -> None:
    with small.http() as http:
        answer = http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "unknown_url"
    assert path in answer.json()["error"]["message"]


def test_a_body_that_is_no_json_is_named_so(small: Live) -> None:
    headers = {"content-type": "application/json"}
    with small.http() as http:
        for content in (b"{", b"\xff\xfe", b"[1, 2", b'"text"', b"null", b"NaN", b"[" * 15_000):
            answer = http.post("/v1/vector_stores", content=content, headers=headers)
            assert answer.status_code == 400, content
            assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_upload_that_breaks_off_leaves_nothing_and_is_no_fault(
    small: Live, caplog: pytest.LogCaptureFixture
) -> None:
    gone = 'openshelf_http_requests_total{method="POST",route="/v1/files",status="400"} 1.0'
    with small.http() as http, caplog.at_level("ERROR"):
        before = http.get("/metrics").text
        assert gone not in before
        with socket.create_connection(("127.0.0.1", int(small.url.rsplit(":", 1)[1]))) as raw:
            raw.sendall(
                b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-length: 40000\r\n"
                b"content-type: multipart/form-data; boundary=x\r\n\r\n"
                b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of it'
            )
        deadline = time.monotonic() + 30
        while gone not in http.get("/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert not list(small.shelf.folder.glob("files/.*"))
    assert caplog.records == []


def test_a_request_keeps_its_id_or_gets_one(small: Live) -> None:
    with small.http() as http:
        assert http.get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
        for bad in ("", "a b", "x" * 129):
            found = http.get("/v1/nothing", headers={"x-request-id": bad}).headers["x-request-id"]
            assert found.startswith("req_")
    assert small.client().vector_stores.create()._request_id


def test_the_unexpected_is_an_error_without_inner_words(small: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_name: str) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(small.services.yaml, "source", broken)
    with small.http() as http:
        answer = http.get("/v1/vector_stores/vs_x")
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"]


def test_metrics_know_routes_and_not_addresses(small: Live) -> None:
    with small.http() as http:
        http.get("/v1/vector_stores/vs_some")
        http.get("/v1/vector_stores/vs_other")
        http.get("/wp-admin.php")
        text = http.get("/metrics").text
    assert 'route="/v1/vector_stores/{vector_store_id}",status="404"' in text
    assert 'route="none",status="404"' in text
    assert "vs_some" not in text
    assert "wp-admin" not in text


def test_the_page_and_the_document_need_nothing_from_elsewhere(small: Live) -> None:
    with small.http() as http:
        page = http.get("/docs")
        document = http.get("/openapi.json").json()
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "/v1/vector_stores/{vector_store_id}/search" in document["paths"]
    assert not [
        path for path, verbs in document["paths"].items() for one in verbs.values() if "422" in one["responses"]
    ]
