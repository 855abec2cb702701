"""What every embedder promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]


@runtime_checkable
class Embedder(Protocol):
    """Turns text into L2-normalised vectors. Safe to call from many threads."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides a vector: weights, runtime, prefixes, dimensions."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def model(self) -> str:
        """Name for the price list and for people."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Vectors of ``texts``, shape (n, dimensions), float32.

        Raises:
            EmbedError: the weights cannot be had or the API failed.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """Vector of one question, shape (dimensions,)."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens the model sees, without its special ones."""
        ...

    @property
    def tokens_used(self) -> int:
        """Tokens sent to a paid API since construction; 0 for a local model."""
        ...
