"""520 generated tickets whose truth is known: the rehearsal's intervals hold it, and no ticket saw later knowledge."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.rehearsal import run
from benchmarks.tickets import CASES, Truth, World, make, read_truth, states_the_fact, true_outcome, write
from evaluation.simulate.gaps import unanswered
from evaluation.simulate.result import Replayed, Simulation

TICKETS, SEED = 520, 7


@pytest.fixture(scope="module")
def world() -> World:
    return make(TICKETS, SEED)


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    write(world, made)
    return made


@pytest.fixture(scope="module")
def result(folder: Path) -> Simulation:
    return run(folder)


@pytest.fixture(scope="module")
def truths(folder: Path) -> dict[str, Truth]:
    return read_truth(folder / "truth.jsonl")


def test_the_same_seed_gives_the_same_world_and_another_one_another(world: World) -> None:
    assert make(60, 3) == make(60, 3)
    assert make(60, 3) != make(60, 4)
    assert {truth.case for truth in world.truths} == set(CASES)


def test_the_sample_is_what_the_generator_writes(tmp_path: Path) -> None:
    write(make(60, 5, topics=12, gaps=2), tmp_path)
    sample = Path(__file__).resolve().parents[3] / "configs" / "sample" / "rehearsal"
    for made in tmp_path.iterdir():
        assert (sample / made.name).read_text(encoding="utf-8") == made.read_text(encoding="utf-8"), made.name


def test_what_really_became_of_the_tickets_lies_inside_the_intervals(
    result: Simulation, truths: dict[str, Truth]
) -> None:
    true = Counter(true_outcome(truths[ticket.id], ticket) for ticket in result.tickets)
    assert len(result.tickets) >= 500
    for name in ("right", "wrong", "handed over"):
        measured = result.rate(name)
        assert measured.low <= true[name] / len(result.tickets) <= measured.high, name
    # Neither outcome is rare, so that the intervals say something.
    assert all(0.1 < count / len(result.tickets) < 0.7 for count in true.values())


def test_so_it_does_in_nearly_every_topic_tag_language_and_brand(result: Simulation, truths: dict[str, Truth]) -> None:
    inside: list[bool] = []
    for part in result.breakdowns:
        own = [ticket for ticket in result.tickets if part.value in _values(ticket, part.dimension)]
        assert len(own) == part.n
        if part.n >= 20:
            true = Counter(true_outcome(truths[ticket.id], ticket) for ticket in own)
            inside += [one.low <= true[one.name] / part.n <= one.high for one in part.rates[:3]]
    assert len(inside) > 30
    assert sum(inside) / len(inside) >= 0.9


def test_the_curve_knows_what_other_thresholds_would_really_give(result: Simulation, truths: dict[str, Truth]) -> None:
    inside = []
    for point in result.curve:
        answered = [ticket for ticket in result.tickets if ticket.evidence >= point.threshold]
        wrong = sum(not states_the_fact(truths[ticket.id], ticket) for ticket in answered)
        assert point.answered.count == len(answered)
        inside.append(not answered or point.errors.low <= wrong / len(answered) <= point.errors.high)
    assert sum(inside) / len(inside) >= 0.9


def test_the_offline_measure_errs_seldom(result: Simulation, truths: dict[str, Truth]) -> None:
    pairs = Counter((states_the_fact(truths[one.id], one), one.would_be == "right") for one in result.tickets)
    assert pairs[True, False] <= 0.12 * (pairs[True, True] + pairs[True, False])
    assert pairs[False, True] <= 0.03 * (pairs[False, True] + pairs[False, False])


def test_every_quotation_is_of_the_text_as_it_stood_then(world: World, result: Simulation) -> None:
    quotes = 0
    for ticket in result.tickets:
        for cited in ticket.citations:
            known = [
                row
                for row in world.articles
                if row["id"] == cited.document and datetime.fromisoformat(row["valid_from"]) < ticket.asked
            ]
            assert known, f"{ticket.id} was shown {cited.document} before it was written"
            stood = " ".join(known[-1]["text"].replace("# ", "").split())
            assert " ".join(cited.quote.split()) in stood, (ticket.id, cited.document)
            quotes += 1
    assert quotes > 500


def test_the_largest_gaps_are_subjects_without_an_article(result: Simulation, truths: dict[str, Truth]) -> None:
    open_ones = [gap for gap in result.gaps if gap.open and gap.kind == "missing"][:5]
    assert len(open_ones) == 5
    still_open = [gap.volume - gap.closed for gap in open_ones]
    assert still_open == sorted(still_open, reverse=True)
    cases = Counter(truths[name].case for gap in open_ones for name in gap.tickets)
    assert (cases["unanswerable"] + cases["not yet"]) / cases.total() >= 0.8
    pure = [Counter(truths[name].topic for name in gap.tickets).most_common(1)[0][1] / gap.volume for gap in open_ones]
    assert sum(share >= 0.6 for share in pure) >= 4


def test_outdated_gaps_name_the_article_that_was_out_of_date(result: Simulation, truths: dict[str, Truth]) -> None:
    outdated = [gap for gap in result.gaps if gap.kind == "outdated"]
    cases = Counter(truths[name].case for gap in outdated for name in gap.tickets)
    assert cases["outdated"] / cases.total() >= 0.75
    found = sum(truths[one.id].case == "outdated" and unanswered(one) for one in result.tickets)
    assert cases["outdated"] / found >= 0.5


def _values(ticket: Replayed, dimension: str) -> tuple[str | None, ...]:
    return ticket.tags if dimension == "tag" else (getattr(ticket, dimension),)
