"""The shared client against an API that is busy, broken, rude or out of tokens."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from configs.errors import AuthError, ConnectorError
from connectors.credentials import FetchedToken, FixedHeader
from connectors.http import HttpClient
from connectors.replies import Again, Reply
from connectors.retry import RateBudget, shared_budget
from tests.connectors.fakes.server import PASSING, Fake, Fault, Request, Response

pytestmark = pytest.mark.usefixtures("quick")


class Api(Fake):
    """Echoes; hands out tokens that hold for a number of requests."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.left, self.issued = "", 0, 0
        self.guarded = False
        self.away: str | None = None
        self.plan: list[Response] = []

    def authorised(self, request: Request) -> bool:
        if not self.guarded or request.path == "/token":
            return True
        if request.headers.get("authorization") != f"Bearer {self.token}" or self.left <= 0:
            return False
        self.left -= 1
        return True

    def answer(self, request: Request) -> Response:
        if request.path == "/token":
            self.issued += 1
            self.token, self.left = f"token-{self.issued}-secret", 3
            return Response(json={"access_token": self.token, "expires_in": 3600})
        if request.path == "/away":
            return Response(302, headers={"Location": self.away or ""})
        if self.plan:
            return self.plan.pop(0)
        return Response(json={"path": request.path, "query": request.query, "body": request.body.decode()})


@pytest.fixture
def api() -> Iterator[Api]:
    fake = Api()
    yield fake
    fake.close()


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.retry_after}")
def test_a_passing_fault_is_asked_over(api: Api, fault: Fault) -> None:
    api.break_next(fault, fault)
    with HttpClient(api.url) as http:
        assert http.get_json("/a", params={"x": "1"})["query"] == {"x": ["1"]}
        assert http.post_json("/b", {"q": 1})["body"] == '{"q":1}'
    assert len(api.asked) == 4


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("truncated"), "did not answer with JSON"),
        (Fault("html"), r"did not answer with JSON \(text/html\)"),
        (Fault("reset"), "broke off"),
        (Fault("cut"), "broke off"),
        (Fault("busy", retry_after="99999999999999"), "status 429"),
        (Fault("error", 503), "status 503"),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_lasting_fault_is_one_sentence(api: Api, fault: Fault, said: str) -> None:
    api.break_next(*[fault] * 5)
    with HttpClient(api.url) as http, pytest.raises(ConnectorError, match=f"{said}.*after 5 tries"):
        http.get_json("/a?key=s3cret-key")


def test_a_server_that_never_answers_times_out(api: Api) -> None:
    api.break_next(Fault("hang", seconds=0.3))
    with HttpClient(api.url, timeout=0.05, attempts=1) as http, pytest.raises(ConnectorError, match="ReadTimeout"):
        http.get_json("/a")


def test_a_form_is_sent_as_a_form_and_sequences_repeat_their_key(api: Api) -> None:
    with HttpClient(api.url) as http:
        assert http.post_json("/token-form", {"grant_type": "x y"}, form=True)["body"] == "grant_type=x+y"
        assert http.get_json("/a", params={"id": ["1", "2"]})["query"] == {"id": ["1", "2"]}


def test_a_post_is_never_redirected(api: Api) -> None:
    api.away = f"{api.url}/elsewhere"
    with HttpClient(api.url) as http, pytest.raises(ConnectorError, match="redirect of a POST"):
        http.post_json("/away", {})
    assert api.paths() == ["/away"]


def test_a_redirect_to_another_host_is_refused_before_anything_is_sent_there(api: Api) -> None:
    api.away = "http://169.254.169.254/latest"
    with HttpClient(api.url) as http, pytest.raises(ConnectorError, match="not one that this source may ask"):
        http.get_json("/away")


def test_credentials_stay_behind_when_a_download_host_takes_over(api: Api) -> None:
    other = Api()
    try:
        api.away = f"{other.url}/file"
        credentials = FixedHeader.bearer(SecretStr("a-secret-token"))
        with HttpClient(api.url, allowed_hosts=["127.0.0.1"], credentials=credentials) as http:
            assert http.get_json("/away")["path"] == "/file"
        assert api.asked[0].headers["authorization"] == "Bearer a-secret-token"
        assert "authorization" not in other.asked[0].headers
    finally:
        other.close()


def tokens(api: Api) -> FetchedToken:
    def fetch() -> tuple[str, float | None]:
        with HttpClient(api.url) as anonymous:
            found = anonymous.post_json("/token", {"grant_type": "client_credentials"}, form=True)
        return found["access_token"], found["expires_in"]

    return FetchedToken(fetch)


def test_a_token_that_runs_out_in_the_middle_of_a_crawl_is_fetched_again(api: Api) -> None:
    api.guarded = True
    with HttpClient(api.url, credentials=tokens(api)) as http:
        assert [http.get_json(f"/{n}")["path"] for n in range(8)] == [f"/{n}" for n in range(8)]
    assert api.issued == 3


def test_threads_share_one_token(api: Api) -> None:
    credentials, failed = tokens(api), []
    api.guarded = True

    def crawl() -> None:
        try:
            with HttpClient(api.url, credentials=credentials) as http:
                http.get_json("/a")
        except ConnectorError as error:
            failed.append(error)

    threads = [threading.Thread(target=crawl) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (api.issued, failed) == (1, [])


def test_a_token_that_is_refused_twice_is_an_error_without_the_token(api: Api) -> None:
    api.guarded = True
    api.break_next(*[Fault("expired", path="/a")] * 2)
    with HttpClient(api.url, credentials=tokens(api)) as http, pytest.raises(AuthError) as caught:
        http.get_json("/a")
    assert caught.value.status == 401
    assert "token-" not in str(caught.value)


def test_the_vendors_own_judge_is_asked_first(api: Api) -> None:
    def judge(reply: Reply) -> Again | ConnectorError | None:
        if reply.status == 403 and reply.body["error"] == "slow down":
            return Again()
        if reply.status == 200 and reply.body.get("errors") == "THROTTLED":
            return Again(0.0, "is throttled")
        if reply.status == 404:
            return ConnectorError("That shop is closed.", hint="Open it.")
        return None

    api.plan = [Response(403, json={"error": "slow down"}), Response(json={"errors": "THROTTLED"}), Response(json={})]
    with HttpClient(api.url, judge=judge) as http:
        assert http.get_json("/a") == {}
        api.plan = [Response(404, json={})]
        with pytest.raises(ConnectorError, match="shop is closed"):
            http.get_json("/a")
        api.plan = [Response(json={"errors": "THROTTLED"})] * 5
        with pytest.raises(ConnectorError, match="is throttled, after 5 tries"):
            http.get_json("/a")


def test_an_error_knows_its_status(api: Api) -> None:
    api.plan = [Response(410, json={})]
    with HttpClient(api.url) as http, pytest.raises(ConnectorError) as caught:
        http.get_json("/a")
    assert caught.value.status == 410


def test_sources_of_an_account_share_their_budget() -> None:
    assert shared_budget("https://a.example", 10) is shared_budget("https://a.example", 10)
    assert shared_budget("https://a.example", 10) is not shared_budget("https://b.example", 10)


def test_a_budget_of_one_kind_of_request_holds_beside_the_clients_own(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("connectors.http.time.sleep", slept.append)
    few = RateBudget(60)
    with HttpClient(api.url, budget=RateBudget(60_000)) as http:
        for _ in range(8):
            http.get_json("/a", budget=few)
    assert sum(1 for seconds in slept if seconds > 0.5) >= 1
