"""From candidates to hits: every candidate is chosen or says why not."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.schema import Retrieval
from ingest.embed.contract import Vectors
from retrieval.pick import Pick, pick
from retrieval.view import Candidate


def candidate(rowid: int, document: int = 0, parent: tuple[int, int] | None = None) -> Candidate:
    return Candidate(rowid, f"c{rowid}", document or rowid, 1, parent)


def vectors(rowids: Collection[int]) -> Mapping[int, Vectors]:
    return {rowid: np.eye(8, dtype=np.float32)[rowid % 8] for rowid in rowids}


def run(
    candidates: list[Candidate],
    fused: Mapping[int, float],
    reranked: Mapping[int, float] | None = None,
    **options: object,
) -> Pick:
    ordered = sorted(candidates, key=lambda one: -fused[one.rowid])
    return pick(ordered, fused, reranked, Retrieval.model_validate(options), vectors)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Candidate], dict[int, float], dict[int, float] | None, dict[str, object]]:
    count = draw(st.integers(0, 20))
    made = [
        candidate(n, draw(st.integers(1, 6)), draw(st.sampled_from([None, None, (0, 10), (10, 20)])))
        for n in range(1, count + 1)
    ]
    fused = {one.rowid: draw(st.floats(0, 1)) for one in made}
    best = sorted(fused, key=lambda rowid: -fused[rowid])[: draw(st.integers(0, 20))]
    reranked = {rowid: draw(st.floats(-5, 5)) for rowid in best} if draw(st.booleans()) else None
    options: dict[str, object] = {
        "top_k": draw(st.integers(1, 8)),
        "per_document": draw(st.sampled_from([None, 1, 2])),
        "diversity": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "threshold": draw(st.sampled_from([-10.0, 0.0, 0.5])),
    }
    return made, fused, reranked, options


@given(cases())
@settings(deadline=None)
def test_every_candidate_is_chosen_or_dropped_for_a_reason(
    case: tuple[list[Candidate], dict[int, float], dict[int, float] | None, dict[str, object]],
) -> None:
    made, fused, reranked, options = case
    settings = Retrieval.model_validate(options)
    found = run(made, fused, reranked, **options)
    chosen = [one.rowid for one in found.chosen]
    assert len(set(chosen)) == len(chosen) <= settings.top_k
    assert set(chosen) | found.dropped.keys() == fused.keys()
    assert not set(chosen) & found.dropped.keys()
    by_row = {one.rowid: one for one in made}
    scores = fused if reranked is None else reranked
    for one in found.chosen:
        assert one.score == scores[one.rowid] >= settings.threshold
        assert one.fused == fused[one.rowid]
        assert one.reranked == (None if reranked is None else reranked[one.rowid])
    if not settings.diversity:
        assert [one.score for one in found.chosen] == sorted((one.score for one in found.chosen), reverse=True)
    documents = [by_row[rowid].document for rowid in chosen]
    if settings.per_document:
        assert all(documents.count(document) <= settings.per_document for document in documents)
    parents = [(by_row[rowid].document, by_row[rowid].parent) for rowid in chosen if by_row[rowid].parent]
    assert len(parents) == len(set(parents))
    if len(chosen) < settings.top_k and not settings.diversity:
        assert not any("top_k" in reason for reason in found.dropped.values())


def test_each_reason_is_named() -> None:
    made = [candidate(1, 1, (0, 9)), candidate(2, 1, (0, 9)), candidate(3, 1), candidate(4, 2), candidate(5, 3)]
    fused = {1: 1.0, 2: 0.9, 3: 0.8, 4: 0.7, 5: 0.1}
    found = run(made, fused, per_document=1, threshold=0.5, top_k=1)
    assert [one.rowid for one in found.chosen] == [1]
    assert found.dropped == {
        2: "a better piece of the same parent stands for it",
        3: "per_document: 1 better of its document",
        4: "ranked #2, and top_k is 1",
        5: "scored 0.100, below the threshold of 0.5",
    }


def test_diversity_says_whom_it_moved_and_whom_it_left_out() -> None:
    made = [candidate(8), candidate(16), candidate(1), candidate(24)]  # 8, 16 and 24 have the same vector
    found = run(made, {8: 1.0, 16: 0.9, 1: 0.8, 24: 0.1}, diversity=0.8, top_k=2)
    assert [(one.rowid, one.notes) for one in found.chosen] == [(8, ()), (1, ("diversity: was #3",))]
    assert found.dropped == {
        16: "diversity: too like the hits before it",
        24: "ranked #4, and top_k is 2",
    }
