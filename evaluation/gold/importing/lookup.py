"""Looks what was imported up on a shelf: addresses become documents, and every quote is looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from evaluation.case import Gold, Passage, Relevant
from evaluation.gold.anchoring import Anchored, anchor
from evaluation.gold.tickets.links import Article, Articles
from evaluation.gold.writing import Proposal
from ingest.ledger import Ledger

Place = TypeVar("Place", Passage, Relevant)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Proposals with the titles of their documents as comments.

    Attributes:
        anchored: how the places stand on the shelf.
    """

    proposals: list[Proposal]
    anchored: Anchored


def looked_up(proposals: Iterable[Proposal], ledger: Ledger) -> LookedUp:
    """Where a document is named by its address, name it by source and id; say what is not on the shelf."""
    articles = Articles(ledger)
    made = [_resolved(one, articles) for one in proposals]
    gold = Gold("import", tuple(one.case for one in made), "")
    return LookedUp(made, anchor(gold, ledger))


def _resolved(proposal: Proposal, articles: Articles) -> Proposal:
    case = proposal.case
    found: dict[Article, None] = {}

    def place(one: Place) -> Place:
        article = articles.named(one.source, one.document)
        if article is None and one.source is None:
            article = articles.at(one.document, case.language)
            if article is not None:
                one = replace(one, source=article.source, document=article.document)
        if article is not None:
            found[article] = None
        return one

    case = replace(
        case,
        passages=tuple(place(one) for one in case.passages),
        documents=tuple(place(one) for one in case.documents),
    )
    return replace(proposal, case=case, comments=[*proposal.comments, *map(str, found)])
