"""Tiny documents of every format, each holding the same known words in a known order."""

from __future__ import annotations

import io
import json
from email.message import EmailMessage

TITLE = "Retours et échanges"
FRENCH = "Les chaussures « portées » sont reprises sous 30 jours."
CHINESE = "退货需要在三十天内完成"
TABLE = [["Produit", "Prix", "Délai"], ["Lampe", "12.50", "2 jours"], ["Câble|USB", "3", "24 h"]]
LIST = ["premier point", "second point"]


def html() -> bytes:
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in TABLE)
    items = "".join(f"<li>{item}</li>" for item in LIST)
    return (
        f"<!doctype html><meta charset=utf-8><title>Page</title><nav>menu</nav><h1>{TITLE}</h1><p>{FRENCH}</p>"
        f"<ul>{items}</ul><table>{rows}</table><p>{CHINESE}</p><footer>pied</footer>"
    ).encode()


def markdown() -> bytes:
    first, *rest = [[cell.replace("|", "\\|") for cell in row] for row in TABLE]
    table = "\n".join(["| " + " | ".join(row) + " |" for row in (first, ["---"] * 3, *rest)])
    items = "\n".join(f"- {item}" for item in LIST)
    return f"# {TITLE}\n\n{FRENCH}\n\n{items}\n\n{table}\n\n{CHINESE}\n".encode()


def plain() -> bytes:
    items = "\n".join(f"- {item}" for item in LIST)
    return f"{TITLE}\n\n{FRENCH}\n\n{items}\n\n{CHINESE}\n".encode()


def docx() -> bytes:
    from docx import Document

    document = Document()
    document.add_heading(TITLE, 1)
    document.add_paragraph(FRENCH)
    for item in LIST:
        document.add_paragraph(item, style="List Bullet")
    table = document.add_table(len(TABLE), len(TABLE[0]))
    for row, cells in zip(table.rows, TABLE, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph(CHINESE)
    return _saved(document)


def pptx() -> bytes:
    from pptx import Presentation
    from pptx.util import Inches

    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = TITLE
    frame = slide.placeholders[1].text_frame
    frame.text = FRENCH
    for item in LIST:
        frame.add_paragraph().text = item
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Tarifs"
    table = slide.shapes.add_table(len(TABLE), len(TABLE[0]), Inches(1), Inches(2), Inches(6), Inches(2)).table
    for row, cells in enumerate(TABLE):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    slide.notes_slide.notes_text_frame.text = CHINESE
    return _saved(presentation)


def xlsx() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = TITLE
    sheet.append([FRENCH])
    for row in TABLE:
        sheet.append(row)
    book.create_sheet("autre").append([CHINESE])
    return _saved(book)


def eml(*, with_html: bool = False) -> bytes:
    message = EmailMessage()
    message["Subject"] = TITLE
    message["From"] = "Zoé <zoe@example.org>"
    message["To"] = "aide@example.org"
    message["Date"] = "Mon, 02 Jan 2023 10:00:00 +0100"
    message.set_content(f"{FRENCH}\n\n{CHINESE}\n")
    if with_html:
        message.add_alternative(f"<p>AUTRE {FRENCH}</p>", subtype="html")
    message.add_attachment(b"%PDF-secret", maintype="application", subtype="pdf", filename="facture.pdf")
    return message.as_bytes()


def pdf(*, ruled: bool = True, password: str | None = None) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer
    from reportlab.platypus import Table as PdfTable

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    body = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=13)
    heading = ParagraphStyle("heading", parent=body, fontSize=18, leading=24)
    chinese = ParagraphStyle("chinese", parent=body, fontName="STSong-Light")
    style = [("GRID", (0, 0), (-1, -1), 0.5, "black")] if ruled else []
    out = io.BytesIO()
    document = SimpleDocTemplate(out, pagesize=A4, encrypt=password)
    document.build(
        [
            Paragraph(TITLE, heading),
            Paragraph(FRENCH, body),
            Spacer(1, 20),
            *(Paragraph(f"• {item}", body) for item in LIST),
            Spacer(1, 20),
            PdfTable(TABLE, colWidths=[150, 100, 100], style=style),
            PageBreak(),
            Paragraph(CHINESE, chinese),
        ]
    )
    return out.getvalue()


def image(text: str = "Serial number 4711", form: str = "PNG") -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (900, 160), 255)
    ImageDraw.Draw(picture).text((30, 40), text, fill=0, font=ImageFont.load_default(60))
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


def scanned_pdf() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(image())).save(out, "PDF", resolution=100)
    return out.getvalue()


def row() -> bytes:
    return f"Produit: Lampe\nTexte: {FRENCH}\nNote: {CHINESE}".encode()


def conversation() -> bytes:
    return json.dumps(
        {"turns": [{"role": "customer", "text": FRENCH}, {"role": "agent", "text": CHINESE}]}, ensure_ascii=False
    ).encode()


def _saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()
