"""A rehearsal from end to end in a small world: outcomes, gaps, going on after a stop, another threshold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.simulate.replaying import Replayer
from evaluation.simulate.result import Replayed, Simulation
from evaluation.simulate.simulate import Rehearsing, simulate
from evaluation.simulate.ticket import Ticket
from evaluation.simulate.writing import as_json, as_markdown, load
from tests.evaluation.simulate.world import CONFIG, article, export, rehearse, ticket, timeline

WAX = "Wax smooth leather boots every 6 weeks. Beeswax is best; oil makes leather soft."
CARD = "A gift card can be used for 24 months after it was bought, online and in our shops."
CARD_LATER = CARD.replace("24", "36")
SKIS = "Skis can be rented in our Leeds shop for 18 pounds a day, with poles."
VERSIONS = [
    article("wax", 0, WAX, title="Waxing boots", url="https://help.example/wax"),
    article("card", 0, CARD, title="Gift cards"),
    article("card", 60, CARD_LATER, title="Gift cards"),
    article("skis", 80, SKIS, title="Renting skis"),
]
TICKETS = [
    ticket("wax", 10, "How often do I wax my leather boots?", "Wax the leather boots every 6 weeks.", tags=("care",)),
    ticket("card-old", 20, "How long can I use a gift card?", "A gift card can be used for 24 months.", tags=("pay",)),
    ticket("card-stale-1", 40, "For how long is my gift card good?", "A gift card can be used for 36 months."),
    ticket("card-stale-2", 45, "Does a gift card expire at some time?", "Your gift card is good for 36 months."),
    ticket("card-new", 70, "How many months can a gift card be used?", "A gift card can be used for 36 months."),
    ticket("skis-1", 50, "Can I rent skis for a weekend?", "Yes, skis can be rented for 18 pounds a day."),
    ticket("skis-2", 55, "Do you rent out skis by the day?", "Skis can be rented in Leeds for 18 pounds a day."),
    ticket("kayak-1", 65, "Do you sell kayaks?", "Kayaks are at our partner Wavecraft in Poole.", language="en"),
    ticket("kayak-2", 66, "Where could I buy a kayak?", "You can buy a kayak at our partner Wavecraft in Poole."),
]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return rehearse(tmp_path_factory.mktemp("small"), VERSIONS, TICKETS)


def outcome(result: Simulation, id: str) -> Replayed:
    return next(one for one in result.tickets if one.id == id)


def test_tickets_are_replayed_in_time_order(result: Simulation) -> None:
    assert [one.asked for one in result.tickets] == sorted(one.asked for one in TICKETS)


def test_an_answer_is_right_by_what_was_true_then(result: Simulation) -> None:
    assert outcome(result, "wax").outcome == "right"
    assert outcome(result, "card-old").outcome == "right"
    assert "24 months" in outcome(result, "card-old").answer
    assert outcome(result, "card-new").outcome == "right"
    assert "36 months" in outcome(result, "card-new").answer


def test_an_outdated_article_gives_a_wrong_answer_that_contradicts(result: Simulation) -> None:
    for id in ("card-stale-1", "card-stale-2"):
        one = outcome(result, id)
        assert (one.would_be, one.reason) == ("wrong", "contradicts")
        assert one.agreement is not None
        assert one.agreement.conflicts == ("24 months, not 36 months",)


def test_what_nothing_answers_is_handed_over_cleanly(result: Simulation) -> None:
    for id in ("kayak-1", "kayak-2", "skis-1", "skis-2"):
        one = outcome(result, id)
        assert (one.outcome, one.needless, one.in_context) == ("handed over", False, False), one
    assert result.rate("handed over, clean").count == 4


def test_gaps_say_what_to_write_what_to_correct_and_what_was_closed(result: Simulation) -> None:
    gaps = {frozenset(gap.tickets): gap for gap in result.gaps}
    kayaks = gaps[frozenset({"kayak-1", "kayak-2"})]
    assert (kayaks.kind, kayaks.closed, kayaks.open, kayaks.answered_wrong) == ("missing", 0, True, 0)
    assert "kayak" in kayaks.label
    assert {example.id for example in kayaks.examples} == {"kayak-1", "kayak-2"}
    skis = gaps[frozenset({"skis-1", "skis-2"})]
    assert (skis.kind, skis.closed, skis.open) == ("missing", 2, False)  # the article came later
    cards = gaps[frozenset({"card-stale-1", "card-stale-2"})]
    assert (cards.kind, cards.closed) == ("outdated", 2)
    assert cards.nearest is not None
    assert (cards.nearest.document, cards.nearest.why) == ("card", "it says 24 months, not 36 months")
    assert result.gaps[0] is kayaks  # what is still open comes first


def test_an_extract_is_grounded_in_what_it_quotes(result: Simulation) -> None:
    assert all(one.groundedness == 1 for one in result.tickets if one.outcome != "handed over")
    assert result.rate("grounded").share == 1


def test_it_is_the_same_twice(result: Simulation, tmp_path: Path) -> None:
    again = rehearse(tmp_path, VERSIONS, TICKETS)
    # Each context carries a nonce, whose tokens are not always as many.
    steady = [[replace(one, seconds=0, context_tokens=0) for one in run.tickets] for run in (again, result)]
    assert steady[0] == steady[1]
    assert (again.rates, again.curve, again.gaps) == (result.rates, result.curve, result.gaps)


def test_a_stopped_rehearsal_goes_on_and_ends_the_same(
    result: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    honest = Replayer.replay

    def failing(self: Replayer, one: Ticket) -> Replayed:
        if len(asked) == 4:
            raise KeyboardInterrupt
        asked.append(one.id)
        return honest(self, one)

    monkeypatch.setattr(Replayer, "replay", failing)
    with pytest.raises(KeyboardInterrupt):
        rehearse(tmp_path, VERSIONS, TICKETS)
    with (tmp_path / "out" / "journal.jsonl").open("a") as journal:
        journal.write('{"id": "half a li')  # cut off while it was written
    first, asked = asked, []
    monkeypatch.setattr(Replayer, "replay", lambda self, one: asked.append(one.id) or honest(self, one))
    again = rehearse(tmp_path, VERSIONS, TICKETS)
    assert (len(first), len(asked)) == (4, len(TICKETS) - 4)
    assert not set(first) & set(asked)
    assert (again.rates, again.gaps) == (result.rates, result.gaps)


def test_another_threshold_asks_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    careful = rehearse(tmp_path, VERSIONS, TICKETS, options=Rehearsing(threshold=0.99, gaps=False))
    assert careful.rate("handed over").share == 1
    assert careful.rate("handed over, needless").count == 3
    monkeypatch.setattr(Replayer, "replay", lambda *_: pytest.fail("asked again"))
    bold = rehearse(tmp_path, VERSIONS, TICKETS, options=Rehearsing(threshold=-1, gaps=False))
    assert bold.rate("handed over").share == 0
    assert bold.rate("right").count == 3


def test_solved_tickets_become_knowledge_when_they_are_solved(tmp_path: Path) -> None:
    learned = rehearse(tmp_path, VERSIONS, TICKETS, with_tickets=True, options=Rehearsing(gaps=False, threshold=-1))
    second = outcome(learned, "kayak-2")
    assert second.would_be == "wrong" or second.citations[0].source == "solved-tickets"
    assert outcome(learned, "skis-2").would_be == "right"  # skis-1 was solved by then
    assert outcome(learned, "skis-1").would_be != "right"


def test_costs_are_estimated_by_ticket_and_month_where_a_model_has_a_price(tmp_path: Path) -> None:
    priced = {**CONFIG, "costs": {"prices": {"gpt-5-mini": {"input": 1.0, "output": 10.0}}}}
    costs = rehearse(tmp_path, VERSIONS, TICKETS, config=priced, options=Rehearsing(gaps=False)).costs
    assert costs.per_ticket == 0
    assert costs.estimate_per_ticket is not None
    assert costs.tickets_per_month is not None
    assert costs.estimate_per_ticket > 0
    assert costs.estimate_per_month == pytest.approx(costs.estimate_per_ticket * costs.tickets_per_month)
    assert costs.tickets_per_month == pytest.approx(9 / (60 / 30.4375))


def test_extracts_need_no_key_whatever_the_configuration_asks_for(tmp_path: Path) -> None:
    paid = {**CONFIG, "answer": {"provider": "openai"}}
    assert rehearse(tmp_path, VERSIONS, TICKETS[:1], config=paid).rate("right").count == 1


def test_the_result_can_be_written_read_and_shown(result: Simulation, tmp_path: Path) -> None:
    (tmp_path / "simulation.json").write_text(as_json(result), encoding="utf-8")
    assert load(tmp_path / "simulation.json") == result
    shown = as_markdown(result)
    assert "handed over, clean" in shown
    assert "kayak" in shown
    assert shown.count("|---") > 10


def test_evidence_is_measured_as_the_shelf_measures_it(tmp_path: Path) -> None:
    """Its threshold would mean nothing otherwise."""
    asked = "How often do I wax my leather boots?"
    versions = [article("wax", 0, "Wax smooth leather boots every 6 weeks."), article("tent", 0, "Tents are aired.")]
    knowledge = timeline(tmp_path, versions)
    try:
        result = simulate(knowledge, export([ticket("a", 10, asked, "Every 6 weeks.")]), tmp_path / "out")
        subject = knowledge.subject
        own = subject.answerer.evidence(asked, subject.search(asked))
    finally:
        knowledge.close()
    assert [one.evidence for one in result.tickets] == [round(own, 4)]
