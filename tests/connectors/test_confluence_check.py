"""What ``check`` says of a source of Confluence, and which options are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.confluence.connector import connector
from connectors.confluence.options import ConfluenceOptions
from connectors.registry import connector_type
from tests.connectors.fakes.confluence import ACCESS_TOKEN, API_TOKEN, CLOUD_ID, ConfluenceFake, ConfluenceWorld
from tests.connectors.fakes.server import Fault

CLOUD = {"url": "https://acme.atlassian.net", "email": "me@acme.example", "api_token": "s3cret"}
SERVER = {"url": "https://wiki.acme.example/confluence", "edition": "data-center", "token": "s3cret"}


@pytest.fixture(params=["cloud", "data-center"])
def fake(request: pytest.FixtureRequest, quick: None) -> Iterator[ConfluenceFake]:
    yield from running(request.param)


@pytest.fixture
def cloud(quick: None) -> Iterator[ConfluenceFake]:
    yield from running("cloud")


def running(edition: str) -> Iterator[ConfluenceFake]:
    with ConfluenceFake(edition) as server:
        ConfluenceWorld(server)
        server.create("P")
        yield server


def test_what_works_is_counted(fake: ConfluenceFake) -> None:
    reachable = ConfluenceWorld(fake, attachments=True).connector().check()
    assert reachable.ok
    assert reachable.detail.startswith("2 spaces at http://127.0.0.1")
    assert ConfluenceWorld(fake, spaces=["OPS"]).connector().check().detail.endswith("without a page yet.")
    assert len(fake.asked) < 12


def test_spaces_that_cannot_be_seen_are_named(fake: ConfluenceFake) -> None:
    reachable = ConfluenceWorld(fake, spaces=["DOC", "NOPE", "ALSO"]).connector().check()
    assert not reachable.ok
    assert reachable.detail == "Spaces ALSO, NOPE cannot be seen by this account."
    assert "Space permissions" in str(reachable.hint)
    alone = ConfluenceWorld(fake, spaces=["NOPE"]).connector().check()
    assert "None of the spaces NOPE is visible" in alone.detail


@pytest.mark.parametrize(
    ("path", "what", "scope"),
    [
        ("/api/v2/spaces", "spaces", "read:space:confluence"),
        ("/api/v2/pages", "pages", "read:page:confluence"),
        ("/restriction/", "page restrictions", "read:content.restriction:confluence"),
        ("/attachments", "attachments", "read:attachment:confluence"),
    ],
)
def test_a_missing_scope_is_named_with_the_place_to_grant_it(
    cloud: ConfluenceFake, path: str, what: str, scope: str
) -> None:
    cloud.lacking = [path]
    world = ConfluenceWorld(cloud, attachments=True, cloud_id=CLOUD_ID, gateway=cloud.url)
    reachable = world.connector().check()
    assert not reachable.ok
    assert reachable.detail == f"The token may not read {what}."
    assert scope in str(reachable.hint)
    assert "id.atlassian.com › Security › API tokens › Create API token with scopes" in str(reachable.hint)


def test_a_search_that_is_not_allowed_is_said_and_no_error(fake: ConfluenceFake) -> None:
    fake.forbidden = ["/content/search"]
    reachable = ConfluenceWorld(fake, sweep_every="1d").connector().check()
    assert reachable.ok
    assert "noticed by the next sweep only (sweep_every: 1d)" in reachable.detail


def test_a_permission_that_data_center_refuses_is_named() -> None:
    for server in running("data-center"):
        server.forbidden = ["/restriction/"]
        reachable = ConfluenceWorld(server).connector().check()
        assert reachable.detail == "The token may not read page restrictions."
        assert "Space tools › Permissions" in str(reachable.hint)


def test_refused_credentials_say_where_new_ones_are_made(fake: ConfluenceFake) -> None:
    wrong = {"api_token": "wr0ng"} if fake.edition == "cloud" else {"token": "wr0ng"}
    reachable = ConfluenceWorld(fake, **wrong).connector().check()
    assert not reachable.ok
    assert "refused the credentials" in reachable.detail
    assert ("tenant_info" if fake.edition == "cloud" else "Personal Access Tokens") in str(reachable.hint)
    assert "wr0ng" not in repr(reachable)
    if fake.edition == "cloud":
        world = ConfluenceWorld(fake, **wrong, cloud_id=CLOUD_ID, gateway=fake.url)
        assert "Create API token with scopes" in str(world.connector().check().hint)


@pytest.mark.parametrize("fault", [Fault("html"), Fault("error", 500), Fault("reset"), Fault("error", 404)])
def test_a_server_that_is_no_confluence_is_one_sentence(cloud: ConfluenceFake, fault: Fault) -> None:
    cloud.break_next(*[fault] * 60)
    reachable = ConfluenceWorld(cloud).connector().check()
    assert not reachable.ok
    assert API_TOKEN not in repr(reachable)


def test_the_type_is_built_by_its_name(tmp_path: Path) -> None:
    assert connector_type("confluence") is connector
    built = connector.build("wiki", ConfluenceOptions.model_validate(CLOUD), base_dir=tmp_path)
    assert "s3cret" not in repr(vars(built))


def test_roots_follow_from_the_options() -> None:
    plain = ConfluenceOptions.model_validate({**CLOUD, "url": "https://acme.atlassian.net/"})
    assert (plain.root, plain.site) == ("https://acme.atlassian.net", "https://acme.atlassian.net/wiki")
    scoped = ConfluenceOptions.model_validate({**CLOUD, "cloud_id": "11-22"})
    assert scoped.root == "https://api.atlassian.com/ex/confluence/11-22"
    assert scoped.site == "https://acme.atlassian.net/wiki"
    server = ConfluenceOptions.model_validate(SERVER)
    assert server.root == server.site == "https://wiki.acme.example/confluence"


def test_secrets_and_transport_do_not_decide_what_there_is() -> None:
    scope = ConfluenceOptions.model_validate(CLOUD).scope()
    for same in ({"api_token": "other"}, {"email": "you@acme.example"}, {"timeout": 5}, {"restrictions_every": "1h"}):
        assert ConfluenceOptions.model_validate({**CLOUD, **same}).scope() == scope
    for other in (
        {"spaces": ["A"]},
        {"attachments": True},
        {"restrictions": "ignore"},
        {"url": "https://b.atlassian.net"},
    ):
        assert ConfluenceOptions.model_validate({**CLOUD, **other}).scope() != scope


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "https://a.atlassian.net"}, "cloud needs email and api_token"),
        ({**CLOUD, "api_token": None}, "cloud needs email and api_token"),
        ({**CLOUD, "token": ACCESS_TOKEN}, "either email and api_token, or token"),
        ({"url": CLOUD["url"], "token": "x"}, "needs cloud_id"),
        ({**CLOUD, "url": "https://acme.atlassian.net/wiki"}, "without /wiki"),
        ({**CLOUD, "url": "http://acme.atlassian.net"}, "use https"),
        ({**CLOUD, "url": "https://me:pw@acme.atlassian.net"}, "no user or password"),
        ({**CLOUD, "gateway": "ftp://api.atlassian.com"}, "starts with https"),
        ({**CLOUD, "cloud_id": "../x"}, "tenant_info"),
        ({**CLOUD, "ancestors": ["Returns"]}, "no page id"),
        ({**CLOUD, "spaces": ["A"], "exclude_spaces": ["A"]}, "both in spaces and in exclude_spaces"),
        ({**CLOUD, "restrictions": "off"}, "enforce"),
        ({**CLOUD, "restrictions_every": "often"}, "often"),
        ({**CLOUD, "edition": "server"}, "data-center"),
        ({**CLOUD, "space": ["A"]}, "Extra inputs"),
        ({**SERVER, "token": None}, "personal access token"),
        ({**SERVER, "email": "me@acme.example"}, "go with edition: cloud"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        ConfluenceOptions.model_validate(options)
    assert "s3cret" not in str(caught.value.errors(include_input=False, include_context=False))


def test_every_option_says_what_it_is() -> None:
    assert all(one.description for one in ConfluenceOptions.model_fields.values())
