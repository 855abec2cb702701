"""Documents put straight into a ledger, without connector, parser or embedder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from connectors.contract import MetaValue
from ingest.document import Chunk, Document, Element, Kind
from ingest.ledger import builds, embeddings
from ingest.ledger.builds import Build
from ingest.ledger.flips import Indexed


def new_build(connection: Connection, source: str = "faq", state: str = builds.ACTIVE, **values: Any) -> Build:
    given = {"fingerprint": "f" * 20, "parse_fingerprint": "p", "settings": {}, "embedder": {}, "dimensions": 2}
    return builds.start(connection, shelf="shelf", source=source, state=state, **{**given, **values})


def indexed(
    build: Build,
    name: str,
    texts: Sequence[str] = ("text",),
    *,
    metadata: Mapping[str, MetaValue] | None = None,
    readers: frozenset[str] | None = None,
    language: str | None = "en",
    title: str | None = None,
    url: str | None = None,
    prefix: str = "",
    media_type: str = "text/plain",
) -> Indexed:
    """A document with one chunk for each of ``texts``."""
    whole = "\n".join(texts)
    version = hashlib.sha256(repr((whole, metadata, readers, language, title)).encode()).hexdigest()[:12]
    elements, chunks, at = [], [], 0
    for number, text in enumerate(texts):
        elements.append(Element(Kind.TEXT, at, at + len(text)))
        chunks.append(Chunk(text, at, at + len(text), number, prefix=prefix, tokens=len(text.split())))
        at += len(text) + 1
    document = Document(
        name,
        build.source,
        title or name,
        whole,
        tuple(elements),
        version,
        url,
        metadata or {},
        readers,
        language,
        media_type,
    )
    ids = [hashlib.sha256(f"{build.id} {name} {version} {n}".encode()).hexdigest()[:32] for n, _ in enumerate(texts)]
    keys = [embeddings.key("print", text) for text in texts]
    return Indexed(document, document, tuple(chunks), tuple(ids), tuple(keys))
