"""The house: imports point down, and every file stays a room with one job."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORDER = ("configs", "connectors", "ingest", "retrieval", "evaluation", "openshelf")
FILES = sorted(path for room in ORDER for path in (ROOT / room).rglob("*.py") if "sample" not in path.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    above = set(ORDER[ORDER.index(room) + 1 :])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and node.level == 0
            else []
        )
        for name in names:
            assert name.split(".")[0] not in above, f"{path.relative_to(ROOT)}:{node.lineno} imports {name}"


def test_no_file_grows_beyond_a_room() -> None:
    long = {str(path.relative_to(ROOT)): count for path in FILES if (count := len(path.read_text().splitlines())) > 400}
    assert not long
