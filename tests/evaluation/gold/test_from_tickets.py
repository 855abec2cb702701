"""Solved tickets become cases for review: own words, linked articles, no personal data, nothing lost in silence."""

from __future__ import annotations

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.personal_data import PersonalData
from evaluation.case import Relevant
from evaluation.gold.importing import Importing
from evaluation.gold.importing.collecting import Collector
from evaluation.gold.tickets import Articles, Proposed, Solved, Wanted, exported, propose, shelved
from evaluation.gold.tickets.links import address, links_in
from evaluation.gold.tickets.suggesting import suggester
from openshelf import Shelf

WORN = "https://help.larkfield.example/en/worn-shoes"
REFUND = "https://help.larkfield.example/en/refund-timing"


def made(sample: Shelf, *tickets: Solved, redact: Any = str, **wanted: Any) -> Proposed:
    return propose(tickets, Articles(sample.ledger), redact, wanted=Wanted(**wanted))


def ticket(id: str, question: str = "Can I return it?", answer: str = "Yes.", **rest: Any) -> Solved:
    return Solved(id, question, answer, where=f"t.jsonl:{id}", **rest)


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def test_tickets_on_the_shelf_give_their_first_exchange(sample: Shelf) -> None:
    found = {one.id: one for one in shelved(sample.ledger)}
    assert sorted(found) == ["10482", "10517", "10533", "10561", "10588", "10604", "10629", "10650"]
    assert found["10604"].question.startswith("Bonjour, mon pied mesure 266 mm.")
    assert found["10604"].answer.startswith("Bonjour, prenez le 43")
    assert (found["10604"].language, found["10604"].tags) == ("fr", ("chaussures", "tailles"))
    assert found["10604"].solved == datetime(2026, 3, 19, tzinfo=UTC)
    assert found["10604"].document == ("tickets", "10604.json")
    # An agent who only asks back has not answered.
    assert "Never washed." in found["10588"].question
    assert found["10588"].answer.startswith("Then the outer fabric")
    assert list(shelved(sample.ledger, ["faq"])) == []


def test_what_the_customer_did_not_see_is_no_answer(tmp_path: Path) -> None:
    turns = [("customer", "Why?"), ("agent", "Internal note: he is angry."), ("agent", "Because: it is so.")]
    (tmp_path / "t").mkdir()
    content = json.dumps({"id": 5, "turns": [{"role": role, "text": text} for role, text in turns]})
    (tmp_path / "t" / "5.json").write_text(content)
    config = {"path": "shelf", "store": {"mode": "embedded"}, "sources": {"t": {"type": "files", "path": "t"}}}
    with Shelf.open(config, base_dir=tmp_path) as shelf:
        shelf.sync()
        [found] = shelved(shelf.ledger)
    assert (found.id, found.question, found.answer) == ("5", "Why?", "Because: it is so.")


def test_another_ticket_is_no_article(sample: Shelf) -> None:
    link = "https://help.larkfield.example/agent/tickets/10482"
    [one] = made(sample, ticket("1", answer=f"As in {link}.")).proposals
    assert one.case.documents == ()
    assert f"Links something that is no article on the shelf: {link}" in one.comments


def test_linked_articles_are_the_gold(sample: Shelf) -> None:
    answer = (
        f"Please read [this]({WORN}#who) and <a href='{REFUND}/?utm_source=mail'>that</a>, "
        "or (https://shop.example/returns)."
    )
    found = made(sample, ticket("1", answer=answer, url="https://desk.example/1"))
    [one] = found.proposals
    assert one.case.documents == (
        Relevant("en/worn-shoes.md", "help-centre"),
        Relevant("en/refund-timing.md", "help-centre"),
    )
    assert one.case.answer == answer
    assert list(one.comments) == [
        "Ticket: https://desk.example/1",
        f"Linked: Returning worn shoes (the Trail Test promise) — {WORN}",
        f"Linked: When will I get my refund? — {REFUND}",
        "Links something that is no article on the shelf: https://shop.example/returns",
    ]
    assert one.review == "pending"


def test_links_beside_the_text_may_be_ids(sample: Shelf) -> None:
    found = made(sample, ticket("1", links=("en/payment.md", "faq-01", "nowhere")))
    assert found.proposals[0].case.documents == (Relevant("en/payment.md", "help-centre"), Relevant("faq-01", "faq"))


def test_what_only_some_may_read_is_no_gold_for_a_customer(sample: Shelf) -> None:
    [one] = made(sample, ticket("1", links=("goodwill.md",))).proposals
    assert one.case.documents == ()
    assert list(one.suggested) == [Relevant("goodwill.md", "runbook")]
    assert made(sample, ticket("1", links=("goodwill.md",)), linked=True).proposals == []


def test_quoted_mail_and_signatures_are_taken_out(sample: Shelf) -> None:
    question = (
        "Can I return my boots?\n\n"
        "On Mon, 2 Feb 2026 at 10:00, Support <help@shop.example> wrote:\n> Your order is on its way"
    )
    [one] = made(sample, ticket("1", question)).proposals
    assert one.case.question == "Can I return my boots?"


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is None, reason="presidio-analyzer is not installed")
def test_personal_data_is_taken_out_and_links_are_still_read(sample: Shelf) -> None:
    text = "Mail me at jane.doe@example.org or call +44 20 7946 0958. My card is 4111 1111 1111 1111."
    redact = PersonalData(["email", "phone", "card", "iban", "ip"]).redact
    [one] = made(sample, ticket("1", text, f"See {WORN}. I wrote to jane.doe@example.org."), redact=redact).proposals
    kept = json.dumps([one.case.question, one.case.answer, list(one.comments)])
    for secret in ("jane.doe", "7946", "4111"):
        assert secret not in kept
    assert one.case.question.startswith("Mail me at <EMAIL_ADDRESS> or call <PHONE_NUMBER>.")
    assert one.case.documents == (Relevant("en/worn-shoes.md", "help-centre"),)


def test_equal_questions_are_merged(sample: Shelf) -> None:
    tickets = [
        ticket("1", "Can I return it?", "Yes.", asked=day(3), tags=("a",), document=("tickets", "t1")),
        ticket("2", "can I return it ?!", f"Yes: {WORN}", asked=day(2), tags=("b", "a"), document=("tickets", "t2")),
        ticket("3", "Can I return it?", language="fr"),
    ]
    found = made(sample, *tickets)
    french, merged = found.proposals
    assert french.case.id == "3"
    assert merged.case.id == "2"
    assert merged.case.documents == (Relevant("en/worn-shoes.md", "help-centre"),)
    assert merged.case.asked == day(2)
    assert set(merged.case.tags) == {"a", "b"}
    assert merged.case.filters == {"document_id": {"nin": ["t1", "t2"]}}
    assert "Asked 2 times: 1, 2" in merged.comments
    assert found.read == 3


def test_a_question_does_not_find_the_ticket_it_comes_from(sample: Shelf) -> None:
    tickets = list(shelved(sample.ledger))
    for one in made(sample, *tickets).proposals:
        hits = sample.search(one.case.question, filters=one.case.filters)
        own = next(each.document for each in tickets if each.id == one.case.id)
        assert own not in {(hit.source, hit.document_id) for hit in hits}
        assert own in {(hit.source, hit.document_id) for hit in sample.search(one.case.question)}
    assert made(sample, *tickets, without_themselves=False).proposals[0].case.filters is None


def test_what_is_left_out_is_counted_by_its_reason(sample: Shelf) -> None:
    tickets = [
        ticket("1", "One?", asked=day(1)),
        ticket("2", "Two?", asked=day(2), answer=f"See {WORN}"),
        ticket("3", "Three?", solved=day(3), answer=f"See {WORN}"),
        ticket("4", "Four?", asked=day(4), answer=""),
        ticket("5", "Five?"),
        ticket("6", "Six?", asked=day(9)),
        ticket("7", "Seven?", asked=day(3), open=True),
        ticket("8", " ", asked=day(3)),
        ticket("9", "Nine?", asked=day(5), answer=f"See {WORN}"),
    ]
    found = made(sample, *tickets, since=day(2), until=day(9), answered=True, linked=True, limit=2)
    assert [one.case.id for one in found.proposals] == ["3", "9"]
    assert found.left_out == {
        "too old": 1,
        "not answered": 1,
        "without a date": 1,
        "too new": 1,
        "not solved": 1,
        "links no article on the shelf": 1,
        "over the limit": 1,
    }
    assert found.read == len(found.proposals) + sum(found.left_out.values())
    assert made(sample, ticket("8", " ")).bad == [
        "t.jsonl:8: its question or answer is empty or longer than a person writes."
    ]


def test_an_article_is_suggested_where_none_is_linked_and_never_gold(sample: Shelf) -> None:
    articles = Articles(sample.ledger)
    answer = "Worn walking shoes can be exchanged within 30 days with the Trail Test."
    tickets = [
        ticket("1", answer=answer),
        ticket("2", "Other?", answer=f"{answer} {REFUND}"),
        ticket("3", "Third?", ""),
    ]
    found = propose(tickets, articles, str, suggest=suggester(sample, articles))
    first, second, third = found.proposals
    assert first.case.documents == ()
    assert list(first.suggested) == [Relevant("en/worn-shoes.md", "help-centre")]
    assert any(
        comment.startswith("Suggested by a search, not checked: Returning worn shoes") for comment in first.comments
    )
    assert (list(second.suggested), list(third.suggested)) == ([], [])
    assert "No agent answered." in third.comments


def test_exports_of_several_shapes_are_read_and_bad_tickets_named(tmp_path: Path) -> None:
    turns = [
        {"role": "customer", "text": "Why?", "created_at": "2026-02-01T10:00:00Z"},
        {"role": "agent", "text": "secret", "public": False},
        {"role": "agent", "text": "Because."},
    ]
    lines = [
        {"id": 1, "turns": turns, "tags": ["x"], "url": "https://desk.example/1", "metadata": {"solved": "2026-02-03"}},
        {"id": "2", "question": "How?", "answer": "So.", "asked": "2026-01-01", "links": ["a.md"], "language": "en"},
        {"id": "3", "turns": [{"role": "agent", "text": "hello"}]},
        {"id": "4", "turns": [{"role": "agent"}]},
        {"id": "5", "title": "neither"},
        {"id": "6", "question": "Open?", "status": "pending"},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{\n")
    collector = Collector("tickets", Importing())
    first, second, sixth = exported(tmp_path / "t.jsonl", collector)
    assert (first.id, first.question, first.answer, first.tags) == ("1", "Why?", "Because.", ("x",))
    assert (first.asked, first.solved) == (datetime(2026, 2, 1, 10, tzinfo=UTC), datetime(2026, 2, 3, tzinfo=UTC))
    assert (second.answer, second.links, second.asked) == ("So.", ("a.md",), day(1))
    assert sixth.open
    assert [str(bad).split(": ")[0] for bad in collector.bad] == [f"t.jsonl:{line}" for line in (3, 4, 5, 7)]

    (tmp_path / "all.json").write_text(json.dumps({"tickets": lines[:1]}))
    assert [one.id for one in exported(tmp_path / "all.json", collector)] == ["1"]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.json").write_text(json.dumps(lines[1]))
    (folder / "c.json").write_text("[")
    assert [one.id for one in exported(folder, collector)] == ["2"]
    assert str(collector.bad[-1]).startswith("c.json: it is not JSON")


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://a.example/x.", ["https://a.example/x"]),
        ("(https://a.example/x_(y)) and https://a.example/x!", ["https://a.example/x_(y)", "https://a.example/x"]),
        ('<a href="https://a.example/x?a=1&b=2">x</a>', ["https://a.example/x?a=1&b=2"]),
        ("**https://a.example/x** https://a.example/x", ["https://a.example/x"]),
        ("no link: www, http:/x, mailto:a@b.example", []),
    ],
)  # fmt: skip
def test_links_are_read_out_of_any_text(text: str, links: list[str]) -> None:
    assert list(links_in(text)) == links


def test_an_address_is_the_page_and_not_how_it_was_reached() -> None:
    same = ["https://www.A.example/x/", "http://a.example/x?utm=1", "https://a.example/x#top", "https://u@a.example/x"]
    assert {address(one) for one in same} == {"a.example/x"}


def test_help_desk_articles_are_known_by_their_number(tmp_path: Path) -> None:
    pages = {
        "en.md": ("en", "https://shop.zendesk.example/hc/en-gb/articles/360001-Returns"),
        "fr.md": ("fr", "https://shop.zendesk.example/hc/fr/articles/360001-Retours"),
        "fd.md": ("en", "https://shop.freshdesk.example/support/solutions/articles/42-old-title"),
    }
    (tmp_path / "kb").mkdir()
    for name, (language, url) in pages.items():
        (tmp_path / "kb" / name).write_text(f"---\ntitle: {name}\nurl: {url}\nlanguage: {language}\n---\nText.\n")
    config = {"path": "shelf", "store": {"mode": "embedded"}, "sources": {"kb": {"type": "files", "path": "kb"}}}
    with Shelf.open(config, base_dir=tmp_path) as shelf:
        shelf.sync()
        articles = Articles(shelf.ledger)
    base = "https://shop.zendesk.example/hc"
    at = {
        f"{base}/en-gb/articles/360001-Returns": "en.md",
        f"{base}/en-us/articles/360001": "en.md",
        f"{base}/fr/articles/360001-Un-autre-titre?x=1": "fr.md",
        "https://shop.freshdesk.example/support/solutions/articles/42-new-title": "fd.md",
    }
    for link, document in at.items():
        found = articles.at(link)
        assert found is not None
        assert found.document == document
    spoken = articles.at(f"{base}/articles/360001", "fr")
    assert spoken is not None
    assert spoken.document == "fr.md"
    assert articles.at(f"{base}/articles/99") is None
