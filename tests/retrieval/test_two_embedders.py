"""A shelf whose sources were embedded differently: each has its own vector list, and search puts them together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openshelf import Shelf
from retrieval.explain import Reason
from tests.retrieval import stock

QUERY = "How do I wash the rain jacket?"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder: Path = tmp_path_factory.mktemp("mixed")
    sources: dict[str, Any] = {}
    for number, name in enumerate(("first", "second")):
        (folder / name).mkdir()
        sources[name] = {"type": "files", "path": str(folder / name)}
        for article in stock.articles()[number * 24 : number * 24 + 24]:
            article.write(folder / name)
    with Shelf.open(stock.config(folder, sources=sources)) as shelf:
        assert [report.outcome for report in shelf.sync(["first"])] == ["clean"]
    other = stock.config(folder, sources=sources, embedder={"query_prefix": "query: ", "document_prefix": "passage: "})
    with Shelf.open(other) as shelf:
        assert [report.outcome for report in shelf.sync(["second"])] == ["clean"]
        yield shelf


def test_each_embedder_has_its_list_and_every_chunk_is_in_one(mixed: Shelf) -> None:
    trace = mixed.searcher.trace(QUERY, candidates=1000, top_k=100)
    assert len(trace.vectors) == 2
    one, other = trace.vectors
    assert one.keys() & other.keys() == set()
    assert {hit.source for hit in trace.hits} == {"first", "second"}
    firsts = [hit for hit in trace.hits if hit.why.vector_rank == 1]
    assert {hit.source for hit in firsts} == {"first", "second"}
    for hit in trace.hits:
        assert hit.why.vector_score is not None
    assert all(0 <= hit.score <= 1 for hit in trace.hits)


@pytest.mark.parametrize("fusion", ["rrf", "convex"])
def test_the_right_article_of_each_source_comes_back(mixed: Shelf, fusion: str) -> None:
    for name, copy in (("first", 1), ("second", 2)):
        hits = mixed.search(QUERY, filters={"source": name}, fusion=fusion)
        assert hits[0].document_id == f"jacket-wash-{copy}.md"
        assert {hit.source for hit in hits} == {name}
    both = mixed.search(QUERY, fusion=fusion, top_k=10)
    assert {hit.source for hit in both} == {"first", "second"}


def test_vectors_of_two_embedders_are_not_compared_for_diversity(mixed: Shelf) -> None:
    assert len(mixed.search(QUERY, diversity=0.8, top_k=10)) == 10


def test_an_explanation_stands_among_its_own_embedder(mixed: Shelf) -> None:
    found = mixed.explain("jacket-wash-2.md", QUERY, top_k=20)
    assert found.reason is Reason.RETURNED
    assert found.vector is not None
    whole = mixed.searcher.trace(QUERY, candidates=1000).vectors
    assert found.vector.of in {len(scores) for scores in whole}
