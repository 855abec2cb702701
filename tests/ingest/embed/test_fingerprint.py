"""A fingerprint changes with everything that decides a vector, and with nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from configs.schema import Embedder as Settings
from ingest.embed import embedder_fingerprint
from ingest.embed.checksums import sha256_of


def local(cache: Path, **options) -> str:
    return embedder_fingerprint(Settings.model_validate(options), cache)


def api(cache: Path, **options) -> str:
    return embedder_fingerprint(Settings.model_validate({"provider": "openai", "model": "m", **options}), cache)


def test_what_decides_a_vector_changes_it(model_cache: Path) -> None:
    prints = [
        local(model_cache),
        local(model_cache, runtime="onnx"),
        local(model_cache, runtime="torch"),
        local(model_cache, query_prefix="query: "),
        local(model_cache, document_prefix="query: "),
        api(model_cache),
        api(model_cache, model="n"),
        api(model_cache, dimensions=8),
        api(model_cache, base_url="http://localhost:1/v1"),
        api(model_cache, document_prefix="p"),
    ]
    assert len(set(prints)) == len(prints)


def test_what_does_not_decide_a_vector_does_not(model_cache: Path) -> None:
    assert local(model_cache) == local(model_cache, batch_size=7, threads=1)
    assert local(model_cache) == local(model_cache, model="sentence-transformers/all-MiniLM-L6-v2")
    assert api(model_cache, api_key="a") == api(model_cache, api_key="b", requests_per_minute=3, batch_size=1)


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in {"model.safetensors": "w", "config.json": "{}", **files}.items():
        (path / name).write_text(text)
    return path


def test_a_folders_weights_tokenizer_and_settings_count(tmp_path: Path) -> None:
    def of(**files: str) -> str:
        return local(tmp_path / "cache", model=str(folder(tmp_path / "model", **files)))

    prints = [of(), of(**{"model.safetensors": "x"}), of(**{"config.json": "{1}"}), of(**{"tokenizer.json": "{}"})]
    assert len(set(prints)) == 4
    assert of() == prints[3]  # the tokenizer is still there
    assert of(**{"README.md": "hello"}) == prints[3]


def test_a_folders_name_does_not_count(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two")
    assert local(tmp_path / "cache", model=str(one)) == local(tmp_path / "cache", model=str(two))


def test_a_checksum_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file, cache = tmp_path / "w", tmp_path / "cache"
    file.write_text("one")
    first = sha256_of(file, cache)
    assert list(json.loads((cache / "checksums.json").read_text())) == [str(file)]
    state = file.stat()
    file.write_text("two")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert sha256_of(file, cache) == first  # remembered by size and time
    os.utime(file, ns=(1, 1))
    assert sha256_of(file, cache) != first


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"x": 3}'])
def test_a_damaged_memory_of_checksums_is_no_harm(tmp_path: Path, damage: str) -> None:
    file, cache = tmp_path / "w", tmp_path / "cache"
    file.write_text("one")
    first = sha256_of(file, cache)
    (cache / "checksums.json").write_text(damage)
    assert sha256_of(file, cache) == first
    assert sorted(path.name for path in cache.iterdir()) == ["checksums.json"]
