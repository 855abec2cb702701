"""The rehearsal from end to end: replay, rates, curve, costs, gaps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from configs.errors import BudgetExceeded, ConfigError
from evaluation.simulate import rates
from evaluation.simulate.boilerplate import Boilerplate
from evaluation.simulate.costing import costs_of, most_it_can_cost
from evaluation.simulate.gaps import find_gaps
from evaluation.simulate.journal import Journal
from evaluation.simulate.judge import Judge
from evaluation.simulate.knowledge import Knowledge
from evaluation.simulate.replaying import Replayer, at_threshold
from evaluation.simulate.result import Latency, Replayed, Simulation
from evaluation.simulate.ticket import Export, Ticket

Report = Callable[[str, int, int], None]
"""Told what is being done, and how many of how many are."""


@dataclass(frozen=True, slots=True)
class Rehearsing:
    """How to rehearse.

    Attributes:
        threshold: evidence below which a ticket is handed over; ``None``: the shelf's own.
        model: let ``answer.model`` write the answers; otherwise they are extracts, and cost nothing.
        judge: a model that judges every answer; ``None``: none does.
        max_cost: most that the answers and the judge may cost together; needed where they cost anything.
        gaps: whether to look for gaps; ``at_least``: tickets that make one.
        closed: whether to ask which gaps were closed since.
    """

    threshold: float | None = None
    model: bool = False
    judge: str | None = None
    max_cost: float | None = None
    gaps: bool = True
    at_least: int = 2
    closed: bool = True


def simulate(
    knowledge: Knowledge,
    export: Export,
    folder: Path,
    *,
    options: Rehearsing | None = None,
    name: str = "simulate",
    about: Mapping[str, Any] | None = None,
    progress: Report | None = None,
) -> Simulation:
    """Replay ``export`` in time order, each ticket with what was known before it.

    Args:
        folder: where the journal is kept; a rehearsal that was stopped goes on from it.
        about: what else the results depend on (the knowledge's fingerprint, versions); goes into the manifest.

    Raises:
        BudgetExceeded: the answers and the judge could cost more than ``max_cost``, or a cap of the shelf was
            reached; in the second case what is done is kept.
        ConfigError: a price or a key is missing.
        RetrievalError: the rehearsal saw later knowledge, or a question could not be answered.
    """
    options, report = options or Rehearsing(), progress or (lambda _what, _done, _of: None)
    subject = knowledge.subject
    threshold = subject.answerer.threshold if options.threshold is None else options.threshold
    floor = threshold if options.model else -1.0
    judge = None if options.judge is None else Judge(subject, options.judge)
    depends = {
        **dict(about or {}),
        "tickets": export.fingerprint,
        "judge": options.judge,
        "model": subject.config.answer.model if options.model else None,
        "floor": floor,
        # The judge is only asked about what is answered, so its results belong to a threshold.
        "threshold": threshold if judge is not None else None,
    }
    told = phrases_of(export.tickets)
    tickets = [ticket for ticket in export.tickets if not told.empty(ticket.answer)]
    if not tickets:
        raise ConfigError("No ticket has an answer that says anything.", hint="docs/simulation.md has an example.")
    replayer = Replayer(knowledge, told, threshold=threshold, floor=floor, model=options.model, judge=judge)
    try:
        with Journal(folder / "journal.jsonl", depends) as journal:
            wanted = [ticket for ticket in tickets if ticket.id not in journal.done]
            _afford(knowledge, wanted, options)
            _replay(replayer, journal, wanted, len(tickets), report)
            done = [at_threshold(journal.done[ticket.id], threshold) for ticket in tickets]
        if options.closed and options.gaps:
            done = replayer.closed_since(done, tickets, lambda count, of: report("Asking what is known now", count, of))
    finally:
        replayer.close()
        if judge is not None:
            judge.close()
    found = find_gaps(done, subject.embedders.current(), at_least=options.at_least) if options.gaps else ()
    return Simulation(
        name=name,
        manifest={**depends, "threshold": threshold, "made": datetime.now(UTC).isoformat(timespec="seconds")},
        tickets=tuple(done),
        rates=rates.rates(done),
        quality=rates.quality(done),
        breakdowns=rates.breakdowns(done),
        curve=rates.curve(done, threshold, floor=floor),
        gaps=found,
        costs=costs_of(done, subject.config, model=options.model),
        latency=latency_of(done),
        threshold=threshold,
        notes=(*export.notes, *_left_out(export, tickets), *knowledge.notes(), *_notes(options)),
    )


def phrases_of(tickets: Sequence[Ticket]) -> Boilerplate:
    """The phrases that the agents' answers share."""
    return Boilerplate(((ticket.answer, ticket.question) for ticket in tickets), keep_facts=True)


def latency_of(tickets: Sequence[Replayed]) -> Latency:
    """The median and the 95th percentile of the time to an answer; linear between neighbours."""
    import numpy as np

    if not tickets:
        return Latency(0, 0.0, 0.0)
    p50, p95 = np.percentile([ticket.seconds for ticket in tickets], [50, 95])
    return Latency(len(tickets), float(p50), float(p95))


def _replay(replayer: Replayer, journal: Journal, wanted: Sequence[Ticket], of: int, report: Report) -> None:
    done = of - len(wanted)
    report("Replaying", done, of)
    for ticket in wanted:
        journal.add(replayer.replay(ticket))
        done += 1
        report("Replaying", done, of)


def _afford(knowledge: Knowledge, wanted: Sequence[Ticket], options: Rehearsing) -> None:
    """Refuse before anything is sent where the worst case passes ``max_cost``."""
    if not (options.model or options.judge) or not wanted:
        return
    subject = knowledge.subject
    worst = most_it_can_cost(subject, wanted, model=options.model, judge=options.judge)
    currency = subject.config.costs.currency
    if options.max_cost is None:
        raise ConfigError(
            f"{len(wanted):,} tickets could cost up to {worst:.2f} {currency}. Nothing was sent.",
            hint=f"If that is all right: --max-cost {worst:.2f}",
        )
    if worst > options.max_cost:
        raise BudgetExceeded(
            f"{len(wanted):,} tickets could cost up to {worst:.2f} {currency}, more than {options.max_cost:.2f}. "
            "Nothing was sent.",
            hint="Raise --max-cost, or rehearse fewer tickets with --last.",
        )


def _left_out(export: Export, tickets: Sequence[Ticket]) -> list[str]:
    empty = len(export.tickets) - len(tickets)
    if not empty:
        return []
    return [
        f"{empty:,} tickets are left out: their answer is a phrase that many share, and does not say what was answered."
    ]


def _notes(options: Rehearsing) -> list[str]:
    notes = []
    if options.judge is None:
        notes.append(
            "Right and wrong are measured offline, by comparing the answer with the agent's; docs/simulation.md says "
            "how often that errs."
        )
    if not options.model:
        notes.append(
            "Answers are extracts: they quote, so they are grounded by construction. Costs of a model are estimates."
        )
    return notes


def timer() -> Callable[[int, int], float | None]:
    """Seconds left, from how long the first ones took; ``None`` until one is done."""
    started, first = time.monotonic(), -1

    def left(done: int, of: int) -> float | None:
        nonlocal first
        first = done if first < 0 else first
        fresh = done - first
        return (time.monotonic() - started) / fresh * (of - done) if fresh > 0 else None

    return left
