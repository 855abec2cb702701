"""The loss test: what went into a document of any format comes out, in order, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from configs.schema import Parser
from ingest.document import Kind
from ingest.parse import formats, parser_fingerprint, supported
from ingest.parse.ocr import tesseract_installed
from tests.ingest.parse import fixtures
from tests.ingest.parse.shapes import assert_in_order_once, assert_tiled, parsed, texts

CELLS = [cell.replace("|", "\\|") for row in fixtures.TABLE for cell in row]
TABLE_LINES = "| Produit | Prix | Délai |\n| --- | --- | --- |\n| Lampe | 12.50 | 2 jours |\n| Câble\\|USB | 3 | 24 h |"
STRUCTURED = {
    "html": (fixtures.html, "text/html"),
    "markdown": (fixtures.markdown, "text/markdown"),
    "docx": (fixtures.docx, formats.DOCX),
    "pptx": (fixtures.pptx, formats.PPTX),
    "pdf": (fixtures.pdf, formats.PDF),
    "pdf without rules": (lambda: fixtures.pdf(ruled=False), formats.PDF),
}
ALL = {
    **STRUCTURED,
    "xlsx": (fixtures.xlsx, formats.XLSX),
    "plain": (fixtures.plain, "text/plain"),
    "eml": (fixtures.eml, "message/rfc822"),
    "row": (fixtures.row, formats.ROW),
    "conversation": (fixtures.conversation, formats.CONVERSATION),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_words_lists_and_cells_come_out_in_order_once(name: str) -> None:
    make, media_type = STRUCTURED[name]
    document = parsed(make(), media_type)
    assert_tiled(document)
    wanted = [fixtures.TITLE, fixtures.FRENCH, *fixtures.LIST, TABLE_LINES, fixtures.CHINESE]
    assert_in_order_once(document, *wanted)
    assert texts(document, Kind.TABLE) == [TABLE_LINES]
    table = next(element for element in document.elements if element.kind is Kind.TABLE)
    assert table.header == "| Produit | Prix | Délai |\n| --- | --- | --- |"
    title = document.elements[0]
    assert (title.kind, title.level) == (Kind.TITLE, 1)
    assert document.title == fixtures.TITLE
    assert document.language == "fr"


@pytest.mark.parametrize("name", ["plain", "eml", "row", "conversation", "xlsx"])
def test_other_formats_keep_french_and_chinese_in_order(name: str) -> None:
    make, media_type = ALL[name]
    document = parsed(make(), media_type)
    assert_tiled(document)
    assert_in_order_once(document, fixtures.FRENCH, fixtures.CHINESE)


@pytest.mark.parametrize("name", ALL)
def test_parsing_twice_gives_equal_documents(name: str) -> None:
    make, media_type = ALL[name]
    content = make()
    assert parsed(content, media_type) == parsed(content, media_type)


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("row", "conversation", "eml", "markdown")])
def test_the_bytes_decide_when_the_declared_type_does_not_help(name: str) -> None:
    make, media_type = ALL[name]
    content = make()
    assert parsed(content, "application/octet-stream").elements == parsed(content, media_type).elements


def test_what_a_document_is_called_and_carries_passes_through() -> None:
    document = parsed(
        b"# H\n\ntext",
        "text/markdown; charset=utf-8",
        title="Given",
        url="https://example.org/1",
        metadata={"price": 3},
        readers=frozenset({"staff"}),
        language="de",
    )
    assert (document.title, document.url, document.language) == ("Given", "https://example.org/1", "de")
    assert (document.metadata, document.readers, document.media_type) == (
        {"price": 3},
        frozenset({"staff"}),
        "text/markdown",
    )


@pytest.mark.parametrize("media_type", [kind for kind in supported() if kind.startswith(("text/", "message/"))])
def test_an_empty_document_has_no_elements(media_type: str) -> None:
    document = parsed(b" \n\n ", media_type, filename="empty.txt")
    assert (document.text, tuple(document.elements), document.title) == ("", (), "empty.txt")
    assert document.language is None


def test_the_fingerprint_changes_with_what_changes_the_text_only() -> None:
    first = parser_fingerprint(Parser())
    assert first == parser_fingerprint(Parser(max_bytes=1))
    assert first != parser_fingerprint(Parser(keep_links=True))
    assert first != parser_fingerprint(Parser(ocr_languages=["fra"]))


CLOSED_NETWORK = """
import socket, sys
def closed(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        print("NETWORK", event, args, flush=True)
        raise OSError("the network is closed")
sys.addaudithook(closed)
import ingest.parse
heavy = {"lxml", "unstructured", "spacy", "torch", "numpy", "pdfplumber", "openpyxl", "markdown_it"} & set(sys.modules)
assert not heavy, heavy
from tests.ingest.parse.test_every_format import ALL
from tests.ingest.parse.shapes import parsed
for name, (make, media_type) in ALL.items():
    assert parsed(make(), media_type).elements, name
print("parsed", len(ALL))
"""


def test_every_format_parses_with_the_network_closed_and_nobody_is_told() -> None:
    root = Path(__file__).parents[3]
    quiet = ("SCARF_NO_ANALYTICS", "DO_NOT_TRACK")
    environment = {key: value for key, value in os.environ.items() if key not in quiet} | {"PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, "-c", CLOSED_NETWORK], capture_output=True, text=True, env=environment, cwd=root, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"parsed {len(ALL)}\n"


@pytest.mark.skipif(not tesseract_installed(), reason="Tesseract is not installed")
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_text_in_an_image_is_read(form: str) -> None:
    document = parsed(fixtures.image(form=form), f"image/{form.lower()}")
    assert_tiled(document)
    assert "Serial number 4711" in document.text
