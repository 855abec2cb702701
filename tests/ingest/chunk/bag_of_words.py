"""A small deterministic embedder and document builders for the tests of this folder."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from ingest.document import Document, Element, Kind
from ingest.embed.contract import Vectors


class BagOfWords:
    """Hashed word counts: texts with the same words have the same vector. Counts words and marks as tokens."""

    fingerprint = "bag-of-words"
    dimensions = 64
    model = "bag-of-words"
    tokens_used = 0

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        matrix = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                matrix[row, zlib.crc32(word.encode("utf-8", "replace")) % self.dimensions] += 1
        return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)

    def embed_query(self, text: str) -> Vectors:
        return self.embed_documents([text])[0]

    def count_tokens(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))


Part = tuple[Kind, str] | tuple[Kind, str, int] | tuple[Kind, str, int, str | None]


def document(*parts: Part, title: str = "Guide", gap: str = "\n\n", **more: object) -> Document:
    """A document whose elements are ``parts``: kind, text and optionally level and table header."""
    text, elements = "", []
    for kind, body, *rest in parts:
        text += gap if text else ""
        level = rest[0] if rest else (1 if kind is Kind.TITLE else 0)
        header = rest[1] if len(rest) > 1 else None
        elements.append(Element(kind, len(text), len(text) + len(body), int(level or 0), None, header))
        text += body
    return Document(id="d", source="s", title=title, text=text, elements=elements, **more)  # type: ignore[arg-type]


def plain(text: str) -> Document:
    """A document that is one text element."""
    return document((Kind.TEXT, text))
