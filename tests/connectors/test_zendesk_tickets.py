"""Solved tickets: conversations, what is private, deletions, the export's traps, scope, and what breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from configs.errors import AuthError, ConnectorError, CursorError
from connectors.contract import Change, Checkpoint, Complete, Delete, Failed, Upsert
from connectors.zendesk.connector import Zendesk
from tests.connectors.conformance import Shelf
from tests.connectors.fakes.server import Fault, Request, Response
from tests.connectors.fakes.zendesk import ZendeskFake, stamp
from tests.connectors.test_zendesk import options


@pytest.fixture
def fake(quick: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZendeskFake]:
    monkeypatch.setattr("connectors.zendesk.api.PAGE", 2)
    monkeypatch.setattr("connectors.zendesk.tickets.CHECKPOINT", 2)
    with ZendeskFake(page=2, export_page=3) as server:
        yield server


def source(fake: ZendeskFake, **changed: Any) -> Zendesk:
    fake.wait()
    return Zendesk("test", options(fake, **{"content": "tickets", "sweep_every": "7d", **changed}))


def sync(fake: ZendeskFake, shelf: Shelf | None = None, **changed: Any) -> tuple[Shelf, list[Change]]:
    shelf = shelf or Shelf()
    return shelf, shelf.apply(source(fake, **changed).changes(shelf.cursor))


def name(number: int) -> str:
    return f"ticket:{number}"


def turns(shelf: Shelf, number: int) -> list[tuple[str, str]]:
    return [(turn["role"], turn["text"]) for turn in json.loads(shelf.documents[name(number)].content)]


def test_a_solved_ticket_becomes_a_conversation(fake: ZendeskFake) -> None:
    number = fake.add_ticket("Lost parcel", "Where is it?", None, status="open", priority="high", tags=["vip", "dhl"])
    fake.add_comment(number, "At the depot.")
    fake.add_comment(number, "Call the depot first", public=False)
    fake.add_comment(number, "Thanks, and I am in copy", 101)
    fake.add_comment(number, "Got it.", 100)
    fake.touch(number, status="solved", satisfaction_rating={"score": "good", "id": 5})
    shelf, seen = sync(fake)
    assert turns(shelf, number) == [
        ("customer", "Where is it?"),
        ("agent", "At the depot."),
        ("customer", "Thanks, and I am in copy"),
        ("customer", "Got it."),
    ]
    document = shelf.documents[name(number)]
    assert (document.media_type, document.title) == ("application/x-conversation+json", "Lost parcel")
    assert document.url == f"{fake.url}/agent/tickets/{number}"
    assert document.readers is None
    moment = datetime.fromtimestamp(fake.tickets[number]["generated_timestamp"], UTC)
    assert document.metadata == {
        "ticket_id": str(number),
        "status": "solved",
        "tags": ["dhl", "vip"],
        "brand": "Acme",
        "channel": "email",
        "priority": "high",
        "satisfaction": "good",
        "created_at": datetime.fromisoformat(fake.tickets[number]["created_at"]),
        "solved_at": moment,
    }
    assert [change.ids for change in seen if isinstance(change, Complete)] == [frozenset({name(number)})]


def test_the_shelf_can_parse_it(fake: ZendeskFake) -> None:
    from ingest.parse.records import parse_conversation

    number = fake.add_ticket("Lost parcel", "Where is it?", "At the depot.")
    shelf, _ = sync(fake)
    blocks = parse_conversation(shelf.documents[name(number)].content).blocks
    assert [block.text for block in blocks] == ["Customer: Where is it?", "Agent: At the depot."]


def test_internal_notes_stay_inside_unless_they_are_asked_for(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", "Answer")
    fake.add_comment(number, "He is a notorious complainer", public=False)
    plain = fake.add_ticket("B", "Question", "Answer")
    shelf, _ = sync(fake)
    assert "notorious" not in "".join(shelf.texts)
    shelf, _ = sync(fake, include_internal_notes=True)
    assert turns(shelf, number)[-1] == ("agent", "Internal note: He is a notorious complainer")
    assert shelf.documents[name(number)].readers == {"zendesk-agents"}
    assert shelf.documents[name(plain)].readers is None


def test_an_internal_note_is_no_answer(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", None)
    fake.add_comment(number, "A note", public=False)
    fake.add_comment(number, "More of the question", 101)
    for notes in (False, True):
        shelf, _ = sync(fake, include_internal_notes=notes)
        assert shelf.skipped == {name(number): "no public answer"}


def test_system_notices_and_calls_are_no_turns(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", None)
    fake.add_comment(number, "Ticket was merged", -1)
    fake.add_comment(number, "Call from +33 6 12 34 56 78", type="VoiceComment")
    shelf, _ = sync(fake)
    assert shelf.skipped == {name(number): "no public answer"}


def test_quoted_mail_and_signatures_are_left_out(fake: ZendeskFake) -> None:
    quoted = "It arrived, thanks.\n\nOn Mon, Jan 5, 2026 at 9:00 AM Anna <anna@acme.example> wrote:\n> At the depot.\n"
    number = fake.add_ticket("A", "Question", "Answer")
    fake.add_comment(number, quoted, 100)
    web = {"via": {"channel": "web"}}
    fake.add_comment(number, "> this is how I quote in a form\nand my words", 100, **web)
    shelf, _ = sync(fake)
    assert turns(shelf, number)[2:] == [
        ("customer", "It arrived, thanks."),
        ("customer", "> this is how I quote in a form\nand my words"),
    ]
    shelf, _ = sync(fake, strip_quotes=False)
    assert "At the depot." in turns(shelf, number)[2][1]


def test_the_plain_text_is_preferred_and_unescaped(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", None)
    fake.add_comment(number, "**bold**", plain_body="bold&nbsp;&amp; plain")
    fake.add_comment(number, "only body", plain_body="")
    fake.add_comment(number, " ", plain_body="")
    shelf, _ = sync(fake)
    assert turns(shelf, number)[1:] == [("agent", "bold & plain"), ("agent", "only body")]


def test_personal_data_is_taken_out_of_turns_and_titles(fake: ZendeskFake) -> None:
    number = fake.add_ticket("From ann@example.org", "I am ann@example.org, card 4111 1111 1111 1111", "ok")
    skipped = fake.add_ticket("From bob@example.org", "x", status="open")
    shelf, seen = sync(fake, redact=["email", "card"])
    assert shelf.documents[name(number)].title == "From <EMAIL_ADDRESS>"
    assert turns(shelf, number)[0][1] == "I am <EMAIL_ADDRESS>, card <CREDIT_CARD>"
    assert name(skipped) in shelf.skipped
    assert "example.org" not in repr(seen)


def test_all_comments_are_read_page_by_page(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", "Answer")
    for count in range(5):
        fake.add_comment(number, f"More {count}")
    shelf, _ = sync(fake)
    assert [text for _, text in turns(shelf, number)] == ["Question", "Answer", *(f"More {n}" for n in range(5))]
    assert len(fake.paths("/comments")) == 4


def test_a_redaction_reaches_the_shelf_though_the_ticket_says_nothing(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "My card is 4111", "Answer")
    shelf, _ = sync(fake)
    before = fake.tickets[number]["updated_at"]
    fake.rewrite(number, fake.comments[number][0]["id"], plain_body="My card is ▇▇▇▇")
    assert fake.tickets[number]["updated_at"] == before
    sync(fake, shelf)
    assert turns(shelf, number)[0] == ("customer", "My card is ▇▇▇▇")


def test_what_is_made_private_leaves(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", "Answer")
    fake.add_comment(number, "By mistake in public")
    shelf, _ = sync(fake)
    fake.rewrite(number, fake.comments[number][2]["id"], public=False)
    sync(fake, shelf)
    assert turns(shelf, number) == [("customer", "Question"), ("agent", "Answer")]
    fake.rewrite(number, fake.comments[number][1]["id"], public=False)
    sync(fake, shelf)
    assert not shelf.documents
    assert shelf.skipped == {name(number): "no public answer"}


def test_a_reopened_ticket_leaves_until_it_is_solved_again(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", "Answer")
    shelf, _ = sync(fake)
    fake.touch(number, status="open")
    sync(fake, shelf)
    assert not shelf.documents
    assert shelf.skipped == {name(number): "not solved"}
    fake.add_comment(number, "A better answer")
    fake.touch(number, status="solved")
    sync(fake, shelf)
    assert turns(shelf, number)[-1] == ("agent", "A better answer")


def test_a_deleted_ticket_leaves_by_its_tombstone(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question")
    never = fake.add_ticket("B", "Question")
    shelf, _ = sync(fake)
    later = fake.add_ticket("C", "Question")
    fake.delete_ticket(number)
    fake.delete_ticket(later)
    _, seen = sync(fake, shelf)
    assert [change for change in seen if isinstance(change, Delete)] == [Delete(name(number))]
    assert set(shelf.documents) == {name(never)}
    assert not any(isinstance(change, Complete) for change in seen)


def test_start_time_is_sent_once_and_then_the_cursor(fake: ZendeskFake) -> None:
    for number in range(7):
        fake.add_ticket(f"T{number}", "Question")
    shelf, _ = sync(fake)
    fake.add_ticket("Later", "Question")
    sync(fake, shelf)
    asked = [request.query for request in fake.asked if request.path.endswith("/cursor")]
    assert [set(query) for query in asked] == [{"start_time", "include"}, *[{"cursor", "include"}] * 3]
    assert len(shelf.documents) == 8


def test_a_second_run_reads_no_comments_again(fake: ZendeskFake) -> None:
    for number in range(4):
        fake.add_ticket(f"T{number}", "Question")
    fake.add_ticket("Unanswered", "Question", None)
    shelf, _ = sync(fake)
    fake.asked.clear()
    _, seen = sync(fake, shelf, sweep_every="0s")  # the whole export once more
    assert not fake.paths("/comments")
    assert not any(isinstance(change, Upsert) for change in seen)
    assert len([change for change in seen if isinstance(change, Complete)]) == 1


def test_a_ticket_that_vanished_without_a_tombstone_leaves_by_a_sweep(fake: ZendeskFake, monkeypatch: Any) -> None:
    numbers = [fake.add_ticket(f"T{n}", "Question") for n in range(4)]
    shelf, _ = sync(fake)
    fake.purge_ticket(numbers[1])
    _, seen = sync(fake, shelf, sweep_every="0s")
    assert len(shelf.documents) == 4  # it may have changed in the minute that the export leaves out
    assert not any(isinstance(change, Complete) for change in seen)
    _, seen = sync(fake, shelf, sweep_every="0s")
    assert len(shelf.documents) == 4
    monkeypatch.setattr("connectors.zendesk.tickets.LAG", 0.0)
    sync(fake, shelf, sweep_every="0s")
    assert set(shelf.documents) == {name(number) for number in numbers if number != numbers[1]}


def test_a_ticket_that_changes_while_a_sweep_runs_is_not_deleted(fake: ZendeskFake, monkeypatch: Any) -> None:
    monkeypatch.setattr("connectors.zendesk.tickets.LAG", 0.0)
    numbers = [fake.add_ticket(f"T{n}", "Question") for n in range(4)]
    shelf, _ = sync(fake)
    connector = source(fake, sweep_every="0s")
    fake.touch(numbers[0], subject="Changed just now")  # so new that the export does not have it
    seen = shelf.apply(connector.changes(shelf.cursor))
    assert not any(isinstance(change, Complete) for change in seen)
    assert len(shelf.documents) == 4
    _, seen = sync(fake, shelf, sweep_every="7d")
    assert any(isinstance(change, Complete) for change in seen)
    assert shelf.documents[name(numbers[0])].title == "Changed just now"
    assert len(shelf.documents) == 4


def test_a_run_stopped_inside_a_page_does_not_read_its_comments_again(fake: ZendeskFake) -> None:
    fake.export_page = 10
    for number in range(9):
        fake.add_ticket(f"T{number}", "Question")
    shelf = Shelf()
    for change in source(fake).changes(None):
        shelf.replay([change])
        if isinstance(change, Checkpoint) and len(shelf.documents) == 4:
            break
    fake.asked.clear()
    _, seen = sync(fake, shelf)
    assert len(fake.paths("/comments")) == 5
    assert len(shelf.documents) == 9
    assert any(isinstance(change, Complete) and len(change.ids) == 9 for change in seen)


def test_scope_filters(fake: ZendeskFake) -> None:
    beta = fake.add_brand("Beta", "acme-beta")
    fake.add_ticket("Plain", "Question")
    fake.add_ticket("Vip", "Question", tags=["vip", "x"])
    fake.add_ticket("Spam", "Question", tags=["spam", "vip"], status="closed")
    fake.add_ticket("Beta", "Question", brand_id=beta)
    fake.add_ticket("Waiting", "Question", status="pending")
    old = fake.add_ticket("Old", "Question")
    fake.tickets[old]["metric_set"] = {"solved_at": "2024-05-05T00:00:00Z"}

    def titles(**scope: Any) -> set[str]:
        return {document.title for document in sync(fake, **scope)[0].documents.values()}

    assert titles() == {"Plain", "Vip", "Spam", "Beta", "Old"}
    assert titles(tags=["VIP"]) == {"Vip", "Spam"}
    assert titles(tags=["vip"], without_tags=["Spam"]) == {"Vip"}
    assert titles(brands=["beta"]) == {"Beta"}
    assert titles(brands=[beta, "Acme"]) == titles()
    assert titles(statuses=["closed"]) == {"Spam"}
    assert titles(statuses=["pending", "solved"]) == {"Plain", "Vip", "Beta", "Waiting", "Old"}
    assert titles(since="2025-01-01") == titles() - {"Old"}
    assert titles(max_age="365d") == titles() - {"Old"}
    with pytest.raises(ConnectorError, match=r"no brand 'Gamma'\. There are: Acme, Beta"):
        titles(brands=["Gamma"])


def test_a_ticket_that_grows_too_old_leaves_with_a_sweep(fake: ZendeskFake, monkeypatch: Any) -> None:
    solved = stamp(int((datetime.now(UTC) - timedelta(days=10)).timestamp()))
    number = fake.add_ticket("A", "Question", metric_set={"solved_at": solved})
    shelf, _ = sync(fake, max_age="365d")
    assert len(shelf.documents) == 1
    assert shelf.cursor
    state = {**shelf.cursor, "swept": 0.0}
    monkeypatch.setattr("connectors.zendesk.tickets.time.time", lambda: fake.now - 1000.0)
    seen = list(source(fake, max_age="365d").changes(state))
    assert [change.reason for change in seen if hasattr(change, "reason")] == ["too old"]
    del number


def test_the_export_is_not_asked_for_the_last_minute(fake: ZendeskFake) -> None:
    for scope in ({"since": "2100-01-01"}, {"max_age": "1s"}):
        fake.asked.clear()
        sync(fake, **scope)
        start = int(next(one for one in fake.asked if "incremental" in one.path).query["start_time"][0])
        assert 0 < start <= datetime.now(UTC).timestamp() - 100


def test_tickets_without_metrics_are_dated_by_their_last_change(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question", metric_set=None)
    shelf, _ = sync(fake, since="2025-01-01")
    assert "solved_at" not in shelf.documents[name(number)].metadata


def test_one_ticket_that_cannot_be_read_fails_alone_and_is_tried_again(fake: ZendeskFake) -> None:
    numbers = [fake.add_ticket(f"T{n}", "Question") for n in range(4)]
    fake.break_next(*[Fault("error", 500, path=f"{numbers[2]}/comments")] * 5)
    shelf, seen = sync(fake)
    failed = [change for change in seen if isinstance(change, Failed)]
    assert [(one.id, one.title, one.step) for one in failed] == [(name(numbers[2]), "T2", "fetch")]
    assert len(shelf.documents) == 3
    complete = next(change for change in seen if isinstance(change, Complete))
    assert name(numbers[2]) in complete.ids
    sync(fake, shelf)
    assert len(shelf.documents) == 4
    assert not shelf.failed
    assert shelf.cursor
    assert "failed" not in shelf.cursor


def test_a_ticket_that_failed_and_is_gone_is_forgotten(fake: ZendeskFake) -> None:
    number = fake.add_ticket("A", "Question")
    shelf, _ = sync(fake)
    fake.add_comment(number, "More")
    fake.break_next(*[Fault("error", 500, path="/comments")] * 5)
    sync(fake, shelf)
    assert len(shelf.documents) == 1  # the old text stays
    assert set(shelf.failed) == {name(number)}
    fake.purge_ticket(number)
    sync(fake, shelf)
    assert not shelf.documents
    assert not shelf.failed


@pytest.mark.parametrize(("status", "reason"), [(403, "no access"), (404, None)])
def test_a_ticket_that_is_listed_and_refused_leaves(fake: ZendeskFake, status: int, reason: str | None) -> None:
    number = fake.add_ticket("A", "Question")
    shelf, _ = sync(fake)
    fake.add_comment(number, "More")
    fake.break_next(Fault("error", status, path="/comments"))
    sync(fake, shelf)
    assert not shelf.documents
    assert shelf.skipped.get(name(number)) == reason


@pytest.mark.parametrize(
    ("comment", "message"), [({"public": None}, "does not say whether it is public"), ({"via": "x"}, "not as Zendesk")]
)
def test_a_ticket_that_is_malformed_fails_with_a_sentence(
    fake: ZendeskFake, comment: dict[str, Any], message: str
) -> None:
    fake.validate = False
    number = fake.add_ticket("A", "Question")
    fake.comments[number][1].update(comment)
    shelf, _ = sync(fake)
    assert message in shelf.failed[name(number)]
    assert not shelf.documents


def test_a_place_that_zendesk_no_longer_knows_reads_the_export_again(fake: ZendeskFake) -> None:
    for number in range(4):
        fake.add_ticket(f"T{number}", "Question")
    shelf, _ = sync(fake)
    assert shelf.cursor
    shelf.cursor = {**shelf.cursor, "after": "no place"}
    fake.asked.clear()
    _, seen = sync(fake, shelf)
    assert any(isinstance(change, Complete) for change in seen)
    assert not fake.paths("/comments")
    assert len(shelf.documents) == 4


def test_an_account_without_tickets_is_empty_and_fills(fake: ZendeskFake) -> None:
    shelf, seen = sync(fake)
    assert [change for change in seen if isinstance(change, Complete)] == [Complete(frozenset())]
    fake.add_ticket("A", "Question")
    sync(fake, shelf)
    assert len(shelf.documents) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("busy", retry_after="0"),
        Fault("error", 500),
        Fault("error", 503, retry_after="0"),
        Fault("reset"),
        Fault("cut"),
        Fault("truncated"),
        Fault("html"),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status}",
)
def test_passing_faults_are_passed_over(fake: ZendeskFake, fault: Fault) -> None:
    for number in range(5):
        fake.add_ticket(f"T{number}", "Question")
    for path in ("brands", "incremental", "comments", "comments"):
        fake.break_next(Fault(fault.kind, fault.status, fault.retry_after, path=path))
    shelf, _ = sync(fake)
    assert len(shelf.documents) == 5


def test_a_broken_export_deletes_nothing(fake: ZendeskFake) -> None:
    for number in range(4):
        fake.add_ticket(f"T{number}", "Question")
    shelf, _ = sync(fake)
    fake.break_next(*[Fault("error", 502, path="incremental")] * 20)
    with pytest.raises(ConnectorError, match="after 5 tries"):
        sync(fake, shelf, sweep_every="0s")
    fake.calm()
    assert len(shelf.documents) == 4


def test_another_scope_starts_again(fake: ZendeskFake) -> None:
    fake.add_ticket("A", "Question", tags=["a"])
    fake.add_ticket("B", "Question", tags=["b"])
    shelf, _ = sync(fake)
    sync(fake, shelf, tags=["b"])
    assert [document.title for document in shelf.documents.values()] == ["B"]


def test_a_revoked_token_stops_the_run_and_deletes_nothing(fake: ZendeskFake) -> None:
    fake.add_ticket("A", "Question")
    shelf, _ = sync(fake)
    fake.revoke_tokens()
    with pytest.raises(AuthError):
        sync(fake, shelf)
    assert len(shelf.documents) == 1


def test_a_client_that_is_revoked_in_the_middle_stops_the_run(fake: ZendeskFake) -> None:
    for number in range(4):
        fake.add_ticket(f"T{number}", "Question")
    oauth = {"client_id": "openshelf", "client_secret": "client-secret"}
    shelf, _ = sync(fake, oauth=oauth)
    for number in list(fake.tickets):
        fake.add_comment(number, "More")
    run = source(fake, oauth=oauth).changes(shelf.cursor)
    shelf.replay([next(run)])
    fake.revoke_tokens()
    fake.clients.clear()
    with pytest.raises(AuthError, match="gives no token"):
        shelf.replay(run)  # and not: "no access", which would take them off the shelf
    assert len(shelf.documents) == 4


class Circling(ZendeskFake):
    """Its export never ends and never moves."""

    def answer(self, request: Request) -> Response:
        response = super().answer(request)
        if request.path.endswith("/cursor"):
            response.json |= {"after_cursor": "MXx8MQ==", "end_of_stream": False}
        return response


def test_an_export_that_does_not_advance_is_an_error() -> None:
    fake = Circling()
    try:
        fake.add_ticket("A", "Question")
        with pytest.raises(CursorError, match="does not advance"):
            list(source(fake).changes(None))
    finally:
        fake.close()


def test_the_cursor_holds_no_more_than_stamps(fake: ZendeskFake) -> None:
    for number in range(20):
        fake.add_ticket(f"Secret {number}", "Secret question " * 50)
    shelf, _ = sync(fake)
    text = json.dumps(shelf.cursor)
    assert len(text) < 20 * 30 + 200
    assert "Secret" not in text
    assert "ready-token" not in text
