"""Embedders by name: built-in ones, plug-ins, and clear words for what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.schema import Embedder as Settings
from ingest.embed import embedder_fingerprint, open_embedder
from ingest.embed.contract import Embedder
from ingest.embed.local_onnx import OnnxEmbedder
from ingest.embed.local_torch import TorchEmbedder
from ingest.embed.openai_api import OpenAIEmbedder
from ingest.embedders import Embedders

PLUG_IN = """
import numpy as np

class Lengths:
    fingerprint, dimensions, model, tokens_used = "v1", 2, "lengths", 0

    def __init__(self, settings, cache_dir):
        if settings.model == "broken":
            raise ValueError("no such model")

    def embed_documents(self, texts):
        return np.array([self.embed_query(text) for text in texts], np.float32).reshape(-1, 2)

    def embed_query(self, text):
        return np.array([1.0, 0.0], np.float32)

    def count_tokens(self, text):
        return len(text.split())

class Half:
    fingerprint = "v1"
    def __init__(self, settings, cache_dir): pass

    @property
    def dimensions(self):
        raise AssertionError("reading this may load a model")
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lengths_plug_in.py").write_text(PLUG_IN)
    about = tmp_path / "lengths_plug_in-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lengths-plug-in\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[openshelf.embedders]\nlengths = lengths_plug_in:Lengths\nhalf = lengths_plug_in:Half\n"
        "gone = lengths_plug_in:Nowhere\nabsent = no_such_module_here:X\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_a_plug_in_is_opened_by_its_entry_point(plug_in: None, tmp_path: Path) -> None:
    settings = Settings(provider="lengths", model="x")
    embedder = open_embedder(settings, tmp_path)
    assert isinstance(embedder, Embedder)
    assert embedder.embed_documents(["a", "b"]).shape == (2, 2)
    print_of = embedder_fingerprint(settings, tmp_path)
    assert print_of == embedder_fingerprint(settings, tmp_path)
    assert print_of != embedder_fingerprint(Settings(provider="lengths", model="y"), tmp_path)
    assert print_of != embedder_fingerprint(Settings(provider="half", model="x"), tmp_path)


@pytest.mark.parametrize(
    ("provider", "model", "message"),
    [
        ("lengths", "broken", "cannot be made: no such model"),
        ("gone", "x", "cannot be made"),
        ("absent", "x", "cannot be made"),
        ("half", "x", "has no model, embed_documents, embed_query, count_tokens, tokens_used"),
        ("length", "x", "Did you mean 'lengths'"),
        ("cohere", "x", "There are: .*lengths, local, openai"),
    ],
)
def test_a_plug_in_that_does_not_work_is_one_sentence(
    plug_in: None, tmp_path: Path, provider: str, model: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        open_embedder(Settings(provider=provider, model=model), tmp_path)


def test_an_unknown_provider_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no embedder provider 'lokal'.*Did you mean 'local'"):
        embedder_fingerprint(Settings(provider="lokal"), tmp_path)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (Settings(), OnnxEmbedder),
        (Settings(runtime="onnx"), OnnxEmbedder),
        (Settings(runtime="torch"), TorchEmbedder),
        (Settings.model_validate({"provider": "openai", "model": "m", "api_key": "k"}), OpenAIEmbedder),
    ],
)
def test_built_in_embedders_open_without_loading_and_keep_their_fingerprint(
    settings: Settings, kind: type, model_cache: Path
) -> None:
    embedder = open_embedder(settings, model_cache)
    assert type(embedder) is kind
    assert embedder.fingerprint == embedder_fingerprint(settings, model_cache)
    assert embedder.model == settings.model
    assert embedder.tokens_used == 0


def test_a_shelf_opens_each_embedder_once_and_stores_no_secret(model_cache: Path) -> None:
    settings = Settings.model_validate({"provider": "openai", "model": "m", "api_key": "s3cret"})
    wrapped = []
    shelf = Embedders(settings, model_cache, wrap=lambda embedder: wrapped.append(embedder) or embedder)
    assert "s3cret" not in repr(shelf.stored_settings)
    assert shelf.of(shelf.stored_settings) is shelf.current()
    assert len(wrapped) == 1
    assert shelf.fingerprint == shelf.current().fingerprint
