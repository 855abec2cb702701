"""From spans to chunks: text, heading path, page, contextual prefix and length."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from configs.errors import ParseError
from configs.schema import Prefix
from connectors.contract import MetaValue
from ingest.chunk.contract import Chunker
from ingest.document import Chunk, Document, Kind

PREFIX_TOKENS = 64
"""A longer prefix is cut, so that it never crowds out the text."""

SEPARATOR = " › "


def cut(document: Document, chunker: Chunker, prefix: Prefix, count_tokens: Callable[[str], int]) -> list[Chunk]:
    """The chunks of ``document``, in order, blank space around each trimmed off.

    Args:
        count_tokens: gives ``Chunk.tokens``, the length of ``embed_text``; also measures the prefix.

    Raises:
        ParseError: the chunker gave a span that is not inside the document.
    """
    outline = Outline(document)
    prefixes = _Prefixes(document, prefix, count_tokens)
    chunks: list[Chunk] = []
    for span in sorted(chunker.spans(document), key=lambda span: (span.start, span.end)):
        start, end = _trimmed(document, span.start, span.end)
        if start == end:
            continue
        path = outline.heading_path(start)
        chunk = Chunk(
            text=document.text[start:end],
            start=start,
            end=end,
            ordinal=len(chunks),
            heading_path=path,
            page=outline.page(start),
            header=span.header,
            prefix=prefixes.of(path),
            parent=_trimmed(document, *span.parent) if span.parent else None,
        )
        chunks.append(replace(chunk, tokens=count_tokens(chunk.embed_text)))
    return chunks


class Outline:
    """``Document.heading_path`` and ``Document.page`` for many positions: one pass, then O(log n) each."""

    def __init__(self, document: Document) -> None:
        self._changes: list[int] = []
        self._paths: list[tuple[str, ...]] = [()]
        self._page_starts: list[int] = []
        self._pages: list[int | None] = [None]
        above: list[tuple[int, str]] = []
        for element in document.elements:
            if element.page is not None:
                self._page_starts.append(element.start)
                self._pages.append(element.page)
            if element.kind is Kind.TITLE:
                while above and above[-1][0] >= element.level:
                    above.pop()
                # In the title itself only what encloses it is above; the section before is not.
                self._changes.append(element.start)
                self._paths.append(tuple(text for _, text in above))
                above.append((element.level, document.text[element.start : element.end].strip()))
                self._changes.append(element.end)
                self._paths.append(tuple(text for _, text in above))

    def heading_path(self, position: int) -> tuple[str, ...]:
        """Titles above ``position``, outermost first."""
        return self._paths[bisect_right(self._changes, position)]

    def page(self, position: int) -> int | None:
        """The page at ``position``."""
        return self._pages[bisect_right(self._page_starts, position)]


class _Prefixes:
    """Contextual prefixes of one document, made once for each heading path."""

    def __init__(self, document: Document, settings: Prefix, count_tokens: Callable[[str], int]) -> None:
        self._title = _one_line(document.title) if settings.title else ""
        self._headings = settings.headings
        values = (document.metadata.get(key) for key in settings.metadata)
        self._values = [_one_line(_shown(value)) for value in values if value is not None]
        self._count_tokens = count_tokens
        self._made: dict[tuple[str, ...], str] = {}

    def of(self, path: tuple[str, ...]) -> str:
        if path not in self._made:
            headings = [_one_line(heading) for heading in path] if self._headings else []
            parts: list[str] = []
            for part in [self._title, *headings, *self._values]:
                if part and (not parts or part.casefold() != parts[-1].casefold()):
                    parts.append(part)
            self._made[path] = self._capped(SEPARATOR.join(parts))
        return self._made[path]

    def _capped(self, text: str) -> str:
        if self._count_tokens(text) <= PREFIX_TOKENS:
            return text
        low, high = 0, min(len(text), PREFIX_TOKENS * 32)
        while low < high:
            middle = (low + high + 1) // 2
            if self._count_tokens(f"{text[:middle].rstrip()}…") <= PREFIX_TOKENS:
                low = middle
            else:
                high = middle - 1
        return f"{text[:low].rstrip()}…" if low else ""


def _trimmed(document: Document, start: int, end: int) -> tuple[int, int]:
    text = document.text
    if not 0 <= start <= end <= len(text):
        raise ParseError(
            f"The chunker gave the span {start}:{end} for document {document.id!r} of {len(text)} characters.",
            hint="That is a mistake in the chunker; use another one for this source.",
        )
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shown(value: MetaValue) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return value.isoformat() if isinstance(value, date) else str(value)
