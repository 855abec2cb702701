"""Tokenizers: counts, positions, and where their data comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.errors import ConfigError
from ingest.chunk import tokenizer
from ingest.chunk import tokens as module
from tests.ingest.chunk.bag_of_words import BagOfWords

TEXTS = st.one_of(st.text(max_size=200), st.text(alphabet="漢字é👩\u200d👧🇫🇷 a.\n\ud800", max_size=60))


@pytest.mark.parametrize("name", ["cl100k_base", "embedder"])
@settings(deadline=None)
@given(text=TEXTS)
def test_offsets_are_ordered_and_touch_every_non_blank_character(name: str, text: str) -> None:
    offsets = tokenizer(name, BagOfWords()).offsets(text)
    assert all(0 <= start < end <= len(text) for start, end in offsets)
    assert [start for start, _ in offsets] == sorted(start for start, _ in offsets)
    assert [end for _, end in offsets] == sorted(end for _, end in offsets)
    if name == "cl100k_base":
        touched = {position for start, end in offsets for position in range(start, end)}
        assert touched == set(range(len(text)))
        assert len(offsets) == tokenizer(name).count(text)


def test_offsets_name_the_characters_of_each_token() -> None:
    text = "Return été 漢👍"
    offsets = tokenizer("cl100k_base").offsets(text)
    assert [text[start:end] for start, end in offsets][:2] == ["Return", " été"]
    assert offsets[-1] == (len(text) - 1, len(text))
    assert [text[start:end] for start, end in offsets].count("👍") > 1  # several byte tokens, one character


def test_special_tokens_in_text_are_text() -> None:
    assert tokenizer("cl100k_base").count("<|endoftext|>") > 1


def test_an_unknown_tokenizer_and_a_missing_embedder_are_config_errors() -> None:
    with pytest.raises(ConfigError, match="gpt9"):
        tokenizer("gpt9")
    with pytest.raises(ConfigError, match="embedder"):
        tokenizer("embedder")


def test_missing_data_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CL100K_SHA256", "0" * 64)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    with pytest.raises(ConfigError, match="llama-index-core"):
        module.cl100k.__wrapped__()


def test_it_loads_offline_without_llama_index_and_leaves_the_environment_alone(tmp_path: Path) -> None:
    code = (
        "import os, socket, sys\n"
        "def closed(*_, **__): raise OSError('closed network')\n"
        "socket.socket.connect = socket.getaddrinfo = closed\n"
        "from ingest.chunk import tokenizer\n"
        "assert tokenizer('cl100k_base').count('hello world') == 2\n"
        "assert 'TIKTOKEN_CACHE_DIR' not in os.environ\n"
        "heavy = {'torch', 'llama_index.core', 'nltk', 'chromadb'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    clean = {key: value for key, value in os.environ.items() if key not in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")}
    clean |= {"PYTHONPATH": str(Path(__file__).parents[3]), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_cache_folder_the_user_set_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = module._bundled_folder() / module._CL100K_FILE
    (tmp_path / module._CL100K_FILE).write_bytes(bundled.read_bytes())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "_bundled_folder", lambda: pytest.fail("looked elsewhere"))
    assert module.cl100k.__wrapped__().name == "cl100k_base"
    assert os.environ["TIKTOKEN_CACHE_DIR"] == str(tmp_path)
