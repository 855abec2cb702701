"""The generated pages are what the code says, and drift is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from openshelf import reference
from openshelf.cli.app import ROOMS


def test_the_pages_in_docs_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check"]) == 0, capsys.readouterr().err


def test_the_page_shows_every_command_at_a_fixed_width(monkeypatch: pytest.MonkeyPatch) -> None:
    page = reference.render_command_line()
    for names in ROOMS.values():
        for name in names:
            assert f"\n## openshelf {name}\n" in page
            assert f"Usage: openshelf {name}" in page
    help_lines = page.partition("```text")[2].splitlines()
    assert max(map(len, help_lines)) <= reference.WIDTH
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("OPENSHELF_CONFIG", "/somewhere/else.yaml")
    assert reference.render_command_line() == page


def test_drift_fails_with_the_name_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "DOCS", tmp_path / "docs")
    assert reference.main(["--check"]) == 1
    assert "docs/cli.md has drifted" in capsys.readouterr().err
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    (tmp_path / "docs" / "configuration.md").write_text("old")
    assert reference.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "docs/configuration.md has drifted" in said and "cli.md" not in said
    assert reference.main(["--chekc"]) == 2
