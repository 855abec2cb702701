"""Mail: headers decoded, text before HTML, attachments named, nothing malformed stops it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from ingest.document import Kind
from tests.ingest.parse.shapes import assert_tiled, parsed, texts

MAIL = "message/rfc822"


def test_headers_are_decoded() -> None:
    document = parsed(
        b"Subject: =?utf-8?q?=C3=A9t=C3=A9?=\n =?utf-8?q?_2026?=\nFrom: =?utf-8?q?Zo=C3=A9?= <z@example.org>\n"
        b"Date: Mon, 02 Jan 2023 10:00:00 +0100\n\nBonjour",
        MAIL,
    )
    assert_tiled(document)
    assert texts(document, Kind.TITLE) == ["été 2026"]
    assert document.title == "été 2026"
    assert document.metadata["from"] == "Zoé <z@example.org>"
    assert document.metadata["date"] == datetime(2023, 1, 2, 9, tzinfo=UTC)
    assert "to" not in document.metadata


def test_a_date_that_is_none_stays_as_it_was_written() -> None:
    assert parsed(b"Subject: a\nDate: last summer\n\nx", MAIL).metadata["date"] == "last summer"


def alternative(plain: str, html: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "s"
    message.set_content(plain)
    message.add_alternative(html, subtype="html")
    return message


def test_the_plain_version_is_read_and_html_where_it_is_blank() -> None:
    assert texts(parsed(alternative("plain words", "<p>html words</p>").as_bytes(), MAIL))[1:] == ["plain words"]
    assert texts(parsed(alternative(" \n", "<p>html words</p>").as_bytes(), MAIL))[1:] == ["html words"]
    assert texts(parsed(alternative(" ", "<p> </p>").as_bytes(), MAIL)) == ["s"]


def test_an_html_mail_keeps_its_structure() -> None:
    message = EmailMessage()
    message.set_content("<h2>Steps</h2><ul><li>one</li><li>two</li></ul>", subtype="html")
    document = parsed(message.as_bytes(), MAIL)
    assert [element.kind for element in document.elements] == [Kind.TITLE, Kind.LIST]


def test_attachments_and_embedded_parts_are_named_and_not_read() -> None:
    message = alternative("body", "<p>body</p>")
    message.add_attachment(b"secret", maintype="application", subtype="pdf", filename="le reçu.pdf")
    message.add_attachment("secret notes", filename="notes.txt")
    message.add_attachment(b"secret", maintype="image", subtype="png")
    document = parsed(message.as_bytes(), MAIL)
    assert "secret" not in document.text
    assert texts(document)[-1] == "Attachments: le reçu.pdf, notes.txt, unnamed image/png"


@pytest.mark.parametrize("charset", ["iso-8859-1", "cp1252", "utf-8", "iso-2022-jp", "no-such-charset"])
def test_the_declared_charset_is_used(charset: str) -> None:
    body = "返品したい" if charset == "iso-2022-jp" else "Où est l'été déjà passé"
    encoded = body.encode("utf-8" if charset == "no-such-charset" else charset)
    raw = f"Subject: s\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n".encode()
    assert texts(parsed(raw + encoded, MAIL))[-1] == body


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: a\nContent-Type: multipart/mixed\n\nno boundary",
        b"Subject: a\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nbody without an end",
        b"Subject: a\nContent-Transfer-Encoding: base64\n\n%%%not base64%%%",
        b"Subject: a\nContent-Type: text/plain; charset=\n\nbody",
        b"Subject: a\nFrom: <<<@@\nTo: ,,;\nDate: \n\nbody",
        b"Subject: =?utf-8?b?////?=\n\nbody",
        b"Subject: a\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner body",
    ],
)
def test_a_malformed_mail_is_still_read(raw: bytes) -> None:
    document = parsed(raw, MAIL)
    assert_tiled(document)
    assert document.text


def test_a_mail_nested_without_end_is_cut() -> None:
    raw = b"Subject: deep\n"
    for level in range(60):
        raw += f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n".encode()
    document = parsed(raw + b"Content-Type: text/plain\n\nbottom", MAIL)
    assert texts(document)[0] == "deep"
