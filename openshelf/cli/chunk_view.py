"""Draws a cut document: each chunk in its colour, what it repeats of the one before, what is put in front of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

from openshelf.cli.printing import counted, plain, styled, table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from ingest.document import Chunk
    from openshelf.preview import Preview

_COLOURS = ("cyan", "green", "magenta", "blue")
_OVERLAP = "black on yellow"
_SHARED_OPEN, _SHARED_CLOSE = "⟦", "⟧"


def overlaps(chunks: Sequence[Chunk]) -> list[int]:
    """Characters that each chunk repeats of what came before it."""
    found, end = [], 0
    for chunk in chunks:
        found.append(max(0, min(end, chunk.end) - chunk.start))
        end = max(end, chunk.end)
    return found


def drawn(preview: Preview, width: int, *, colours: bool) -> Iterator[Text]:
    """The document, piece by piece.

    Args:
        width: columns.
        colours: whether colour shows; without it what is repeated stands in ⟦brackets⟧.
    """
    document = preview.document
    yield _heading(preview)
    yield styled("")
    for chunk, shared in zip(preview.chunks, overlaps(preview.chunks), strict=True):
        colour = _COLOURS[chunk.ordinal % len(_COLOURS)]
        yield _rule(chunk, shared, width, colour)
        if chunk.prefix:
            yield styled(f"prefix: {chunk.prefix}", "dim italic")
        if chunk.header:
            yield styled(f"header: {chunk.header}", "dim italic")
        yield _text(chunk, shared, colour, colours=colours)
    yield styled("─" * width, "dim")
    yield _summary(preview.chunks, len(document.text))


def comparison(previews: Sequence[Preview]) -> Table:
    """One line for each chunker."""
    columns = ("Chunks", "Tokens", "Smallest", "Median", "Largest", "Repeated")
    made = table("Chunker", *columns, right=columns, wide=("Chunker",))
    for preview in previews:
        sizes = [chunk.tokens for chunk in preview.chunks] or [0]
        repeated = sum(overlaps(preview.chunks))
        share = repeated / max(1, len(preview.document.text))
        made.add_row(
            styled(settings_line(preview)),
            f"{len(preview.chunks):,}",
            f"{sum(sizes):,}",
            f"{min(sizes):,}",
            f"{round(median(sizes)):,}",
            f"{max(sizes):,}",
            f"{share:.0%}",
        )
    return made


def settings_line(preview: Preview) -> str:
    """``heading (size 256, overlap 0)``, and the tokenizer where it is not the bundled one."""
    settings = preview.chunker.model_dump(mode="json")
    kind = settings.pop("type")
    if settings.get("tokenizer") == "cl100k_base":
        del settings["tokenizer"]
    inside = ", ".join(f"{key} {value}" for key, value in settings.items())
    return f"{kind} ({inside})" if inside else str(kind)


def _heading(preview: Preview) -> Text:
    document = preview.document
    text = styled(document.title or document.id, "bold")
    if document.title and document.title != document.id:
        text.append_text(styled(f"  {document.id}", "dim"))
    about = [counted(len(document.text), "character"), counted(len(preview.chunks), "chunk")]
    if document.language:
        about.append(document.language)
    text.append_text(styled(f"\n{' · '.join(about)} · {settings_line(preview)}", "dim"))
    if preview.note:
        text.append_text(styled(f"\n{preview.note}", "yellow"))
    return text


def _rule(chunk: Chunk, shared: int, width: int, colour: str) -> Text:
    parts = [f"{chunk.start:,}–{chunk.end:,}", counted(chunk.tokens, "token")]
    if shared:
        parts.append(f"repeats {counted(shared, 'character')}")
    if chunk.parent:
        parts.append(f"in {chunk.parent[0]:,}–{chunk.parent[1]:,}")
    if chunk.page is not None:
        parts.append(f"page {chunk.page}")
    if chunk.heading_path:
        parts.append(" › ".join(chunk.heading_path))
    text = styled(f"── {chunk.ordinal + 1} ── {' · '.join(parts)} ", f"bold {colour}")
    text.append("─" * max(0, width - text.cell_len))
    text.truncate(width, overflow="ellipsis")
    return text


def _text(chunk: Chunk, shared: int, colour: str, *, colours: bool) -> Text:
    if not shared:
        return styled(chunk.text, colour)
    before, after = chunk.text[:shared], chunk.text[shared:]
    text = styled(before if colours else f"{_SHARED_OPEN}{before}{_SHARED_CLOSE}", _OVERLAP)
    text.append(plain(after), style=colour)
    return text


def _summary(chunks: Sequence[Chunk], characters: int) -> Text:
    if not chunks:
        return styled("No text to index.", "yellow")
    sizes, shared = [chunk.tokens for chunk in chunks], sum(overlaps(chunks))
    repeated = f"{shared / max(1, characters):.0%} of the text repeated" if shared else "nothing repeated"
    if len(chunks) == 1:
        return styled(f"One chunk of {counted(sizes[0], 'token')}, prefix included.", "bold")
    return styled(
        f"{counted(len(chunks), 'chunk')} of {min(sizes):,} to {max(sizes):,} tokens, prefix included; "
        f"median {round(median(sizes)):,}; {repeated}.",
        "bold",
    )
