"""Parsing: the bytes of a document become text and elements. Offline, in any language, with nothing lost.

Which library does what, and why (each module has the details)::

    text/plain              paragraphs at blank lines; encodings by charset-normalizer        text.py
    text/html               lxml, one walk: HTML declares its structure, nothing is guessed   html.py
    text/markdown           markdown-it-py (CommonMark), then the HTML walk                   markdown.py
    message/rfc822          the standard library's email package                              mail.py
    application/pdf         pdfplumber on pdfminer.six; pypdfium2 renders scanned pages        pdf.py
    .docx, .pptx            unstructured, kept from the network                               office.py
    .xlsx                   openpyxl                                                          sheets.py
    images, scanned pages   the Tesseract program                                             ocr.py
    rows, conversations     the connectors' own formats                                       records.py

Importing this package imports none of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version

from configs.errors import ParseError
from configs.schema import Parser
from connectors.contract import SourceDocument
from ingest.document import Document, Element, Kind
from ingest.parse import formats
from ingest.parse.blocks import Parsed, assemble
from ingest.parse.language import detect_language

__all__ = ["parse", "parser_fingerprint", "supported"]

PARSER_VERSION = 1
"""Raise it whenever a parser here gives another text or other elements for the same bytes."""


def supported() -> dict[str, str]:
    """Media types that can be parsed, with a name for people."""
    return dict(formats.DESCRIPTIONS)


def parser_fingerprint(settings: Parser) -> str:
    """Hash of what decides the parsed text: the settings that matter, this package and the libraries it rests on."""
    libraries = ("unstructured", "pdfplumber", "markdown-it-py")
    decisive = [
        PARSER_VERSION,
        [f"{name} {version(name)}" for name in libraries],
        settings.ocr,
        settings.ocr_languages,
        settings.keep_links,
    ]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]


def parse(source: str, document: SourceDocument, settings: Parser) -> Document:
    """Parse ``document`` of ``source`` into text and the elements that tile it.

    The title is the source's, else the first top heading, else what the document calls itself (``<title>``,
    properties), else its file name. Metadata the document carries (an e-mail's sender, say) is added to the
    source's, which wins.

    Raises:
        ParseError: the format cannot be read, or this document cannot; names the document, the format and the
            next step.
    """
    media_type = document.media_type
    try:
        media_type = formats.detect(document, settings.max_bytes)
        parsed = _parser(media_type)(document.content, settings)
    except ParseError as error:
        raise _located(source, document, media_type, error.message, error.hint) from error
    except ImportError:
        raise  # a broken installation, not a broken document
    except Exception as error:
        # Whatever a library raises on damaged input (KeyError, BadZipFile, XMLSyntaxError...) is one bad document.
        reason = f"it is damaged or not what it claims to be ({type(error).__name__}: {error})."
        raise _located(source, document, media_type, reason, None) from error
    text, elements = assemble(parsed.blocks)
    return Document(
        id=document.id,
        source=source,
        title=document.title.strip() or _own_title(parsed, text, elements) or document.filename or "",
        text=text,
        elements=tuple(elements),
        version=document.version,
        url=document.url,
        metadata={**parsed.metadata, **document.metadata},
        readers=document.readers,
        language=document.language or detect_language(text),
        media_type=media_type,
    )


def _own_title(parsed: Parsed, text: str, elements: list[Element]) -> str:
    titles = [(item.level, text[item.start : item.end]) for item in elements if item.kind is Kind.TITLE]
    top = next((title for level, title in titles if level == 1), "")
    return top or parsed.title.strip() or (titles[0][1] if titles else "")


def _located(source: str, document: SourceDocument, media_type: str, reason: str, hint: str | None) -> ParseError:
    name = document.title or document.filename or document.id
    kind = formats.DESCRIPTIONS.get(media_type, media_type)
    return ParseError(
        f"{source}: {name!r} (id {document.id}, {kind}) cannot be parsed: {reason}",
        hint=hint or "Open it to see whether it is whole, save it again, or exclude it from the source.",
    )


def _parser(media_type: str) -> Callable[[bytes, Parser], Parsed]:
    """The parser of a detected media type; its libraries are imported here and not before."""
    if media_type == "text/html":
        from ingest.parse.html import parse_html

        return lambda content, settings: parse_html(content, settings.keep_links)
    if media_type == "text/markdown":
        from ingest.parse.markdown import parse_markdown

        return lambda content, settings: parse_markdown(content, settings.keep_links)
    if media_type == "message/rfc822":
        from ingest.parse.mail import parse_mail

        return lambda content, settings: parse_mail(content, settings.keep_links)
    if media_type == formats.PDF:
        from ingest.parse.pdf import parse_pdf

        return parse_pdf
    if media_type in (formats.DOCX, formats.PPTX):
        from ingest.parse import office

        parse_office = office.parse_docx if media_type == formats.DOCX else office.parse_pptx
        return lambda content, _: parse_office(content)
    if media_type == formats.XLSX:
        from ingest.parse.sheets import parse_sheets

        return lambda content, _: parse_sheets(content)
    if media_type.startswith("image/"):
        from ingest.parse.ocr import parse_image

        return parse_image
    from ingest.parse import records
    from ingest.parse.text import parse_text

    plain = {formats.ROW: records.parse_row, formats.CONVERSATION: records.parse_conversation}
    parse_plain = plain.get(media_type, parse_text)
    return lambda content, _: parse_plain(content)
