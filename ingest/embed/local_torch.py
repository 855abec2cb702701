"""A local model in sentence-transformers: any model, and a GPU where there is one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs import schema
from configs.errors import EmbedError
from ingest.embed.contract import Vectors
from ingest.embed.fingerprint import local_fingerprint, prefixes
from ingest.embed.onnx_export import unpacked
from ingest.embed.weights import find_weights


class TorchEmbedder:
    """An ``Embedder``. Loading (5 to 7 s, most of it imports) happens on the first text."""

    def __init__(self, settings: schema.Embedder, cache_dir: Path) -> None:
        self._settings = settings
        self._cache_dir = cache_dir
        self._weights = find_weights(settings.model, cache_dir)
        self._query_prefix, self._document_prefix = prefixes(settings, self._weights)
        self._fingerprint = local_fingerprint(settings, cache_dir)
        # One forward pass at a time: a GPU's memory is not shared out by itself.
        self._lock = threading.RLock()
        self._encoder: Any = None

    @property
    def fingerprint(self) -> str:
        """Hash of weights, runtime, recipe and prefixes."""
        return self._fingerprint

    @property
    def dimensions(self) -> int:
        """Length of a vector; loads the model."""
        with self._lock:
            return int(self._load().get_embedding_dimension())

    @property
    def model(self) -> str:
        """The configured name."""
        return self._settings.model

    @property
    def tokens_used(self) -> int:
        """0: nothing is paid for."""
        return 0

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, shape (n, dimensions).

        Raises:
            EmbedError: the model cannot be loaded or run (for example out of GPU memory).
        """
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return self._encode([self._document_prefix + text for text in texts])

    def embed_query(self, text: str) -> Vectors:
        """Vector of one question, shape (dimensions,)."""
        return np.asarray(self._encode([self._query_prefix + text])[0], np.float32)

    def count_tokens(self, text: str) -> int:
        """Tokens the model sees, without its special ones, before truncation."""
        with self._lock:
            return len(self._load().tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False))

    def _encode(self, texts: list[str]) -> Vectors:
        with self._lock:
            encoder = self._load()
            try:
                vectors = encoder.encode(
                    texts,
                    batch_size=self._settings.batch_size,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
            except RuntimeError as error:
                raise EmbedError(
                    f"The model {self._settings.model} failed on {len(texts)} texts: {error}",
                    hint="Out of memory: lower `embedder.batch_size`.",
                ) from error
        return np.asarray(vectors, np.float32)

    def _load(self) -> Any:
        if self._encoder is None:
            import torch
            from sentence_transformers import SentenceTransformer

            if self._settings.threads:
                torch.set_num_threads(self._settings.threads)
            folder = unpacked(self._weights, self._cache_dir)
            try:
                self._encoder = SentenceTransformer(
                    str(folder),
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True, "dtype": torch.float32},
                )
            except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
                raise EmbedError(f"The model in {folder} cannot be loaded: {error}") from error
            self._encoder.default_prompt_name = None  # prefixes are the YAML's
        return self._encoder
