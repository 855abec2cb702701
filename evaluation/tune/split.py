"""Splits gold into a half to tune on and a held-out half that only the winner meets."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from evaluation.case import Case, Gold

By = Literal["case", "document"]


def split(gold: Gold, share: float, seed: int, by: By = "case") -> tuple[Gold, Gold]:
    """(tuning, held-out). Answerable and unanswerable cases are split each for themselves.

    Args:
        share: of the cases to hold out, 0 to below 1; exact to a case with ``by="case"``.
        by: ``document`` keeps all cases about one document on one side, so that no document is tuned on and tested.

    The order of the file does not matter: a case's side follows from ``seed`` and what it is.
    """
    held: set[str] = set()
    if share > 0:
        for answerable in (True, False):
            held |= _held_out([case for case in gold.cases if case.answerable is answerable], share, seed, by)
    tuning = tuple(case for case in gold.cases if case.id not in held)
    return replace(gold, cases=tuning), replace(gold, cases=tuple(case for case in gold.cases if case.id in held))


def _held_out(cases: Sequence[Case], share: float, seed: int, by: By) -> set[str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        groups[_group(case, by)].append(case.id)
    wanted = round(share * len(cases))
    held: set[str] = set()
    for name in sorted(groups, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest()):
        # A group is taken where that brings the count nearer to what is wanted.
        if abs(len(held) + len(groups[name]) - wanted) < abs(len(held) - wanted):
            held |= set(groups[name])
    return held


def _group(case: Case, by: By) -> str:
    documents = sorted(document for _, document in case.relevant())
    return f"document\0{documents[0]}" if by == "document" and documents else f"case\0{case.id}"
