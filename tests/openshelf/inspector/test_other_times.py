"""An index that the configuration has moved away from is still shown as it is."""

from __future__ import annotations

from pathlib import Path

from openshelf import Shelf
from tests.openshelf.inspector.live import inspected


def test_a_source_that_changed_or_is_gone_is_shown_as_it_is_indexed(tmp_path: Path) -> None:
    for name in ("kept", "gone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text(f"# One\n\nThe text of {name}.\n\n# Two\n\nMore of it.\n")
    sources = {name: {"type": "files", "path": name} for name in ("kept", "gone")}
    raw = {"path": "shelf", "store": {"mode": "embedded"}}
    with Shelf.open({**raw, "sources": sources}, base_dir=tmp_path) as shelf:
        shelf.sync()
    changed = {"kept": {**sources["kept"], "chunker": {"type": "whole"}}}
    with (
        Shelf.open({**raw, "sources": changed}, base_dir=tmp_path) as shelf,
        inspected(shelf) as live,
        live.client() as client,
    ):
        kept = client.get("document?source=kept&id=a.md").text
        gone = client.get("document?source=gone&id=a.md").text
        refused = client.get("document/cut?source=gone&id=a.md&chunker=token")
        overview = client.get("").text
        found = client.get("search?q=The+text+of+gone").text
    assert "cuts kept otherwise by now" in kept and 'value="heading" title' in kept and "chunk-2" in kept
    assert "no source of this name" in gone and "chunk-2" in gone and "<form" not in gone
    assert refused.status_code == 400 and "There is no source" in refused.json()["error"]
    assert "not in the configuration" in overview
    assert "source=kept" in found and "source=gone" not in found
