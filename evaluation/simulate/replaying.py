"""One ticket at a time: ask the shelf as it was, then measure what came back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from evaluation.simulate.agreement import Comparer, answer_passages
from evaluation.simulate.boilerplate import Boilerplate
from evaluation.simulate.gaps import unanswered
from evaluation.simulate.grounding import cited_texts, groundedness, statements_of
from evaluation.simulate.knowledge import Knowledge, moment_of
from evaluation.simulate.rates import GROUNDED
from evaluation.simulate.result import Agreement, CitedPassage, Judged, OutcomeName, Reason, Replayed
from evaluation.simulate.ticket import Ticket
from evaluation.simulate.version import KNOWN_SINCE
from retrieval.answer import Answerer
from retrieval.events import Answer, Usage
from retrieval.search import MAX_QUERY

if TYPE_CHECKING:
    from evaluation.simulate.judge import Judge
    from retrieval.hit import Hit

_HITS = 5
_INSTRUCTIONS_TOKENS = 700
"""About what the built-in instructions weigh, for the estimate of a model's cost."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many of how many are done."""

Verdict = Literal["right", "wrong"]


class Replayer:
    """Asks and measures. One for a rehearsal.

    Args:
        threshold: evidence below which a ticket is handed over.
        floor: nothing below it is answered at all. -1 answers everything, so that the curve knows what a lower
            threshold would have given; with a paid model it is ``threshold``.
        told: phrases that the agents' answers share.
        model: whether ``answer.model`` writes the answers; otherwise they are extracts.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        told: Boilerplate,
        *,
        threshold: float,
        floor: float,
        model: bool,
        judge: Judge | None = None,
    ) -> None:
        self._knowledge, self._judge = knowledge, judge
        self._threshold, self._model = threshold, model
        self._answerer = _never_refusing(knowledge, floor, model=model)
        self._told = told
        self._comparer = Comparer(knowledge.subject.embedders.current())

    def replay(self, ticket: Ticket) -> Replayed:
        """Ask ``ticket``'s question with what was known before it.

        Raises:
            RetrievalError: later knowledge was found, or the shelf could not be brought to that moment.
            AnswerError: the model could not be reached.
            BudgetExceeded: a cap could be passed; nothing was sent for this ticket.
        """
        filters = self._knowledge.at(ticket)
        question = ticket.question[:MAX_QUERY]
        started = time.perf_counter()
        answer = self._answerer.answer(
            question, filters=filters, groups=ticket.groups, mode=None if self._model else "extractive"
        )
        seconds = time.perf_counter() - started
        self._knowledge.check(ticket, answer.hits)
        return self._measured(ticket, question, answer, seconds)

    def closed_since(
        self, tickets: Sequence[Replayed], originals: Iterable[Ticket], progress: Progress
    ) -> list[Replayed]:
        """``tickets`` with ``closed`` set: whether what is found in today's knowledge says what the agent said.

        After every rate is fixed: it looks at later knowledge on purpose.
        """
        wanted = [ticket for ticket in tickets if unanswered(ticket)]
        if not wanted:
            return list(tickets)
        filters = self._knowledge.now()
        tickets_by = {ticket.id: ticket for ticket in originals}
        marked: dict[str, Replayed] = {}
        for ticket in wanted:
            answer = self._answerer.answer(
                ticket.question[:MAX_QUERY], filters=filters, groups=tickets_by[ticket.id].groups, mode="extractive"
            )
            marked[ticket.id] = replace(ticket, closed=self._in_context(tickets_by[ticket.id], answer))
            progress(len(marked), len(wanted))
        return [marked.get(ticket.id, ticket) for ticket in tickets]

    def close(self) -> None:
        """Release connections."""
        self._answerer.close()

    def _measured(self, ticket: Ticket, question: str, answer: Answer, seconds: float) -> Replayed:
        best = self._answerer.evidence(question, answer.hits)
        says = None if answer.refused else statements_of(answer)
        grounded = None if says is None else groundedness(says, cited_texts(answer))
        agreement = None if says is None else self._agreement(ticket, answer, says)
        answered = says is not None and best >= self._threshold
        judged = self._judge.judge(ticket, says) if self._judge is not None and says is not None and answered else None
        verdict, reason = _verdict(agreement, judged, grounded)
        in_context = verdict == "right" or self._in_context(ticket, answer)
        if reason == "off topic" and in_context:
            reason = "missed"
        outcome: OutcomeName = verdict if answered and verdict is not None else "handed over"
        return Replayed(
            id=ticket.id,
            asked=ticket.asked,
            question=ticket.question,
            agent=ticket.answer,
            language=ticket.language,
            brand=ticket.brand,
            topic=ticket.topic,
            tags=ticket.tags,
            outcome=outcome,
            reason=reason,
            would_be=verdict,
            evidence=round(best, 4),
            answer=answer.text,
            citations=_passages(answer),
            groundedness=None if grounded is None else round(grounded, 4),
            agreement=agreement,
            judged=judged,
            hits=tuple((hit.source, hit.document_id, hit.title, round(hit.score, 4)) for hit in answer.hits[:_HITS]),
            known=self._knowledge.known,
            context_tokens=answer.context_tokens,
            in_context=in_context,
            seconds=round(seconds, 4),
            cost=answer.cost,
            estimate=None if self._model or not answered else self._estimate(question, ticket, answer),
        )

    def _agreement(self, ticket: Ticket, answer: Answer, says: str) -> Agreement:
        quoted = [citation.quote for citation in answer.citations] if answer.mode == "extractive" else []
        linked = _linked(ticket, [(one.document_id, one.url) for one in answer.citations])
        return self._compare(ticket.question, ticket.answer, quoted or answer_passages(says), linked=linked)

    def _in_context(self, ticket: Ticket, answer: Answer) -> bool:
        sources = [source for context in answer.contexts for source in context.sources]
        return any(
            self._compare(
                ticket.question,
                ticket.answer,
                answer_passages(source.text),
                linked=_linked(ticket, [(source.best.document_id, source.best.url)]),
            ).agrees
            for source in sources
        )

    def _compare(self, question: str, agent: str, passages: Sequence[str], *, linked: bool | None = None) -> Agreement:
        return self._comparer.compare(question, self._told.without(agent), passages, linked=linked)

    def _estimate(self, question: str, ticket: Ticket, answer: Answer) -> float | None:
        """Money had ``answer.model`` written it, in about as many tokens as the agent took."""
        subject = self._knowledge.subject
        count = subject.answerer.count_tokens
        sent = _INSTRUCTIONS_TOKENS + count(question) + answer.context_tokens
        return subject.spend.price(subject.config.answer.model, Usage(input=sent, output=count(ticket.answer)))


def at_threshold(ticket: Replayed, threshold: float) -> Replayed:
    """``ticket`` as it would have been with another threshold of evidence."""
    answered = ticket.would_be is not None and ticket.evidence >= threshold
    return replace(ticket, outcome=ticket.would_be if answered and ticket.would_be else "handed over")


def _never_refusing(knowledge: Knowledge, floor: float, *, model: bool) -> Answerer:
    """The shelf's answerer with another threshold; its calls are recorded and capped as ever."""
    by = knowledge.subject.answerer
    changed = {"no_answer_threshold": floor} if model else {"no_answer_threshold": floor, "provider": "extractive"}
    return Answerer(
        by.search,
        by.settings.model_copy(update=changed),
        by.context,
        count_tokens=by.count_tokens,
        body=by.body,
        spend=by.spend,
        measure=by.evidence,
    )


def _verdict(
    agreement: Agreement | None, judged: Judged | None, grounded: float | None
) -> tuple[Verdict | None, Reason]:
    if agreement is None:
        return None, "refused"
    if judged is not None:
        return ("right" if judged.agrees else "wrong"), "judge"
    if not agreement.agrees:
        return "wrong", agreement.reason
    if grounded is not None and grounded < GROUNDED:
        return "wrong", "not grounded"
    return "right", "agrees"


def _linked(ticket: Ticket, cited: Sequence[tuple[str, str | None]]) -> bool | None:
    if not ticket.links:
        return None
    return any(link in one for link in ticket.links for one in cited)


def _passages(answer: Answer) -> tuple[CitedPassage, ...]:
    by_chunk: Mapping[str, Hit] = {hit.chunk_id: hit for hit in answer.hits}
    found: Sequence[Any] = [(citation, by_chunk.get(citation.chunk_id)) for citation in answer.citations]
    return tuple(
        CitedPassage(
            source=hit.source if hit is not None else "",
            document=citation.document_id,
            title=citation.title,
            url=citation.url,
            quote=citation.quote,
            start=citation.start,
            end=citation.end,
            known_since=None
            if hit is None
            else moment_of(hit.metadata.get(KNOWN_SINCE) or hit.metadata.get("updated")),
        )
        for citation, hit in found
    )
