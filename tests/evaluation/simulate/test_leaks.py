"""Nothing that became known after a ticket may reach it: neither text nor hit nor answer.

Each canary is a made-up word that only one version has. The last tests switch the guards off, one way and the other,
and make sure that the first ones would have failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from configs.errors import RetrievalError
from evaluation.simulate.replaying import Replayer
from evaluation.simulate.result import Replayed
from evaluation.simulate.simulate import phrases_of
from evaluation.simulate.ticket import Ticket
from evaluation.simulate.timeline import Timeline
from evaluation.simulate.version import History
from retrieval.hit import Hit
from tests.evaluation.simulate.world import article, day, ticket, timeline

WORDS = "about how many days a parcel waits at the parcel shop"
VERSIONS = [
    article("waiting", 0, f"A parcel waits 7 days at the parcel shop. quokkazul {WORDS}."),
    article("waiting", 20, f"A parcel waits 10 days at the parcel shop. wombatriz {WORDS}."),
    article("waiting", 40, None),
    article("collecting", 30, f"Collect a parcel within 14 days. numbatvor {WORDS}."),
    article("early", 5, f"Parcels wait. bilbyxan {WORDS}.", until=15),
]
TICKETS = [
    ticket(f"t{at}", at, f"How many days does a parcel wait at the parcel shop? {secret}", f"It waits. {secret}")
    for at, secret in (
        (2, "potoroofi"),
        (10, "dibblerka"),
        (18, "kowaribel"),
        (25, "phascogol"),
        (35, "antechino"),
        (45, "planigalo"),
    )
]
CANARIES: dict[str, tuple[datetime, datetime | None]] = {
    "quokkazul": (day(0), day(20)),
    "wombatriz": (day(20), day(40)),
    "numbatvor": (day(30), None),
    "bilbyxan": (day(5), day(15)),
    **{one.question.split()[-1]: (one.solved, None) for one in TICKETS},
}


class Careless(Timeline):
    """Knows the future, and does not look at what it hands out."""

    def at(self, ticket: Ticket) -> None:
        for name, history in self._histories.items():
            self._sync(name, history, len(history.events))

    def check(self, ticket: Ticket, hits: Iterable[Hit]) -> None:
        pass


class Foresighted(Timeline):
    """Knows the future, and looks."""

    def at(self, ticket: Ticket) -> None:
        for name, history in self._histories.items():
            self._sync(name, history, len(history.events))


def replay(folder: Path, kind: type[Timeline], *, step: timedelta = timedelta(0)) -> list[tuple[Ticket, Replayed]]:
    knowledge = timeline(folder, VERSIONS, kind=kind, tickets=TICKETS, step=step)
    replayer = Replayer(knowledge, phrases_of(TICKETS), threshold=-1, floor=-1, model=False)
    try:
        return [(one, replayer.replay(one)) for one in TICKETS]
    finally:
        replayer.close()
        knowledge.close()


def leaks(seen: list[tuple[Ticket, Replayed]], *, step: timedelta = timedelta(0)) -> set[str]:
    """Canaries that were seen before their time, or after it."""
    found = set()
    for one, result in seen:
        own = one.question.split()[-1]
        shown = " ".join([result.answer, *(cited.quote for cited in result.citations)])
        shown += " ".join(title for _, _, title, _ in result.hits)
        for word, (since, until) in CANARIES.items():
            if word in shown and (
                word == own or since >= one.asked or (until is not None and until < one.asked - step)
            ):
                found.add(word)
    return found


def test_no_ticket_sees_what_came_later_nor_itself(tmp_path: Path) -> None:
    seen = replay(tmp_path, Timeline)
    assert not leaks(seen)
    # The canaries are there to be seen: each ticket was answered from what was known.
    assert any("wombatriz" in result.answer or "10 days" in result.answer for _, result in seen)
    assert any(one[0] == "solved-tickets" for _, result in seen for one in result.hits)
    assert all(
        cited.known_since is not None and cited.known_since < one.asked for one, r in seen for cited in r.citations
    )


def test_a_shelf_synced_at_midnight_knows_less_never_more(tmp_path: Path) -> None:
    step = timedelta(days=3)
    seen = replay(tmp_path, Timeline, step=step)
    assert not leaks(seen, step=step)


def test_nothing_later_is_in_the_index_at_all(tmp_path: Path) -> None:
    knowledge = timeline(tmp_path, VERSIONS, tickets=TICKETS)
    try:
        for one in TICKETS:
            knowledge.at(one)
            for word, (since, until) in CANARIES.items():
                hits = knowledge.subject.search(word, vector_weight=0, candidates=1000, top_k=100)
                found = any(word in hit.text for hit in hits)
                assert found == (since < one.asked and (until is None or until >= one.asked)), (one.id, word)
    finally:
        knowledge.close()


def test_with_the_guards_off_the_canaries_sing(tmp_path: Path) -> None:
    assert leaks(replay(tmp_path, Careless)) >= {"numbatvor"}


def test_a_timeline_that_runs_ahead_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(RetrievalError, match="knew too much"):
        replay(tmp_path, Foresighted)


def test_a_history_off_by_one_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = History.before
    monkeypatch.setattr(History, "before", lambda self, moment: min(before(self, moment) + 1, len(self.events)))
    with pytest.raises(RetrievalError, match="knew too much"):
        replay(tmp_path, Timeline)
