"""Word and PowerPoint, by ``unstructured``'s partitioners (on python-docx and python-pptx).

They are good at what is tedious there: numbering labels, merged cells, sections, reading order of shapes. What they
leave out is added here: notes, pictures' texts, text boxes, footnotes and charts. Titles come from styles and
placeholders only.
"""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed
from ingest.parse.html import parse_html_text
from ingest.parse.tables import table_block
from ingest.parse.unstructured_offline import prepare_unstructured

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NOTES = {"word/footnotes.xml": "footnote", "word/endnotes.xml": "endnote"}
_registering = threading.Lock()


def parse_docx(content: bytes) -> Parsed:
    """Parse .docx: styles give titles and lists; text boxes and pictures' texts stay in place, notes come last."""
    prepare_unstructured()
    from docx import Document
    from unstructured.partition.docx import partition_docx, register_picture_partitioner

    with _registering:
        register_picture_partitioner(_DrawnText)
    elements = partition_docx(file=io.BytesIO(content), languages=[""], include_page_breaks=False)
    blocks = _merge_lists(_word_blocks(elements))
    blocks.extend(_word_notes(content))
    return Parsed(blocks, title=Document(io.BytesIO(content)).core_properties.title or "")


class _DrawnText:
    """Called by ``unstructured`` for each paragraph: text boxes and pictures' texts anchored in it."""

    @classmethod
    def iter_elements(cls, paragraph: Any, opts: Any) -> Iterator[Any]:
        from unstructured.documents.elements import ElementMetadata, Image, Text

        for node in paragraph._p.iter():
            if not isinstance(node.tag, str) or _in_fallback(node):
                continue
            name = node.tag.rpartition("}")[2]
            if name == "txbxContent":
                lines = ["".join(_runs(line)) for line in node.iter(f"{_W}p")]
                if any(line.strip() for line in lines):
                    text = "\n".join(line for line in lines if line.strip())
                    yield Text(text, metadata=ElementMetadata(page_number=opts.metadata_page_number))
            elif name == "docPr" and (alt := (node.get("descr") or "").strip()):
                yield Image(alt, metadata=ElementMetadata(page_number=opts.metadata_page_number))


def _in_fallback(node: Any) -> bool:
    """Word stores a text box twice; the copy for old programs is in ``mc:Fallback``."""
    return any(parent.tag.endswith("}Fallback") for parent in node.iterancestors())


def _runs(paragraph: Any) -> Iterator[str]:
    for node in paragraph.iter(f"{_W}t", f"{_W}tab", f"{_W}br"):
        yield (node.text or "") if node.tag == f"{_W}t" else " "


def _word_blocks(elements: Iterable[Any]) -> Iterator[Block]:
    for element in elements:
        page = element.metadata.page_number
        depth = element.metadata.category_depth or 0
        match element.category:
            case "Title":
                yield Block(Kind.TITLE, element.text, level=depth + 1, page=page)
            case "ListItem":
                yield Block(Kind.LIST, _item(element.text, depth), page=page)
            case "Table":
                yield from _table(element, page)
            case "Image":
                yield Block(Kind.IMAGE, element.text, page=page)
            case _:
                yield Block(Kind.TEXT, element.text, page=page)


def _item(text: str, depth: int) -> str:
    label = text.split(" ", 1)[0]
    marked = len(label) <= 6 and label[-1:] in ".)" and any(character.isalnum() for character in label)
    return "  " * depth + (text if marked else f"- {text}")


def _table(element: Any, page: int | None) -> list[Block]:
    markup = element.metadata.text_as_html
    if not markup:  # too large for its limit on grid cells: the text without the grid
        return [Block(Kind.TABLE, element.text, page=page)]
    blocks = parse_html_text(markup).blocks
    return [Block(block.kind, block.text, block.level, page, block.header) for block in blocks]


def _merge_lists(blocks: Iterable[Block]) -> list[Block]:
    merged: list[Block] = []
    for block in blocks:
        last = merged[-1] if merged else None
        if last and block.kind is Kind.LIST and last.kind is Kind.LIST and last.page == block.page:
            merged[-1] = Block(Kind.LIST, f"{last.text}\n{block.text}", page=last.page)
        else:
            merged.append(block)
    return merged


def _word_notes(content: bytes) -> Iterator[Block]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part, name in _NOTES.items():
            if part not in archive.namelist():
                continue
            for note in etree.fromstring(archive.read(part), parser).findall(f"{_W}{name}"):
                text = " ".join("".join(_runs(line)) for line in note.iter(f"{_W}p")).strip()
                if text:
                    yield Block(Kind.TEXT, f"[{note.get(f'{_W}id')}] {text}")


def parse_pptx(content: bytes) -> Parsed:
    """Parse .pptx: ``page`` is the slide; after a slide's own text come its charts' numbers and its notes."""
    prepare_unstructured()
    from pptx import Presentation
    from unstructured.partition.pptx import partition_pptx, register_picture_partitioner

    with _registering:
        register_picture_partitioner(_PictureText)
    presentation = Presentation(io.BytesIO(content))
    elements = partition_pptx(file=io.BytesIO(content), languages=[""], include_page_breaks=False)
    by_slide: dict[int, list[Any]] = {}
    for element in elements:
        by_slide.setdefault(element.metadata.page_number, []).append(element)
    blocks: list[Block] = []
    for number, slide in enumerate(presentation.slides, 1):
        blocks.extend(_title_first(_merge_lists(_slide_blocks(by_slide.get(number, []), number))))
        blocks.extend(_charts(slide.shapes, number))
        if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None and frame.text.strip():
            blocks.append(Block(Kind.TEXT, "Notes: " + frame.text.replace("\v", "\n").strip(), page=number))
    return Parsed(blocks, title=presentation.core_properties.title or "")


class _PictureText:
    """Called by ``unstructured`` for each picture: its alternative text."""

    @classmethod
    def iter_elements(cls, picture: Any, opts: Any) -> Iterator[Any]:
        from unstructured.documents.elements import ElementMetadata, Image

        if alt := (picture._element.nvPicPr.cNvPr.get("descr") or "").strip():
            yield Image(alt, metadata=ElementMetadata(page_number=opts.page_number))


def _slide_blocks(elements: Iterable[Any], page: int) -> Iterator[Block]:
    for element in elements:
        depth = element.metadata.category_depth or 0
        match element.category:
            case "Title" if depth == 0:  # the title placeholder; guessed titles are deeper
                yield Block(Kind.TITLE, element.text, level=1, page=page)
            case "ListItem":
                yield Block(Kind.LIST, "  " * depth + f"- {element.text}", page=page)
            case "Table":
                yield from _table(element, page)
            case "Image":
                yield Block(Kind.IMAGE, element.text, page=page)
            case _:
                yield Block(Kind.TEXT, element.text, page=page)


def _title_first(blocks: list[Block]) -> list[Block]:
    """A slide's title heads all of its text, wherever on the slide it stands."""
    return sorted(blocks, key=lambda block: block.kind is not Kind.TITLE)


def _charts(shapes: Any, page: int) -> Iterator[Block]:
    for shape in shapes:
        if getattr(shape, "has_chart", False):
            chart = shape.chart
            if chart.has_title and chart.chart_title.has_text_frame:
                yield Block(Kind.TEXT, chart.chart_title.text_frame.text, page=page)
            for plot in chart.plots:
                series = list(plot.series)
                rows = [["", *(str(one.name) for one in series)]]
                for index, category in enumerate(plot.categories):
                    values = [one.values[index] if index < len(one.values) else None for one in series]
                    rows.append([str(category), *("" if value is None else f"{value:.15g}" for value in values)])
                if (block := table_block(rows, page)) is not None:
                    yield block
        elif hasattr(shape, "shapes"):
            yield from _charts(shape.shapes, page)
