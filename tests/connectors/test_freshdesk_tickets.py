"""Freshdesk's tickets against a server that behaves like Freshdesk."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from configs.errors import AuthError, ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Delete, Failed, Skipped, Upsert
from connectors.freshdesk.api import Api
from connectors.freshdesk.connector import Freshdesk
from connectors.freshdesk.options import FreshdeskOptions
from tests.connectors.conformance import Conformance, Shelf
from tests.connectors.differential import follow_changes
from tests.connectors.fakes.freshdesk import KEY, START, Desk, iso
from tests.connectors.fakes.server import Fault, Response

pytestmark = pytest.mark.usefixtures("quick")


class TicketsWorld:
    """Resolved tickets. What was deleted is restored when its text comes back."""

    def __init__(self, desk: Desk, **options: Any) -> None:
        self.fake = desk
        self.options = options
        self.ids: dict[str, int] = {}

    def connector(self) -> Freshdesk:
        return source(self.fake, **self.options)

    def put(self, name: str, text: str) -> None:
        with self.fake.lock:
            if name not in self.ids:
                self.ids[name] = self.fake.ticket(name, f"Where is {name}?", text)
                return
            number = self.ids[name]
            if self.fake.tickets[number]["deleted"]:
                self.fake.edit(self.fake.tickets, number, deleted=False)
            entry = self.fake.conversations[number][0]
            if entry["body_text"] != text:
                self.fake.rewrite(number, entry, body_text=text)

    def remove(self, name: str) -> None:
        self.fake.edit(self.fake.tickets, self.ids[name], deleted=True)

    def rename(self, old: str, new: str) -> None:
        self.remove(old)
        self.put(new, self.fake.conversations[self.ids[old]][0]["body_text"])

    def mutate(self, rng: random.Random) -> None:
        fake = self.fake
        with fake.lock:
            kind = rng.randrange(10)
            if kind <= 1 or not fake.tickets:
                fake.ticket(f"Ticket {rng.random()}", "Help!", rng.choice(["Yes.", "No.", None]), rng.choice([2, 4, 5]))
                return
            number = rng.choice(list(fake.tickets))
            entries = fake.conversations[number]
            if kind == 2:
                fake.edit(fake.tickets, number, deleted=not fake.tickets[number]["deleted"])
            elif kind == 3:
                fake.edit(fake.tickets, number, spam=not fake.tickets[number]["spam"])
            elif kind == 4:
                fake.edit(fake.tickets, number, status=rng.choice([2, 3, 4, 5]), tags=rng.choice([[], ["vip"]]))
            elif kind == 5:
                fake.reply(number, f"More {rng.random()}", incoming=rng.random() < 0.5, private=rng.random() < 0.3)
            elif kind == 6 and entries:
                fake.rewrite(number, rng.choice(entries), private=rng.random() < 0.5)
            elif kind == 7 and entries:
                fake.rewrite(number, rng.choice(entries), body_text=f"Edited {rng.random()}")
            elif kind == 8 and "sweep_every" in self.options and rng.random() < 0.3:
                del fake.tickets[number]  # for good, and no list says so
            else:
                fake.frozen = not fake.frozen


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as server:
        yield server


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.freshdesk.api.PAGE", 3)


def options(desk: Desk, **more: Any) -> FreshdeskOptions:
    given = {"url": desk.url, "api_key": KEY, "content": "tickets", "requests_per_minute": 1_000_000}
    return FreshdeskOptions.model_validate({**given, "plan": "enterprise", **more})


@pytest.fixture(autouse=True)
def no_list_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FreshdeskOptions, "lists_per_minute", 1_000_000)


def source(desk: Desk, **more: Any) -> Freshdesk:
    return Freshdesk("test", options(desk, **more))


def crawl(desk: Desk, shelf: Shelf | None = None, **more: Any) -> tuple[Shelf, list[Change]]:
    shelf = shelf or Shelf()
    return shelf, shelf.apply(source(desk, **more).changes(shelf.cursor))


class TestTickets(Conformance):
    @pytest.fixture
    def world(self, desk: Desk) -> TicketsWorld:
        return TicketsWorld(desk)


class TestSwept(Conformance):
    @pytest.fixture
    def world(self, desk: Desk) -> TicketsWorld:
        return TicketsWorld(desk, sweep_every="0s")


@pytest.mark.parametrize("sweep", [{}, {"sweep_every": "0s"}], ids=["lists", "sweeps"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_following_equals_reading_afresh(desk: Desk, seed: int, sweep: dict[str, str]) -> None:
    follow_changes(TicketsWorld(desk, **sweep), seed)


def turns(document: Any) -> list[tuple[str, str]]:
    return [(turn["role"], turn["text"]) for turn in json.loads(document.content)]


def only(shelf: Shelf) -> Any:
    (document,) = shelf.documents.values()
    return document


def upserts(changes: list[Change]) -> list[str]:
    return [change.document.id for change in changes if isinstance(change, Upsert)]


def test_a_ticket_becomes_a_conversation(desk: Desk) -> None:
    more = {"tags": ["vip", "a"], "type": "Question", "priority": 3, "source": 2, "group_id": 5, "company_id": 6}
    number = desk.ticket("Parcel", "Where is it?", "On its way.", **more)
    desk.reply(number, "Thanks!", incoming=True)
    document = only(crawl(desk)[0])
    assert (document.id, document.title, document.media_type) == (
        f"ticket:{number}",
        "Parcel",
        "application/x-conversation+json",
    )
    assert turns(document) == [("customer", "Where is it?"), ("agent", "On its way."), ("customer", "Thanks!")]
    assert document.url == f"{desk.url}/a/tickets/{number}"
    assert document.readers is None
    made = datetime.fromisoformat(desk.tickets[number]["created_at"])
    assert document.metadata == {
        "ticket_id": str(number),
        "status": "resolved",
        "tags": ["a", "vip"],
        "channel": "portal",
        "priority": "high",
        "ticket_type": "Question",
        "created_at": made,
        "resolved_at": made,
        "group_id": "5",
        "company_id": "6",
    }
    assert made.tzinfo == UTC


def test_private_notes_forwards_and_ratings_are_left_out(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?", "Here.")
    desk.reply(number, "He is difficult.", private=True, source=2)
    desk.reply(number, "See below.", source=8)
    desk.reply(number, "Extremely happy", source=6, incoming=True)
    assert turns(only(crawl(desk)[0])) == [("customer", "Where?"), ("agent", "Here.")]


def test_a_note_that_is_made_private_leaves(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?", "Here.")
    entry = desk.reply(number, "The code is 1234.")
    shelf, _ = crawl(desk)
    assert "1234" in shelf.texts[0]
    desk.rewrite(number, entry, private=True)
    crawl(desk, shelf)
    assert "1234" not in shelf.texts[0]


def test_a_change_in_the_second_of_the_last_one_is_seen(desk: Desk) -> None:
    desk.frozen = True
    number = desk.ticket("Parcel", "Where?", "Here.")
    shelf, _ = crawl(desk)
    desk.rewrite(number, desk.conversations[number][0], body_text="There.")
    crawl(desk, shelf)
    assert "There." in shelf.texts[0]


def test_what_an_agent_wrote_first_is_the_agents(desk: Desk) -> None:
    desk.ticket("Recall", "Please send it back.", None, source=10)
    assert turns(only(crawl(desk)[0])) == [("agent", "Please send it back.")]


def test_quotes_and_signatures_are_left_out_if_wanted(desk: Desk) -> None:
    reply = "Take the label.\n\nOn Mon, 1 Jan 2025 at 10:00, Bob <bob@x.org> wrote:\n> Which label?"
    desk.ticket("Label", "Which label?", reply)
    assert turns(only(crawl(desk)[0]))[1] == ("agent", "Take the label.")
    assert "> Which label?" in turns(only(crawl(desk, strip_quotes=False)[0]))[1][1]


def test_personal_data_is_taken_out(desk: Desk) -> None:
    desk.ticket("From ann@example.com", "My card is 4111 1111 1111 1111, ann@example.com", "Thanks, ann@example.com.")
    document = only(crawl(desk, redact=["email", "card"])[0])
    assert document.title == "From <EMAIL_ADDRESS>"
    assert "ann@" not in document.content.decode()
    assert "4111" not in document.content.decode()


@pytest.mark.parametrize(
    ("ticket", "options", "reason"),
    [
        ({"status": 2}, {}, "not resolved"),
        ({"status": 8}, {"statuses": ["closed"]}, "other status"),
        ({"answer": None}, {}, "no public answer"),
        ({"tags": ["x"]}, {"tags": ["VIP"]}, "other tags"),
        ({"tags": ["Spam"]}, {"without_tags": ["spam"]}, "other tags"),
        ({"type": "Question"}, {"types": ["incident"]}, "other type"),
        ({"group_id": 4}, {"groups": [5]}, "other group"),
        ({}, {"since": "2025-10-10"}, "too old"),
        ({"status": 8}, {"statuses": ["resolved", 8]}, None),
        ({"status": 5, "tags": ["vip"], "type": "Incident", "group_id": 5},
         {"tags": ["VIP"], "types": ["incident"], "groups": [5], "since": "2025-10-09"}, None),
    ],
)  # fmt: skip
def test_the_scope_leaves_tickets_out(desk: Desk, ticket: dict, options: dict, reason: str | None) -> None:
    number = desk.ticket("Parcel", "Where?", **ticket)
    if options.get("since") == "2025-10-10":
        desk.tickets[number]["updated_at"] = iso(START + 3 * 86400)
    shelf, _ = crawl(desk, **options)
    assert shelf.skipped == ({} if reason is None else {f"ticket:{number}": reason})
    assert len(shelf.documents) == (reason is None)


def test_a_ticket_that_is_reopened_leaves_and_comes_back(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?")
    shelf, _ = crawl(desk)
    desk.edit(desk.tickets, number, status=2)
    crawl(desk, shelf)
    assert not shelf.documents
    desk.edit(desk.tickets, number, status=5)
    crawl(desk, shelf)
    assert only(shelf).metadata["status"] == "closed"


def test_an_old_ticket_leaves_with_the_next_sweep(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.freshdesk.tickets.time.time", lambda: START + 86400.0)
    desk.ticket("Parcel", "Where?")
    shelf, _ = crawl(desk, max_age="2d")
    assert len(shelf.documents) == 1
    monkeypatch.setattr("connectors.freshdesk.tickets.time.time", lambda: START + 9 * 86400.0)
    crawl(desk, shelf, max_age="2d")
    assert not shelf.documents
    assert set(shelf.skipped.values()) == {"too old"}


@pytest.mark.parametrize("kind", ["deleted", "spam"])
def test_the_bin_and_spam_are_tombstones(desk: Desk, kind: str) -> None:
    numbers = [desk.ticket(f"Parcel {n}", "Where?") for n in range(5)]
    shelf, _ = crawl(desk)
    desk.edit(desk.tickets, numbers[2], **{kind: True})
    _, seen = crawl(desk, shelf)
    assert [change.id for change in seen if isinstance(change, Delete)] == [f"ticket:{numbers[2]}"]
    assert not any(isinstance(change, Complete) for change in seen)
    desk.edit(desk.tickets, numbers[2], **{kind: False})
    crawl(desk, shelf)
    assert len(shelf.documents) == 5


def test_what_vanishes_without_a_word_leaves_with_the_sweep(desk: Desk) -> None:
    numbers = [desk.ticket(f"Parcel {n}", "Where?") for n in range(5)]
    shelf, _ = crawl(desk)
    del desk.tickets[numbers[1]]
    crawl(desk, shelf)
    assert len(shelf.documents) == 5
    crawl(desk, Shelf(shelf.documents, cursor={**(shelf.cursor or {}), "swept": 0.0}))
    assert len(shelf.documents) == 4


def test_an_archived_ticket_stays(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?")
    for count in range(3):
        desk.ticket(f"Later {count}", "Where?")
    shelf, _ = crawl(desk, sweep_every="0s")
    desk.archived[number] = desk.tickets.pop(number)
    desk.asked.clear()
    crawl(desk, shelf, sweep_every="0s")
    assert len(shelf.documents) == 4
    assert desk.paths("/archived/")
    del desk.archived[number]
    crawl(desk, shelf, sweep_every="0s")
    assert len(shelf.documents) == 3


def test_an_agent_who_sees_less_takes_no_ticket_for_readable(desk: Desk) -> None:
    numbers = [desk.ticket(f"Parcel {n}", "Where?") for n in range(3)]
    shelf, _ = crawl(desk)
    for number in numbers:
        desk.edit(desk.tickets, number, priority=4)
    desk.forbidden = f"/tickets/{numbers[0]}/conversations"
    _, seen = crawl(desk, shelf)
    assert {change.reason for change in seen if isinstance(change, Skipped)} == {"no access"}
    assert len(shelf.documents) == 2


def test_only_tickets_that_changed_are_read_again(desk: Desk) -> None:
    numbers = [desk.ticket(f"Parcel {n}", "Where?") for n in range(8)]
    shelf, seen = crawl(desk)
    assert len(upserts(seen)) == 8
    desk.asked.clear()
    desk.reply(numbers[1], "More.")
    _, seen = crawl(desk, shelf)
    assert upserts(seen) == [f"ticket:{numbers[1]}"]
    read = {path.split("/")[-2] for path in desk.paths("/conversations")}
    # The last one might have changed again within its second.
    assert read == {str(numbers[1]), str(numbers[7])}


def test_a_settled_ticket_is_not_read_again_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ticket("Parcel", "Where?")
    shelf, _ = crawl(desk)
    now = datetime.now(UTC).timestamp()
    monkeypatch.setattr("connectors.freshdesk.tickets.time.time", lambda: now + 200.0)
    crawl(desk, shelf)
    desk.asked.clear()
    crawl(desk, shelf)
    assert not desk.paths("/conversations")


def test_long_conversations_are_read_to_their_end(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?", None)
    for count in range(8):
        desk.reply(number, f"Answer {count}")
    assert [text for role, text in turns(only(crawl(desk)[0])) if role == "agent"] == [f"Answer {n}" for n in range(8)]


def test_the_window_rolls_over_the_last_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.last_page = 3
    monkeypatch.setattr("connectors.freshdesk.tickets.LAST_PAGE", 3)
    for number in range(30):
        desk.ticket(f"Parcel {number}", "Where?", None, source=10)
    assert len(crawl(desk)[0].documents) == 30


def test_a_second_with_more_tickets_than_can_be_had_is_an_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.freshdesk.tickets.LAST_PAGE", 4)
    desk.last_page = 4
    desk.frozen = True
    for number in range(12):
        desk.ticket(f"Parcel {number}", "Where?")
    with pytest.raises(ConnectorError, match="pages of tickets changed in the same second"):
        crawl(desk)
    desk.tickets.popitem()
    assert len(crawl(desk)[0].documents) == 11


def test_tickets_that_change_while_the_list_is_read_hide_none(desk: Desk) -> None:
    numbers = [desk.ticket(f"Parcel {n}", "Where?") for n in range(20)]
    desk.meanwhile = lambda: [desk.edit(desk.tickets, number, priority=2) for number in numbers[:3]]
    shelf, _ = crawl(desk)
    assert len(shelf.documents) == 20
    desk.meanwhile = lambda: [desk.edit(desk.tickets, number, priority=3) for number in numbers[:3]]
    crawl(desk, shelf, sweep_every="0s")
    assert len(shelf.documents) == 20


def test_a_stopped_run_goes_on_where_it_was(desk: Desk) -> None:
    numbers = [desk.ticket(f"Parcel {n}", "Where?") for n in range(12)]
    shelf = Shelf()
    for change in source(desk).changes(None):
        shelf.replay([change])
        if isinstance(change, Checkpoint) and len(shelf.documents) >= 6:
            break
    assert len(shelf.documents) < 12
    desk.asked.clear()
    crawl(desk, shelf)
    assert len(shelf.documents) == 12
    again = {path.split("/")[-2] for path in desk.paths("/conversations")}
    assert again.isdisjoint(map(str, numbers[:2]))


def test_one_broken_ticket_fails_alone_and_is_tried_again(desk: Desk) -> None:
    numbers = [desk.ticket(f"Parcel {n}", "Where?") for n in range(4)]
    desk.break_next(*[Fault("error", 500, path=f"/tickets/{numbers[1]}/conversations")] * 10)
    shelf, seen = crawl(desk)
    failed = next(change for change in seen if isinstance(change, Failed))
    assert (failed.id, failed.title, failed.url) == (
        f"ticket:{numbers[1]}",
        "Parcel 1",
        f"{desk.url}/a/tickets/{numbers[1]}",
    )
    assert "status 500, after 5 tries" in failed.error
    assert len(shelf.documents) == 3
    crawl(desk, shelf)
    assert len(shelf.documents) == 4
    assert not shelf.failed


def test_a_conversation_that_does_not_say_whether_it_is_private_is_a_failure(desk: Desk) -> None:
    desk.ticket("Parcel", "Where?")
    answer = desk.answer

    def silent(request: Any) -> Response:
        response = answer(request)
        if request.path.endswith("/conversations"):
            response.json[0].pop("private")
        return response

    desk.answer = silent  # type: ignore[method-assign]
    shelf, _ = crawl(desk)
    assert "does not say whether it is private" in next(iter(shelf.failed.values()))
    desk.problems.clear()


def test_an_answer_about_another_ticket_is_a_failure(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?")
    desk.break_next(*[Fault("error", 500, path="/conversations")] * 10)
    shelf, _ = crawl(desk)
    answer = desk.answer
    for wrong in (Response(json={"id": 1}), Response(500)):
        desk.answer = lambda request, wrong=wrong: (  # type: ignore[method-assign]
            wrong if request.path.endswith(f"/tickets/{number}") else answer(request)
        )
        seen = list(source(desk).changes(shelf.cursor))
        assert isinstance(seen[0], Failed)
        assert "holds another or none" in seen[0].error or "status 500" in seen[0].error
    desk.problems.clear()


def test_a_failed_ticket_that_is_gone_is_forgotten(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?")
    desk.break_next(*[Fault("error", 500, path="/conversations")] * 5)
    shelf, _ = crawl(desk)
    assert shelf.failed
    del desk.tickets[number]
    crawl(desk, shelf)
    assert not shelf.failed


def test_other_options_start_from_nothing_and_another_key_does_not(desk: Desk) -> None:
    assert options(desk).scope() == options(desk, api_key="other", plan="pro").scope()
    desk.ticket("Parcel", "Where?", tags=["a"])
    shelf, _ = crawl(desk)
    _, seen = crawl(desk, shelf, without_tags=["b"])
    assert len(upserts(seen)) == 1


def test_the_cursor_is_small_and_holds_no_secret(desk: Desk) -> None:
    for number in range(60):
        desk.ticket(f"Parcel {number}", "Where?", None, source=10)
    shelf, _ = crawl(desk)
    text = json.dumps(shelf.cursor)
    assert KEY not in text
    assert len(text) < 300 + 60 * 40


@pytest.mark.parametrize(("scope", "seen"), [(2, "the tickets of its groups"), (3, "the tickets assigned to it")])
def test_an_agent_without_global_access_is_told_where_to_get_it(desk: Desk, scope: int, seen: str) -> None:
    desk.scope = scope
    reachable = source(desk).check()
    assert not reachable.ok
    assert seen in reachable.detail
    assert "Admin › Team › Agents" in (reachable.hint or "")


def test_check_says_who_and_how_much(desk: Desk) -> None:
    assert source(desk).check().detail == f"{desk.url} as Ann: 0 tickets."
    for number in range(3):
        desk.ticket(f"Parcel {number}", "Where?")
    assert source(desk).check().detail == f"{desk.url} as Ann: all tickets."
    desk.forbidden = "/tickets"
    assert "global ticket access" in (source(desk).check().hint or "")


def test_a_validation_error_is_told_without_what_was_sent(desk: Desk) -> None:
    error = {"field": "page", "message": "It should be a Positive Integer", "code": "invalid_value"}
    for body in ({"errors": [error]}, {"errors": []}, "no"):
        desk.answer = lambda _, body=body: Response(400, json=body)  # type: ignore[method-assign]
        with pytest.raises(ConnectorError, match=r"page: It should be a Positive Integer|status 400"):
            crawl(desk)


def test_a_refused_key_ends_the_run_and_deletes_nothing(desk: Desk) -> None:
    number = desk.ticket("Parcel", "Where?")
    shelf, _ = crawl(desk)
    desk.edit(desk.tickets, number, priority=2)
    desk.break_next(Fault("expired", path="/conversations"))
    with pytest.raises(AuthError, match="does not accept"):
        crawl(desk, shelf)
    assert len(shelf.documents) == 1


def test_lists_of_tickets_have_a_budget_of_their_own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    desk.ticket("Parcel", "Where?")
    with_lists = Api(options(desk))
    monkeypatch.setattr(with_lists._lists, "take", lambda: taken.append("list") or 0.0)
    with with_lists as api:
        api.page("/api/v2/tickets", 1, {"updated_since": iso(START)}, tickets=True)
        api.page(f"/api/v2/tickets/{next(iter(desk.tickets))}/conversations", 1)
    assert taken == ["list"]
