"""The shelf as a LlamaIndex retriever."""

from __future__ import annotations

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import MetadataMode, QueryBundle

from openshelf import Shelf
from retrieval.retriever import as_retriever

QUERY = "How do I wash the rain jacket?"


def test_it_is_a_retriever_that_finds_what_search_finds(shelf: Shelf) -> None:
    retriever = as_retriever(shelf.searcher, top_k=3)
    assert isinstance(retriever, BaseRetriever)
    nodes = retriever.retrieve(QUERY)
    hits = shelf.search(QUERY, top_k=3)
    assert [(node.node_id, node.text, node.score) for node in nodes] == [
        (hit.chunk_id, hit.text, hit.score) for hit in hits
    ]
    assert retriever.retrieve(QueryBundle(QUERY)) == nodes
    for node, hit in zip(nodes, hits, strict=True):
        assert node.metadata["why"] == str(hit.why)
        assert node.metadata["document_id"] == hit.document_id
        assert node.metadata["thing"] == "jacket"
        assert node.metadata["released"] == hit.metadata["released"].isoformat()  # type: ignore[union-attr]
        assert (node.metadata["start"], node.metadata["end"]) == (hit.start, hit.end)
        assert node.metadata["heading_path"] == " › ".join(hit.heading_path)


async def test_the_async_side_finds_the_same(shelf: Shelf) -> None:
    retriever = as_retriever(shelf.searcher, top_k=3)
    assert await retriever.aretrieve(QUERY) == retriever.retrieve(QUERY)


def test_its_options_hold_for_every_query(shelf: Shelf) -> None:
    retriever = as_retriever(shelf.searcher, filters={"thing": "rope"}, groups=frozenset({"staff"}), top_k=100)
    nodes = retriever.retrieve(QUERY)
    assert {node.metadata["thing"] for node in nodes} == {"rope"}
    assert len(nodes) > len(as_retriever(shelf.searcher, filters={"thing": "rope"}, top_k=100).retrieve(QUERY))


def test_a_model_reads_the_title_and_not_the_machinery(shelf: Shelf) -> None:
    node = as_retriever(shelf.searcher, top_k=1).retrieve(QUERY)[0].node
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        shown = node.get_content(mode)
        assert node.metadata["title"] in shown
        assert "fused" not in shown
        assert "price" not in shown
