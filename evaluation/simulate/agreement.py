"""Whether an answer says what the agent said, measured offline.

Three things are compared: the agent's facts (``facts``), the agent's content words that the question had not already,
and the meaning (cosine of the embedder) of the agent's answer and the passage nearest to it. Facts weigh most: an
answer on the right subject with another number is wrong. See docs/simulation.md for how often this errs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from evaluation.simulate.facts import Fact, facts, names, without
from evaluation.simulate.result import Agreement, Reason
from ingest.ledger.terms import terms as terms_of
from retrieval.wording import LANGUAGES, overlap, sentences, terms

if TYPE_CHECKING:
    from ingest.embed.contract import Embedder, Vectors

TOPICAL: Final = 0.45
"""From this cosine on a passage is about what the agent wrote about (all-MiniLM-L6-v2: unrelated ones lie below)."""

_BESIDE_IT, _SAME_SUBJECT, _CLOSE = 0.3, 0.55, 0.15
_SAME_MEANING, _SAME_WORDS = 0.75, 0.55
_MOST_PASSAGES, _MOST_CHARACTERS = 12, 2_000
_CACHED = 20_000

Embed = Callable[[Sequence[str]], "Vectors"]


class Comparer:
    """Compares answers with those of agents; embeds each text once.

    Args:
        embedder: of the shelf.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}

    def compare(self, question: str, agent: str, passages: Sequence[str], *, linked: bool | None = None) -> Agreement:
        """How far ``passages`` (what the answer quotes, or its paragraphs) say what ``agent`` says.

        Args:
            linked: whether the answer cites an article that the agent linked, where the agent linked one.
        """
        passages = [passage[:_MOST_CHARACTERS] for passage in passages if passage.strip()][:_MOST_PASSAGES]
        meanings = self._meanings(agent, passages)
        meaning = max(meanings, default=-1.0)
        words = self._words(question, agent, passages)
        # An amount says something only where it stands beside the same subject.
        beside = [one for one, near in zip(passages, meanings, strict=True) if linked or near >= _BESIDE_IT]
        told = without(facts(agent), facts(question))
        missing = without(told, facts(" \n".join(beside)))
        named = frozenset() if told else names(agent) - _words_of(question)
        share = 1 - len(missing) / len(told) if told else _share(named, beside) if named else None
        topical = bool(linked) or meaning >= (TOPICAL if (share or 0) < 0.5 else _BESIDE_IT) or words >= _SAME_WORDS
        place = meanings.index(meaning) if meanings else 0
        conflicts: tuple[str, ...] = ()
        if topical and missing:
            near = [n for n, one in enumerate(meanings) if one >= meaning - _CLOSE]
            for n in sorted(near, key=lambda n: -meanings[n]):
                conflicts = _conflicts(missing, facts(passages[n]), told)
                if conflicts:
                    place = n
                    break
        elif topical and named and share == 0 and meaning >= _SAME_SUBJECT:
            other = sorted(names(passages[place]) - _words_of(question))
            conflicts = (f"{', '.join(other)}, not {', '.join(sorted(named))}",) if other else ()
        decisive = bool(conflicts) and _torn(agent, told, missing)
        score = _score(share, words, meaning, linked, topical, decisive)
        reason: Reason = "agrees" if score >= 0.5 else "contradicts" if conflicts else "off topic"
        return Agreement(share, round(words, 4), round(meaning, 4), linked, conflicts, round(score, 4), reason, place)

    def _words(self, question: str, agent: str, passages: Sequence[str]) -> float:
        asked = {term for code in LANGUAGES for term in terms_of(question, code)}
        own = terms(agent)
        new = frozenset(own - asked) or own
        return overlap(new, " \n".join(passages))

    def _meanings(self, agent: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        vectors = self._vectors([agent[:_MOST_CHARACTERS], *passages])
        return [float(vectors[0] @ vector) for vector in vectors[1:]]

    def _vectors(self, texts: Sequence[str]) -> list[Vectors]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            if len(self._known) > _CACHED:
                self._known.clear()
                new = list(dict.fromkeys(texts))
            self._known.update(zip(new, self._embedder.embed_documents(new), strict=True))
        return [self._known[text] for text in texts]


def _torn(agent: str, told: Sequence[Fact], missing: Sequence[Fact]) -> bool:
    """Whether one sentence of the agent has both an amount that the passages have and one that they have not: then
    they speak of the same thing, and differ. An amount in a sentence of its own may be beside the question."""
    for start, end in sentences(agent):
        own = [fact for fact in facts(agent[start:end]) if any(fact.same(one) for one in told)]
        gone = [fact for fact in own if any(fact.same(one) for one in missing)]
        if 0 < len(gone) < len(own):
            return True
    return False


def _share(named: frozenset[str], passages: Sequence[str]) -> float:
    there = _words_of(" ".join(passages))
    return len(named & there) / len(named)


def _words_of(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]+", text.casefold()))


def _conflicts(missing: Sequence[Fact], said: Sequence[Fact], told: Sequence[Fact]) -> tuple[str, ...]:
    """Where the agent named one amount and the passage another of the same kind, which the agent did not name."""
    other = without(said, told)
    found = []
    for fact in missing:
        instead = [one.shown for one in other if one.kind == fact.kind]
        if instead:
            found.append(f"{', '.join(instead)}, not {fact.shown}")
    return tuple(found)


def _score(
    share: float | None, words: float, meaning: float, linked: bool | None, topical: bool, conflicts: bool
) -> float:
    """One number from the parts; 0.5 is where answers begin to agree.

    With facts: their share, at most .45 where the subject is another one or a sentence is contradicted. Without: words
    and meaning, each by how far it reaches the value at which it would do alone.
    """
    if linked is False:
        meaning -= 0.1  # the agent pointed to another article
    soft = min(1.0, 0.5 * (0.5 * words / _SAME_WORDS + 0.5 * max(meaning, 0.0) / _SAME_MEANING) / 0.5)
    if share is None:
        return min(1.0, soft * 0.5 / 0.6)
    if not topical or share < 0.5 or conflicts:
        return min(0.45, share)
    # Half of the agent's amounts are enough: the others may be beside the question (a credit, a date of closing).
    return max(0.5, 0.8 * share + 0.2 * soft)


def answer_passages(text: str) -> list[str]:
    """A written answer in passages to compare: its sentences, three at a time."""
    spans = sentences(text)
    return [text[spans[first][0] : spans[min(first + 2, len(spans) - 1)][1]] for first in range(0, len(spans), 3)]
