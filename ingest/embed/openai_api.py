"""Embeddings from OpenAI's API, or from any server that speaks it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from configs import schema
from configs.errors import ConfigError, EmbedError
from ingest.embed.contract import Vectors
from ingest.embed.fingerprint import api_fingerprint

_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
# OpenAI's documented limits: tokens of one input, inputs and tokens of one request.
_MAX_INPUT, _MAX_INPUTS, _MAX_REQUEST = 8191, 2048, 300_000
_RETRIES = 5
_TIMEOUT = 60.0  # seconds for one request


class OpenAIEmbedder:
    """An ``Embedder``. The SDK retries what can be retried; an input beyond the limit is cut to it."""

    def __init__(self, settings: schema.Embedder) -> None:
        self._settings = settings
        key = settings.api_key.get_secret_value() if settings.api_key is not None else os.environ.get("OPENAI_API_KEY")
        if not key:
            raise ConfigError(
                "The embedder of provider openai has no key: neither `embedder.api_key` in the YAML nor the "
                "environment variable OPENAI_API_KEY is set.",
                hint="Set one of them (a local server usually takes any text).",
            )
        self._key = key
        self._lock = threading.Lock()
        self._client: Any = None
        self._dimensions = settings.dimensions or _DIMENSIONS.get(settings.model)
        self._tokens = 0
        self._next_start = 0.0

    @property
    def fingerprint(self) -> str:
        """Hash of model, dimensions, server and prefixes."""
        return api_fingerprint(self._settings)

    @property
    def dimensions(self) -> int:
        """Length of a vector; a model that is not known is asked for one vector."""
        if self._dimensions is None:
            self._dimensions = len(self.embed_query("length"))
        return self._dimensions

    @property
    def model(self) -> str:
        """The API's name of the model."""
        return self._settings.model

    @property
    def tokens_used(self) -> int:
        """Tokens that the API counted since construction."""
        return self._tokens

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, shape (n, dimensions), in as few requests as the limits allow.

        Raises:
            EmbedError: the API refused or could not be reached.
        """
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return self._embed([self._settings.document_prefix + text for text in texts])

    def embed_query(self, text: str) -> Vectors:
        """Vector of one question, shape (dimensions,)."""
        return np.asarray(self._embed([self._settings.query_prefix + text])[0], np.float32)

    def count_tokens(self, text: str) -> int:
        """Tokens in cl100k_base, which OpenAI's embedding models read; an estimate for other servers' models."""
        return len(_encoding().encode_ordinary(text))

    def _embed(self, texts: list[str]) -> Vectors:
        parts = [self._request(batch) for batch in _batches(texts)]
        vectors = np.concatenate(parts)
        self._dimensions = self._dimensions or vectors.shape[1]
        if vectors.shape[1] != self._dimensions:
            raise EmbedError(
                f"The model {self.model} returned vectors of {vectors.shape[1]} dimensions, not {self._dimensions}.",
                hint="Set `embedder.dimensions` to what the server gives.",
            )
        # Shortened vectors and other servers' are not always of length 1.
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)

    def _request(self, batch: list[str]) -> Vectors:
        import openai

        self._wait()
        extra: dict[str, Any] = {"dimensions": self._settings.dimensions} if self._settings.dimensions else {}
        where = f"{self._settings.base_url or 'api.openai.com'} ({self.model})"
        try:
            answer = self._connect().embeddings.create(model=self.model, input=batch, **extra)
        except openai.AuthenticationError:
            # From None here and below: the server's words can repeat the key, and a traceback would show them.
            raise EmbedError(
                f"The embeddings API at {where} refused the key.", hint="Check `embedder.api_key` or OPENAI_API_KEY."
            ) from None
        except openai.APIConnectionError as error:
            raise EmbedError(
                f"The embeddings API at {where} cannot be reached.", hint="Check `embedder.base_url` and the network."
            ) from error
        except openai.APIStatusError as error:
            said = error.message.replace(self._key, "***")
            raise EmbedError(f"The embeddings API at {where} answered {error.status_code}: {said}") from None
        except openai.OpenAIError as error:
            raise EmbedError(f"The embeddings API at {where} failed: {str(error).replace(self._key, '***')}") from None
        except (ValueError, TypeError, AttributeError):  # what the SDK raises over an answer of another shape
            raise _no_vectors(where) from None
        usage = getattr(answer, "usage", None)
        if usage is not None:
            with self._lock:
                self._tokens += usage.total_tokens
        return _read(answer, len(batch), where)

    def _wait(self) -> None:
        """Space the starts of requests evenly; threads queue by reserving the next start."""
        with self._lock:
            start = max(self._next_start, time.monotonic())
            self._next_start = start + 60.0 / self._settings.requests_per_minute
        time.sleep(max(0.0, start - time.monotonic()))

    def _connect(self) -> Any:
        with self._lock:
            if self._client is None:
                import openai

                self._client = openai.OpenAI(
                    api_key=self._key, base_url=self._settings.base_url, max_retries=_RETRIES, timeout=_TIMEOUT
                )
            return self._client


def _read(answer: Any, count: int, where: str) -> Vectors:
    """The vectors of an answer, one for each of ``count`` texts and in their order."""
    try:
        data = list(answer.data)
        if len(data) != count:
            raise EmbedError(f"The embeddings API at {where} returned {len(data)} vectors for {count} texts.")
        ordered = sorted(data, key=lambda item: item.index)
        vectors = np.array([item.embedding for item in ordered], np.float32)
    except (AttributeError, TypeError, ValueError):
        raise _no_vectors(where) from None
    if (
        [item.index for item in ordered] != list(range(count))
        or vectors.ndim != 2
        or not vectors.size
        or not np.isfinite(vectors).all()
    ):
        raise _no_vectors(where)
    return vectors


def _no_vectors(where: str) -> EmbedError:
    return EmbedError(
        f"The embeddings API at {where} did not answer with one vector of numbers for each text.",
        hint="Check that `embedder.base_url` is the root of an OpenAI-compatible API (it usually ends in /v1).",
    )


def _batches(texts: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        cut, tokens = _cut(text)
        if batch and (len(batch) == _MAX_INPUTS or size + tokens > _MAX_REQUEST):
            yield batch
            batch, size = [], 0
        batch.append(cut)
        size += tokens
    if batch:
        yield batch


def _cut(text: str) -> tuple[str, int]:
    """``text`` within the limit of one input, and its tokens. The API refuses an empty input."""
    tokens = _encoding().encode_ordinary(text or " ")
    if len(tokens) <= _MAX_INPUT:
        return text or " ", len(tokens)
    return _encoding().decode(tokens[:_MAX_INPUT], errors="ignore"), _MAX_INPUT


def _encoding() -> Any:
    from ingest.chunk.tokens import cl100k

    return cl100k()
