"""The bundled model in ONNX Runtime: the same vectors whatever the batch, close to fp32 and to torch."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.errors import EmbedError
from configs.schema import Embedder as Settings
from ingest.embed import open_embedder
from ingest.embed.contract import Embedder
from ingest.embed.local_onnx import OnnxEmbedder
from ingest.embed.onnx_export import exported
from ingest.embed.weights import find_weights

TEXTS = [
    "How can I return shoes that I have worn?",
    "The warranty covers the zip and the seams for two years.",
    "Parcels leave our store within one working day; delivery takes three more.",
    "Où se trouve le mode d'emploi de la tente ?",
    "sku: A-17\nname: Rain jacket\nprice: 129.90",
    "Error 0x80070005: access is denied while the driver is installed. " * 12,
]


@pytest.fixture(scope="module")
def int8(model_cache: Path) -> Embedder:
    return open_embedder(Settings(), model_cache)


@pytest.fixture(scope="module")
def fp32(model_cache: Path) -> Embedder:
    return open_embedder(Settings(runtime="onnx"), model_cache)


def test_vectors_are_of_length_one_and_of_the_promised_shape(int8: Embedder) -> None:
    made = int8.embed_documents(TEXTS)
    assert (made.shape, made.dtype, int8.dimensions) == ((len(TEXTS), 384), np.float32, 384)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert int8.embed_documents([]).shape == (0, 384)
    assert int8.embed_query("a").shape == (384,)


def test_a_texts_vector_does_not_depend_on_its_batch(int8: Embedder) -> None:
    together = int8.embed_documents(TEXTS)
    backwards = int8.embed_documents(TEXTS[::-1] * 2)
    assert np.array_equal(together, backwards[: len(TEXTS)][::-1])
    assert np.array_equal(together, [int8.embed_query(text) for text in TEXTS])


def test_threads_change_no_vector(int8: Embedder, model_cache: Path) -> None:
    one = open_embedder(Settings(threads=1), model_cache)
    assert np.array_equal(one.embed_documents(TEXTS), int8.embed_documents(TEXTS))
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(int8.embed_documents(TEXTS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(vectors, found[0]) for vectors in found)


def test_int8_stays_close_to_fp32(int8: Embedder, fp32: Embedder) -> None:
    cosines = (int8.embed_documents(TEXTS) * fp32.embed_documents(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.97
    assert cosines.mean() > 0.98
    assert int8.fingerprint != fp32.fingerprint


def test_what_belongs_together_is_nearer(int8: Embedder) -> None:
    vectors = int8.embed_documents(TEXTS)
    asked = int8.embed_query("Can worn boots be sent back?")
    assert int(np.argmax(vectors @ asked)) == 0
    assert int(np.argmax(vectors @ int8.embed_query("How long does shipping take?"))) == 2


def test_torch_gives_the_vectors_of_fp32(fp32: Embedder, model_cache: Path) -> None:
    # The one test that loads sentence-transformers.
    torch = open_embedder(Settings(runtime="torch", threads=1, batch_size=2), model_cache)
    cosines = (torch.embed_documents(TEXTS) * fp32.embed_documents(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.9999
    assert np.allclose(torch.embed_query(TEXTS[0]), torch.embed_documents(TEXTS[:1])[0], atol=1e-5)
    assert torch.embed_documents([]).shape == (0, torch.dimensions)
    assert [torch.count_tokens(text) for text in TEXTS] == [fp32.count_tokens(text) for text in TEXTS]


def test_prefixes_are_part_of_the_text(int8: Embedder, model_cache: Path) -> None:
    used = open_embedder(Settings(query_prefix="query: ", document_prefix="passage: "), model_cache)
    assert np.array_equal(used.embed_query("a"), int8.embed_query("query: a"))
    assert np.array_equal(used.embed_documents(["a"])[0], int8.embed_query("passage: a"))


def test_a_long_text_is_cut_at_the_models_longest_input(int8: Embedder) -> None:
    words = "word " * 600
    assert int8.count_tokens(words) == 600
    assert np.array_equal(int8.embed_query(words), int8.embed_query(words + "and quite another end " * 50))
    assert int8.embed_query("x" * 5_000_000).shape == (384,)


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=40))
def test_any_text_has_a_vector(int8: Embedder, text: str) -> None:
    vector = int8.embed_query(text)
    assert np.isfinite(vector).all()
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-4
    assert int8.count_tokens(text) >= 0


def test_lone_surrogates_and_null_characters_do_no_harm(int8: Embedder) -> None:
    assert np.isfinite(int8.embed_documents(["\ud800", "a\0b", "", " ", "\ufffd" * 3])).all()


def test_special_tokens_in_a_text_are_text_and_not_counted_as_the_models_own(int8: Embedder) -> None:
    assert int8.count_tokens("") == 0
    assert int8.count_tokens("hello") == 1


def test_a_damaged_export_says_what_to_remove(model_cache: Path, tmp_path: Path) -> None:
    found = find_weights("all-MiniLM-L6-v2", model_cache)
    good = exported(found, model_cache, int8=True).graph.parent
    copy = tmp_path / good.relative_to(model_cache)
    copy.mkdir(parents=True)
    for file in good.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "model.onnx").write_bytes(b"rubbish")
    with pytest.raises(EmbedError, match=f"cannot be loaded.*Remove {copy}"):
        OnnxEmbedder(Settings(), tmp_path).embed_query("a")


def test_a_ready_model_needs_no_torch(model_cache: Path, int8: Embedder) -> None:
    int8.embed_query("export it now if it never was")
    code = (
        "import sys; from pathlib import Path; from configs.schema import Embedder;"
        "from ingest.embed import open_embedder;"
        f"open_embedder(Embedder(), Path({str(model_cache)!r})).embed_query('a');"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'llama_index') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_onnx_runtime_keeps_no_device_id_and_reports_to_nobody(tmp_path: Path, model_cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from configs.schema import Embedder; from ingest.embed import "
        "open_embedder; open_embedder(Embedder(), Path(sys.argv[1])).embed_query('hello')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    subprocess.run([sys.executable, "-c", code, str(model_cache)], env=environment, check=True)
    assert not list(tmp_path.rglob("*onnxruntime*"))
