"""Rehearsing on a shelf as it is: solved tickets and articles that are on it, cut back in time by their stamps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.errors import RetrievalError
from connectors.scripted import Corpus, Scripted
from evaluation.gold.tickets.shelved import MEDIA_TYPE
from evaluation.simulate.live import Live, tickets_on
from evaluation.simulate.simulate import Rehearsing, phrases_of, simulate
from evaluation.simulate.ticket import Ticket
from ingest.sync import SourceSync
from openshelf import Shelf
from tests.evaluation.simulate.world import day

ARTICLES = {
    "wax": ("2025-12-01", "2025-12-01", "Wax smooth leather boots every 6 weeks. quokkazul"),
    "card": ("2025-12-01", "2026-02-20", "A gift card can be used for 36 months. wombatriz"),  # said otherwise before
    "skis": ("2026-03-20", "2026-03-20", "Skis are rented for 18 pounds a day. numbatvor"),
}
CONVERSATIONS = {
    "11": ("2026-01-10", "2026-01-12", "How often do I wax leather boots? bilbyxan", "Wax them every 6 weeks."),
    "12": ("2026-02-10", "2026-02-11", "How long can I use a gift card? dibblerka", "It can be used for 24 months."),
    "13": ("2026-03-10", "2026-03-12", "How often are boots to be waxed? kowaribel", "Every 6 weeks."),
    "14": ("2026-04-10", "2026-04-11", "Can I rent skis? phascogol", "Skis are rented for 18 pounds a day."),
}
SECRETS = {name: about[2].split()[-1] for name, about in {**ARTICLES, **CONVERSATIONS}.items()}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("live")
    (folder / "kb").mkdir()
    (folder / "tickets").mkdir()
    for name, (created, updated, text) in ARTICLES.items():
        (folder / "kb" / f"{name}.md").write_text(
            f"---\ncreated: {created}\nupdated: {updated}\n---\n# {name}\n\n{text}\n"
        )
    (folder / "kb" / "undated.md").write_text("# Boots\n\nWax leather boots every week. planigalo\n")
    config = {
        "path": "shelf",
        "store": {"mode": "embedded"},
        "answer": {"provider": "extractive"},
        "sources": {"kb": {"type": "files", "path": "kb"}, "tickets": {"type": "files", "path": "tickets"}},
    }
    with Shelf.open(config, base_dir=folder) as opened:
        assert opened.sync(["kb"])[0].outcome == "clean"
        SourceSync(
            ledger=opened.ledger,
            store=opened.store,
            embedders=opened.embedders,
            source=opened.source("tickets"),
            connector=Scripted(corpus=conversations()),
            settings=opened.config.sync,
        ).run()
        yield opened


def conversations() -> Corpus:
    """The tickets as a help desk's connector gives them: stamps are dates."""
    corpus = Corpus()
    for name, (asked, solved, question, answer) in CONVERSATIONS.items():
        turns = [{"role": "customer", "text": question}, {"role": "agent", "text": answer}]
        stamps = {"created_at": moment(asked), "solved_at": moment(solved)}
        corpus.put(name, json.dumps(turns), media_type=MEDIA_TYPE, metadata={**stamps, "ticket_id": name, "brand": "X"})
    return corpus


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_tickets_are_the_solved_conversations_in_time_order(shelf: Shelf) -> None:
    found = tickets_on(shelf)
    assert [one.id for one in found.tickets] == ["11", "12", "13", "14"]
    assert found.tickets[0].asked == day(9)
    assert found.tickets[0].solved == day(11)
    assert {one.brand for one in found.tickets} == {"X"}
    with pytest.raises(RetrievalError, match="no solved ticket"):
        tickets_on(shelf, ["kb"])


def test_only_what_reads_as_it_did_before_the_ticket_can_be_found(shelf: Shelf) -> None:
    live = Live(shelf)
    for one in tickets_on(shelf).tickets:
        filters = live.at(one)
        hits = shelf.search("boots gift card skis wax rent months", filters=filters, top_k=100)
        live.check(one, hits)
        seen = {name for name, secret in SECRETS.items() if any(secret in hit.text for hit in hits)}
        expected = {name for name, (_, updated, _) in ARTICLES.items() if updated < f"{one.asked:%Y-%m-%d}"}
        expected |= {name for name, (_, solved, *_) in CONVERSATIONS.items() if solved < f"{one.asked:%Y-%m-%d}"}
        assert seen == expected, one.id
        assert live.known == len(expected)
        assert not any("planigalo" in hit.text for hit in hits)


def test_without_the_filter_the_check_stops_the_rehearsal(shelf: Shelf) -> None:
    live, first = Live(shelf), tickets_on(shelf).tickets[0]
    with pytest.raises(RetrievalError, match="knew too much"):
        live.check(first, shelf.search("gift card"))
    with pytest.raises(RetrievalError, match="at a time that nobody knows"):
        live.check(first, [hit for hit in shelf.search("boots wax planigalo") if "planigalo" in hit.text])


def test_a_ticket_never_answers_itself(shelf: Shelf) -> None:
    live, one = Live(shelf), tickets_on(shelf).tickets[0]
    # Even where its stamps say that it was solved before it was asked.
    late = Ticket(one.id, one.question, one.answer, day(60), day(61), document=one.document)
    hits = shelf.search(one.question, filters=live.at(late))
    assert hits
    assert all(hit.document_id != "11" for hit in hits)


def test_the_rehearsal_says_what_was_hidden(shelf: Shelf, tmp_path: Path) -> None:
    result = simulate(Live(shelf), tickets_on(shelf), tmp_path, options=Rehearsing(threshold=-1))
    outcomes = {one.id: one.would_be for one in result.tickets}
    assert outcomes["11"] == "right"
    assert outcomes["13"] == "right"  # from the article or from ticket 11, which was solved by then
    assert outcomes["12"] != "right"  # the article was changed later: its earlier text is not known
    assert outcomes["14"] == "right"
    told = " ".join(result.notes)
    assert "1 of kb" in told
    assert "existed were hidden" in told


def test_a_shelf_without_stamps_cannot_be_rehearsed_on(tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "a.md").write_text("# A\n\nText.\n")
    config = {"path": "s", "store": {"mode": "embedded"}, "sources": {"kb": {"type": "files", "path": "kb"}}}
    with Shelf.open(config, base_dir=tmp_path) as opened:
        opened.sync()
        with pytest.raises(RetrievalError, match="says when it was written"):
            Live(opened)


def test_phrases_need_many_tickets(shelf: Shelf) -> None:
    tickets = tickets_on(shelf).tickets
    assert not any(phrases_of(tickets).empty(one.answer) for one in tickets)
    assert tickets[1].asked - tickets[0].asked > timedelta(days=1)
