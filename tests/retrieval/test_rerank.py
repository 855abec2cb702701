"""Reranking with a real cross-encoder: a tiny one with random weights, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from configs.errors import EmbedError
from openshelf import Shelf
from retrieval.rerank import rerank

QUERY = "How do I wash the rain jacket?"
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "how",
    "do",
    "i",
    "wash",
    "the",
    "rain",
    "jacket",
    "it",
    "by",
    "hand",
    "with",
    "soap",
    "tent",
    "rope",
    "boot",
    "lamp",
    "stove",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a cross-encoder of one layer, as safetensors."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path_factory.mktemp("reranker")
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS), encoding="utf-8")
    torch.manual_seed(7)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(WORDS), intermediate_size=32, num_labels=1, initializer_range=0.5, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizer(str(vocabulary)).save_pretrained(folder)
    assert (folder / "model.safetensors").is_file()
    return str(folder)


def test_every_text_gets_its_score(model: str) -> None:
    texts = ["wash the jacket by hand", "the tent and the rope", "lamp"]
    scores = rerank(model, QUERY, texts)
    assert len(set(scores)) == 3
    assert rerank(model, QUERY, texts[::-1]) == pytest.approx(scores[::-1], abs=1e-5)
    assert rerank(model, QUERY, []) == []


def test_the_rerankers_score_decides_among_its_candidates(shelf: Shelf, model: str) -> None:
    fused = shelf.search(QUERY, top_k=10)
    hits = shelf.search(QUERY, top_k=5, reranker={"model": model, "candidates": 10})
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.chunk_id for hit in hits} <= {hit.chunk_id for hit in fused}
    assert [hit.chunk_id for hit in hits] != [hit.chunk_id for hit in fused[:5]]
    before = {hit.chunk_id: hit.why.fused for hit in fused}
    for hit in hits:
        assert hit.why.reranked == hit.score
        assert hit.why.fused == before[hit.chunk_id]
        assert f"reranked {hit.score:.3f}" in str(hit.why)


def test_what_was_not_reranked_says_so(shelf: Shelf, model: str) -> None:
    trace = shelf.searcher.trace(QUERY, top_k=2, reranker={"model": model, "candidates": 3}, threshold=-100)
    reasons = set(trace.dropped.values())
    assert "not among the 3 candidates that were reranked" in reasons
    assert "ranked #3, and top_k is 2" in reasons


def test_top_k_is_always_reranked(shelf: Shelf, model: str) -> None:
    hits = shelf.search(QUERY, top_k=8, reranker={"model": model, "candidates": 1}, threshold=-100)
    assert len(hits) == 8


@pytest.mark.parametrize("name", ["no/such-model", "{folder}"])
def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path: Path, name: str) -> None:
    name = name.format(folder=tmp_path)
    with pytest.raises(EmbedError, match="cannot be loaded") as caught:
        rerank(name, QUERY, ["text"])
    assert "\n" not in str(caught.value)
    assert name in caught.value.message


def test_weights_that_can_run_code_are_not_loaded(model: str, tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    shutil.copytree(model, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(EmbedError, match="cannot be loaded"):
        rerank(str(folder), QUERY, ["text"])
