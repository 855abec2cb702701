"""Embedders by name: the built-in ones, and others through the entry-point group ``openshelf.embedders``."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from configs import schema
from configs.errors import ConfigError
from ingest.embed.contract import Embedder

__all__ = ["GROUP", "Embedder", "embedder_fingerprint", "open_embedder"]

GROUP = "openshelf.embedders"
_BUILT_IN = ("local", "openai")
_MEMBERS = ("fingerprint", "dimensions", "model", "embed_documents", "embed_query", "count_tokens", "tokens_used")


def open_embedder(settings: schema.Embedder, cache_dir: Path) -> Embedder:
    """The embedder that ``settings`` describe. Models are loaded on the first text, not here.

    A plug-in's entry point is called as ``factory(settings, cache_dir)`` and returns an ``Embedder``.

    Args:
        cache_dir: where exported models and checksums are kept between runs.

    Raises:
        ConfigError: no such provider, a plug-in that cannot be loaded, or a key that is missing.
        EmbedError: the weights cannot be had, or are not the ones that were expected.
        MissingExtra: the model comes with an optional package.
    """
    if settings.provider == "local":
        if settings.runtime == "torch":
            from ingest.embed.local_torch import TorchEmbedder

            return TorchEmbedder(settings, cache_dir)
        from ingest.embed.local_onnx import OnnxEmbedder

        return OnnxEmbedder(settings, cache_dir)
    if settings.provider == "openai":
        from ingest.embed.openai_api import OpenAIEmbedder

        return OpenAIEmbedder(settings)
    entry = _entry_point(settings.provider)
    try:
        embedder = entry.load()(settings, cache_dir)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"The embedder {settings.provider!r} ({entry.value}) cannot be made: {error}",
            hint="Check its options and that its package is installed whole.",
        ) from error
    # Not isinstance: on Python 3.11 that reads every property, and `dimensions` may load a model.
    missing = [name for name in _MEMBERS if inspect.getattr_static(embedder, name, None) is None]
    if missing:
        raise ConfigError(f"The embedder {settings.provider!r} ({entry.value}) has no {', '.join(missing)}.")
    return cast(Embedder, embedder)


def embedder_fingerprint(settings: schema.Embedder, cache_dir: Path) -> str:
    """Hash of what decides a vector, without loading a model: equal to ``open_embedder(...).fingerprint``.

    Raises:
        ConfigError: no such provider.
        EmbedError: the weights cannot be had.
        MissingExtra: the model comes with an optional package.
    """
    if settings.provider == "local":
        from ingest.embed.fingerprint import local_fingerprint

        return local_fingerprint(settings, cache_dir)
    if settings.provider == "openai":
        from ingest.embed.fingerprint import api_fingerprint

        return api_fingerprint(settings)
    entry = _entry_point(settings.provider)
    parts = [
        entry.value,
        entry.dist.version if entry.dist else "",
        settings.model_dump(mode="json", exclude={"api_key", "batch_size", "threads", "requests_per_minute"}),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def _entry_point(name: str) -> EntryPoint:
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in found:
        return found[name]
    known = sorted({*_BUILT_IN, *found})
    close = difflib.get_close_matches(name, known, n=1)
    raise ConfigError(
        f"There is no embedder provider {name!r}.",
        hint=f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}.",
    )
