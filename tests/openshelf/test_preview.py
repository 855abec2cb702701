"""``preview``: how a document is cut, for any chunker, before anything is indexed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openshelf import ConfigError, ParseError, Shelf
from tests.openshelf.command import write_shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf.open(write_shelf(tmp_path)) as opened:
        yield opened


def test_a_file_is_cut_without_a_sync(shelf: Shelf, tmp_path: Path) -> None:
    shown = shelf.preview(str(tmp_path / "kb" / "returns.md"))
    assert [chunk.text.splitlines()[0] for chunk in shown.chunks] == ["Returns", "Worn shoes"]
    small = shelf.preview(str(tmp_path / "kb" / "returns.md"), chunker={"type": "token", "size": 8})
    assert len(small.chunks) > 4
    assert shelf.status()[0].state == "never synced"


def test_a_document_on_the_shelf_is_cut_from_its_stored_text(shelf: Shelf, tmp_path: Path) -> None:
    shelf.sync()
    (tmp_path / "kb" / "shipping.md").unlink()
    assert "France" in shelf.preview("shipping.md").document.text
    with pytest.raises(ConfigError, match="neither a file nor a document"):
        shelf.preview("nosuch.md")


def test_a_document_of_two_sources_needs_its_source(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "runbook" / "shipping.md").write_text("# Shipping\n\nFor agents.\n")
    shelf.sync()
    with pytest.raises(ConfigError, match="kb, runbook"):
        shelf.preview("shipping.md")
    assert "agents" in shelf.preview("shipping.md", source="runbook").document.text


def test_a_table_shows_its_first_row(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("sku,price\nA1,20\nA2,30\n")
    shown = shelf.preview(str(tmp_path / "prices.csv"))
    assert "A1" in shown.document.text
    assert "A2" not in shown.document.text
    assert "first row" in (shown.note or "")


def test_what_cannot_be_read_or_cut_is_said_in_a_sentence(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"\x00\x01")
    with pytest.raises(ParseError, match="type that is not read"):
        shelf.preview(str(tmp_path / "film.mp4"))
    with pytest.raises(ConfigError, match="Did you mean token"):
        shelf.preview(str(tmp_path / "kb" / "returns.md"), chunker={"type": "tokne"})
    with pytest.raises(ConfigError, match="overlap"):
        shelf.preview(str(tmp_path / "kb" / "returns.md"), chunker={"type": "token", "size": 10, "overlap": 9})
