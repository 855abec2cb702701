"""Finds what a configuration may say but probably does not mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from configs.messages import Problem
from configs.schema import Chunker, Config
from configs.secrets import Hidden
from configs.variables import Filled
from configs.yaml_lines import KeyPath

_SECRET_FIELDS: tuple[KeyPath, ...] = (("embedder", "api_key"), ("answer", "api_key"), ("store", "token"))
_READS_AT_ONCE = {"all-MiniLM-L6-v2": 256}
"""Tokens after which a bundled model stops reading."""
_COLUMN_TYPES = frozenset({"str", "int", "float", "bool", "date", "datetime", "list"})


def warnings_of(config: Config, filled: Filled) -> list[Problem]:
    """Sentences about keys that are allowed, in no particular order."""
    return [*_plain_secrets(filled.value), *_sizes(config), *_numbers(config), *_columns(config)]


def _plain_secrets(raw: Any) -> Iterator[Problem]:
    for path in _SECRET_FIELDS:
        value: Any = raw
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if type(value) is str and value and not isinstance(value, Hidden):
            yield Problem(path, "is a secret written in the file. Write ${NAME} and set NAME in the environment.")


def _sizes(config: Config) -> Iterator[Problem]:
    limit = _READS_AT_ONCE.get(config.embedder.model)
    if limit is None or config.embedder.provider != "local":
        return
    seen: list[tuple[KeyPath, Chunker]] = [(("defaults", "chunker", "size"), config.defaults.chunker)]
    for name, source in config.sources.items():
        if source.chunker != config.defaults.chunker:
            seen.append((("sources", name, "chunker", "size"), source.chunker))
    for path, chunker in seen:
        size = getattr(chunker, "size", 0)
        if size > limit:
            yield Problem(
                path,
                f"is {size} tokens, and {config.embedder.model} reads {limit}: keywords alone find the rest.",
            )


def _numbers(config: Config) -> Iterator[Problem]:
    retrieval = config.retrieval
    if retrieval.top_k > retrieval.candidates:
        yield Problem(
            ("retrieval", "candidates"),
            f"is {retrieval.candidates}, so top_k: {retrieval.top_k} may not be reached. Raise it.",
        )
    if not config.sources:
        yield Problem(("sources",), "is empty, so there is nothing to sync.")


def _columns(config: Config) -> Iterator[Problem]:
    for name, source in config.sources.items():
        for key, value in source.metadata.items():
            if source.type == "csv" and value in _COLUMN_TYPES:
                yield Problem(
                    ("sources", name, "metadata", key),
                    f"gives every row the text {value!r}. Types of columns stand below options: metadata.",
                )
