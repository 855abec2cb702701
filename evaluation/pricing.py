"""What embedding one question costs."""

from __future__ import annotations

from collections.abc import Callable

from evaluation.subject import Subject
from ingest.ledger import builds
from retrieval.events import Usage


def question_price(subject: Subject) -> Callable[[str], float]:
    """Gives a question's price: its tokens by each paid embedder that the shelf's builds use, by ``costs.prices``.

    A model without a price costs nothing here; ``openshelf check`` complains about it. Local models are free.
    """
    with subject.ledger.reading() as connection:
        stored = [build.embedder for build in builds.active(connection)]
    paid = {str(one.get("model")): one for one in stored if one.get("provider", "local") != "local"}
    if not paid:
        return lambda question: 0.0
    embedders = [subject.embedders.of(one) for one in paid.values()]

    def price(question: str) -> float:
        costs = (subject.spend.price(one.model, Usage(input=one.count_tokens(question))) for one in embedders)
        return sum(cost or 0.0 for cost in costs)

    return price
