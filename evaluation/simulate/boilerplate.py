"""Sentences that many tickets share and that have nothing to do with what they are about: greetings, signatures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from evaluation.simulate.facts import MONTHS, facts
from retrieval.wording import sentences, terms

_FEWEST, _SHARE = 4, 0.02
_RELATED: Final = 0.1
"""A repeated sentence whose terms the other side has so much more often than usual is a canned answer, not a phrase."""

_MOST_EMPTY: Final = 0.2
_VARYING = re.compile(rf"\d+|\b(?:{'|'.join(MONTHS)})\b")


class Boilerplate:
    """What to leave out when texts are compared; learned from pairs of a text and what answers it (or what it answers).

    A sentence goes when at least four texts and 2% of them have it (numbers and months aside), and the texts on the
    other side have its terms no more often than all other ones do: ``Thank you`` goes with anything. A canned answer
    stays: it speaks of what was asked. Where more than a fifth of the texts would have nothing left (all are on one
    subject), nothing goes.

    Args:
        keep_facts: a sentence with an amount, a date or a code stays in any case.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]], *, keep_facts: bool = False) -> None:
        others: dict[str, list[frozenset[str]]] = {}
        written: dict[str, str] = {}
        usual: Counter[str] = Counter()
        texts: list[str] = []
        for text, other in pairs:
            texts.append(text)
            there = terms(other)
            usual.update(there)
            for key, sentence in {_key(sentence): sentence for sentence in _sentences(text)}.items():
                written.setdefault(key, sentence)
                others.setdefault(key, []).append(there)
        n = len(texts)
        fewest = max(_FEWEST, _SHARE * n)
        self._phrases = frozenset(
            key
            for key, found in others.items()
            if len(found) >= fewest
            and not (keep_facts and facts(written[key]))
            and _related(terms(written[key]), found, usual, n) < _RELATED
        )
        if sum(self.empty(text) for text in texts) > _MOST_EMPTY * n:
            self._phrases = frozenset()

    def without(self, text: str) -> str:
        """``text`` without such sentences; all of it where nothing else is there."""
        return " ".join(self._kept(text)) or text

    def empty(self, text: str) -> bool:
        """Whether ``text`` consists of such sentences alone ("As we said on the phone.")."""
        return not self._kept(text)

    def _kept(self, text: str) -> list[str]:
        return [sentence for sentence in _sentences(text) if _key(sentence) not in self._phrases]


def _sentences(text: str) -> list[str]:
    return [text[slice(*span)] for span in sentences(text)]


def _related(wanted: frozenset[str], others: list[frozenset[str]], usual: Counter[str], n: int) -> float:
    """By how much the share of ``wanted`` in ``others`` is above that in all ``n`` texts."""
    if not wanted:
        return 0.0
    own = sum(len(wanted & other) for other in others) / len(others)
    return (own - sum(usual[term] for term in wanted) / n) / len(wanted)


def _key(sentence: str) -> str:
    return " ".join(_VARYING.sub("0", sentence.casefold()).split()).strip(" .,;:!?")
