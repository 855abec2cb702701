"""Replays generated tickets and sets what was measured beside the truth (``benchmarks/tickets.py --rehearse``)."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.tickets import CASES, read_truth, states_the_fact, true_outcome
from evaluation.simulate.reading import read_tickets, read_versions
from evaluation.simulate.result import Simulation
from evaluation.simulate.simulate import simulate
from evaluation.simulate.timeline import Timeline
from openshelf import Shelf

CONFIG: dict[str, Any] = {"path": "shelf", "answer": {"provider": "extractive"}}


def run(folder: Path, *, with_tickets: bool = False, config: dict[str, Any] | None = None) -> Simulation:
    """The rehearsal of a folder that ``benchmarks.tickets`` wrote."""
    from configs.loader import from_mapping

    export, versions = read_tickets(folder / "tickets.jsonl"), read_versions(folder / "articles.jsonl")
    knowledge = Timeline(
        from_mapping(config or CONFIG, folder),
        Shelf,
        versions,
        folder / "rehearsal" / "shelf",
        tickets=export.tickets if with_tickets else (),
    )
    try:
        return simulate(knowledge, export, folder / "rehearsal")
    finally:
        knowledge.close()


def rehearse(folder: Path, *, with_tickets: bool = False) -> None:
    """Run it and print the comparison."""
    started = time.monotonic()
    found = run(folder, with_tickets=with_tickets)
    print(f"{len(found.tickets)} tickets in {time.monotonic() - started:.0f} s\n")
    compare(found, folder)


def compare(found: Simulation, folder: Path) -> None:
    """Measured and true rates, the measure's errors, and the cases."""
    truths = read_truth(folder / "truth.jsonl")
    true = Counter(true_outcome(truths[ticket.id], ticket) for ticket in found.tickets)
    n = len(found.tickets)
    for name in ("right", "wrong", "handed over"):
        rate, share = found.rate(name), true[name] / n
        inside = "inside" if rate.low <= share <= rate.high else "OUTSIDE"
        print(f"{name:14}{rate.share:6.3f}  [{rate.low:.3f}, {rate.high:.3f}]  truth {share:.3f}  {inside}")
    print()
    pairs = Counter(
        (states_the_fact(truths[ticket.id], ticket), ticket.would_be == "right") for ticket in found.tickets
    )
    right, wrong = pairs[True, True] + pairs[True, False], pairs[False, True] + pairs[False, False]
    print(f"measure: {pairs[True, False]} of {right} right answers taken for wrong, ", end="")
    print(f"{pairs[False, True]} of {wrong} wrong ones for right (nothing refused)\n")
    for case in CASES:
        own = [ticket for ticket in found.tickets if truths[ticket.id].case == case]
        outcomes = Counter(true_outcome(truths[ticket.id], ticket) for ticket in own)
        print(f"{case:14}{len(own):4}  " + ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items())))
    print()
    for gap in found.gaps[:15]:
        topics = Counter(truths[name].topic for name in gap.tickets)
        print(f"{gap.volume:4} {gap.kind:9}{gap.closed:3} closed  {gap.label:45} {dict(topics.most_common(3))}")
