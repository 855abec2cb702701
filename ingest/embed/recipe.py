"""How a sentence-transformers folder turns token vectors into one: pooling, normalisation, longest input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from configs.errors import EmbedError

_USE_TORCH = "Set `embedder.runtime: torch`, which runs every sentence-transformers model."


@dataclass(frozen=True, slots=True)
class Recipe:
    """Attributes:
    pooling: ``mean`` of the token vectors, or the first one (``cls``).
    max_tokens: longest input, special tokens included; the rest is cut.
    dimensions: length of a vector.
    """

    pooling: Literal["mean", "cls"]
    max_tokens: int
    dimensions: int


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a sentence-transformers folder; a plain transformers folder is pooled by mean.

    Raises:
        EmbedError: it has layers that the ONNX runtimes do not run (Dense, other poolings), or no ``config.json``.
    """
    config = _json(folder / "config.json")
    if not config:
        raise EmbedError(f"The model folder {folder} has no config.json.", hint="Check `embedder.model`.")
    pooling: Literal["mean", "cls"] = "mean"
    modules: Any = _json(folder / "modules.json") or []
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind == "Pooling":
            pooling = _pooling(folder / str(module.get("path", "1_Pooling")) / "config.json")
        elif kind not in ("Transformer", "Normalize"):
            raise EmbedError(
                f"The model {folder.name} has a {kind} layer, which ONNX export leaves out.", hint=_USE_TORCH
            )
    return Recipe(pooling, _longest(folder, config), int(config["hidden_size"]))


def _pooling(path: Path) -> Literal["mean", "cls"]:
    config = _json(path)
    active = {key.removeprefix("pooling_mode_") for key, on in config.items() if key.startswith("pooling_mode_") and on}
    named = config.get("pooling_mode")
    if isinstance(named, str):
        active = {named}
    if active == {"mean_tokens"} or active == {"mean"}:
        return "mean"
    if active == {"cls_token"} or active == {"cls"}:
        return "cls"
    raise EmbedError(f"The model pools by {sorted(active)} ({path}); ONNX runs mean or cls.", hint=_USE_TORCH)


def _longest(folder: Path, config: dict[str, Any]) -> int:
    stated = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    if stated:
        return int(stated)
    positions = int(config.get("max_position_embeddings", 512))
    if config.get("model_type") in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2  # these count positions from the padding id on
    return min(positions, int(min(_json(folder / "tokenizer_config.json").get("model_max_length", positions), 1e6)))


def _json(path: Path) -> Any:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise EmbedError(f"{path} is not JSON: {error}", hint="Fetch or save the model again.") from error
