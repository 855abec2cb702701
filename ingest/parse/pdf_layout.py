"""The geometry of a PDF page: lines of text in reading order, and the cells of its tables.

pdfminer's layout analysis gives text boxes in reading order (columns one after the other), pdfplumber's table finder
the cells of ruled tables. What neither does is a table without rules: pdfminer reads it column by column, so runs of
short lines that stand in aligned columns are put back into rows here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

_CELL_CHARACTERS = 28  # lines of running text in narrow columns are longer than this
_UNMAPPED = re.compile(r"\(cid:\d+\)")  # what pdfminer writes for a glyph whose character the file does not tell
_LEADING_GLYPH = re.compile(r"^\(cid:\d+\)(?=\s)")
_ROW_GAP = 2.5  # rows of one table are at most this many line heights apart


@dataclass(slots=True)
class Line:
    """A line of text in one column; coordinates in points from the lower left corner, ``size`` of its font."""

    text: str
    size: float
    x0: float
    x1: float
    bottom: float
    top: float


@dataclass(slots=True)
class Table:
    """Rows of cells, and where they stand."""

    rows: list[list[str]]
    x0: float
    x1: float
    bottom: float
    top: float


@dataclass(slots=True)
class Page:
    """What is on a page, in reading order: text boxes (their lines) and tables."""

    number: int
    items: list[list[Line] | Table] = field(default_factory=list)

    @property
    def has_text(self) -> bool:
        """Whether anything was found that can be read (not mostly glyphs without characters)."""
        lines = [line.text for item in self.items if isinstance(item, list) for line in item]
        unmapped = sum(len(_UNMAPPED.findall(text)) for text in lines)
        readable = sum(len(_UNMAPPED.sub("", text)) for text in lines)
        return bool(self.items) and (unmapped <= readable or any(isinstance(item, Table) for item in self.items))


def read_page(page: Any) -> Page:
    """Lay out a ``pdfplumber`` page opened with layout parameters."""
    tables, taken = _ruled_tables(page)
    boxes = [lines for box in _text_boxes(page.layout) if (lines := _lines(box, taken))]
    tables.extend(_aligned_tables(boxes))
    items: list[list[Line] | Table] = [box for box in boxes if box]
    for table in tables:
        below = (
            index
            for index, item in enumerate(items)
            if _top(item) < table.top and _left(item) < table.x1 and _right(item) > table.x0
        )
        items.insert(next(below, len(items)), table)
    return Page(page.page_number, items)


def _top(item: list[Line] | Table) -> float:
    return item.top if isinstance(item, Table) else max(line.top for line in item)


def _left(item: list[Line] | Table) -> float:
    return item.x0 if isinstance(item, Table) else min(line.x0 for line in item)


def _right(item: list[Line] | Table) -> float:
    return item.x1 if isinstance(item, Table) else max(line.x1 for line in item)


def _text_boxes(container: Any) -> list[Any]:
    """Text boxes of a layout, in pdfminer's reading order; those of figures (forms, overlays) last."""
    from pdfminer.layout import LTFigure, LTTextBox

    boxes = [item for item in container if isinstance(item, LTTextBox)]
    for item in container:
        if isinstance(item, LTFigure):
            boxes.extend(_text_boxes(item))
    return boxes


Cell = tuple[float, float, float, float]


def _ruled_tables(page: Any) -> tuple[list[Table], list[Cell]]:
    """Tables with rules, and their cells as (x0, bottom, x1, top)."""
    if len(page.lines) + len(page.rects) + len(page.curves) < 3:
        return [], []
    tables: list[Table] = []
    taken: list[Cell] = []
    for found in page.find_tables():
        rows = [[cell or "" for cell in row] for row in found.extract()]
        filled = sum(bool(cell.strip()) for row in rows for cell in row)
        if len(rows) < 2 or max(len(row) for row in rows) < 2 or filled < 3:
            continue  # a frame around text
        x0, top, x1, bottom = found.bbox
        height = page.height
        tables.append(Table(rows, x0, x1, height - bottom, height - top))
        taken.extend((c[0], height - c[3], c[2], height - c[1]) for c in found.cells)
    return tables, taken


def _lines(box: Any, taken: Sequence[Cell]) -> list[Line]:
    from pdfminer.layout import LTChar, LTTextLine

    lines = []
    for item in box:
        if not isinstance(item, LTTextLine):
            continue
        if taken:
            characters = [one for one in item if not (isinstance(one, LTChar) and _inside(one, taken))]
        else:
            characters = list(item)
        text = "".join(one.get_text() for one in characters).strip(" \n")
        text = _LEADING_GLYPH.sub("•", text)  # a bullet, in all likelihood
        glyphs = [one for one in characters if isinstance(one, LTChar) and one.get_text().strip()]
        if not glyphs:
            continue
        lines.append(
            Line(
                text,
                round(median(one.size for one in glyphs), 1),
                min(one.x0 for one in glyphs),
                max(one.x1 for one in glyphs),
                min(one.y0 for one in glyphs),
                max(one.y1 for one in glyphs),
            )
        )
    return lines


def _inside(character: Any, cells: Sequence[Cell]) -> bool:
    """pdfplumber's own rule for which characters a cell holds: those whose middle it holds."""
    x, y = (character.x0 + character.x1) / 2, (character.y0 + character.y1) / 2
    return any(x0 <= x < x1 and bottom < y <= top for x0, bottom, x1, top in cells)


def _aligned_tables(boxes: list[list[Line]]) -> list[Table]:
    """Take runs of aligned short lines out of ``boxes`` and return them as tables."""
    tables = []
    for run in _runs(_rows([line for box in boxes for line in box])):
        if (table := _as_table(run)) is None:
            continue
        used = {id(line) for row in run for line in row}
        for box in boxes:
            box[:] = [line for line in box if id(line) not in used]
        tables.append(table)
    return tables


def _rows(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines that stand at the same height, from the top of the page, each row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: -(one.top + one.bottom)):
        middle = (line.top + line.bottom) / 2
        if rows and rows[-1][0].bottom <= middle <= rows[-1][0].top:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda one: one.x0) for row in rows]


def _runs(rows: list[list[Line]]) -> list[list[list[Line]]]:
    """Neighbouring rows of two or more lines each; a row of one inside a run stays (a cell that is alone)."""
    runs: list[list[list[Line]]] = []
    current: list[list[Line]] = []
    for row in rows:
        near = not current or current[-1][0].bottom - row[0].top < _ROW_GAP * (row[0].top - row[0].bottom)
        if len(row) >= 2 and near:
            current.append(row)
        else:
            if len(current) >= 2:
                runs.append(current)
            current = [row] if len(row) >= 2 else []
    if len(current) >= 2:
        runs.append(current)
    return runs


def _as_table(rows: list[list[Line]]) -> Table | None:
    lines = [line for row in rows for line in row]
    if median(len(line.text) for line in lines) > _CELL_CHARACTERS:
        return None  # running text in columns
    columns: list[tuple[float, float]] = []
    for line in sorted(lines, key=lambda one: one.x0):
        if columns and line.x0 < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], line.x1))
        else:
            columns.append((line.x0, line.x1))
    if len(columns) < 2 or max(len(row) for row in rows) < len(columns):
        return None
    grid = []
    for row in rows:
        cells = [""] * len(columns)
        for line in row:
            index = next(i for i, (left, right) in enumerate(columns) if left <= line.x0 <= right)
            cells[index] = f"{cells[index]} {line.text}".strip()
        grid.append(cells)
    return Table(
        grid,
        min(line.x0 for line in lines),
        max(line.x1 for line in lines),
        min(line.bottom for line in lines),
        max(line.top for line in lines),
    )
