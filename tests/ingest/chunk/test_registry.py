"""Chunkers by name, plug-ins and fingerprints."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from configs import schema
from configs.errors import ConfigError
from ingest.chunk import Chunker, chunker_fingerprint, make_chunker, registry
from ingest.document import Document, Span
from ingest.embed.contract import Embedder
from tests.ingest.chunk.bag_of_words import BagOfWords, plain


class Halves:
    """A plug-in: the document in two."""

    def __init__(self, at: float) -> None:
        self._at = at

    def spans(self, document: Document) -> list[Span]:
        middle = int(len(document.text) * self._at)
        return [Span(0, middle), Span(middle, len(document.text))]


def halves(options: dict[str, Any], *, embedder: Embedder | None) -> Halves:
    return Halves(**options)


def not_a_chunker(options: dict[str, Any], *, embedder: Embedder | None) -> object:
    return object()


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = EntryPoints(
        EntryPoint(name, f"{__name__}:{value}", registry.GROUP)
        for name, value in [("halves", "halves"), ("empty", "not_a_chunker"), ("gone", "no_such_function")]
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: entries.select(group=group))


@pytest.mark.parametrize("name", schema.BUILT_IN_CHUNKERS)
def test_every_built_in_chunker_can_be_made(name: str) -> None:
    settings: Any = schema.BUILT_IN_CHUNKERS[name]()
    chunker = make_chunker(settings, embedder=BagOfWords())
    assert isinstance(chunker, Chunker)
    assert len(chunker.spans(plain("A short text."))) == 1


@pytest.mark.usefixtures("plugins")
def test_a_plugin_is_found_by_its_entry_point() -> None:
    chunker = make_chunker(schema.PluginChunker(type="halves", options={"at": 0.5}))
    assert chunker.spans(plain("abcd")) == [Span(0, 2), Span(2, 4)]


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("headin", {}, "Did you mean 'heading'"),
        ("halvs", {}, "Did you mean 'halves'"),
        ("zzzzzz", {}, "There are: .*halves"),
        ("halves", {"wrong": 1}, "cannot be made"),
        ("gone", {}, "cannot be made"),
        ("empty", {}, "no method spans"),
        ("token", {}, "built in"),
    ],
)
def test_a_plugin_that_cannot_be_had_says_why(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_chunker(schema.PluginChunker(type=name, options=options))


@pytest.mark.usefixtures("plugins")
def test_the_fingerprint_changes_with_any_setting_and_only_then() -> None:
    different: list[schema.Chunker] = [
        schema.HeadingChunker(),
        schema.HeadingChunker(size=200),
        schema.HeadingChunker(overlap=20),
        schema.HeadingChunker(tokenizer="embedder"),
        schema.SentenceChunker(),
        schema.WholeChunker(),
        schema.PluginChunker(type="halves"),
        schema.PluginChunker(type="halves", options={"at": 0.5}),
    ]
    assert len({chunker_fingerprint(settings) for settings in different}) == len(different)
    assert chunker_fingerprint(schema.HeadingChunker()) == chunker_fingerprint(schema.HeadingChunker(size=256))
    with pytest.raises(ConfigError):
        chunker_fingerprint(schema.PluginChunker(type="unknown"))
