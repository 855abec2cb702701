"""How a hit looks on a terminal: its place, where it comes from, why it is there, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openshelf.cli.printing import plain, styled

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from retrieval.hit import Hit

EXCERPT = 300
"""Characters of a hit's text that are shown unless all of it is asked for."""


def hits_table(hits: Sequence[Hit], *, full: bool) -> Table:
    """All hits, one below the other."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column("#", justify="right", no_wrap=True)
    grid.add_column("score", justify="right", no_wrap=True)
    grid.add_column("hit", overflow="fold")
    for place, hit in enumerate(hits, 1):
        grid.add_row(styled(place, "dim"), styled(f"{hit.score:.3f}", "bold green"), _card(hit, full=full))
    return grid


def _card(hit: Hit, *, full: bool) -> RenderableType:
    from rich.console import Group

    heading = styled(hit.title or hit.document_id, "bold")
    heading.append_text(styled(f"  {hit.source} / {hit.document_id}", "dim"))
    lines: list[RenderableType] = [heading]
    if hit.url:
        lines.append(styled(hit.url, "blue"))
    lines.append(styled(where(hit), "dim"))
    lines.append(styled(hit.why, "cyan"))
    lines.append(styled(hit.text if full else excerpt(hit.text)))
    return Group(*lines, styled(""))


def where(hit: Hit) -> str:
    """Heading path, page and span, as far as there are any."""
    parts = [" › ".join(hit.heading_path)] if hit.heading_path else []
    if hit.page is not None:
        parts.append(f"page {hit.page}")
    parts.append(f"characters {hit.start:,}–{hit.end:,}")
    return " · ".join(parts)


def excerpt(text: str, length: int = EXCERPT) -> str:
    """The beginning of ``text`` on one line, cut at a word."""
    line = " ".join(plain(text).split())
    if len(line) <= length:
        return line
    cut = line[:length]
    return (cut[: cut.rfind(" ")] if " " in cut[length // 2 :] else cut) + " …"
