"""Makes a document of a file in a vector store: its own bytes where they can be had, else its chunks put together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from connectors.columns import metadata_key
from connectors.contract import MetaValue, SourceDocument
from connectors.conversation import MEDIA_TYPE as CONVERSATION
from connectors.files import MEDIA_TYPES
from connectors.front_matter import two_letters
from connectors.openai_vector_stores.api import Api, NotDownloadable
from connectors.openai_vector_stores.options import VectorStoresOptions
from connectors.openai_vector_stores.text import Windows, joined
from connectors.titles import title_and_language
from connectors.version import version_of

_TEXT = "text/plain"
_CODE = (".c", ".cpp", ".cs", ".css", ".go", ".java", ".js", ".json", ".php", ".py", ".rb", ".sh", ".tex", ".ts")
_PARSED = {suffix: kind for suffix, kind in MEDIA_TYPES.items() if kind != CONVERSATION} | dict.fromkeys(_CODE, _TEXT)
"""File Search's formats ("Supported files") that can be parsed here; of others the chunks are read."""


class FileReader:
    """Reads files during one run, and remembers which kinds of them cannot be downloaded."""

    def __init__(self, api: Api, options: VectorStoresOptions) -> None:
        self._api = api
        self._options = options
        self._refused: set[str] = set()

    def read(self, store: Mapping[str, Any], entry: Mapping[str, Any]) -> SourceDocument:
        """The document of ``entry``, a file as the list of its ``store`` has it.

        Raises:
            ValueError: there is no text in it, or too much.
            ConnectorError: it cannot be read; ``status`` 404 where it is no longer attached.
        """
        number = entry["id"]
        about = self._api.about(number)
        name = str(about.get("filename") or number)
        content = self._original(number, name, about)
        kind = _TEXT if content is None else _PARSED[_suffix(name)]
        filename = name if content is not None and _suffix(name) in MEDIA_TYPES and kind != _TEXT else None
        if content is None:
            content = self._chunks(store["id"], number, entry)
        attributes = _attributes(entry)
        title, language = title_and_language(content, kind, name) if filename else (name, None)
        options = self._options
        title = str(attributes.get(options.title_attribute or "") or "").strip() or title
        language = two_letters(attributes.get(options.language_attribute or "")) or language
        url = _link(attributes.get(options.url_attribute or ""))
        metadata = _metadata(store, entry, about, name) | {_key(key): value for key, value in attributes.items()}
        return SourceDocument(
            f"{store['id']}/{number}",
            content,
            kind,
            title,
            version_of(content, title=title, url=url, metadata=metadata, language=language),
            url=url,
            metadata=metadata,
            language=language,
            filename=filename,
        )

    def _original(self, number: str, name: str, about: Mapping[str, Any]) -> bytes | None:
        """The uploaded bytes; ``None`` where the chunks are to be read instead."""
        purpose, size = str(about.get("purpose")), about.get("bytes")
        if not self._options.originals or purpose in self._refused or _suffix(name) not in _PARSED:
            return None
        if not isinstance(size, int) or not 0 < size <= self._options.max_bytes:
            return None
        try:
            return self._api.original(number, size)
        except NotDownloadable as refusal:
            if refusal.whole_purpose:
                self._refused.add(purpose)
            return None

    def _chunks(self, store: str, number: str, entry: Mapping[str, Any]) -> bytes:
        texts, size = [], 0
        for text in self._api.chunks(store, number):
            size += len(text)
            if size > self._options.max_bytes:
                raise ValueError(f"its chunks have more than {self._options.max_bytes:,} characters (max_bytes)")
            texts.append(text)
        whole = joined(texts, _windows(entry))
        if not whole.strip():
            raise ValueError("OpenAI found no text in it")
        return whole.encode("utf-8", "replace")


def _windows(entry: Mapping[str, Any]) -> Windows | None:
    strategy = entry.get("chunking_strategy")
    static = strategy.get("static") if isinstance(strategy, dict) else None
    if not isinstance(static, dict):
        return None
    size, shared = static.get("max_chunk_size_tokens"), static.get("chunk_overlap_tokens")
    if not isinstance(size, int) or not isinstance(shared, int) or not 0 <= shared < size:
        return None
    return Windows(size, shared)


def _metadata(
    store: Mapping[str, Any], entry: Mapping[str, Any], about: Mapping[str, Any], name: str
) -> dict[str, MetaValue]:
    found: dict[str, MetaValue] = {
        "vector_store": str(store.get("name") or store["id"]),
        "vector_store_id": str(store["id"]),
        "file_id": str(entry["id"]),
        "filename": name,
    }
    created = about.get("created_at")
    if isinstance(created, int) and 0 <= created < 1 << 36:
        found["uploaded_at"] = datetime.fromtimestamp(created, UTC)
    return found


def _attributes(entry: Mapping[str, Any]) -> dict[str, MetaValue]:
    given = entry.get("attributes")
    if not isinstance(given, dict):
        return {}
    return {key: value for key, value in given.items() if isinstance(value, str | bool | int | float)}


def _key(name: str) -> str:
    """``name``, or another where the shelf has that one for itself."""
    try:
        return metadata_key(name)
    except ValueError:
        return "attribute_" + (name.replace('"', "").strip() or "unnamed")


def _link(value: MetaValue | None) -> str | None:
    if not isinstance(value, str):
        return None
    parts = urlsplit(value.strip())
    return value.strip() if parts.scheme in ("https", "http") and parts.hostname else None


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
