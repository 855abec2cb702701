"""What must hold for every parsed document, and a short way to parse bytes."""

from __future__ import annotations

from configs.schema import Parser
from connectors.contract import SourceDocument
from ingest.document import Document, Kind
from ingest.parse import parse


def parsed(content: bytes | str, media_type: str, settings: Parser | None = None, **fields: object) -> Document:
    data = content.encode() if isinstance(content, str) else content
    values: dict[str, object] = {"id": "doc-1", "title": "", "version": "v1", **fields}
    return parse("test", SourceDocument(content=data, media_type=media_type, **values), settings or Parser())


def texts(document: Document, kind: Kind | None = None) -> list[str]:
    return [document.text[e.start : e.end] for e in document.elements if kind is None or e.kind is kind]


def assert_tiled(document: Document) -> None:
    assert "\n\n".join(texts(document)) == document.text
    position = 0
    for element in document.elements:
        assert element.start >= position and element.end > element.start
        assert document.text[position : element.start].strip() == ""
        assert document.text[element.start : element.end].strip() != ""
        assert (1 <= element.level <= 6) if element.kind is Kind.TITLE else element.level == 0
        if element.header:
            assert document.text[element.start : element.end].startswith(element.header)
        position = element.end
    assert document.text[position:] == ""


def assert_in_order_once(document: Document, *wanted: str) -> None:
    position = 0
    for piece in wanted:
        found = document.text.find(piece, position)
        assert found >= 0, f"{piece!r} is missing or out of order in {document.text!r}"
        assert document.text.count(piece) == 1, f"{piece!r} comes more than once"
        position = found + len(piece)
