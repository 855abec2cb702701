"""A search with a reranker: its column has the cross-encoder's order and scores."""

from __future__ import annotations

from pathlib import Path

from openshelf import Shelf
from openshelf.inspector.rendering import score
from tests.openshelf.command import ARTICLES
from tests.openshelf.inspector.live import inspected
from tests.openshelf.inspector.test_pages import entries, plain
from tests.retrieval.test_rerank import model as model

QUERY = "How do I return unworn shoes?"


def test_the_last_column_is_the_rerankers_and_it_can_be_switched_off(model: str, tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    for name, text in ARTICLES.items():
        (tmp_path / "kb" / name).write_text(text)
    raw = {
        "path": "shelf",
        "store": {"mode": "embedded"},
        "sources": {"kb": {"type": "files", "path": "kb"}},
        "retrieval": {"reranker": {"model": model, "candidates": 3}},
    }
    with Shelf.open(raw, base_dir=tmp_path) as shelf:
        shelf.sync()
        with inspected(shelf) as live, live.client() as client:
            page = client.get("search", params={"q": QUERY, "top_k": "2"}).text
            plainly = client.get("search", params={"q": QUERY, "top_k": "2", "rerank": "off"}).text
        trace = shelf.searcher.trace(QUERY, top_k=2)
        unranked = shelf.search(QUERY, top_k=2, reranker=None)
    assert "Reranked" in page and "Reranked" not in plainly
    assert [shown for *_, shown in entries(page, "hits")] == [score(hit.why.reranked or 0.0) for hit in trace.hits]
    assert [shown for *_, shown in entries(plainly, "hits")] == [score(hit.score) for hit in unranked]
    shown = plain(page)
    assert all(str(hit.why) in shown for hit in trace.hits)
    assert any("that were reranked" in reason for reason in trace.dropped.values())
    assert all(reason in shown for reason in trace.dropped.values())
