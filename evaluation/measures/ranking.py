"""Ranking of documents: nDCG@k, MRR, hit@k, recall@k, precision@k, computed by ir-measures (trec_eval's definitions).

nDCG has linear gains (trec_eval's ``ndcg_cut``, as BEIR reports); a grade above 0 is relevant for the others. MRR is
the reciprocal of the first relevant document's rank, of as many documents as there are. precision@k is over k, also
where fewer came back.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

Ranked = Sequence[Hashable]
Grades = Mapping[Hashable, int]


def ranking_scores(
    ranked: Mapping[str, Ranked], grades: Mapping[str, Grades], ks: Sequence[int]
) -> dict[str, dict[str, float]]:
    """The measures of each question.

    Args:
        ranked: question → its documents, best first, none twice. The order is kept as it is, ties included.
        grades: question → relevant document → grade above 0. Questions without any are left out.
        ks: cut-offs.

    Returns:
        question → measure (``ndcg@5``, ``recall@5``, ``precision@5``, ``hit@5`` ..., ``mrr``) → 0 to 1.
    """
    import ir_measures

    judged = {question: of for question, of in grades.items() if of}
    if not judged:
        return {}
    names = _measures(ks)
    qrels, run = [], []
    for number, (question, of) in enumerate(judged.items()):
        id = str(number)
        documents = list(ranked.get(question, ()))
        places = {document: place for place, document in enumerate(documents)}
        if len(places) < len(documents):
            raise ValueError(f"{question}: a document is ranked twice")
        for other, (document, grade) in enumerate(of.items()):
            place = places.get(document)
            # Names of our own: documents' ids may hold anything, and would decide ties.
            qrels.append(ir_measures.Qrel(id, f"x{other}" if place is None else f"d{place}", grade))
        # Falling scores: the library orders by score, and ties by name.
        run += [ir_measures.ScoredDoc(id, f"d{place}", float(len(documents) - place)) for place in places.values()]
    questions = list(judged)
    scores: dict[str, dict[str, float]] = {question: dict.fromkeys(names.values(), 0.0) for question in judged}
    for found in ir_measures.iter_calc(list(names), qrels, run):
        scores[questions[int(found.query_id)]][names[found.measure]] = float(found.value)
    return scores


def _measures(ks: Sequence[int]) -> dict[Any, str]:
    from ir_measures import RR, P, R, Success, nDCG

    found: dict[Any, str] = {RR: "mrr"}
    for k in ks:
        found |= {
            nDCG @ k: f"ndcg@{k}",
            R @ k: f"recall@{k}",
            P @ k: f"precision@{k}",
            Success @ k: f"hit@{k}",
        }
    return found
