"""Chunkers by name: the built-in ones, and others through the entry-point group ``openshelf.chunkers``."""

from __future__ import annotations

import difflib
import hashlib
import json
from importlib.metadata import EntryPoint, entry_points, version

from configs import schema
from configs.errors import ConfigError
from ingest.chunk.contract import Chunker
from ingest.chunk.conversation import Conversation
from ingest.chunk.llama import Semantic, Sentences
from ingest.chunk.parents import ParentChild
from ingest.chunk.recursive import Recursive
from ingest.chunk.rows import Rows
from ingest.chunk.sections import Headings
from ingest.chunk.tokens import tokenizer
from ingest.chunk.windows import Whole, Windows
from ingest.embed.contract import Embedder

GROUP = "openshelf.chunkers"

# Raise it when a built-in chunker cuts differently than before: sources are then rebuilt.
_VERSION = 1


def make_chunker(settings: schema.Chunker, *, embedder: Embedder | None = None) -> Chunker:
    """The chunker that ``settings`` describe.

    A plug-in's entry point is called as ``factory(options, embedder=embedder)`` and returns a ``Chunker``.

    Args:
        embedder: needed by ``semantic`` and by ``tokenizer: embedder``.

    Raises:
        ConfigError: no such chunker, a plug-in that cannot be loaded, or an embedder is needed and not given.
    """
    if isinstance(settings, schema.WholeChunker):
        return Whole()
    if isinstance(settings, schema.PluginChunker):
        return _plugin(settings, embedder)
    measure, size, overlap = tokenizer(settings.tokenizer, embedder), settings.size, settings.overlap
    match settings:
        case schema.TokenChunker():
            return Windows(measure, size, overlap)
        case schema.SentenceChunker():
            return Sentences(measure, size, overlap)
        case schema.RecursiveChunker():
            return Recursive(measure, size, overlap)
        case schema.HeadingChunker():
            return Headings(measure, size, overlap)
        case schema.RowsChunker():
            return Rows(measure, size, overlap, settings.rows)
        case schema.ConversationChunker():
            return Conversation(measure, size, overlap)
        case schema.ParentChildChunker():
            return ParentChild(measure, size, overlap, settings.parent_size)
        case schema.SemanticChunker():
            if embedder is None:
                raise ConfigError(
                    "The chunker `semantic` compares sentences with the embedder, and there is none here.",
                    hint="Give one, or use the chunker `sentence`.",
                )
            return Semantic(measure, size, overlap, settings.percentile, embedder)


def chunker_fingerprint(settings: schema.Chunker) -> str:
    """Hash of what decides where documents are cut, apart from the embedder's own fingerprint.

    Raises:
        ConfigError: a plug-in that is not installed.
    """
    parts = [_VERSION, settings.model_dump(mode="json")]
    if isinstance(settings, schema.PluginChunker):
        entry = _entry_point(settings.type)
        parts.append(f"{entry.value} {entry.dist.version if entry.dist else ''}")
    elif isinstance(settings, schema.SentenceChunker | schema.SemanticChunker):
        parts.append(".".join(version("llama-index-core").split(".")[:2]))
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:20]


def _plugin(settings: schema.PluginChunker, embedder: Embedder | None) -> Chunker:
    entry = _entry_point(settings.type)
    try:
        chunker = entry.load()(dict(settings.options), embedder=embedder)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"The chunker {settings.type!r} ({entry.value}) cannot be made: {error}",
            hint="Check its options and that its package is installed whole.",
        ) from error
    if not isinstance(chunker, Chunker):
        raise ConfigError(f"The chunker {settings.type!r} ({entry.value}) has no method spans(document).")
    return chunker


def _entry_point(name: str) -> EntryPoint:
    if name in schema.BUILT_IN_CHUNKERS:
        raise ConfigError(
            f"The chunker {name!r} is built in, not a plug-in.",
            hint="Write its settings beside `type`, without `options`.",
        )
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in found:
        return found[name]
    known = sorted({*schema.BUILT_IN_CHUNKERS, *found})
    close = difflib.get_close_matches(name, known, n=1)
    raise ConfigError(
        f"There is no chunker {name!r}.",
        hint=f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}.",
    )
