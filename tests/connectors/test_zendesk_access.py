"""Zendesk's credentials and options: OAuth, API tokens, what ``check`` says, and that nothing secret is shown."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.errors import AuthError
from connectors.contract import Checkpoint, SourceDocument
from connectors.registry import connector_type, validate_options
from connectors.zendesk.api import items_of
from connectors.zendesk.brands import _brand
from connectors.zendesk.connector import Zendesk
from connectors.zendesk.conversations import Conversations
from connectors.zendesk.options import ZendeskOptions
from tests.connectors.conformance import Shelf
from tests.connectors.fakes.openapi import SPECS, OpenApi
from tests.connectors.fakes.server import Fault, Request, Response
from tests.connectors.fakes.zendesk import ZendeskFake
from tests.connectors.fakes.zendesk_contract import SUPPORT, problem_of
from tests.connectors.test_zendesk import options

OAUTH = {"client_id": "openshelf", "client_secret": "client-secret"}
FIXTURES = SPECS / "zendesk" / "fixtures"


@pytest.fixture
def fake(quick: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZendeskFake]:
    monkeypatch.setattr("connectors.zendesk.api.PAGE", 2)
    monkeypatch.setattr("connectors.zendesk.centre.EXPORT_PAGE", 3)
    with ZendeskFake(page=2, export_page=3) as server:
        yield server


def source(fake: ZendeskFake, **changed: Any) -> Zendesk:
    return Zendesk("test", options(fake, **changed))


def test_an_oauth_client_gets_its_tokens_itself(fake: ZendeskFake) -> None:
    fake.add_article("A", "<p>x</p>")
    shelf = Shelf()
    shelf.apply(source(fake, oauth=OAUTH).changes(None))
    assert len(shelf.documents) == 1
    asked = [request for request in fake.asked if request.path == "/oauth/tokens"]
    assert [request.json() for request in asked] == [{"grant_type": "client_credentials", **OAUTH, "scope": "read"}]
    assert "authorization" not in asked[0].headers


@pytest.mark.parametrize("content", ["articles", "tickets"])
def test_a_token_that_ends_in_the_middle_of_a_crawl_is_replaced(fake: ZendeskFake, content: str) -> None:
    for number in range(6):
        fake.add_article(f"A{number}", "<p>x</p>")
        fake.add_ticket(f"T{number}", "Question")
    fake.wait()
    shelf = Shelf()
    revoked = 0
    for change in source(fake, oauth=OAUTH, content=content).changes(None):
        shelf.replay([change])
        if isinstance(change, Checkpoint):
            fake.revoke_tokens()
            revoked += 1
    assert len(shelf.documents) == 6
    assert revoked >= 2
    assert len(fake.paths("/oauth/tokens")) >= 2


def test_a_token_is_replaced_before_it_ends(fake: ZendeskFake) -> None:
    fake.token_seconds = 60  # as long as the safety margin: each request has a new one
    fake.add_article("A", "<p>x</p>")
    Shelf().apply(source(fake, oauth=OAUTH).changes(None))
    assert len(fake.paths("/oauth/tokens")) > 3
    fake.token_seconds = None
    fake.asked.clear()
    Shelf().apply(source(fake, oauth=OAUTH).changes(None))
    assert len(fake.paths("/oauth/tokens")) == 1


@pytest.mark.parametrize(
    ("oauth", "status"),
    [
        ({**OAUTH, "client_secret": "wr0ng"}, 401),
        ({**OAUTH, "client_id": "other"}, 401),
        ({**OAUTH, "scope": "x"}, 400),
    ],
)
def test_an_oauth_client_that_is_refused_is_one_sentence(fake: ZendeskFake, oauth: dict[str, str], status: int) -> None:
    with pytest.raises(AuthError, match=f"gives no token to the OAuth client .* \\(status {status}\\)") as caught:
        list(source(fake, oauth=oauth).changes(None))
    assert "Admin Center › Apps and integrations › APIs › OAuth clients" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    assert len(fake.paths("/oauth/tokens")) == 1
    reachable = source(fake, oauth=oauth).check()
    assert (reachable.ok, reachable.detail) == (False, caught.value.message)


def test_an_api_token_works_and_is_warned_of_once(fake: ZendeskFake, caplog: pytest.LogCaptureFixture) -> None:
    fake.basic["ann@acme.example/token"] = "ap1-t0ken"
    fake.add_article("A", "<p>x</p>")
    given = {"email": "ann@acme.example", "api_token": "ap1-t0ken"}
    with caplog.at_level(logging.WARNING, "openshelf.zendesk"):
        for _ in range(2):
            shelf = Shelf()
            shelf.apply(source(fake, **given).changes(None))
            assert len(shelf.documents) == 1
        reachable = source(fake, **given).check()
    warnings = [record.getMessage() for record in caplog.records if record.name == "openshelf.zendesk"]
    assert len(warnings) == 1
    assert "2027-04-30" in warnings[0]
    assert "ap1-t0ken" not in caplog.text
    assert reachable.ok
    assert "API tokens end on 2027-04-30" in reachable.detail
    assert reachable.hint
    assert "OAuth client" in reachable.hint
    fake.basic.clear()
    assert not source(fake, **given).check().ok


def test_check_tells_what_is_there(fake: ZendeskFake) -> None:
    segment = fake.add_segment("Staff")
    beta = fake.add_brand("Beta", "acme-beta")
    fake.add_article("A", "<p>x</p>")
    fake.add_article("B", "<p>x</p>", section=fake.add_section("S", fake.add_category("C", beta)))
    reachable = source(fake).check()
    assert reachable.ok
    assert reachable.detail == (
        f"{fake.url} as Shelf Bot (admin): articles: 1 in Acme, 1 in Beta; "
        f"user segments: zendesk-segment:{segment} is Staff."
    )
    assert len(fake.asked) < 15
    fake.add_ticket("A", "Question")
    fake.wait()
    reachable = source(fake, content="tickets").check()
    assert reachable.ok
    assert reachable.detail.endswith("tickets and their comments can be read, 1 changed in the last hour.")


@pytest.mark.parametrize(
    ("content", "scope", "named"),
    [
        ("articles", "tickets:read", "`users:read`"),
        ("articles", "users:read tickets:read", "`brands:read`"),
        ("articles", "users:read brands:read", "`hc:read`"),
        ("tickets", "users:read brands:read", "`tickets:read`"),
    ],
)
def test_check_names_the_scope_that_is_missing(fake: ZendeskFake, content: str, scope: str, named: str) -> None:
    fake.tokens["narrow"] = scope
    reachable = source(fake, content=content, token="narrow").check()
    assert not reachable.ok
    assert "refuses access" in reachable.detail
    assert reachable.hint
    assert f"needs the scope {named} (Admin Center › Apps and integrations › APIs › OAuth clients)" in reachable.hint


@pytest.mark.parametrize(
    ("content", "part", "hint"),
    [
        ("articles", "/help_center/", "`read` or `hc:read`"),
        ("articles", "/brands", "may assign tickets to any brand"),
        ("tickets", "/incremental/", "must be an admin (exports are for admins only)"),
        ("tickets", "/comments", "a role that may see all tickets"),
        ("tickets", "/brands", "must be an admin"),
    ],
)
def test_check_names_the_role_that_is_missing(fake: ZendeskFake, content: str, part: str, hint: str) -> None:
    fake.add_ticket("A", "Question")
    fake.refused.add(part)
    reachable = source(fake, content=content).check()
    assert not reachable.ok
    assert reachable.hint
    assert hint in reachable.hint


@pytest.mark.parametrize(
    ("user", "content", "detail"),
    [
        ({"role": "end-user"}, "articles", "belong to an end-user"),
        ({"id": None}, "articles", "anonymous visitor"),
        ({"role": "agent", "ticket_restriction": "groups"}, "tickets", "sees only some tickets (groups)"),
        ({"role": "agent"}, "tickets", "refuses access"),
    ],
)
def test_check_looks_who_the_credentials_are(
    fake: ZendeskFake, user: dict[str, Any], content: str, detail: str
) -> None:
    fake.user.update(user)
    reachable = source(fake, content=content).check()
    assert not reachable.ok
    assert detail in reachable.detail


def test_check_does_not_need_the_user_segments(fake: ZendeskFake) -> None:
    fake.refused.add("user_segments")
    assert source(fake).check().ok


def test_check_never_raises(fake: ZendeskFake) -> None:
    fake.brands[fake.brand]["has_help_center"] = False
    reachable = source(fake).check()
    assert not reachable.ok
    assert reachable.hint
    fake.break_next(*[Fault("error", 500)] * 10)
    assert "status 500" in source(fake).check().detail
    fake.calm()
    dead = options(fake).model_copy(update={"url": "http://127.0.0.1:9"})
    assert "cannot be reached" in Zendesk("test", dead).check().detail


def test_the_incremental_budget_is_kept_apart(fake: ZendeskFake, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("connectors.http.time.sleep", waited.append)
    for number in range(20):
        fake.add_article(f"A{number}", "<p>x</p>")
    Shelf().apply(source(fake, incremental_per_minute=10).changes(None))
    asked = len(fake.paths("incremental"))
    assert asked >= 5
    assert len([seconds for seconds in waited if seconds > 5]) == asked - 1  # the first may go at once


def test_nothing_secret_is_shown(fake: ZendeskFake) -> None:
    secrets = ("client-secret", "ready-token", "ap1-t0ken")
    for given in ({"oauth": OAUTH}, {}, {"email": "a@b.example", "api_token": "ap1-t0ken"}):
        made = options(fake, **given)
        shown = repr(made) + str(made) + made.scope() + repr(Zendesk("x", made)) + made.model_dump_json()
        assert not any(secret in shown for secret in secrets)


def test_the_scope_does_not_depend_on_credentials_and_transport(fake: ZendeskFake) -> None:
    first = options(fake).scope()
    assert options(fake, oauth=OAUTH).scope() == first
    assert options(fake, email="a@b.example", api_token="x").scope() == first
    assert options(fake, incremental_per_minute=5, timeout=5, sweep_every="2d").scope() == first
    assert options(fake, locales=["fr"]).scope() != first
    assert options(fake, content="tickets").scope() != first


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"token": None}, "give one of oauth, token, or email with api_token"),
        ({"oauth": OAUTH}, "give one of oauth, token"),
        ({"email": "a@b.example"}, "email and api_token go together"),
        ({"token": None, "api_token": "x"}, "email and api_token go together"),
        ({"url": "http://acme.zendesk.com"}, "use https"),
        ({"url": "https://a:b@acme.zendesk.com"}, "no user or password"),
        ({"content": "posts"}, "'articles' or 'tickets'"),
        ({"tags": ["a"]}, "tags goes with content: tickets"),
        ({"content": "tickets", "sections": ["a"]}, "sections goes with content: articles"),
        ({"content": "tickets", "since": "2025-01-01", "max_age": "1d"}, "either since or max_age"),
        ({"content": "tickets", "max_age": "1 year"}, "is not a duration"),
        ({"content": "tickets", "statuses": []}, "statuses is empty"),
        ({"content": "tickets", "statuses": ["done"]}, "'solved' or 'closed'"),
        ({"redact": ["name"]}, "'email', 'phone', 'card', 'iban' or 'ip'"),
        ({"sweep_every": "daily"}, "is not a duration"),
        ({"incremental_per_minute": 0}, "greater than or equal to 1"),
        ({"brand": ["x"]}, "Extra inputs"),
        ({"token": None, "oauth": {"client_id": "x"}}, "client_secret"),
    ],
)
def test_wrong_options_are_refused(changed: dict[str, Any], message: str) -> None:
    raw = {"url": "https://acme.zendesk.com", "content": "articles", "token": "s3cret", **changed}
    with pytest.raises(ValidationError, match=message) as caught:
        ZendeskOptions.model_validate(raw)
    assert "s3cret" not in str(caught.value)


def test_tickets_are_swept_less_often_than_articles(tmp_path: Path) -> None:
    raw = {"url": "https://acme.zendesk.com/", "token": "x"}
    articles, tickets = (validate_options("zendesk", {**raw, "content": c}, tmp_path) for c in ("articles", "tickets"))
    assert isinstance(articles, ZendeskOptions)
    assert isinstance(tickets, ZendeskOptions)
    assert (articles.sweep_seconds, tickets.sweep_seconds) == (86400.0, 7 * 86400.0)
    assert tickets.model_copy(update={"sweep_every": "1d"}).url == "https://acme.zendesk.com"
    assert options_with(sweep_every="1d", content="tickets").sweep_seconds == 86400.0
    built = connector_type("zendesk").build("help", articles, base_dir=tmp_path)
    assert isinstance(built, Zendesk)


def options_with(**changed: Any) -> ZendeskOptions:
    return ZendeskOptions.model_validate({"url": "https://acme.zendesk.com", "token": "x", **changed})


def test_every_option_is_described() -> None:
    assert all(field.description for field in ZendeskOptions.model_fields.values())


def recorded(name: str) -> dict[str, Any]:
    path = FIXTURES / name
    if not path.is_file():
        pytest.skip(f"{path} is not there: recorded answers are kept outside the repository")
    return json.loads(path.read_text())


def test_recorded_tickets_and_comments_become_conversations() -> None:
    brands = {one["id"]: one["name"] for one in recorded("brands.json")["brands"]}
    comments = items_of(recorded("ticket_comments.json"), "comments", "comments")
    tickets = [
        recorded("ticket.json")["ticket"],
        *items_of(recorded("tickets.json"), "tickets", "tickets"),
        *items_of(recorded("ticket_show_many.json"), "tickets", "tickets"),
    ]
    statuses = ["new", "open", "pending", "hold", "solved", "closed"]
    conversations = Conversations(options_with(content="tickets", statuses=statuses), brands, None)
    for ticket in tickets:
        assert conversations.left_out(ticket, 0.0) is None
        assert conversations.stamp(ticket) != conversations.stamp({**ticket, "generated_timestamp": 1})
        # The recorded comments are all by one person: as the requester's they hold no answer, as another's they do.
        asked = conversations.of({**ticket, "requester_id": 377922500012}, comments, {})
        answered = conversations.of({**ticket, "requester_id": 1}, comments, {})
        assert getattr(asked, "reason", None) == "no public answer"
        assert isinstance(answered, SourceDocument)
        assert json.loads(answered.content)[0] == {"role": "agent", "text": comments[0]["body"]}
        assert answered.title == ticket["subject"]
        assert answered.metadata["channel"] == ticket["via"]["channel"]


def test_recorded_brands_and_users_are_understood() -> None:
    for raw in recorded("brands.json")["brands"]:
        brand = _brand(raw, "https://example.zendesk.com")
        assert brand.name == raw["name"]
        expected = f"https://{raw['subdomain']}.zendesk.com" if raw["has_help_center"] else None
        assert brand.url == expected
    users = [*items_of(recorded("users.json"), "users", "users"), recorded("user.json")["user"]]
    assert {user["role"] for user in users} <= {"end-user", "agent", "admin"}
    assert all(isinstance(user["id"], int) for user in users)


def asked(path: str, **query: str) -> Request:
    return Request("GET", path, {key: [value] for key, value in query.items()}, {}, b"")


@pytest.mark.parametrize(
    ("request_", "answer", "message"),
    [
        (asked("/api/v2/help_center/posts"), {}, "no such path"),
        (asked("/api/v2/brands", per_page="3"), {"brands": []}, r"unknown parameters \['per_page'\]"),
        (asked("/api/v2/brands", **{"page[size]": "101"}), {"brands": []}, "at most 100"),
        (asked("/api/v2/incremental/tickets/cursor", start_time="1", cursor="x"), {"tickets": []}, "given once"),
        (asked("/api/v2/help_center/sections"), {"sections": [{"id": 1}]}, "'name' is a required property"),
        (asked("/api/v2/tickets/1/comments"), {"comments": [{"id": "x"}]}, "comments: "),
    ],
)
def test_the_fake_is_held_against_the_vendors_pages(request_: Request, answer: Any, message: str) -> None:
    problem = problem_of(request_, Response(json=answer))
    assert problem
    assert re.search(message, problem)


@pytest.mark.skipif(not OpenApi.here(SUPPORT), reason=f"../shared/specs/{SUPPORT} is not there")
@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (asked("/api/v2/incremental/tickets/cursor"), {"tickets": [], "after_cursor": 5}),
        (asked("/api/v2/incremental/tickets/cursor"), {"tickets": [], "end_of_stream": "no"}),
    ],
)
def test_the_fake_is_held_against_the_vendors_documents(request_: Request, answer: Any) -> None:
    assert "the answer at $" in (problem_of(request_, Response(json=answer)) or "")


def test_the_fake_can_serve_many_articles_as_a_process() -> None:
    command = [sys.executable, "-m", "tests.connectors.fakes.zendesk", "--articles", "250", "--bytes", "200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            made = ZendeskOptions.model_validate(
                {
                    "url": url,
                    "content": "articles",
                    "token": "ready-token",
                    "requests_per_minute": 10_000_000,
                    "incremental_per_minute": 10_000_000,
                }
            )
            shelf = Shelf()
            shelf.apply(Zendesk("large", made).changes(None))
        finally:
            process.terminate()
    assert len(shelf.documents) == 250
