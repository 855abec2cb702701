"""The fingerprint: a hash of what decides a chunk's content and its vector.

A source whose fingerprint changed is built again beside the live index; one whose fingerprint did not is
only brought up to date.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configs.schema import BUILT_IN_CHUNKERS, PluginChunker, Source
from ingest.chunk import chunker_fingerprint
from ingest.parse import parser_fingerprint

_INDEX_SETTINGS = ("parser", "chunker", "prefix", "metadata", "visibility", "default_readers")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``whole`` decides a build; ``parse`` decides whether the parsed text in the ledger can be used again."""

    whole: str
    parse: str


def fingerprint(source: Source, embedder: str) -> Fingerprint:
    """Fingerprint of ``source`` with the embedder whose own fingerprint is ``embedder``."""
    parse = parser_fingerprint(source.parser)
    whole = [
        parse,
        chunker_fingerprint(source.chunker),
        source.prefix.model_dump(mode="json"),
        source.metadata,
        source.visibility if isinstance(source.visibility, str) else sorted(source.visibility),
        *([] if source.default_readers is None else [sorted(source.default_readers)]),
        embedder,
    ]
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Fingerprint(digest[:20], parse)


def index_settings(source: Source) -> dict[str, Any]:
    """The settings a build was made with, for the ledger."""
    return source.model_dump(mode="json", include=set(_INDEX_SETTINGS))


def with_index_settings(source: Source, settings: Mapping[str, Any]) -> Source:
    """``source`` as it was when a build was made: its index settings replaced by the build's."""
    chunker = dict(settings["chunker"])
    model = BUILT_IN_CHUNKERS.get(chunker["type"], PluginChunker)
    values = source.model_dump(exclude=set(_INDEX_SETTINGS)) | dict(settings)
    return Source.model_validate(values | {"chunker": model.model_validate(chunker)})
