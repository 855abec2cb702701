"""Text in images, by the Tesseract program (https://tesseract-ocr.github.io), called as a subprocess.

The program reads PNG, JPEG and TIFF itself and writes plain text, so no Python wrapper is needed.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from configs.errors import ParseError
from configs.schema import Parser
from ingest.parse.blocks import Block, Parsed
from ingest.parse.text import paragraphs

_SECONDS = 120
_MAX_PIXELS = 100_000_000
_INSTALL = (
    "Install Tesseract (Debian and Ubuntu: apt-get install tesseract-ocr; macOS: brew install tesseract; Windows: "
    "https://github.com/UB-Mannheim/tesseract/wiki), or set parser.ocr to off."
)


def tesseract_installed() -> bool:
    """Whether the ``tesseract`` program is on the path."""
    return shutil.which("tesseract") is not None


def parse_image(content: bytes, settings: Parser) -> Parsed:
    """Parse image/png, image/jpeg or image/tiff (all its pages). With ``ocr: off`` an image has no text.

    Raises:
        ParseError: Tesseract or one of its languages is not installed, or the image cannot be read.
    """
    if settings.ocr == "off":
        return Parsed([])
    pages = read_image(content, settings.ocr_languages).split("\f")
    if len([page for page in pages if page.strip()]) <= 1 and len(pages) <= 2:
        return Parsed(paragraphs(pages[0]))
    return Parsed([block for number, page in enumerate(pages, 1) for block in on_page(paragraphs(page), number)])


def on_page(blocks: Sequence[Block], page: int) -> list[Block]:
    """``blocks`` with their page number."""
    return [replace(block, page=page) for block in blocks]


def read_image(content: bytes, languages: Sequence[str]) -> str:
    """The text that Tesseract sees; pages of a TIFF are separated by form feeds.

    Raises:
        ParseError: as ``parse_image``.
    """
    _check_size(content)
    program = shutil.which("tesseract")
    if program is None:
        raise ParseError("Tesseract is not installed, so images cannot be read.", hint=_INSTALL)
    missing = sorted(set(languages) - _installed_languages(program))
    if missing:
        packages = " ".join(f"tesseract-ocr-{code.replace('_', '-')}" for code in missing)
        raise ParseError(
            f"Tesseract has no data for {', '.join(missing)}.",
            hint=f"Install it (Debian and Ubuntu: apt-get install {packages}), or change parser.ocr_languages.",
        )
    command = [program, "stdin", "stdout", "-l", "+".join(languages)]
    try:
        run = subprocess.run(command, input=content, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ParseError(f"Tesseract took more than {_SECONDS} seconds.", hint="Make the image smaller.") from error
    if run.returncode != 0:
        lines = run.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ParseError(f"Tesseract cannot read it ({lines[-1] if lines else 'no message'}).")
    return run.stdout.decode("utf-8", "replace")


@lru_cache(maxsize=8)
def _installed_languages(program: str) -> frozenset[str]:
    run = subprocess.run([program, "--list-langs"], capture_output=True, timeout=_SECONDS, check=False)
    listed = (run.stdout or run.stderr).decode("utf-8", "replace").splitlines()
    return frozenset(line.strip() for line in listed[1:])


def _check_size(content: bytes) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ParseError(f"the image is damaged or too large ({error}).") from error
    if width * height > _MAX_PIXELS:
        raise ParseError(f"the image has {width * height:,} pixels and the limit is {_MAX_PIXELS:,}.")
