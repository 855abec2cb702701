"""A local model in ONNX Runtime: no torch, ready in a fraction of a second.

Texts run one by one, spread over threads. Dynamic quantisation scales a whole batch at once, so in a batch a
vector would depend on its neighbours (measured: cosine down to .987 between alone and in a batch of 32); alone
it is always the same, and on a CPU no slower, since nothing is padded.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from configs import schema
from configs.errors import EmbedError
from ingest.embed.contract import Vectors
from ingest.embed.fingerprint import local_fingerprint, prefixes
from ingest.embed.onnx_export import exported
from ingest.embed.runtime import onnx_runtime
from ingest.embed.weights import find_weights

# Far more characters than any model's longest input: bounds what the tokenizer is given.
_CHARACTERS_PER_TOKEN = 200


class OnnxEmbedder:
    """An ``Embedder``. Finding the weights happens here; loading (and exporting, once) on the first text."""

    def __init__(self, settings: schema.Embedder, cache_dir: Path) -> None:
        self._int8 = settings.runtime == "onnx-int8"
        self._cache_dir = cache_dir
        self._threads = settings.threads or _cores()
        self._weights = find_weights(settings.model, cache_dir)
        self._query_prefix, self._document_prefix = prefixes(settings, self._weights)
        self._fingerprint = local_fingerprint(settings, cache_dir)
        self._model = settings.model
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._pool: ThreadPoolExecutor | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of weights, runtime, recipe and prefixes."""
        return self._fingerprint

    @property
    def dimensions(self) -> int:
        """Length of a vector; exports the model where that has not happened."""
        return self._load().dimensions

    @property
    def model(self) -> str:
        """The configured name."""
        return self._model

    @property
    def tokens_used(self) -> int:
        """0: nothing is paid for."""
        return 0

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, shape (n, dimensions). A text's vector does not depend on the others.

        Raises:
            EmbedError: the model cannot be loaded or run.
        """
        loaded = self._load()
        out = np.empty((len(texts), loaded.dimensions), np.float32)
        # Longest first, so that no thread is left with a long one at the end.
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))

        def run(index: int) -> None:
            out[index] = loaded.vector(self._document_prefix + texts[index])

        if self._threads == 1 or len(texts) < 2:
            for index in order:
                run(index)
        else:
            for _ in self._executor().map(run, order):
                pass
        return out

    def embed_query(self, text: str) -> Vectors:
        """Vector of one question, shape (dimensions,)."""
        return self._load().vector(self._query_prefix + text)

    def count_tokens(self, text: str) -> int:
        """Tokens the model sees, without its special ones, before truncation."""
        return self._load().count(text)

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="embed")
            return self._pool

    def _load(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                self._loaded = _Loaded(self._weights, self._cache_dir, int8=self._int8)
            return self._loaded


class _Loaded:
    """An exported model in memory. Tokenizer and session may be used from many threads."""

    def __init__(self, weights: Any, cache_dir: Path, *, int8: bool) -> None:
        files = exported(weights, cache_dir, int8=int8)
        self._recipe = files.recipe
        self.dimensions = files.recipe.dimensions
        from tokenizers import Tokenizer

        onnxruntime = onnx_runtime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # texts are spread over threads instead
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(files.graph), options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        except Exception as error:
            raise EmbedError(
                f"The exported model {files.graph} cannot be loaded: {error}",
                hint=f"Remove {files.graph.parent}; it is made again.",
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._before, self._after = self._special()

    def vector(self, text: str) -> Vectors:
        """The L2-normalised vector of one text, shape (dimensions,)."""
        recipe = self._recipe
        room = recipe.max_tokens - len(self._before) - len(self._after)
        content = self._content(text[: recipe.max_tokens * _CHARACTERS_PER_TOKEN])[:room]
        ids = np.array([[*self._before, *content, *self._after]], np.int64)
        try:
            tokens = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        except Exception as error:
            raise EmbedError(f"ONNX Runtime failed on a text of {len(text)} characters: {error}") from error
        pooled = tokens[0] if recipe.pooling == "cls" else tokens.mean(axis=0, dtype=np.float32)
        length = float(np.linalg.norm(pooled))
        return np.asarray(pooled / max(length, 1e-12), np.float32)

    def count(self, text: str) -> int:
        """Tokens of the whole text, without special ones."""
        return len(self._content(text))

    def _content(self, text: str) -> list[int]:
        # A lone surrogate is valid in a Python text but not in UTF-8.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        return list(self._tokenizer.encode(clean, add_special_tokens=False).ids)

    def _special(self) -> tuple[list[int], list[int]]:
        encoding = self._tokenizer.encode("a")
        mask = encoding.special_tokens_mask
        first = mask.index(0) if 0 in mask else len(mask)
        last = len(mask) - mask[::-1].index(0) if 0 in mask else len(mask)
        return list(encoding.ids[:first]), list(encoding.ids[last:])


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
