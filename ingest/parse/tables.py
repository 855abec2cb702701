"""Tables as GitHub-Markdown pipe tables: readable to people and models, one line a row, splittable by lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.document import Kind
from ingest.parse.blocks import Block

_LINE_BREAKS = re.compile(r"[^\S\n]*\n\s*")


def table_block(rows: Sequence[Sequence[str]], page: int | None = None) -> Block | None:
    """A table element of ``rows``, the first of which is taken as the header; ``None`` when no cell has text.

    Rows and columns without any text go, short rows are padded; pipes are written ``\\|`` and line breaks inside
    a cell ``<br>``, as GitHub does.
    """
    kept = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not kept:
        return None
    width = max(len(row) for row in kept)
    padded = [row + [""] * (width - len(row)) for row in kept]
    columns = [index for index in range(width) if any(row[index] for row in padded)]
    lines = [_line([_escape(row[index]) for index in columns]) for row in padded]
    separator = _line(["---"] * len(columns))
    header = f"{lines[0]}\n{separator}"
    return Block(Kind.TABLE, "\n".join([header, *lines[1:]]), page=page, header=header)


def _escape(cell: str) -> str:
    return _LINE_BREAKS.sub("<br>", cell).replace("|", "\\|")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
