"""Plain text in any encoding, the connectors' own formats, and images where they can be read."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ParseError
from configs.schema import Parser
from ingest.document import Kind
from ingest.parse import ocr
from ingest.parse.formats import CONVERSATION, ROW
from ingest.parse.ocr import tesseract_installed
from ingest.parse.tables import table_block
from ingest.parse.text import decode
from tests.ingest.parse import fixtures
from tests.ingest.parse.shapes import assert_tiled, parsed, texts

FRENCH = "L'été dernier nous avons déjà reçu des commandes à traiter près de l'hôtel, où l'œuvre coûte 12 €."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_the_encoding_is_found(encoding: str) -> None:
    assert decode(FRENCH.encode(encoding)) == FRENCH


def test_a_declared_encoding_is_used_where_it_can_be() -> None:
    assert decode("é".encode("cp437"), "cp437") == "é"
    assert decode("é".encode(), "cp437") == "é"
    assert decode(FRENCH.encode("cp1252"), "no-such-codec") == FRENCH
    assert decode(FRENCH.encode("cp1252"), "ascii") == FRENCH


@given(st.binary(max_size=60))
def test_any_bytes_become_text(content: bytes) -> None:
    assert isinstance(decode(content), str)


@given(st.text(max_size=60))
def test_utf8_is_always_read_as_such(text: str) -> None:
    assert decode(text.encode("utf-8", "replace")) == text.encode("utf-8", "replace").decode().removeprefix("\ufeff")


def test_paragraphs_and_lists_are_told_apart() -> None:
    document = parsed("One\nline two\n\n- a\n- b\n  more of b\n\n1) x\n2) y\n\n- a\nno item\n", "text/plain")
    assert_tiled(document)
    assert [element.kind for element in document.elements] == [Kind.TEXT, Kind.LIST, Kind.LIST, Kind.TEXT]


def test_a_row_stays_as_it_is() -> None:
    document = parsed("sku: A\nnote: two\n\nlines", ROW)
    assert (texts(document), document.elements[0].kind) == (["sku: A\nnote: two\n\nlines"], Kind.ROW)


def test_turns_become_questions_and_answers() -> None:
    turns = [
        {"role": "end-user", "text": " Where? "},
        {"role": "assistant", "text": "Here."},
        {"role": "Zoé", "text": "There."},
        {"text": "And there."},
        {"role": "user", "text": "  "},
    ]
    for given_turns in (turns, {"turns": turns}):
        document = parsed(json.dumps(given_turns), CONVERSATION)
        assert texts(document) == ["Customer: Where?", "Agent: Here.", "Zoé: There.", "Agent: And there."]
        assert [element.kind for element in document.elements] == [Kind.QUESTION, *[Kind.ANSWER] * 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("3", "no list of turns"),
        ('{"turns": {}}', "no list of turns"),
        ('["x"]', "turn 1 has no text"),
        ('[{"text": "x"}, {"text": 3}]', "turn 2 has no text"),
    ],
)
def test_a_conversation_of_another_shape_is_one_sentence(content: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parsed(content, CONVERSATION)


def test_a_table_without_text_is_none_and_blank_rows_and_columns_go() -> None:
    assert table_block([["", " "], []]) is None
    block = table_block([["a", "", "b"], [], ["1"], ["2", "", "3"]], page=2)
    assert block is not None
    assert (block.text, block.page) == ("| a | b |\n| --- | --- |\n| 1 |  |\n| 2 | 3 |", 2)


def test_an_image_without_ocr_has_no_text() -> None:
    assert parsed(fixtures.image(), "image/png", Parser(ocr="off")).text == ""


def test_a_damaged_or_huge_image_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParseError, match="damaged or too large"):
        ocr.read_image(b"\x89PNG\r\n\x1a\nrubbish", ["eng"])
    monkeypatch.setattr(ocr, "_MAX_PIXELS", 10)
    with pytest.raises(ParseError, match="144,000 pixels and the limit is 10"):
        ocr.read_image(fixtures.image(), ["eng"])


def test_without_tesseract_the_hint_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ParseError, match=r"Tesseract is not installed.*apt-get install tesseract-ocr"):
        ocr.read_image(fixtures.image(), ["eng"])


@pytest.mark.skipif(not tesseract_installed(), reason="Tesseract is not installed")
def test_a_missing_language_names_its_package() -> None:
    with pytest.raises(ParseError, match="tesseract-ocr-zzz"):
        ocr.read_image(fixtures.image(), ["zzz"])


@pytest.mark.skipif(not tesseract_installed(), reason="Tesseract is not installed")
def test_pages_of_an_image_are_numbered() -> None:
    from PIL import Image

    first, second = (Image.open(io.BytesIO(fixtures.image(text))) for text in ("First page 1", "Second page 2"))
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=[second])
    document = parsed(out.getvalue(), "image/tiff")
    assert [element.page for element in document.elements] == [1, 2]
