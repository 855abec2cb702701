"""E-mail (.eml) by the standard library's ``email`` package, which decodes headers and bodies by the RFCs.

``unstructured.partition_email`` reads the same message through the same package but sends the body through the
partitioners that guess; here it goes through this package's own text and HTML parsers.
"""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default as policy
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.contract import MetaValue
from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed
from ingest.parse.html import parse_html
from ingest.parse.text import decode, paragraphs

_DEEPEST = 30


def parse_mail(content: bytes, keep_links: bool = False) -> Parsed:
    """Parse message/rfc822: subject as title, text before HTML, attachments named but not read.

    Metadata: ``from``, ``to`` and ``date`` (a ``datetime``).
    """
    message = message_from_bytes(content, policy=policy)
    subject = _header(message, "subject")
    blocks = [Block(Kind.TITLE, subject, level=1)] if subject else []
    attachments: list[str] = []
    blocks.extend(_body(message, attachments, keep_links, 0))
    if attachments:
        blocks.append(Block(Kind.TEXT, "Attachments: " + ", ".join(attachments)))
    metadata: dict[str, MetaValue] = {name: value for name in ("from", "to") if (value := _header(message, name))}
    if date := _header(message, "date"):
        try:
            metadata["date"] = parsedate_to_datetime(date)
        except ValueError:
            metadata["date"] = date  # keep what the sender wrote
    return Parsed(blocks, title=subject, metadata=metadata)


def _header(message: Message, name: str) -> str:
    try:
        value = message.get(name)
    except (ValueError, IndexError, AttributeError):  # the package's header parser on malformed headers
        value = dict(message.raw_items()).get(name.title())
    return " ".join(str(value).split()) if value else ""


def _body(part: Message, attachments: list[str], keep_links: bool, depth: int) -> list[Block]:
    kind = part.get_content_type()
    if part.get_content_disposition() == "attachment" or (
        depth and not kind.startswith(("text/plain", "text/html", "multipart/"))
    ):
        attachments.append(_name(part, kind))
        return []
    if part.is_multipart():
        if depth > _DEEPEST:
            return []
        children: Any = list(part.iter_parts()) if isinstance(part, EmailMessage) else part.get_payload()
        if kind == "multipart/alternative":
            return _alternative(children, attachments, keep_links, depth)
        return [block for child in children for block in _body(child, attachments, keep_links, depth + 1)]
    payload: Any = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return []
    if kind == "text/html":
        return parse_html(payload, keep_links).blocks
    charset = part.get_content_charset()
    return paragraphs(decode(payload, charset))


def _alternative(children: list[Message], attachments: list[str], keep_links: bool, depth: int) -> list[Block]:
    """The plain version where it has text, else the first other that has."""
    for child in sorted(children, key=lambda child: child.get_content_type() != "text/plain"):
        named: list[str] = []
        if blocks := _body(child, named, keep_links, depth + 1):
            attachments.extend(named)
            return blocks
    return []


def _name(part: Message, kind: str) -> str:
    if name := part.get_filename():
        return " ".join(name.split())
    return f"unnamed {kind}"
