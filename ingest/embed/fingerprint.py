"""What decides a vector, hashed: weights, runtime, quantisation recipe, prefixes. Loads no model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from configs import schema
from ingest.embed.weights import Weights, find_weights

# Raise it when the same weights give other vectors than before: pooling, truncation, export, quantisation.
_RECIPE = {"onnx-int8": 1, "onnx": 1, "torch": 1}


def prefixes(settings: schema.Embedder, weights: Weights | None = None) -> tuple[str, str]:
    """Query and document prefix: the configured ones, else the ones that the model was trained with."""
    if weights is not None and not (settings.query_prefix or settings.document_prefix):
        return weights.query_prefix, weights.document_prefix
    return settings.query_prefix, settings.document_prefix


def local_fingerprint(settings: schema.Embedder, cache_dir: Path) -> str:
    """Fingerprint of a local model: its weights' checksum, runtime, recipe and prefixes.

    Raises:
        EmbedError: the weights cannot be had.
        MissingExtra: the model comes with an optional package.
    """
    weights = find_weights(settings.model, cache_dir)
    return _hash(["local", weights.checksum, settings.runtime, _RECIPE[settings.runtime], *prefixes(settings, weights)])


def api_fingerprint(settings: schema.Embedder) -> str:
    """Fingerprint of an API's model. The server counts: a name may mean another model elsewhere."""
    return _hash(["openai", settings.model, settings.dimensions, settings.base_url, *prefixes(settings)])


def _hash(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:20]
