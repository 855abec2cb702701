"""Search over a real shelf: the real embedder, the real Chroma, a real ledger."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from configs.errors import FilterError, RetrievalError
from ingest.embed.contract import Embedder
from ingest.ledger import builds
from ingest.ledger.tables import chunks, documents, embeddings
from ingest.ledger.where import ALL_GROUPS
from openshelf import Shelf
from retrieval.hit import Hit
from retrieval.search import MAX_QUERY, Searcher
from retrieval.view import similarities
from tests.retrieval import stock

ARTICLES = {article.id: article for article in stock.articles()}
QUERY = "How do I wash the rain jacket?"
WIDE = {"candidates": 1000, "top_k": 100}
VIEWERS = st.sampled_from([None, frozenset(), frozenset({"staff"}), frozenset({"board", "x"}), ALL_GROUPS])
TEXTS = st.sampled_from(
    [
        {"thing": {"eq": "boot"}},
        {"thing": {"ne": "tent"}},
        {"thing": {"in": ["stove", "lamp"]}},
        {"thing": {"nin": ["boot", "rope"]}},
        {"tags": {"eq": "sale"}},
        {"tags": {"ne": "t0"}},
        {"tags": {"in": ["t1", "t2"]}},
        {"boxed": {"eq": True}},
        {"boxed": {"ne": False}},
        {"source": {"eq": "kb"}},
        {"source": {"eq": "other"}},
        {"document_id": {"in": ["boot-wash-1.md", "rope-store-2.md"]}},
        {"no such key": {"gt": 5}},
    ]
)
ORDERS = st.sampled_from(["gt", "gte", "lt", "lte", "eq", "ne"])
NUMBERS = st.builds(lambda op, n: {"price": {op: n}}, ORDERS, st.integers(-5, 250))
DATES = st.builds(lambda op, m: {"released": {op: date(2026, m, 1)}}, ORDERS, st.integers(1, 12))
FILTERS = st.recursive(
    TEXTS | NUMBERS | DATES,
    lambda part: st.builds(
        lambda kind, parts: {kind: parts}, st.sampled_from(["and", "or"]), st.lists(part, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
COMPARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def seen_by(groups: Any, filter: Mapping[str, Any] | None) -> set[str]:
    return {
        article.id
        for article in ARTICLES.values()
        if (groups is ALL_GROUPS or article.visible_to(groups)) and stock.passes(article, filter)
    }


def by_hand(shelf: Shelf, query: str, allowed: set[str]) -> list[tuple[str, float]]:
    """(chunk id, cosine) of every allowed document's chunks, best first, from the ledger alone."""
    with shelf.ledger.reading() as connection:
        (build,) = [build for build in builds.active(connection) if build.source == "kb"]
        vector = shelf.embedders.of(build.embedder).embed_query(query)
        rows = connection.execute(
            select(chunks.c.id, documents.c.document_id, embeddings.c.vector)
            .join(documents, documents.c.rowid == chunks.c.document)
            .join(embeddings, embeddings.c.key == chunks.c.embedding)
        ).all()
    scored = [(row.id, float(np.frombuffer(row.vector, "<f4") @ vector)) for row in rows if row.document_id in allowed]
    return sorted(scored, key=lambda pair: -pair[1])


@given(filter=FILTERS, groups=VIEWERS, candidates=st.sampled_from([1, 3, 10, 1000]))
@COMPARED
def test_a_filtered_vector_search_equals_brute_force(
    shelf: Shelf, filter: dict[str, Any], groups: Any, candidates: int
) -> None:
    allowed = seen_by(groups, filter)
    hits = shelf.searcher.search(
        QUERY, filters=filter, groups=groups, keyword_weight=0, candidates=candidates, top_k=100, threshold=-10
    )
    expected = by_hand(shelf, QUERY, allowed)[: min(candidates, 100)]
    assert [hit.why.vector_score for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-5)
    assert {hit.document_id for hit in hits} <= allowed
    clear = [chunk for chunk, score in expected if score > expected[-1][1] + 1e-5]  # equal scores may change places
    assert set(clear) <= {hit.chunk_id for hit in hits}


@given(filter=FILTERS, groups=VIEWERS, query=st.sampled_from([QUERY, "rubber sole", "return rope note", "xyzzy"]))
@COMPARED
def test_a_filtered_keyword_search_is_the_whole_one_without_what_the_filter_leaves_out(
    shelf: Shelf, filter: dict[str, Any], groups: Any, query: str
) -> None:
    options: dict[str, Any] = {**WIDE, "vector_weight": 0, "fusion": "rrf"}
    allowed = seen_by(groups, filter)
    whole = shelf.searcher.search(query, groups=ALL_GROUPS, **options)
    found = shelf.searcher.search(query, filters=filter, groups=groups, **options)
    assert len(whole) < 100
    assert [(hit.chunk_id, hit.why.keyword_score) for hit in found] == [
        (hit.chunk_id, hit.why.keyword_score) for hit in whole if hit.document_id in allowed
    ]
    assert [hit.why.keyword_rank for hit in found] == list(range(1, len(found) + 1))


def test_a_hit_explains_itself(shelf: Shelf) -> None:
    first = shelf.search(QUERY)[0]
    article = ARTICLES[first.document_id]
    assert article.metadata["thing"] == "jacket"
    why = first.why
    assert (why.keyword_rank is None) == (why.keyword_score is None)
    assert why.vector_rank is not None
    assert why.vector_score is not None
    assert 0 < why.vector_score <= 1
    assert why.reranked is None
    assert first.score == why.fused
    assert why.chunker == "heading"
    with shelf.ledger.reading() as connection:
        assert why.fingerprint == builds.active(connection)[0].fingerprint
    for part in (f"vectors #{why.vector_rank} ({why.vector_score:.2f})", f"fused {why.fused:.3f}"):
        assert part in str(why)
    assert first.source == "kb"
    assert first.metadata["thing"] == "jacket"
    assert first.metadata["released"] == article.metadata["released"]
    assert first.heading_path[0].startswith("The jacket")


def test_ranks_and_matched_words_are_those_of_the_lists(shelf: Shelf) -> None:
    trace = shelf.searcher.trace(QUERY, **WIDE)
    with shelf.ledger.reading() as connection:
        ids = dict(connection.execute(select(chunks.c.rowid, chunks.c.id)).all())
    keywords = [ids[rowid] for rowid in sorted(trace.keywords, key=lambda rowid: -trace.keywords[rowid])]
    (vectors,) = trace.vectors
    nearest = [ids[rowid] for rowid in sorted(vectors, key=lambda rowid: -vectors[rowid])]
    for hit in trace.hits:
        rank = keywords.index(hit.chunk_id) + 1 if hit.chunk_id in keywords else None
        assert hit.why.keyword_rank == rank
        assert hit.why.vector_rank == nearest.index(hit.chunk_id) + 1
        assert bool(hit.why.matched) == (rank is not None)
    washing = next(hit for hit in trace.hits if hit.document_id == "jacket-wash-1.md" and "soap" in hit.text)
    assert set(washing.why.matched) >= {"wash", "jacket"}


def test_the_text_of_a_hit_is_its_span_of_the_document(shelf: Shelf) -> None:
    from ingest.ledger.tables import bodies

    with shelf.ledger.reading() as connection:
        bodies_of = select(documents.c.document_id, bodies.c.text).join(bodies, bodies.c.hash == documents.c.body)
        texts = dict(connection.execute(bodies_of).all())
    for hit in shelf.searcher.search(QUERY, groups=ALL_GROUPS, **WIDE):
        assert texts[hit.document_id][hit.start : hit.end] == hit.text


def test_restricted_documents_are_for_their_readers_only(shelf: Shelf) -> None:
    def found(groups: Any) -> set[str]:
        return {hit.document_id for hit in shelf.searcher.search("note", groups=groups, per_document=1, **WIDE)}

    for groups in (None, frozenset(), frozenset({"staff"}), frozenset({"board"}), frozenset(stock.GROUPS), ALL_GROUPS):
        assert found(groups) == seen_by(groups, None)
    nobodys = {article.id for article in ARTICLES.values() if article.readers == ()}
    assert nobodys
    assert not nobodys & found(frozenset(stock.GROUPS))


def test_a_viewer_of_many_groups_is_let_in(shelf: Shelf) -> None:
    many = frozenset({f"g{n}" for n in range(300)} | {"staff"})
    hits = shelf.searcher.search("note", groups=many, per_document=1, **WIDE)
    assert {hit.document_id for hit in hits} == seen_by({"staff"}, None)


@pytest.mark.parametrize("weights", [{"keyword_weight": 0}, {"vector_weight": 0}, {}])
@pytest.mark.parametrize("fusion", ["rrf", "convex"])
def test_a_filter_that_few_chunks_pass_still_finds_them(shelf: Shelf, fusion: str, weights: dict[str, int]) -> None:
    only = "rope-store-2.md"
    hits = shelf.search(
        "how to store a rope", filters={"document_id": only}, candidates=1, top_k=1, fusion=fusion, **weights
    )
    assert [hit.document_id for hit in hits] == [only]


@pytest.mark.parametrize("stale", [12, 60], ids=["a larger page", "the ledger's own vectors"])
def test_stale_vectors_in_front_of_the_store_cost_no_hit(shelf: Shelf, stale: int) -> None:
    options: dict[str, Any] = {"groups": ALL_GROUPS, "keyword_weight": 0, "candidates": 5, "top_k": 5}
    with shelf.ledger.reading() as connection:
        build = builds.active(connection)[0]
    vector = shelf.embedders.of(build.embedder).embed_query(QUERY)
    before = shelf.searcher.search(QUERY, **options)
    ids = [f"stale{n}" for n in range(stale)]
    shelf.store.upsert(build.collection, ids, np.stack([vector] * stale), [{"source": "kb"}] * stale)
    try:
        nearest = [one.id for one in shelf.store.query(build.collection, vector, 5)]
        assert set(nearest) <= set(ids)
        after = shelf.searcher.search(QUERY, **options)
    finally:
        shelf.store.delete(build.collection, ids)
    assert [hit.chunk_id for hit in after] == [hit.chunk_id for hit in before]
    assert [hit.score for hit in after] == pytest.approx([hit.score for hit in before], abs=1e-4)


def test_a_chunk_says_where_it_was_absent(shelf: Shelf) -> None:
    hits = shelf.search(QUERY, candidates=5, top_k=10)
    assert any("not among the nearest vectors" in str(hit.why) for hit in hits if hit.why.vector_rank is None)
    assert all("no keyword match" in str(hit.why) for hit in shelf.search(QUERY, keyword_weight=0))


@pytest.mark.parametrize("fusion", ["rrf", "convex"])
def test_the_list_is_ordered_by_score_and_cut_at_the_threshold(shelf: Shelf, fusion: str) -> None:
    whole = shelf.search(QUERY, top_k=30, fusion=fusion)
    scores = [hit.score for hit in whole]
    assert scores == sorted(scores, reverse=True)
    middle = scores[len(scores) // 2]
    cut = shelf.search(QUERY, top_k=30, fusion=fusion, threshold=middle)
    assert cut == [hit for hit in whole if hit.score >= middle]
    assert shelf.search(QUERY, fusion=fusion, threshold=1e9) == []


def test_rrf_scores_are_what_the_formula_says(shelf: Shelf) -> None:
    for hit in shelf.search(QUERY, fusion="rrf", rrf_k=10, keyword_weight=2, vector_weight=0.5, top_k=50):
        places = ((2, hit.why.keyword_rank), (0.5, hit.why.vector_rank))
        assert hit.why.fused == pytest.approx(sum(weight / (10 + rank) for weight, rank in places if rank))


def test_a_document_gives_no_more_chunks_than_it_may(shelf: Shelf) -> None:
    counts: dict[str, int] = {}
    for hit in shelf.search(QUERY, per_document=1, top_k=20):
        counts[hit.document_id] = counts.get(hit.document_id, 0) + 1
    assert len(counts) == 20
    assert set(counts.values()) == {1}


def test_diversity_brings_other_things_and_says_so(shelf: Shelf) -> None:
    def things(diversity: float) -> list[Any]:
        return [hit.metadata["thing"] for hit in shelf.search(QUERY, diversity=diversity, top_k=6)]

    assert len(set(things(0.9))) > len(set(things(0)))
    hits = shelf.search(QUERY, diversity=0.9, top_k=6)
    assert any(note.startswith("diversity: was #") for hit in hits for note in hit.why.notes)
    assert hits[0] == shelf.search(QUERY, top_k=1)[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"top_k": 0}, "top_k"),
        ({"keyword_weight": 0, "vector_weight": 0}, "cannot both be 0"),
        ({"fusion": "magic"}, "fusion"),
        ({"diversity": 2}, "diversity"),
        ({"reranker": {"candidates": 3}}, r"reranker\.model"),
    ],
)
def test_a_wrong_override_is_named(shelf: Shelf, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(RetrievalError, match=message):
        shelf.searcher.search(QUERY, **overrides)


def test_an_unknown_override_is_named(shelf: Shelf) -> None:
    with pytest.raises(RetrievalError, match=r"limit.*A search takes top_k"):
        shelf.searcher.search(QUERY, limit=5)


@pytest.mark.parametrize("query", ["", "  \n\t "])
def test_an_empty_query_is_refused(shelf: Shelf, query: str) -> None:
    with pytest.raises(RetrievalError, match="The query is empty"):
        shelf.search(query)


@pytest.mark.parametrize(
    "query", ["?", "the of and", '"AND" OR (NEAR', "🥾", "\x00", "a" * 5000, "雨", "' ; DROP", "\ud800 tent"]
)
def test_any_text_is_a_query(shelf: Shelf, query: str) -> None:
    assert len(shelf.search(query, top_k=3)) == 3


def test_a_document_pasted_as_query_is_cut_and_every_hit_says_so(shelf: Shelf) -> None:
    hits = shelf.search("rain jacket " * 2000, top_k=2)
    assert {hit.why.notes for hit in hits} == {(f"query cut to its first {MAX_QUERY} characters",)}


def test_a_malformed_filter_is_refused(shelf: Shelf) -> None:
    with pytest.raises(FilterError, match="no filter operator"):
        shelf.search(QUERY, filters={"price": {"about": 5}})


def test_many_threads_at_once_get_the_same_hits(shelf: Shelf) -> None:
    queries = [QUERY, "return the tent", "boil water", "rope colours"]
    expected = [shelf.search(query) for query in queries]
    start = threading.Barrier(8)

    def ask(number: int) -> list[list[Hit]]:
        start.wait()
        return [shelf.search(queries[(number + n) % 4]) for n in range(4)]

    with ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(ask, range(8))):
            assert found == [expected[(number + n) % 4] for n in range(4)]


async def test_the_async_twin_finds_the_same(shelf: Shelf) -> None:
    assert await shelf.asearch(QUERY) == shelf.search(QUERY)


def test_a_page_of_the_ledger_compares_as_the_store_does(shelf: Shelf) -> None:
    from sqlalchemy import true

    with shelf.ledger.reading() as connection:
        build = builds.active(connection)[0]
        vector = shelf.embedders.of(build.embedder).embed_query(QUERY)
        pages = list(similarities(connection, true(), [build], vector))
    own = {one.id: float(score) for page, scores in pages for one, score in zip(page, scores, strict=True)}
    store = {one.id: one.score for one in shelf.store.query(build.collection, vector, 1000)}
    assert store.keys() == own.keys()
    assert [store[key] for key in own] == pytest.approx(list(own.values()), abs=1e-5)


def test_a_question_that_is_asked_again_is_not_embedded_again(shelf: Shelf) -> None:
    embedded: list[str] = []

    class Counting:
        def __init__(self, inner: Embedder) -> None:
            self._inner = inner

        def embed_query(self, text: str) -> Any:
            embedded.append(text)
            return self._inner.embed_query(text)

    searcher = Searcher(
        shelf.ledger,
        shelf.store,
        lambda stored: Counting(shelf.embedders.of(stored)),  # type: ignore[arg-type,return-value]
        shelf.config.retrieval,
    )
    assert searcher.search("rain jacket") == searcher.search("rain jacket")
    searcher.search("boots")
    assert embedded == ["rain jacket", "boots"]
