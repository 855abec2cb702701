"""Named tokenizers: how long a text is, and which characters each token stands for.

``cl100k_base`` reads tiktoken's data from the copy that ships inside llama-index-core, so nothing is fetched.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import threading
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from configs.errors import ConfigError
from ingest.embed.contract import Embedder

CL100K = "cl100k_base"
EMBEDDER = "embedder"

# tiktoken names a cached file after the SHA-1 of its address; this is cl100k_base.tiktoken.
_CL100K_FILE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
_CL100K_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_SURROGATES = re.compile("[\ud800-\udfff]")
# One letter of a script without spaces, a run of other word characters, or one other character; the blanks
# before it belong to it.
_PIECES = re.compile(r"\s*(?:[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|\S)|\s+")
_MAX_REMEMBERED = 50_000
_loading = threading.Lock()


class Tokenizer(Protocol):
    """Measures text in tokens."""

    @property
    def name(self) -> str:
        """The name it is configured by."""
        ...

    def count(self, text: str) -> int:
        """Number of tokens in ``text``; special tokens written in it are ordinary text."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """For each token the characters it touches, as half-open spans that never decrease.

        Tokens that share one character (a character spelled by several byte tokens) have the same span.
        """
        ...


def tokenizer(name: str, embedder: Embedder | None = None) -> Tokenizer:
    """The tokenizer called ``name``: ``cl100k_base``, or ``embedder`` for what ``embedder`` counts in.

    Raises:
        ConfigError: the name is unknown, ``embedder`` is asked for without one, or the bundled data is missing.
    """
    if name == CL100K:
        return _Cl100k(cl100k())
    if name == EMBEDDER:
        if embedder is None:
            raise ConfigError(
                "tokenizer: embedder was asked for where there is no embedder.", hint=f"Use tokenizer: {CL100K}."
            )
        return _Counted(embedder)
    raise ConfigError(f"There is no tokenizer {name!r}.", hint=f"Use {CL100K} or {EMBEDDER}.")


class _Cl100k:
    """OpenAI's cl100k_base."""

    name = CL100K

    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding

    def count(self, text: str) -> int:
        return len(self._encode(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        ends = list(accumulate(map(len, self._encoding.decode_tokens_bytes(self._encode(text)))))
        if not ends:
            return []
        if text.isascii():  # one byte a character
            return list(zip([0, *ends[:-1]], ends, strict=True))
        raw = np.frombuffer(without_surrogates(text).encode(), dtype=np.uint8)
        character = np.cumsum((raw & 0xC0) != 0x80) - 1  # of each byte; 0b10xxxxxx continues a character
        last = np.asarray(ends) - 1
        first = np.concatenate(([0], last[:-1] + 1))
        return list(zip(character[first].tolist(), (character[last] + 1).tolist(), strict=True))

    def _encode(self, text: str) -> list[int]:
        tokens: list[int] = self._encoding.encode(without_surrogates(text), disallowed_special=())
        return tokens


class _Counted:
    """An embedder's own tokenizer, known only by its count.

    Text is measured word by word (each different word once) and a word's tokens share its characters evenly.
    For WordPiece this is exact to the word; for byte-pair models it is at worst a token or two off a word.
    """

    name = EMBEDDER

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, int] = {}

    def count(self, text: str) -> int:
        return self._embedder.count_tokens(without_surrogates(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for match in _PIECES.finditer(without_surrogates(text)):
            start, end = match.span()
            tokens = self._count_piece(match[0])
            cuts = [start + (end - start) * part // tokens for part in range(tokens)]
            spans += [(cut, max(cut + 1, after)) for cut, after in zip(cuts, [*cuts[1:], end], strict=False)]
        return spans

    def _count_piece(self, piece: str) -> int:
        tokens = self._known.get(piece)
        if tokens is None:
            tokens = self._embedder.count_tokens(piece)
            if len(self._known) < _MAX_REMEMBERED:
                self._known[piece] = tokens
        return tokens


def without_surrogates(text: str) -> str:
    """Lone surrogates cannot be UTF-8: each becomes one U+FFFD, so that positions stay."""
    return text if text.isascii() else _SURROGATES.sub("�", text)


@cache
def cl100k() -> Any:
    """tiktoken's encoding cl100k_base, from the bundled data.

    Raises:
        ConfigError: the data is missing or damaged.
    """
    import tiktoken

    with _loading:
        if os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR"):
            return tiktoken.get_encoding(CL100K)  # the user's own copy
        # tiktoken has no other way to be told; taken back at once so that nobody else inherits it.
        before = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(_bundled_folder())
        try:
            return tiktoken.get_encoding(CL100K)
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before


def _bundled_folder() -> Path:
    """Where llama-index-core keeps tiktoken's data, found without importing it (that takes two seconds).

    The checksum is verified here because tiktoken would delete a damaged file and reach for the network.
    """
    spec = importlib.util.find_spec("llama_index")  # a namespace package: finding it runs none of its code
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "core" / "_static" / "tiktoken_cache"
        data = folder / _CL100K_FILE
        if data.is_file() and hashlib.sha256(data.read_bytes()).hexdigest() == _CL100K_SHA256:
            return folder
    raise ConfigError(
        "The data of the tokenizer cl100k_base is missing or damaged (llama_index/core/_static/tiktoken_cache).",
        hint="Reinstall it (pip install --force-reinstall llama-index-core), or set TIKTOKEN_CACHE_DIR to a copy.",
    )
