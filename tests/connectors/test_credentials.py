"""Headers that prove who asks."""

from __future__ import annotations

import threading

import pytest
from pydantic import SecretStr

from configs.errors import ConnectorError
from connectors.credentials import FetchedToken, FixedHeader


def test_a_fixed_header_says_what_it_was_given_and_never_changes() -> None:
    bearer = FixedHeader.bearer(SecretStr("s3cret"))
    assert bearer.headers() == {"Authorization": "Bearer s3cret"}
    assert FixedHeader("X-Token", SecretStr("t")).headers() == {"X-Token": "t"}
    assert not bearer.refresh(bearer.headers())


def test_basic_is_user_and_password_in_utf8() -> None:
    # The example of RFC 7617, section 2.1.
    assert FixedHeader.basic("test", SecretStr("123£")).headers() == {"Authorization": "Basic dGVzdDoxMjPCow=="}


@pytest.mark.parametrize(
    "credentials",
    [
        FixedHeader.bearer(SecretStr("s3cret")),
        FixedHeader.basic("user", SecretStr("s3cret")),
        FetchedToken(lambda: ("s3cret", None)),
    ],
)
def test_no_secret_is_in_what_is_printed(credentials: FixedHeader | FetchedToken) -> None:
    credentials.headers()
    assert "s3cret" not in f"{credentials!r} {vars(credentials)}"


class Tokens:
    """Gives ``token-1``, ``token-2``…, each for ``seconds``."""

    def __init__(self, seconds: float | None) -> None:
        self.count, self.seconds = 0, seconds

    def __call__(self) -> tuple[str, float | None]:
        self.count += 1
        return f"token-{self.count}", self.seconds


def test_a_token_is_fetched_once_and_kept_until_shortly_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("connectors.credentials.time.monotonic", lambda: now[0])
    tokens = Tokens(3600)
    fetched = FetchedToken(tokens)
    assert fetched.headers() == fetched.headers() == {"Authorization": "Bearer token-1"}
    now[0] += 3600 - 61
    assert fetched.headers()["Authorization"] == "Bearer token-1"
    now[0] += 2
    assert fetched.headers()["Authorization"] == "Bearer token-2"


def test_a_token_without_an_end_is_kept_until_it_is_refused() -> None:
    tokens = Tokens(None)
    fetched = FetchedToken(tokens, header="X-Token", scheme="")
    first = fetched.headers()
    assert first == {"X-Token": "token-1"}
    assert fetched.refresh(first)
    assert fetched.headers() == {"X-Token": "token-2"}
    # Another thread was refused the old one: the new one stays.
    assert fetched.refresh(first)
    assert fetched.headers() == {"X-Token": "token-2"}
    assert tokens.count == 2


def test_many_threads_fetch_one_token() -> None:
    tokens, seen = Tokens(None), []
    fetched = FetchedToken(tokens)
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        seen.append(fetched.headers()["Authorization"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["Bearer token-1"] * 8
    assert tokens.count == 1


def test_a_failed_fetch_is_tried_again_by_the_next_request() -> None:
    plan = [ConnectorError("down"), ("token", None)]

    def fetch() -> tuple[str, float | None]:
        found = plan.pop(0)
        if isinstance(found, ConnectorError):
            raise found
        return found

    fetched = FetchedToken(fetch)
    with pytest.raises(ConnectorError, match="down"):
        fetched.headers()
    assert fetched.headers() == {"Authorization": "Bearer token"}
