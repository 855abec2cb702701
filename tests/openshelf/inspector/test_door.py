"""Who gets in: a browser on this machine with the token, and nobody else."""

from __future__ import annotations

import socket

import httpx
import pytest

from configs.errors import ConfigError
from openshelf import Shelf
from openshelf.inspector.door import HEADERS, Key
from openshelf.server.app import create_app
from openshelf.server.running import Listening
from tests.openshelf.inspector.live import Inspected

PAGES = ["", "documents", "document", "document/cut", "search?q=x", "costs", "health", "static/document.js", "nonsense"]


@pytest.mark.parametrize("page", PAGES)
def test_without_the_token_every_page_is_refused(live: Inspected, page: str) -> None:
    with live.client(admitted=False) as client:
        refused = client.get(page)
    assert refused.status_code == 403
    assert "openshelf inspect" in refused.text
    assert live.key.token not in refused.text and live.key.session not in refused.text


@pytest.mark.parametrize("page", PAGES)
def test_every_answer_carries_the_policy(live: Inspected, client: httpx.Client, page: str) -> None:
    with live.client(admitted=False) as stranger:
        for answer in (client.get(page), stranger.get(page)):
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
            assert "access-control-allow-origin" not in answer.headers


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_address(live: Inspected) -> None:
    with live.client(admitted=False) as client:
        answer = client.get("search", params={"q": "a b&c", "token": live.key.token})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/inspect/search?q=a+b%26c"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/inspect" in cookie
        assert live.key.token not in cookie
        assert client.get("").status_code == 200


def test_the_address_without_its_slash_leads_on(live: Inspected) -> None:
    with live.client(admitted=False, follow_redirects=True) as client:
        assert client.get(f"{live.listening.url}/inspect", params={"token": live.key.token}).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "ä", "0" * 10_000])
def test_a_wrong_token_is_refused_and_gives_no_cookie(live: Inspected, token: str) -> None:
    with live.client(admitted=False) as client:
        answer = client.get("", params={"token": token})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_a_ticket_opens_once(live: Inspected) -> None:
    ticket = live.key.ticket()
    with live.client(admitted=False) as first, live.client(admitted=False) as second:
        assert first.get("", params={"token": ticket}).status_code == 303
        assert second.get("", params={"token": ticket}).status_code == 403
        assert first.get("").status_code == 200


def test_the_cookie_of_another_run_does_not_open(live: Inspected) -> None:
    with live.client(admitted=False) as client:
        name = f"openshelf-inspect-{httpx.URL(live.url).port}"
        for value in (Key().session, live.key.token, ""):
            assert client.get("", headers={"cookie": f"{name}={value}"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:{port}"},
        {"host": "127.0.0.1.evil.example:{port}"},
        {"host": "127.0.0.1:1"},
        {"host": "127.0.0.1"},
        {"host": "localhost:nonsense"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost:{port}"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_a_foreign_host_or_origin_is_refused_even_with_the_cookie_and_the_token(
    live: Inspected, client: httpx.Client, headers: dict[str, str]
) -> None:
    port = str(httpx.URL(live.url).port)
    sent = {name: value.replace("{port}", port) for name, value in headers.items()}
    assert client.get("", headers=sent).status_code == 403
    assert "set-cookie" not in client.get("", params={"token": live.key.token}, headers=sent).headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machines_own_names_are_let_in(live: Inspected, client: httpx.Client, host: str) -> None:
    authority = f"{host}:{httpx.URL(live.url).port}"
    name, value = next(iter(client.cookies.items()))
    headers = {"host": authority, "origin": f"http://{authority}", "sec-fetch-site": "same-origin"}
    assert client.get("", headers={**headers, "cookie": f"{name}={value}"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(client: httpx.Client, method: str) -> None:
    assert client.request(method, "documents").status_code == 405


def test_the_http_surface_is_beside_it_and_a_server_without_it_has_no_such_page(
    live: Inspected, shelf: Shelf, client: httpx.Client
) -> None:
    assert client.get(f"{live.listening.base_url}/vector_stores").status_code == 200
    assert "/inspect" not in str(client.get(f"{live.listening.url}/openapi.json").json()["paths"])
    routes = [getattr(route, "path", "") for route in create_app(shelf).routes]
    assert routes and not any(path.startswith("/inspect") for path in routes)


def test_it_is_never_served_beyond_this_machine(shelf: Shelf) -> None:
    with pytest.raises(ConfigError, match="this machine only"):
        create_app(shelf, loopback=False, inspector=Key())


def test_a_server_that_is_refused_frees_its_port(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    monkeypatch.setattr("openshelf.server.running.is_loopback", lambda host: False)
    monkeypatch.setattr("openshelf.server.running.refuse_open_door", lambda ledger, host: None)
    settings = shelf.config.server.model_copy(update={"port": port})
    with pytest.raises(ConfigError):
        Listening(shelf, settings, inspector=Key())
    monkeypatch.undo()
    socket.create_server(("127.0.0.1", port)).close()
