"""What a rehearsal gives: every ticket's outcome, rates with intervals, the threshold curve, costs and gaps.

Shares are 0 to 1. Intervals are 95%, Wilson's (``rates.rate``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

OutcomeName = Literal["right", "wrong", "handed over"]
"""``right``: answered, and the agent's answer agrees. ``wrong``: answered, and it does not agree or has no ground.
``handed over``: refused, so that a person answers."""

Reason = Literal["agrees", "contradicts", "missed", "off topic", "not grounded", "judge", "refused"]
"""Why an answer is, or would be, right or wrong. ``missed``: the text that was found says what the agent said, and the
answer does not. ``refused``: there was none to look at."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its interval: ``count`` of ``n``."""

    name: str
    count: int
    n: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an answer says what the agent said, measured without a model that writes.

    Attributes:
        facts: share of the agent's facts (numbers with their units, dates, codes; where there are none, proper names)
            that the answer has; ``None`` where the agent gave none.
        words: share of the agent's content words, those of the question left out, that the answer has.
        meaning: cosine of the agent's answer and the nearest quoted passage, -1 to 1.
        nearest: which passage that was, from 0; for an extract the number of its citation.
        linked: whether the answer cites an article that the agent linked; ``None`` where the agent linked none.
        conflicts: facts of the answer that stand where the agent gave other ones (``14 days, not 30 days``).
        score: all of it as one number, 0 to 1; from 0.5 on the answers agree.
        reason: in a word.
    """

    facts: float | None
    words: float
    meaning: float
    linked: bool | None
    conflicts: tuple[str, ...]
    score: float
    reason: Reason
    nearest: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the answer says what the agent said."""
        return self.score >= 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge model said of an answer."""

    verdict: Literal["agrees", "contradicts", "incomplete", "unrelated"]
    reason: str
    cost: float | None

    @property
    def agrees(self) -> bool:
        """Whether a customer could have been sent this answer."""
        return self.verdict == "agrees"


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """One passage that an answer quotes or cites.

    Attributes:
        start, end: span in the parsed document's text, in characters.
        known_since: when this text became known, where the knowledge says so.
    """

    source: str
    document: str
    title: str
    url: str | None
    quote: str
    start: int
    end: int
    known_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """One ticket, replayed.

    Attributes:
        outcome: at the threshold of this run.
        would_be: what answering would have been, were nothing refused; ``None`` where there was nothing to answer
            with (no hit, or the model itself found no answer).
        evidence: what decides a refusal (``retrieval.evidence``), -1 to 1.
        answer: the text that was, or would have been, sent.
        in_context: whether the text that was found (the context a model would be given) says what the agent said;
            then a better reader could have answered, even if this answer did not.
        groundedness: share of the answer's sentences that its citations support; ``None`` without an answer.
        hits: (source, document, title, score) of the best ones, best first.
        known: documents that were visible at that moment.
        closed: whether today's knowledge answers it as the agent did; ``None`` where that was not asked.
        seconds: from the question to the whole answer.
        cost: money for the answer; ``None`` where the model has no price.
        estimate: money for the same answer by ``answer.model``, where it has a price and was not called.
    """

    id: str
    asked: datetime
    question: str
    agent: str
    language: str | None
    brand: str | None
    topic: str | None
    tags: tuple[str, ...]
    outcome: OutcomeName
    reason: Reason
    would_be: Literal["right", "wrong"] | None
    evidence: float
    answer: str
    citations: tuple[CitedPassage, ...]
    groundedness: float | None
    agreement: Agreement | None
    judged: Judged | None
    hits: tuple[tuple[str, str, str, float], ...]
    known: int
    context_tokens: int
    seconds: float
    cost: float | None
    in_context: bool = False
    estimate: float | None = None
    closed: bool | None = None

    @property
    def needless(self) -> bool:
        """Handed over although the answer would have been right. The other hand-overs were clean."""
        return self.outcome == "handed over" and self.would_be == "right"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The rates of one value of one dimension (``tag``, ``refund``); ``rates`` as in ``Simulation.rates``."""

    dimension: Literal["topic", "tag", "language", "brand"]
    value: str
    n: int
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a threshold of evidence would give.

    Attributes:
        answered: of all tickets.
        right: of all tickets.
        wrong: of all tickets.
        errors: wrong ones among the answered.
        chosen: whether this is the threshold of the run.
    """

    threshold: float
    answered: Rate
    right: Rate
    wrong: Rate
    errors: Rate
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Nearest:
    """The document that came nearest to a gap's questions, and why it did not do."""

    source: str
    document: str
    title: str
    share: float
    why: str


@dataclass(frozen=True, slots=True)
class Example:
    """One ticket of a gap: what was asked and what the agent answered."""

    id: str
    question: str
    agent: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions on one subject that the knowledge base does not answer: an article to write, or to correct.

    Attributes:
        label: its most telling words.
        kind: ``missing`` (nothing answers it) or ``outdated`` (an article answers, and says otherwise than the agents).
        volume: tickets in it.
        share: of all tickets.
        per_month: tickets a month; ``None`` where the tickets span less than a day.
        answered_wrong: how many of them were answered, wrongly.
        tickets: their ids, in time order.
        closed: how many of them today's knowledge answers as the agents did; where that is most, the gap was closed
            after the tickets were asked.
    """

    label: str
    terms: tuple[str, ...]
    kind: Literal["missing", "outdated"]
    volume: int
    share: float
    per_month: float | None
    answered_wrong: int
    first: datetime
    last: datetime
    languages: tuple[str, ...]
    examples: tuple[Example, ...]
    nearest: Nearest | None
    tickets: tuple[str, ...]
    closed: int = 0

    @property
    def open(self) -> bool:
        """Whether today's knowledge still does not answer most of it."""
        return 2 * self.closed < self.volume


@dataclass(frozen=True, slots=True)
class Costs:
    """Money, in ``currency``; ``None`` where a price is missing.

    Attributes:
        per_ticket: mean of what answering cost in this rehearsal.
        per_month: at the volume of the tickets' own span.
        estimate_per_ticket, estimate_per_month: the same answered by ``model``, where it was not called.
        judge: what the judge cost, all together.
        tickets_per_month: ``None`` where the tickets span less than a day.
    """

    currency: str
    per_ticket: float | None
    per_month: float | None
    model: str | None
    estimate_per_ticket: float | None
    estimate_per_month: float | None
    judge: float | None
    tickets_per_month: float | None
    tokens_per_ticket: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from question to answer, over ``n`` tickets, on this machine."""

    n: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Simulation:
    """A whole rehearsal.

    Attributes:
        manifest: what it was made with. JSON values only, no secrets.
        rates: ``right``, ``wrong``, ``handed over``, and its two halves ``handed over, clean`` and
            ``handed over, needless``: each of all tickets. The first three sum to 1.
        quality: ``right when answered`` and ``grounded`` of the answered; ``in context`` of all tickets: the text that
            was found says what the agent said, whatever became of it.
        curve: by threshold, ascending.
        notes: sentences on what was left out and what a figure does not say.
    """

    name: str
    manifest: Mapping[str, Any]
    tickets: tuple[Replayed, ...]
    rates: tuple[Rate, ...]
    quality: tuple[Rate, ...]
    breakdowns: tuple[Breakdown, ...]
    curve: tuple[CurvePoint, ...]
    gaps: tuple[Gap, ...]
    costs: Costs
    latency: Latency
    threshold: float
    notes: tuple[str, ...] = field(default_factory=tuple)

    def rate(self, name: str) -> Rate:
        """One of ``rates`` or ``quality`` by name.

        Raises:
            KeyError: there is none of that name.
        """
        return {one.name: one for one in (*self.rates, *self.quality)}[name]
