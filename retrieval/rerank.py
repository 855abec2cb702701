"""An optional cross-encoder over the best candidates: reads question and chunk together, slower and finer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from configs.errors import EmbedError, MissingExtra

_lock = threading.Lock()


def rerank(model: str, query: str, texts: Sequence[str]) -> list[float]:
    """A score for each text, higher is better, in the model's own units.

    Args:
        model: a sentence-transformers CrossEncoder: a name on the hub, or a folder.

    Raises:
        EmbedError: the model cannot be loaded here.
        MissingExtra: sentence-transformers is not installed.
    """
    if not texts:
        return []
    with _lock:  # one model, loaded once and used by one thread at a time
        encoder = _encoder(model)
        scores = encoder.predict([(query, text) for text in texts], show_progress_bar=False)
    return [float(score) for score in scores]


@lru_cache(maxsize=2)
def _encoder(model: str) -> Any:
    try:
        from sentence_transformers import CrossEncoder
    except ImportError as error:
        raise MissingExtra("A reranker", "rerank") from error
    folder = Path(model).expanduser()
    try:
        # Safetensors only: other weight files can run code when they are loaded.
        encoder = CrossEncoder(
            str(folder) if folder.is_dir() else model, num_labels=1, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise EmbedError(
            f"The reranker {model!r} cannot be loaded: {str(error).splitlines()[0]}",
            hint="Give a folder with the model's files in retrieval.reranker.model, or allow access to its hub; "
            "leave retrieval.reranker out to search without it.",
        ) from error
    return encoder
