"""Why a document came back or did not: every reason, on a real shelf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from configs.errors import FilterError, RetrievalError
from ingest.filters import parse_filter
from ingest.ledger import builds as build_rows
from ingest.ledger.tables import builds
from openshelf import Shelf
from retrieval.explain import Explanation, Reason, describe, explain
from tests.retrieval import stock

QUERY = "How do I wash the rain jacket?"
BEST = "jacket-wash-1.md"
ARTICLES = {article.id: article for article in stock.articles()}


def about(shelf: Shelf, document_id: str = BEST, query: str = QUERY, **options: Any) -> Explanation:
    return explain(shelf.searcher, document_id, query, **options)


def test_a_returned_document_shows_its_hit_and_its_places(shelf: Shelf) -> None:
    found = about(shelf, top_k=20)
    assert found.reason is Reason.RETURNED
    assert found.hit is not None
    hits = shelf.search(QUERY, top_k=20)
    place = next(n for n, hit in enumerate(hits, 1) if hit.document_id == BEST)
    assert found.detail == f"It was returned as #{place}. {hits[place - 1].why}"
    assert found.keyword is not None
    assert found.vector is not None
    assert (found.keyword.rank, found.vector.rank) != (None, None)
    assert found.vector.of == sum(hit.source == "kb" for hit in shelf.search(QUERY, top_k=100, candidates=1000))
    lines = str(found).splitlines()
    assert lines[0].startswith(f"{found.title} ({BEST}): It was returned")
    assert [line.split(":")[0] for line in lines[1:]] == ["Keywords", "Vectors", "Fused"]


def test_standings_are_exact_for_every_document(shelf: Shelf) -> None:
    order = [hit.document_id for hit in shelf.search(QUERY, keyword_weight=0, top_k=100, candidates=1000)]
    for name in ("rope-store-2.md", "tent-wash-1.md", BEST):
        found = about(shelf, name, candidates=1, top_k=1)
        assert found.vector is not None
        assert found.vector.rank == order.index(name) + 1
        assert found.vector.of == len(order)


def test_an_unknown_document(shelf: Shelf) -> None:
    found = about(shelf, "nothing.md")
    assert (found.reason, found.title) == (Reason.UNKNOWN, None)
    assert str(found).startswith("nothing.md: No source has reported")
    assert about(shelf, BEST, source="other").reason is Reason.UNKNOWN
    assert about(shelf, "x.md", source="other", disabled=["other"]).reason is Reason.DISABLED


@pytest.mark.parametrize("groups", [None, frozenset(), frozenset({"guests"})])
def test_a_hidden_document_names_its_readers(shelf: Shelf, groups: Any) -> None:
    staff = next(article for article in ARTICLES.values() if article.readers == ("staff",))
    found = about(shelf, staff.id, groups=groups)
    assert found.reason is Reason.HIDDEN
    assert found.detail == f"Only staff may see it; the search was for {'guests' if groups else 'no group'}."
    assert about(shelf, staff.id, groups=frozenset({"staff"})).reason is not Reason.HIDDEN
    nobodys = next(article for article in ARTICLES.values() if article.readers == ())
    assert "Only nobody may see it" in about(shelf, nobodys.id, groups=frozenset({"staff"})).detail


@pytest.mark.parametrize(
    ("filters", "detail"),
    [
        ({"thing": "tent"}, "The filter thing eq 'tent' leaves it out: its thing is jacket."),
        ({"source": "kb", "price": {"gt": 9000}}, "The filter price gt 9000 leaves it out: its price is {price}."),
        ({"shape": {"in": ["a", "b"]}}, "The filter shape in ['a', 'b'] leaves it out: it has no shape."),
        ({"url": "x", "thing": "jacket"}, "The filter url eq 'x' leaves it out: "),
        (
            {"or": [{"thing": "tent"}, {"and": [{"thing": "boot"}, {"price": 1}]}]},
            "The filter (thing eq 'tent' or (thing eq 'boot' and price eq 1)) leaves it out: "
            "its price is {price}, its thing is jacket.",
        ),
    ],
)
def test_a_filtered_document_names_the_part_that_left_it_out(
    shelf: Shelf, filters: dict[str, Any], detail: str
) -> None:
    found = about(shelf, filters=filters)
    assert found.reason is Reason.FILTERED
    assert found.detail.startswith(detail.format(price=ARTICLES[BEST].metadata["price"]))


def test_a_document_beyond_the_candidates(shelf: Shelf) -> None:
    found = about(shelf, "rope-store-2.md", candidates=1, top_k=1)
    assert found.reason is Reason.NO_CANDIDATE
    assert "not among the first 1 candidates" in found.detail
    assert found.place is None
    assert "Fused" not in str(found)
    silent = about(shelf, BEST, "xyzzy", vector_weight=0)
    assert (silent.keyword.rank, silent.keyword.of) == (None, 0)  # type: ignore[union-attr]
    assert "Keywords: not among the 0 chunks found." in str(silent)


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"top_k": 1}, "and top_k is 1"),
        ({"threshold": 0.999, "top_k": 100}, "below the threshold of 0.999"),
        ({"diversity": 1.0, "top_k": 5}, "top_k is 5"),
    ],
)
def test_a_dropped_document_says_by_what(shelf: Shelf, options: dict[str, Any], detail: str) -> None:
    found = about(shelf, "lamp-wash-1.md", **options)
    assert found.reason is Reason.DROPPED
    assert detail in found.detail
    assert found.place is not None
    assert found.place > 1


def test_bad_questions_are_refused(shelf: Shelf) -> None:
    with pytest.raises(RetrievalError, match="The query is empty"):
        about(shelf, query=" ")
    with pytest.raises(FilterError):
        about(shelf, filters={"price": {"about": 3}})


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Shelf]:
    """A shelf with a broken document, an empty one, one of the same name in two sources, and a disabled source."""
    for name in ("kb", "more", "off"):
        (tmp_path / name).mkdir()
    (tmp_path / "kb" / "same.md").write_text("# One\n\nSoap and water.\n")
    (tmp_path / "more" / "same.md").write_text("# Two\n\nWater only.\n")
    (tmp_path / "kb" / "broken.docx").write_bytes(b"PK\x03\x04 this is no document")
    (tmp_path / "kb" / "empty.md").write_text("---\ntitle: Nothing\n---\n")
    (tmp_path / "off" / "off.md").write_text("# Off\n")
    kb = {"type": "files", "path": str(tmp_path / "kb")}
    config = stock.config(tmp_path, sources={"kb": kb, "more": {**kb, "path": str(tmp_path / "more")}})
    config["sources"]["off"] = {**kb, "path": str(tmp_path / "off"), "enabled": False}
    with Shelf.open(config) as shelf:
        shelf.sync()
        yield shelf


def test_a_document_that_failed_says_in_which_step(own: Shelf) -> None:
    found = own.explain("broken.docx", QUERY)
    assert found.reason is Reason.FAILED
    assert "parse failed 1 times, last with: " in found.detail
    assert found.source == "kb"
    assert own.explain("broken.docx", QUERY, source="more").reason is Reason.UNKNOWN


def test_a_document_without_text(own: Shelf) -> None:
    found = own.explain("empty.md", QUERY)
    assert found.reason is Reason.EMPTY
    assert str(found) == "Nothing (empty.md): It is indexed, but has no text to search."


def test_a_name_that_two_sources_use(own: Shelf) -> None:
    with pytest.raises(RetrievalError, match=r"Several sources have a document 'same\.md': kb, more"):
        own.explain("same.md", QUERY)
    assert own.explain("same.md", QUERY, source="more").source == "more"


def test_a_disabled_source(own: Shelf) -> None:
    assert own.explain("off.md", QUERY, source="off").reason is Reason.DISABLED


def test_a_document_that_waits_in_a_rebuild(own: Shelf) -> None:
    with own.ledger.writing() as connection:
        connection.execute(update(builds).where(builds.c.source == "more").values(state=build_rows.BUILDING))
    found = own.explain("same.md", QUERY, source="more")
    assert (found.reason, found.source) == (Reason.BUILDING, "more")


def test_a_filter_is_put_in_words() -> None:
    parsed = parse_filter({"and": [{"a": {"gt": 1}}, {"or": [{"b": "x"}, {"c": {"nin": [1, 2]}}]}]})
    assert parsed is not None
    assert describe(parsed) == "(a gt 1 and (b eq 'x' or c nin [1, 2]))"
