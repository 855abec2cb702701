"""Writes the sample's binary files: the PDF guide, the FAQ workbook and the shop sign.

Run it with ``python configs/sample/make_binaries.py [FOLDER]`` (needs fpdf2, openpyxl and Pillow). Dates inside the
files are fixed, so running it again with the same versions of these libraries writes the same bytes.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from openpyxl import Workbook
from openpyxl.styles import Font
from PIL import Image, ImageDraw, ImageFont

MADE = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)

GUIDE: list[tuple[str, list[str]]] = [
    (
        "Before the first trip",
        [
            "Pitch your tent once at home. You will learn the order of the poles, see that nothing is missing, and find a damaged "
            "part while there is still time to replace it. Every Larkfield tent comes with poles, pegs, guy lines, a repair sleeve "
            "and a bag for each.",
            "Seams are taped in the factory. The Larkspur 1 has a silicone-coated fly that cannot be taped: paint its ridge seam "
            "with the tube of sealant in the bag, on a dry day, and let it cure for 12 hours.",
            "Write your telephone number on the label inside the door. A third of the tents that are handed in at huts go back to "
            "their owners because of it.",
        ],
    ),
    (
        "Choosing a pitch",
        [
            "Look up first: dead branches fall on calm nights as well. Then look at the ground: a hollow that is soft and flat is "
            "where the water goes. A slight rise with drainage on two sides is worth a few minutes' walk.",
            "Point the narrow end, or the end without a door, into the wind. Keep 30 metres from water, 60 metres from a path, and at least "
            "5 metres from any fire. In Scotland and on Dartmoor, wild camping has rules of its own; in France a bivouac is usually "
            "allowed in national parks from 7 pm to 9 am, one hour's walk from the road.",
        ],
    ),
    (
        "Pitching the Summit 2 and Summit 3",
        [
            "1. Spread the inner tent and peg the two corners on the windward side.",
            "2. Join the poles. The pole with the red tip is longer and goes into the red sleeve first, from the door to the foot.",
            "3. Put its tips into the red eyelets, then raise it. Do the same with the two grey poles, which cross above the door.",
            "4. Clip the inner to the poles from the ground upwards. Throw the fly over, door over door, and hook it to the same eyelets.",
            "5. Put in the short porch pole last. Peg the fly, then tighten opposite guy lines in pairs.",
            "In wind above 40 km/h, use all eight guy lines. With all of them pegged, the Summit 2 withstood gusts of 110 km/h in the wind "
            "tunnel and the Summit 3 gusts of 100 km/h; without guy lines a pole bends at about 60 km/h.",
        ],
    ),
    (
        "Pitching the Larkspur 1",
        [
            "The Larkspur stands on one walking pole set to 120 cm and is pitched outer first, so that the inner stays dry in rain.",
            "1. Peg the four corners of the fly into a rectangle, with the door zip closed.",
            "2. Slide the pole under the fly with its tip upwards, into the cup at the peak, and raise it.",
            "3. Move the corner pegs until the ridge has no crease. Hang the inner from its five toggles.",
        ],
    ),
    (
        "Pitching the Meadow 4",
        [
            "The Meadow is a tunnel: its three arches are colour-coded, blue in front, yellow in the middle, green behind. Two people need about "
            "20 minutes. Peg the rear, slide in all arches while the tent lies flat, then pull it up from the front like an accordion. "
            "It is made for sheltered sites and should come down when gusts above 50 km/h are forecast.",
        ],
    ),
    (
        "Condensation, drying and storage",
        [
            "A person breathes out half a litre of water in a night. Open both vents, leave the lower third of the door unzipped, and cook outside. "
            "Wipe the fly in the morning before the sun warms it.",
            "Never pack a tent away wet for longer than a day: mould stains for good, and a coating that stays damp turns sticky. "
            "Dry it in the shade, as sunlight weakens nylon. Store it loose in a cotton sack rather than in its own bag.",
            "Clean it with lukewarm water and a sponge. Washing machines tear taped seams, and the guarantee does not cover that.",
        ],
    ),
    (
        "Repairs on the way",
        [
            "Split pole: slide the repair sleeve over the break, tape both ends, and go on. Torn fly: clean and dry the spot, round off the corners of "
            "a patch, stick it to both sides. Stuck slider: squeeze it gently with pliers, first one side, then the other.",
            "Spare sections carry a letter and a number, such as A4, printed next to the tip. Our workshops in Leeds and Annecy change sections "
            "while you wait; by post it takes 15 working days.",
        ],
    ),
]
SPECS = [
    ("", "Larkspur 1", "Summit 2", "Summit 3", "Meadow 4"),
    ("People", "1", "2", "3", "4"),
    ("Packed weight", "1.19 kg", "2.14 kg", "2.78 kg", "8.90 kg"),
    ("Packed size", "38 x 12 cm", "44 x 16 cm", "46 x 18 cm", "62 x 27 cm"),
    ("Height inside", "110 cm", "104 cm", "112 cm", "195 cm"),
    ("Fly, water column", "1,200 mm", "4,000 mm", "4,000 mm", "3,000 mm"),
    ("Floor, water column", "3,000 mm", "6,000 mm", "6,000 mm", "5,000 mm"),
    ("Gusts withstood", "70 km/h", "110 km/h", "100 km/h", "50 km/h"),
    ("Time to pitch", "5 min", "8 min", "10 min", "20 min"),
    ("Pitches first", "outer", "inner", "inner", "together"),
]
FAQ = [
    ("en", "orders", "Can I cancel an order?", "Yes, in My orders, until it shows Packing. After that, refuse the parcel or send it back."),
    ("en", "orders", "Can I add an item to an order?", "No. Place a second order; if both are packed on the same day we refund the second delivery charge."),
    ("en", "orders", "Do you match other shops' prices?", "Yes, for the same item in stock at a UK or French shop, within 14 days of your purchase."),
    ("en", "account", "How do I change my e-mail address?", "Account > Details. We send a link to the old and to the new address; press both within a day."),
    ("en", "account", "How do I delete my account?", "Account > Privacy > Delete. Invoices are kept for ten years, as the law asks; everything else goes within 30 days."),
    ("en", "delivery", "Do you deliver to Ireland?", "Not at present. We deliver to the United Kingdom and to mainland France and Corsica."),
    ("en", "delivery", "Do you deliver on Saturdays?", "DPD delivers on Saturdays for orders placed on Thursday before 2 pm; choose Saturday at the checkout."),
    ("en", "products", "Are your jackets free of PFAS?", "All jackets made since September 2024 are. Older stock is marked on its product page."),
    ("en", "products", "Can boots be resoled?", "The Carrock can, once, for £65. The other boots have moulded soles, which cannot be replaced."),
    ("en", "products", "Is your down traceable?", "Yes. The number on the label shows the farm, and birds are never plucked alive."),
    ("en", "shops", "Can I bring my dog into a shop?", "Dogs are welcome in all our shops, on a lead."),
    ("en", "discounts", "Is there a discount for mountain rescue?", "Members of mountain-rescue teams get 20 % with their card, in shops or through the contact form."),
    ("fr", "commandes", "Puis-je annuler une commande ?", "Oui, dans Mes commandes, tant qu'elle n'est pas en préparation. Ensuite, refusez le colis ou renvoyez-le."),
    ("fr", "commandes", "Puis-je payer en trois fois ?", "Oui, sans frais avec Alma, pour les commandes de 100 à 2 000 €."),
    ("fr", "livraison", "Livrez-vous en Belgique ?", "Pas encore. Nous livrons la France métropolitaine, la Corse et le Royaume-Uni."),
    ("fr", "livraison", "Puis-je changer de point relais ?", "Oui, avec le lien de Mondial Relay, tant que le colis n'est pas arrivé au point relais."),
    ("fr", "produits", "Où sont fabriquées vos chaussures ?", "La Vallon est fabriquée en Haute-Savoie, les autres modèles au Portugal."),
    ("fr", "produits", "Vos vestes contiennent-elles des PFAS ?", "Non, pour toutes celles fabriquées depuis septembre 2024. Les plus anciennes sont signalées."),
    ("fr", "magasins", "Les chiens sont-ils admis ?", "Oui, dans tous nos magasins, tenus en laisse."),
    ("fr", "fidélité", "Combien valent mes points ?", "200 points valent 10 €. Ils s'utilisent par tranches de 200."),
]
SIGN = ["LARKFIELD OUTDOOR", "Leeds shop - opening hours", "", "Monday to Friday   9:30 - 18:00", "Saturday   9:00 - 18:00",
        "Sunday   11:00 - 16:00", "", "Boot fitting: Thursday to Saturday", "Tent workshop: ring the blue bell"]  # fmt: skip


def write_guide(path: Path) -> None:
    """The tent guide: a title, seven chapters and a table, on A5 pages."""
    pdf = FPDF(format=(148, 210))
    pdf.set_creation_date(MADE)
    pdf.set_title("Larkfield tent guide")
    pdf.set_author("Larkfield Outdoor")
    pdf.set_lang("en")
    pdf.set_auto_page_break(True, margin=16)
    pdf.add_page()
    pdf.set_font("helvetica", "B", 22)
    pdf.multi_cell(0, 12, "Larkfield tent guide", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", "", 11)
    pdf.multi_cell(0, 6, "Pitching, care and data for the tents of 2026", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    for number, (heading, paragraphs) in enumerate(GUIDE, start=1):
        if pdf.will_page_break(40):
            pdf.add_page()
        pdf.set_font("helvetica", "B", 14)
        pdf.multi_cell(0, 9, f"{number}. {heading}", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("helvetica", "", 10.5)
        for paragraph in paragraphs:
            pdf.multi_cell(0, 5.4, paragraph, new_x="LMARGIN", new_y="NEXT")
            pdf.ln(2)
        pdf.ln(2)
    pdf.add_page()
    pdf.set_font("helvetica", "B", 14)
    pdf.multi_cell(0, 9, f"{len(GUIDE) + 1}. Specifications", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", "", 9)
    with pdf.table(col_widths=(34, 24, 24, 24, 24), text_align="LEFT") as table:
        for row in SPECS:
            table.row(row)
    pdf.output(str(path))


def write_faq(path: Path) -> None:
    """The FAQ workbook: one sheet, a header row, a row for each question."""
    book = Workbook()
    book.properties.creator = "Larkfield Outdoor"
    book.properties.created = book.properties.modified = MADE.replace(tzinfo=None)
    sheet = book.active
    sheet.title = "FAQ"
    sheet.append(["id", "language", "topic", "question", "answer", "reviewed"])
    for number, (language, topic, question, answer) in enumerate(FAQ, start=1):
        sheet.append([f"faq-{number:02}", language, topic, question, answer, datetime(2026, 4, number).date()])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column, width in zip("ABCDEF", (9, 10, 14, 44, 90, 12), strict=True):
        sheet.column_dimensions[column].width = width
    buffer = io.BytesIO()
    book.save(buffer)
    # openpyxl stamps the time of saving into the archive and the core properties.
    with zipfile.ZipFile(buffer) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as fixed:
        for name in sorted(made.namelist()):
            content = made.read(name)
            if name == "docProps/core.xml":
                stamp = f"{MADE:%Y-%m-%dT%H:%M:%SZ}".encode()
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            fixed.writestr(zipfile.ZipInfo(name, MADE.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)


def write_sign(path: Path) -> None:
    """The shop sign: dark text on a light board, large enough for OCR."""
    image = Image.new("L", (1000, 640), 245)
    draw = ImageDraw.Draw(image)
    draw.rectangle((12, 12, 987, 627), outline=40, width=6)
    for position, line in enumerate(SIGN):
        size = 58 if position == 0 else 40
        font = ImageFont.load_default(size)
        left = (1000 - draw.textlength(line, font=font)) / 2
        draw.text((left, 50 + position * 62), line, fill=20, font=font)
    image.save(path, optimize=True)


def main() -> None:
    """Write all three below the folder given, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, write in (
        ("guide/larkfield-tent-guide.pdf", write_guide),
        ("faq/faq.xlsx", write_faq),
        ("pictures/leeds-shop-sign.png", write_sign),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)


if __name__ == "__main__":
    main()
