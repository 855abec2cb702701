"""The samples, and what has to be found in them."""

from __future__ import annotations

from pathlib import Path

from openshelf.migrate.code import Report, examine

SAMPLES = Path(__file__).parent / "samples"
NAMES = sorted(path.name.removesuffix(".expected") for path in SAMPLES.glob("*.expected"))


def put(name: str, folder: Path) -> Path:
    """A sample as the file that it stands for."""
    path = folder / name
    path.write_text((SAMPLES / f"{name}.txt").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def found_in(folder: Path, name: str, text: str) -> list[tuple[int, str, str]]:
    """Line, severity and rule of what is found in a file with ``text``."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return rows(examine([path]))


def rows(report: Report) -> list[tuple[int, str, str]]:
    return [(finding.line, finding.severity, finding.rule) for finding in report.findings]
