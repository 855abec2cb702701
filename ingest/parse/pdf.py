"""PDF, by pdfplumber (MIT; on pdfminer.six), and Tesseract for scanned pages, which pypdfium2 renders.

Not ``unstructured``'s PDF partitioner: it brings torch vision models of a gigabyte, and a hub to fetch them from.
A PDF declares no structure, so titles are lines whose font is larger than the document's body, whatever the language.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from configs.errors import ParseError
from configs.schema import Parser
from connectors.contract import MetaValue
from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed
from ingest.parse.ocr import on_page, read_image, tesseract_installed
from ingest.parse.pdf_layout import Line, Page, Table, read_page
from ingest.parse.tables import table_block
from ingest.parse.text import paragraphs

_TITLE_SCALE = 1.15  # a title's font is at least this much larger than the body's
_LONGEST_TITLE = 200
_OCR_DPI = 300
_OCR_PIXELS = 40_000_000
_BULLET = re.compile(r"(?:[-*•‣◦▪–·●○]|\(?\d{1,3}[.)])\s+\S")
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def parse_pdf(content: bytes, settings: Parser) -> Parsed:
    """Parse application/pdf: titles by font size, tables by cells, scanned pages by OCR where it is on and there.

    Metadata: ``unread_pages`` lists pages that hold only an image and could not be read, so that it shows.

    Raises:
        ParseError: it needs a password, is damaged, or has no text at all and OCR is not to be had.
    """
    pages, images = _read(content)
    scanned = [page.number for page in pages if not page.has_text and (page.items or page.number in images)]
    ocr: dict[int, list[Block]] = {}
    metadata: dict[str, MetaValue] = {}
    if scanned and settings.ocr == "auto" and tesseract_installed():
        ocr = {number: _read_scan(content, number, settings) for number in scanned}
    elif scanned:
        if settings.ocr == "auto" and len(scanned) == len(pages) and not any(page.items for page in pages):
            raise ParseError(
                "it is a scan: its pages are images, and Tesseract is not installed to read them.",
                hint="Install Tesseract (Debian and Ubuntu: apt-get install tesseract-ocr), or set parser.ocr to off.",
            )
        metadata["unread_pages"] = [str(number) for number in scanned]
    levels = _title_levels(pages)
    blocks: list[Block] = []
    for page in pages:
        blocks.extend(ocr[page.number] if page.number in ocr else _page_blocks(page, levels))
    return Parsed(_join_titles(blocks), metadata=metadata)


def _read(content: bytes) -> tuple[list[Page], set[int]]:
    """Pages, and the numbers of those that hold an image."""
    import pdfplumber
    from pdfminer.pdfdocument import PDFPasswordIncorrect
    from pdfplumber.utils.exceptions import PdfminerException

    pages: list[Page] = []
    images: set[int] = set()
    try:
        with pdfplumber.open(io.BytesIO(content), laparams={"all_texts": True}) as document:
            for page in document.pages:
                pages.append(read_page(page))
                if page.images:
                    images.add(page.page_number)
                page.close()  # frees the page's objects
    except PdfminerException as error:
        if any(isinstance(part, PDFPasswordIncorrect) for part in (*error.args, error.__context__)):
            raise ParseError("it is protected by a password.", hint="Save a copy without the password.") from error
        raise ParseError(f"it is no PDF that can be read ({error}).") from error
    return pages, images


def _read_scan(content: bytes, number: int, settings: Parser) -> list[Block]:
    import pypdfium2

    with pypdfium2.PdfDocument(content) as document:
        page = document[number - 1]
        width, height = page.get_size()
        scale = min(_OCR_DPI / 72, (_OCR_PIXELS / max(width * height, 1)) ** 0.5)
        image = page.render(scale=scale).to_pil()
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        page.close()
    return on_page(paragraphs(read_image(buffer.getvalue(), settings.ocr_languages).replace("\f", "\n")), number)


def _title_levels(pages: list[Page]) -> dict[float, int]:
    """Title level of each font size that is larger than the body's: the largest is 1."""
    characters: Counter[float] = Counter()
    for line in _all_lines(pages):
        characters[line.size] += len(line.text)
    if len(characters) < 2:
        return {}
    body = max(characters, key=lambda size: (characters[size], -size))
    larger = sorted((size for size in characters if size >= body * _TITLE_SCALE), reverse=True)
    return {size: min(level, 6) for level, size in enumerate(larger, 1)}


def _all_lines(pages: list[Page]) -> Iterator[Line]:
    for page in pages:
        for item in page.items:
            if not isinstance(item, Table):
                yield from item


def _page_blocks(page: Page, levels: dict[float, int]) -> Iterator[Block]:
    for item in page.items:
        if isinstance(item, Table):
            if (block := table_block(item.rows, page.number)) is not None:
                yield block
            continue
        for level, lines in _groups(item, levels):
            text = _join([line.text for line in lines])
            if level and len(text) <= _LONGEST_TITLE:
                yield Block(Kind.TITLE, text, level=level, page=page.number)
            elif _BULLET.match(lines[0].text):
                yield Block(Kind.LIST, _items(lines), page=page.number)
            else:
                yield Block(Kind.TEXT, text, page=page.number)


def _groups(lines: list[Line], levels: dict[float, int]) -> Iterator[tuple[int, list[Line]]]:
    """A text box cut where titles, lists and text meet."""
    group: list[Line] = []
    current: tuple[int, bool] | None = None
    for line in lines:
        level = levels.get(line.size, 0)
        bullet = not level and bool(_BULLET.match(line.text))
        in_list = bullet or (current == (0, True) and not level)  # lines after an item belong to it
        if current is not None and current != (level, in_list):
            yield current[0], group
            group = []
        current = (level, in_list)
        group.append(line)
    if current is not None:
        yield current[0], group


def _items(lines: list[Line]) -> str:
    items: list[list[str]] = []
    for line in lines:
        if _BULLET.match(line.text) or not items:
            items.append([line.text])
        else:
            items[-1].append(line.text)
    return "\n".join(_join(item) for item in items)


def _join(lines: list[str]) -> str:
    """Lines of a paragraph as one; no space between Chinese or Japanese characters, none after a hyphen."""
    text = ""
    for line in lines:
        tight = not text or (_CJK.match(text[-1]) and _CJK.match(line[0]))
        hyphenated = len(text) > 1 and text[-1] == "-" and text[-2].isalpha() and line[0].islower()
        text += line if tight or hyphenated else f" {line}"
    return text


def _join_titles(blocks: list[Block]) -> list[Block]:
    """A title that was set in two lines is one title."""
    joined: list[Block] = []
    for block in blocks:
        last: Any = joined[-1] if joined else None
        same = last is not None and last.kind is Kind.TITLE is block.kind
        if same and last.level == block.level and last.page == block.page and block.text[:1].islower():
            joined[-1] = Block(Kind.TITLE, f"{last.text} {block.text}", level=last.level, page=last.page)
        else:
            joined.append(block)
    return joined
