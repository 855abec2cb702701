"""Which format a document is in, and the guards that hold before any parser sees its bytes.

What the bytes are wins over what a source says they are: a PDF sent as ``application/octet-stream`` is a PDF.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePath

from configs.errors import ParseError
from connectors.contract import SourceDocument

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF = "application/pdf"
ROW = "text/x-row"
CONVERSATION = "application/x-conversation+json"

DESCRIPTIONS: dict[str, str] = {
    "text/plain": "plain text",
    "text/markdown": "Markdown",
    "text/html": "HTML",
    "message/rfc822": "e-mail (.eml)",
    PDF: "PDF",
    DOCX: "Word (.docx)",
    PPTX: "PowerPoint (.pptx)",
    XLSX: "Excel (.xlsx)",
    "image/png": "PNG image (Tesseract)",
    "image/jpeg": "JPEG image (Tesseract)",
    "image/tiff": "TIFF image (Tesseract)",
    ROW: "one row of a table",
    CONVERSATION: "a conversation",
}
_SUFFIXES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".eml": "message/rfc822",
    ".pdf": PDF,
    ".docx": DOCX,
    ".pptx": PPTX,
    ".xlsx": XLSX,
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
_ALIASES = {
    "text/x-markdown": "text/markdown",
    "application/xhtml+xml": "text/html",
    "image/jpg": "image/jpeg",
    "application/x-pdf": PDF,
    "application/vnd.ms-word.document.macroenabled.12": DOCX,
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": PPTX,
    "application/vnd.ms-excel.sheet.macroenabled.12": XLSX,
}
_OFFICE_PARTS = {"word/document.xml": DOCX, "ppt/presentation.xml": PPTX, "xl/workbook.xml": XLSX}
_MAGIC = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML_STARTS = (b"<!doctype html", b"<html")


def detect(document: SourceDocument, max_bytes: int) -> str:
    """The media type to parse ``document`` as, one of ``DESCRIPTIONS``.

    Raises:
        ParseError: it is larger than ``max_bytes`` (unpacked, for Office files), protected by a password, or in a
            format that cannot be read.
    """
    content = document.content
    if len(content) > max_bytes:
        raise ParseError(f"it has {len(content):,} bytes and the limit is {max_bytes:,}.", hint=_RAISE_LIMIT)
    declared = document.media_type.partition(";")[0].strip().lower()
    declared = _ALIASES.get(declared, declared)
    if declared in (ROW, CONVERSATION):
        return declared
    if content.startswith(_OLE):
        raise _old_office(content)
    if content.startswith(b"PK\x03\x04"):
        return _office(content, max_bytes)
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    suffix = PurePath(document.filename or "").suffix.lower()
    found = declared if declared in DESCRIPTIONS else _SUFFIXES.get(suffix)
    if found is None and (declared.startswith("text/") or _looks_like_text(content)):
        found = "text/plain"
    if found is None:
        raise ParseError(
            f"its format ({declared or 'unknown'}) cannot be read.",
            hint=f"Formats that can: {', '.join(DESCRIPTIONS.values())}.",
        )
    if found == "text/plain" and content.lstrip()[:14].lower().startswith(_HTML_STARTS):
        return "text/html"
    return found


_RAISE_LIMIT = "Raise parser.max_bytes, or split the document."


def _office(content: bytes, max_bytes: int) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ParseError(f"its ZIP container is damaged ({error}).") from error
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > max_bytes:
        raise ParseError(f"it unpacks to {unpacked:,} bytes and the limit is {max_bytes:,}.", hint=_RAISE_LIMIT)
    for entry in entries:
        if entry.filename in _OFFICE_PARTS:
            return _OFFICE_PARTS[entry.filename]
    raise ParseError("it is a ZIP archive, not a document.", hint="Unpack it and index the files inside.")


def _old_office(content: bytes) -> ParseError:
    if "EncryptedPackage".encode("utf-16-le") in content:
        return ParseError("it is protected by a password.", hint="Save a copy without the password.")
    return ParseError(
        "it is in the binary Office format of before 2007.", hint="Save it as .docx, .pptx or .xlsx and index that."
    )


def _looks_like_text(content: bytes) -> bool:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    head = content[:8192]
    return b"\x00" not in head and sum(byte < 9 or 13 < byte < 32 for byte in head) <= len(head) // 100
