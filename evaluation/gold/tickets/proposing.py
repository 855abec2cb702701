"""Makes cases of solved tickets, for a person to review."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from connectors.mail_text import own_words
from evaluation.case import Case, Relevant
from evaluation.gold.layout import MAX_ANSWER, MAX_QUESTION
from evaluation.gold.tickets.links import Article, Articles, first_of, links_in
from evaluation.gold.tickets.solved import Solved
from evaluation.gold.writing import Proposal

Suggest: TypeAlias = Callable[[str], Sequence[Article]]
"""From an agent's answer to the articles that may say the same, the best first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets become cases.

    Attributes:
        since, until: of the moment of asking (of solving, where only that is known); with a time zone, half open.
        limit: most cases; the newest are kept.
        linked: those only whose answer links an article on the shelf.
        answered: those only that an agent answered.
        without_themselves: a ticket that is on the shelf is kept out of its own question's search.
    """

    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    linked: bool = False
    answered: bool = False
    without_themselves: bool = True


@dataclass(frozen=True, slots=True)
class Proposed:
    """Cases for review.

    Attributes:
        left_out: how many tickets were left out, by the reason.
        bad: what is wrong with single tickets.
    """

    proposals: list[Proposal]
    read: int
    left_out: Counter[str]
    bad: list[str]


@dataclass
class _Group:
    """Tickets that ask the same."""

    first: Solved
    question: str
    answer: str
    tickets: list[Solved]
    articles: dict[Article, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)


def propose(
    tickets: Iterable[Solved],
    articles: Articles,
    redact: Callable[[str], str],
    *,
    wanted: Wanted | None = None,
    suggest: Suggest | None = None,
    progress: Callable[[int], None] | None = None,
) -> Proposed:
    """A case for each question, the newest last.

    Quoted mail and signatures are taken out, then personal data (links are read before: a number in an address may
    look like a telephone's). Equal questions are merged, whatever their case and punctuation.

    Args:
        redact: takes personal data out of a text.
        suggest: asked where a ticket links no article.
        progress: told how many tickets were read.
    """
    wanted = wanted or Wanted()
    left_out: Counter[str] = Counter()
    bad: list[str] = []
    groups: dict[tuple[str, str | None], _Group] = {}
    read = 0
    for read, ticket in enumerate(tickets, start=1):
        if progress is not None:
            progress(read)
        reason = _unwanted(ticket, wanted)
        if reason is None:
            reason = _add(groups, ticket, articles, redact, wanted, bad)
        if reason is not None:
            left_out[reason] += 1
    chosen = sorted(groups.values(), key=_age)
    if wanted.limit is not None and len(chosen) > wanted.limit:
        left_out["over the limit"] += sum(len(group.tickets) for group in chosen[: len(chosen) - wanted.limit])
        chosen = chosen[len(chosen) - wanted.limit :]
    proposals = []
    taken: set[str] = set()
    for group in chosen:
        id = _id(group.first, taken)
        taken.add(id)
        proposals.append(_proposal(id, group, wanted, redact, suggest))
    return Proposed(proposals, read, left_out, bad)


def _unwanted(ticket: Solved, wanted: Wanted) -> str | None:
    if ticket.open:
        return "not solved"
    if wanted.answered and not ticket.answer:
        return "not answered"
    if wanted.since is None and wanted.until is None:
        return None
    at = ticket.moment
    if at is None:
        return "without a date"
    if wanted.since is not None and at < wanted.since:
        return "too old"
    return "too new" if wanted.until is not None and at >= wanted.until else None


def _add(
    groups: dict[tuple[str, str | None], _Group],
    ticket: Solved,
    articles: Articles,
    redact: Callable[[str], str],
    wanted: Wanted,
    bad: list[str],
) -> str | None:
    linked, unknown = first_of([*ticket.links, *links_in(ticket.answer)], articles, ticket.language)
    if wanted.linked and not any(article.public for article in linked):
        return "links no article on the shelf"
    question, answer = (redact(own_words(text)).strip() for text in (ticket.question, ticket.answer))
    if not question or len(question) > MAX_QUESTION or len(answer) > MAX_ANSWER:
        bad.append(f"{ticket.where}: its question or answer is empty or longer than a person writes.")
        return "without a usable question"
    key = (_words(question), ticket.language)
    group = groups.get(key)
    if group is None:
        group = groups[key] = _Group(ticket, question, answer, [])
    elif not group.answer or (linked and not group.articles):
        # The answer that says where it stands is the better one.
        group.first, group.answer = ticket, answer or group.answer
    group.tickets.append(ticket)
    group.articles.update(dict.fromkeys(linked))
    group.unknown.update(dict.fromkeys(unknown))
    return None


def _proposal(
    id: str, group: _Group, wanted: Wanted, redact: Callable[[str], str], suggest: Suggest | None
) -> Proposal:
    relevant = [Relevant(article.document, article.source) for article in group.articles if article.public]
    hidden = [article for article in group.articles if not article.public]
    suggested = list(hidden)
    if not relevant and group.answer and suggest is not None:
        suggested += [article for article in suggest(group.answer) if article not in group.articles]
    ticket = group.first
    own = sorted({one.document[1] for one in group.tickets if one.document is not None})
    moments = [one.asked for one in group.tickets if one.asked is not None]
    case = Case(
        id=id,
        question=group.question,
        documents=tuple(relevant),
        filters={"document_id": {"nin": own}} if own and wanted.without_themselves else None,
        language=ticket.language,
        tags=tuple(dict.fromkeys(tag for one in group.tickets for tag in one.tags)),
        answer=group.answer or None,
        asked=min(moments) if moments else None,
        where=ticket.where,
    )
    comments = [f"Ticket: {ticket.url or ticket.where}"]
    if len(group.tickets) > 1:
        comments.append(f"Asked {len(group.tickets)} times: {', '.join(one.id for one in group.tickets[:20])}")
    comments += [f"Linked: {redact(str(article))}" for article in group.articles if article.public]
    comments += [f"Linked, but only for some readers: {article}" for article in hidden]
    comments += [
        f"Links something that is no article on the shelf: {redact(link)}" for link in list(group.unknown)[:10]
    ]
    comments += [f"Suggested by a search, not checked: {article}" for article in suggested if article not in hidden]
    if not group.answer:
        comments.append("No agent answered.")
    return Proposal(case, comments, [Relevant(one.document, one.source) for one in suggested], "pending")


def _id(ticket: Solved, taken: set[str]) -> str:
    plain = " ".join(ticket.id.split())[:200] or "ticket"
    id, copy = plain, 2
    while id in taken:
        id, copy = f"{plain}-{copy}", copy + 1
    return id


def _age(group: _Group) -> tuple[float, str]:
    moment = group.first.moment
    return (moment.timestamp() if moment is not None else float("-inf"), group.first.where)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
