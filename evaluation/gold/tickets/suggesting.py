"""Proposes the article that may say what an agent answered, by a search for the answer. Never gold."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.gold.tickets.links import Article, Articles
from evaluation.gold.tickets.proposing import Suggest
from evaluation.gold.tickets.shelved import MEDIA_TYPE
from evaluation.subject import Subject

_ASKED = 1_000
"""Characters of an answer that are searched for."""


def suggester(subject: Subject, articles: Articles, *, most: int = 1) -> Suggest:
    """What finds the ``most`` best public articles for an answer."""

    def suggest(answer: str) -> Sequence[Article]:
        hits = subject.search(answer[:_ASKED], top_k=most * 5, filters={"media_type": {"ne": MEDIA_TYPE}})
        found = [articles.named(hit.source, hit.document_id) for hit in hits]
        return list(dict.fromkeys(one for one in found if one is not None))[:most]

    return suggest
