"""The articles to write next: what the knowledge base does not answer, by subject and volume.

Two kinds. *Outdated*: an article is about it and says otherwise than the agents; grouped by that article. *Missing*:
nothing answers it; the questions are clustered by their meaning (average linkage over cosine distances, which is
deterministic and needs no number of clusters).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from evaluation.simulate.boilerplate import Boilerplate
from evaluation.simulate.result import Example, Gap, Nearest, Replayed
from ingest.ledger.terms import query_terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ingest.embed.contract import Embedder

DISTANCE: Final = 0.6
"""Clusters closer than this (mean cosine distance) are one subject."""

MOST_CLUSTERED: Final = 4_000
"""Distances of all pairs are kept: 4,000 questions take 64 MB. Further ones join the nearest cluster."""

_EXAMPLES, _TERMS = 3, 5
_FREQUENT: Final = 0.2
_DAYS_A_MONTH = 30.4375


def unanswered(ticket: Replayed) -> bool:
    """Whether the knowledge base has no answer to ``ticket``. Where the text that was found has it, the threshold or
    the reader is to blame, and no article is missing."""
    return ticket.outcome != "right" and not ticket.needless and not ticket.in_context


def find_gaps(
    tickets: Sequence[Replayed], embedder: Embedder, *, at_least: int = 2, phrases: Boilerplate | None = None
) -> tuple[Gap, ...]:
    """The gaps of ``tickets``, the one with most open tickets first.

    Args:
        at_least: smaller clusters are left out.
        phrases: what to leave out of the questions; default: learned from them.
    """
    phrases = phrases or Boilerplate((ticket.question, ticket.agent) for ticket in tickets)
    open_ones = sorted((ticket for ticket in tickets if unanswered(ticket)), key=lambda one: (one.asked, one.id))
    months = months_of(tickets)
    groups: list[tuple[Literal["missing", "outdated"], list[Replayed]]] = []
    outdated: dict[tuple[str, str], list[Replayed]] = {}
    missing: list[Replayed] = []
    for ticket in open_ones:
        place = _contradicting(ticket)
        if place is not None:
            outdated.setdefault(place, []).append(ticket)
        else:
            missing.append(ticket)
    for own in outdated.values():
        # One ticket against an article is more likely a mistake of the measure.
        (groups.append(("outdated", own)) if len(own) >= at_least else missing.extend(own))
    missing.sort(key=lambda one: (one.asked, one.id))
    groups += [("missing", cluster) for cluster in _clusters(missing, embedder, phrases)]
    kept = [(kind, own) for kind, own in groups if len(own) >= at_least]
    # Largest first by what is still open: an article that exists by now need not be written.
    kept.sort(key=lambda group: (-sum(not one.closed for one in group[1]), -len(group[1]), group[1][0].asked))
    everywhere = _everywhere(tickets)
    labels = _labels([[(phrases.without(one.question), one.language) for one in own] for _, own in kept], everywhere)
    return tuple(
        _gap(kind, own, telling, len(tickets), months) for (kind, own), telling in zip(kept, labels, strict=True)
    )


def _contradicting(ticket: Replayed) -> tuple[str, str] | None:
    """The document that says otherwise than the agent."""
    if ticket.reason != "contradicts" or ticket.agreement is None or not ticket.citations:
        return None
    one = ticket.citations[min(ticket.agreement.nearest, len(ticket.citations) - 1)]
    return one.source, one.document


def months_of(tickets: Sequence[Replayed]) -> float | None:
    """The months that the tickets span; ``None`` where they span less than a day."""
    if not tickets:
        return None
    days = (max(one.asked for one in tickets) - min(one.asked for one in tickets)).total_seconds() / 86_400
    return days / _DAYS_A_MONTH if days >= 1 else None


def _clusters(tickets: list[Replayed], embedder: Embedder, phrases: Boilerplate) -> list[list[Replayed]]:
    import numpy as np

    if len(tickets) < 2:
        return [tickets] if tickets else []
    vectors = np.asarray(embedder.embed_documents([phrases.without(ticket.question)[:2_000] for ticket in tickets]))
    step = max(1, math.ceil(len(tickets) / MOST_CLUSTERED))
    chosen = np.arange(0, len(tickets), step)
    numbers = _linkage(vectors[chosen])
    labels = np.empty(len(tickets), dtype=int)
    labels[chosen] = numbers
    if step > 1:
        centres = np.stack([vectors[chosen][numbers == number].mean(axis=0) for number in range(numbers.max() + 1)])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        rest = np.setdiff1d(np.arange(len(tickets)), chosen)
        near = vectors[rest] @ centres.T
        alone = np.arange(len(rest)) + len(centres)  # too far from all: a cluster of its own
        labels[rest] = np.where(near.max(axis=1) >= 1 - DISTANCE, near.argmax(axis=1), alone)
    found: dict[int, list[Replayed]] = {}
    for label, ticket in zip(labels.tolist(), tickets, strict=True):
        found.setdefault(label, []).append(ticket)
    return list(found.values())


def _linkage(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """Cluster numbers from 0, by average linkage."""
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors) < 2:
        return np.zeros(len(vectors), dtype=np.int64)
    tree = linkage(vectors.astype(np.float64), method="average", metric="cosine")
    numbers: NDArray[np.int64] = fcluster(tree, DISTANCE, criterion="distance").astype(np.int64) - 1
    return numbers


def _everywhere(tickets: Sequence[Replayed]) -> frozenset[tuple[str | None, str]]:
    """Words that so many questions of a language have that they tell nothing: ``hello``, ``bonjour``."""
    sizes = Counter(ticket.language for ticket in tickets)
    counts = Counter((ticket.language, word) for ticket in tickets for word in set(_words(ticket.question)))
    return frozenset(key for key, count in counts.items() if count >= 5 and count > _FREQUENT * sizes[key[0]])


def _words(text: str) -> list[str]:
    return [word.strip(".,;:!?()[]\"'«»“”’…") for word in dict.fromkeys(text.casefold().split())]


def _labels(
    groups: Sequence[Sequence[tuple[str, str | None]]], everywhere: frozenset[tuple[str | None, str]]
) -> list[tuple[str, ...]]:
    """The most telling words of each group: class-based TF-IDF (M. Grootendorst, BERTopic, 2022, section 3.3).

    A word weighs its share of the group's words times log(1 + mean words of a group / its count in all groups). A
    ticket counts a word once, so that nobody who repeats himself gives a cluster its name.
    """
    counts: list[Counter[str]] = []
    written: dict[str, Counter[str]] = {}
    for group in groups:
        count: Counter[str] = Counter()
        for question, language in group:
            for bare in _words(question):
                telling = len(bare) > 2 and not bare.isdigit() and (language, bare) not in everywhere
                stems = query_terms(bare, [language]) if telling else []
                if len(stems) == 1 and not _is_stop(bare, language):
                    count[stems[0]] += 1
                    written.setdefault(stems[0], Counter())[bare] += 1
        counts.append(count)
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    mean = sum(total.values()) / max(1, len(counts))
    labels = []
    for count in counts:
        size = sum(count.values()) or 1
        weight = {term: number / size * math.log(1 + mean / total[term]) for term, number in count.items()}
        best = sorted(weight, key=lambda term: (-weight[term], term))[:_TERMS]
        labels.append(tuple(min(written[term].items(), key=lambda item: (-item[1], item[0]))[0] for term in best))
    return labels


def _is_stop(word: str, language: str | None) -> bool:
    # Alone, a stop word is kept by ``query_terms``; beside another word it is dropped.
    return len(query_terms(f"{word} zzzz", [language])) < 2


def _gap(
    kind: Literal["missing", "outdated"],
    tickets: Sequence[Replayed],
    telling: tuple[str, ...],
    of: int,
    months: float | None,
) -> Gap:
    return Gap(
        label=", ".join(telling[:3]),
        terms=telling,
        kind=kind,
        volume=len(tickets),
        share=len(tickets) / of,
        per_month=None if months is None else len(tickets) / months,
        answered_wrong=sum(ticket.outcome == "wrong" for ticket in tickets),
        first=tickets[0].asked,
        last=tickets[-1].asked,
        languages=tuple(sorted({ticket.language for ticket in tickets if ticket.language})),
        examples=tuple(Example(one.id, one.question, one.agent) for one in _examples(tickets)),
        nearest=_nearest(kind, tickets),
        tickets=tuple(ticket.id for ticket in tickets),
        closed=sum(bool(ticket.closed) for ticket in tickets),
    )


def _examples(tickets: Sequence[Replayed]) -> list[Replayed]:
    """The newest first, no two with the same words: what is asked now matters most."""
    seen: dict[str, Replayed] = {}
    for ticket in reversed(tickets):
        seen.setdefault(" ".join(ticket.question.casefold().split()), ticket)
    return list(seen.values())[:_EXAMPLES]


def _nearest(kind: Literal["missing", "outdated"], tickets: Sequence[Replayed]) -> Nearest | None:
    first = Counter(ticket.hits[0][:3] for ticket in tickets if ticket.hits)
    if not first:
        return None
    (source, document, title), count = min(first.items(), key=lambda item: (-item[1], item[0]))
    own = [ticket for ticket in tickets if ticket.hits and ticket.hits[0][:3] == (source, document, title)]
    if kind == "outdated":
        said = Counter(conflict for ticket in tickets if ticket.agreement for conflict in ticket.agreement.conflicts)
        most = max(said.items(), key=lambda item: (item[1], item[0]))[0] if said else ""
        why = f"it says {most}" if most else "it says otherwise than the agents"
    else:
        mean = sum(ticket.evidence for ticket in own) / len(own)
        handed = sum(ticket.outcome == "handed over" for ticket in own)
        why = f"evidence {mean:.2f} on average; {handed} of {len(own)} were handed over"
        if handed < len(own):
            why += ", the others were answered with something else than the agents wrote"
    return Nearest(source, document, title, count / len(tickets), why)
