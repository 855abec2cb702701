"""What answering would cost by ticket and month, and the most that a rehearsal itself can cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from configs.errors import ConfigError
from evaluation.simulate.gaps import months_of
from evaluation.simulate.result import Costs, Replayed
from evaluation.simulate.ticket import Ticket
from retrieval.events import Usage

if TYPE_CHECKING:
    from configs.schema import Config
    from evaluation.subject import Subject

JUDGE_TOKENS = 400
"""Most tokens that a judge may write, reasoning included, beyond its verdict."""

_FRAME_TOKENS = 900
"""Instructions and framing of one call, on the high side."""


def costs_of(tickets: Sequence[Replayed], config: Config, *, model: bool) -> Costs:
    """Money by ticket, and by month at the volume of the tickets' own span.

    Args:
        model: whether a model wrote the answers; otherwise its cost is estimated where it has a price.
    """
    n, months = len(tickets), months_of(tickets)
    monthly = None if months is None else n / months
    per_ticket = _mean([ticket.cost for ticket in tickets], n)
    guessed = [ticket.estimate for ticket in tickets if ticket.outcome != "handed over"]
    estimate = None if model or config.answer.model not in config.costs.prices else _mean(guessed, n)
    judged = [ticket.judged.cost for ticket in tickets if ticket.judged is not None]
    return Costs(
        currency=config.costs.currency,
        per_ticket=per_ticket,
        per_month=None if per_ticket is None or monthly is None else per_ticket * monthly,
        model=config.answer.model,
        estimate_per_ticket=estimate,
        estimate_per_month=None if estimate is None or monthly is None else estimate * monthly,
        judge=None if any(cost is None for cost in judged) else sum(cost or 0.0 for cost in judged),
        tickets_per_month=monthly,
        tokens_per_ticket=sum(ticket.context_tokens for ticket in tickets) / n if n else 0.0,
    )


def most_it_can_cost(subject: Subject, tickets: Sequence[Ticket], *, model: bool, judge: str | None) -> float:
    """The worst case of a rehearsal: every ticket answered at full length, every answer judged.

    Raises:
        ConfigError: one of the models has no price.
    """
    config, count = subject.config, subject.answerer.count_tokens
    total = 0.0
    for ticket in tickets:
        question, longest = count(ticket.question), config.answer.max_output_tokens
        if model:
            sent = _FRAME_TOKENS + question + config.context.budget
            calls = config.answer.max_searches + 1 if config.answer.mode == "tool" else 1
            total += calls * _price(subject, config.answer.model, Usage(input=sent, output=longest))
        if judge is not None:
            answer = longest if model else 1_000
            sent = _FRAME_TOKENS + question + count(ticket.answer) + answer
            total += _price(subject, judge, Usage(input=sent, output=JUDGE_TOKENS))
    return total


def _price(subject: Subject, model: str, usage: Usage) -> float:
    price = subject.spend.price(model, usage)
    if price is None:
        raise ConfigError(
            f"The model {model} has no price, so nobody knows what the rehearsal would cost.",
            hint=f"Set costs.prices.{model} (input, cached_input and output for a million tokens).",
        )
    return price


def _mean(amounts: Sequence[float | None], n: int) -> float | None:
    if any(amount is None for amount in amounts):
        return None
    return sum(amount or 0.0 for amount in amounts) / n if n else 0.0
