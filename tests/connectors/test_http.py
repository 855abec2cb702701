"""The shared HTTP client against a real server."""

from __future__ import annotations

import gzip
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from configs.errors import AuthError, ConnectorError
from connectors.addresses import host_allowed, is_loopback, resolve, safe_address
from connectors.http import HttpClient
from connectors.retry import RateBudget, pause, retry_after
from tests.connectors.web import Answer, Web

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def client(web: Web, **options) -> HttpClient:
    return HttpClient(web.url, **{"max_wait": 0.02, "timeout": 5.0, **options})


def test_json_and_bytes_are_fetched_with_parameters(web: Web) -> None:
    web.serve("/a", Answer(body=b'{"x": [1]}', headers={"Content-Type": "application/json; charset=utf-8"}))
    with client(web) as http:
        assert http.get_json("/a", params={"page": 2}) == {"x": [1]}
        fetched = http.get_bytes(f"{web.url}/a")
    assert (fetched.content, fetched.size, fetched.media_type) == (b'{"x": [1]}', 10, "application/json")
    assert web.asked[0].path == "/a?page=2"
    assert web.asked[0].headers["Host"] == f"127.0.0.1:{web.port}"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("asked", [None, "0", "1", "99999999999999", "soon", "-3", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_busy_server_is_asked_again(web: Web, status: int, asked: str | None) -> None:
    busy = Answer(status, headers={"Retry-After": asked} if asked else {})
    web.serve("/a", busy, busy, Answer(body=b"ok"))
    with client(web) as http:
        assert http.get_bytes("/a").content == b"ok"
    assert [asked.status for asked in web.asked] == [status, status, 200]


def test_a_server_that_stays_busy_ends_in_an_error_without_secrets(web: Web) -> None:
    web.serve("/a", Answer(503))
    with client(web, attempts=3) as http, pytest.raises(ConnectorError, match="status 503, after 3 tries") as caught:
        http.get_bytes("/a?token=s3cret")
    assert "s3cret" not in str(caught.value)
    assert len(web.asked) == 3


@pytest.mark.parametrize(("status", "error"), [(401, AuthError), (403, AuthError), (404, ConnectorError)])
def test_a_refusal_is_not_repeated(web: Web, status: int, error: type[Exception]) -> None:
    web.serve("/a", Answer(status))
    with client(web) as http, pytest.raises(error, match=str(status)):
        http.get_bytes("/a")
    assert len(web.asked) == 1


def test_a_body_that_breaks_off_is_fetched_again_from_the_start(web: Web) -> None:
    web.serve("/a", Answer(body=b"half", cut=10), Answer(body=b"the whole"))
    with client(web) as http:
        assert http.get_bytes("/a").content == b"the whole"


def test_a_body_that_always_breaks_off_is_an_error(web: Web) -> None:
    web.serve("/a", Answer(body=b"half", cut=10))
    with client(web, attempts=2) as http, pytest.raises(ConnectorError, match=r"broke off .* after 2 tries"):
        http.get_bytes("/a")


def test_an_oversized_body_is_refused_also_when_it_is_compressed(web: Web) -> None:
    web.serve("/plain", Answer(body=b"x" * 2000))
    web.serve("/bomb", Answer(body=gzip.compress(b"0" * 5_000_000), headers={"Content-Encoding": "gzip"}))
    with client(web, max_bytes=1000) as http:
        for path in ("/plain", "/bomb"):
            with pytest.raises(ConnectorError, match="more than 1,000 bytes"):
                http.get_bytes(path)
    assert len(web.asked) == 2


def test_damaged_compression_is_an_error(web: Web) -> None:
    web.serve("/a", Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}))
    with client(web) as http, pytest.raises(ConnectorError, match="compression"):
        http.get_bytes("/a")


def test_a_server_that_is_not_there_is_an_error(web: Web) -> None:
    url = web.url.replace(str(web.port), "1")
    with HttpClient(url, attempts=2, max_wait=0.01) as http, pytest.raises(ConnectorError, match="ConnectError"):
        http.get_bytes("/a")


def test_what_is_no_json_is_an_error(web: Web) -> None:
    web.serve("/a", Answer(body=b"<html>"))
    with client(web) as http, pytest.raises(ConnectorError, match="did not answer with JSON"):
        http.get_json("/a")


def test_a_conditional_get_says_that_nothing_changed(web: Web) -> None:
    web.serve("/a", Answer(body=b"x", conditional=True, headers={"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    with client(web) as http:
        first = http.get_bytes("/a")
        again = http.get_bytes("/a", etag=first.etag, last_modified=first.last_modified)
    assert (first.not_modified, again.not_modified, again.content) == (False, True, b"")
    assert web.asked[1].headers["If-Modified-Since"] == "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "https://[::1]/",
        "https://example.com/",
        "file:///etc/passwd",
        "//evil.example/x",
    ],
)
def test_a_redirect_to_another_host_is_refused(web: Web, target: str) -> None:
    web.serve("/a", Answer(302, headers={"Location": target}))
    with client(web) as http, pytest.raises(ConnectorError, match=r"may ask|no https address"):
        http.get_bytes("/a")
    assert len(web.asked) == 1


def test_an_allowed_redirect_target_is_checked_for_encryption_and_address(web: Web) -> None:
    web.serve("/plain", Answer(302, headers={"Location": "http://intranet.example/"}))
    web.serve("/meta", Answer(302, headers={"Location": "https://169.254.169.254/"}))
    with client(web, allowed_hosts=["intranet.example", "169.254.169.254"]) as http:
        with pytest.raises(ConnectorError, match="not encrypted"):
            http.get_bytes("/plain")
        with pytest.raises(ConnectorError, match="not public"):
            http.get_bytes("/meta")


def test_redirects_on_the_same_host_are_followed_up_to_a_limit(web: Web) -> None:
    web.serve("/a", Answer(307, headers={"Location": "b"}))
    web.serve("/b", Answer(body=b"here"))
    web.serve("/loop", Answer(302, headers={"Location": "/loop"}))
    with client(web) as http:
        assert http.get_bytes("/a").content == b"here"
        with pytest.raises(ConnectorError, match="more than 5 redirects"):
            http.get_bytes("/loop")


def test_credentials_do_not_follow_a_redirect_to_another_server(web: Web) -> None:
    other = Web()
    try:
        web.serve("/a", Answer(302, headers={"Location": f"{other.url}/b"}))
        other.serve("/b", Answer(body=b"x"))
        with client(web, auth=httpx.BasicAuth("me", "s3cret")) as http:
            http.get_bytes("/a")
        assert "Authorization" in web.asked[0].headers
        assert "Authorization" not in other.asked[0].headers
    finally:
        other.close()


def resolver(*addresses: str):
    return lambda host, port: list(addresses)


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "192.168.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "224.0.0.1",
    ],
)
def test_a_public_name_that_leads_into_the_own_network_is_refused(address: str) -> None:
    for found in ([address], ["93.184.215.14", address]):
        with pytest.raises(ConnectorError, match="not public"):
            safe_address("a.example", 443, configured=["a.example"], allow_private=False, resolver=resolver(*found))


def test_a_public_address_passes() -> None:
    found = safe_address("a.example", 443, configured=[], allow_private=False, resolver=resolver("93.184.215.14"))
    assert found == "93.184.215.14"


def test_an_intranet_host_needs_a_switch_and_metadata_services_stay_closed() -> None:
    def address(found: str, *configured: str) -> str:
        return safe_address("wiki.corp", 443, configured=configured, allow_private=True, resolver=resolver(found))

    assert address("10.0.0.5", "wiki.corp") == "10.0.0.5"
    with pytest.raises(ConnectorError):
        address("10.0.0.5", "*.corp")
    with pytest.raises(ConnectorError):
        address("169.254.169.254", "wiki.corp")


def test_an_address_written_into_the_configuration_is_meant() -> None:
    for host in ("10.0.0.5", "127.0.0.1"):
        assert safe_address(host, 443, configured=[host], allow_private=False, resolver=resolve) == host


def test_a_name_that_is_unknown_is_an_error() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no")

    with pytest.raises(ConnectorError, match="cannot be found"):
        safe_address("a.example", 443, configured=[], allow_private=True, resolver=unknown)


def test_the_checked_address_is_the_one_that_is_asked(web: Web) -> None:
    asked = []

    def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    web.serve("/a", Answer(body=b"x"))
    url = f"http://localhost:{web.port}"
    with HttpClient(url, resolver=once) as http:
        assert http.get_bytes("/a").content == b"x"
    assert asked == ["localhost"]
    assert web.asked[0].headers["Host"] == f"localhost:{web.port}"


def test_host_patterns_and_loopback_names() -> None:
    assert host_allowed("DOC.Googleusercontent.com", ["*.googleusercontent.com"])
    assert not host_allowed("googleusercontent.com.evil.example", ["*.googleusercontent.com"])
    assert [is_loopback(name) for name in ("localhost", "127.9.9.9", "::1", "localhost.evil.example", "10.0.0.1")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_retry_after_in_all_its_forms() -> None:
    date = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    assert retry_after("120", NOW) == 120
    assert retry_after(date, NOW) == 90
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", NOW) == 0
    assert retry_after("9" * 400, NOW) == float("inf")
    assert [retry_after(value, NOW) for value in (None, "", "soon", "-5", "1.5", "²")] == [None] * 6


def test_a_pause_is_capped_and_never_shorter_than_asked() -> None:
    for attempt in range(1, 50):
        assert 0 <= pause(None, attempt, 60) <= 60
        assert 5 <= pause(5, attempt, 60) <= 5.5
        assert pause(float("inf"), attempt, 60) == 60


def test_a_budget_shared_by_threads_spaces_their_requests() -> None:
    budget = RateBudget(60)
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(budget.take())) for _ in range(20)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.monotonic() - started
    # 6 at once, then one a second.
    assert sum(wait <= 0.001 for wait in waits) >= 6
    assert 14 - spent - 0.1 <= max(waits) <= 14.001


def test_a_budget_holds_all_threads_when_the_server_asks_one_to_wait() -> None:
    budget = RateBudget(6000)
    budget.hold(30)
    assert 29 < budget.take() <= 30.001
    with pytest.raises(ValueError, match="at least 1"):
        RateBudget(0)


def test_a_client_keeps_to_its_budget(web: Web) -> None:
    web.serve("/a", Answer(429, headers={"Retry-After": "1"}), Answer(body=b"x"))
    with client(web, budget=RateBudget(60_000)) as http:
        assert http.get_bytes("/a").content == b"x"
