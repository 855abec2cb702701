"""Ranking measures: values worked out by hand, trec_eval's conventions, and whatever ids and ties there are."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.measures.ranking import ranking_scores

KS = (1, 3, 5)
documents = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)
graded = st.dictionaries(st.sampled_from("abcdefghijxyz"), st.integers(1, 4), min_size=1, max_size=5)


def scores(ranked: list[str], grades: dict[str, int], ks: tuple[int, ...] = KS) -> dict[str, float]:
    return ranking_scores({"q": ranked}, {"q": grades}, ks)["q"]


def test_values_by_hand() -> None:
    """b (grade 1) second, d (grade 3) fourth, x (grade 2) not found."""
    found = scores(["a", "b", "c", "d"], {"b": 1, "d": 3, "x": 2})
    ideal = {1: 3.0, 3: 3 + 2 / log2(3) + 1 / log2(4), 5: 3 + 2 / log2(3) + 1 / log2(4)}
    assert found == pytest.approx(
        {
            "mrr": 1 / 2,
            "hit@1": 0, "hit@3": 1, "hit@5": 1,
            "recall@1": 0, "recall@3": 1 / 3, "recall@5": 2 / 3,
            "precision@1": 0, "precision@3": 1 / 3, "precision@5": 2 / 5,
            "ndcg@1": 0,
            "ndcg@3": 1 / log2(3) / ideal[3],
            "ndcg@5": (1 / log2(3) + 3 / log2(5)) / ideal[5],
        }
    )  # fmt: skip


@given(documents, graded)
def test_any_ranking_is_what_the_formulas_say(ranked: list[str], grades: dict[str, int]) -> None:
    found = scores(ranked, grades)
    gains = [grades.get(document, 0) for document in ranked]
    first = next((place for place, gain in enumerate(gains, 1) if gain), None)
    assert found["mrr"] == pytest.approx(1 / first if first else 0)
    for k in KS:
        hits = sum(gain > 0 for gain in gains[:k])
        assert found[f"hit@{k}"] == (hits > 0)
        assert found[f"recall@{k}"] == pytest.approx(hits / len(grades))
        assert found[f"precision@{k}"] == pytest.approx(hits / k)
        best = sorted(grades.values(), reverse=True)
        assert found[f"ndcg@{k}"] == pytest.approx(_dcg(gains[:k]) / _dcg(best[:k]))


def _dcg(gains: list[int]) -> float:
    return sum(gain / log2(place + 1) for place, gain in enumerate(gains, 1))


@given(st.permutations([f"{n:03}" for n in range(150)]), st.integers(0, 149))
def test_the_given_order_counts_however_ids_sort(ranked: list[str], place: int) -> None:
    """Nothing is a tie: names do not decide, in neither direction, at any depth."""
    assert scores(ranked, {ranked[place]: 1})["mrr"] == pytest.approx(1 / (place + 1))


@given(st.lists(st.text(max_size=8), min_size=2, max_size=6, unique=True))
def test_ids_may_hold_anything(names: list[str]) -> None:
    assert scores(names, {names[-1]: 1})["mrr"] == pytest.approx(1 / len(names))
    assert scores(names[:-1], {names[-1]: 1})["mrr"] == 0
    by_source = [("kb", name) for name in names]
    assert ranking_scores({"q": by_source}, {"q": {by_source[0]: 1}}, (1,))["q"]["hit@1"] == 1


@given(st.dictionaries(st.text(max_size=6), st.tuples(documents, graded), min_size=1, max_size=5))
def test_questions_do_not_touch_each_other(questions: dict[str, tuple[list[str], dict[str, int]]]) -> None:
    together = ranking_scores(
        {name: ranked for name, (ranked, _) in questions.items()},
        {name: grades for name, (_, grades) in questions.items()},
        KS,
    )
    assert together == {name: scores(ranked, grades) for name, (ranked, grades) in questions.items()}


def test_a_question_without_gold_is_left_out_and_one_without_documents_scores_nothing() -> None:
    found = ranking_scores({"judged": [], "not": ["a"]}, {"judged": {"a": 1}, "not": {}, "lost": {"b": 1}}, (1, 10))
    assert set(found) == {"judged", "lost"}
    for values in found.values():
        assert set(values.values()) == {0.0}
        assert set(values) == {"mrr"} | {
            f"{name}@{k}" for name in ("ndcg", "recall", "precision", "hit") for k in (1, 10)
        }
    assert ranking_scores({"not": ["a"]}, {"not": {}}, (1,)) == {}


def test_a_document_that_is_ranked_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="ranked twice"):
        scores(["a", "b", "a"], {"a": 1})
