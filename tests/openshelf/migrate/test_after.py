"""The code of docs/migrate.md: what it was is found, and what it becomes runs with the official client."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openshelf import Shelf
from openshelf.migrate.code import examine
from tests.server.live import serving

PAGE = Path(__file__).parents[3] / "docs" / "migrate.md"
STORE = "67af2c81d09c8191"
RETURNS = "# Returns\n\nWorn shoes can be exchanged within 30 days if they are not damaged."


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_code_before_is_found_and_the_code_after_needs_no_change(tmp_path: Path) -> None:
    (tmp_path / "before.py").write_text("\n".join(blocks("py")))
    (tmp_path / "after.py").write_text("\n".join(blocks("python")))
    before, after = examine([tmp_path / "before.py"]), examine([tmp_path / "after.py"])
    assert {one.rule for one in before.findings if one.severity == "change"} == {
        "assistants-create", "file-search-tool", "tool-resources", "threads-create", "messages-create", "runs-create",
        "run-assistant", "runs-poll", "messages-list", "message-text",
    }  # fmt: skip
    assert after.counts["change"] == 0


def test_the_code_after_runs_on_a_live_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "returns.md").write_text(RETURNS)
    config = {
        "path": "shelf",
        "store": {"mode": "embedded"},
        "answer": {"provider": "extractive"},
        "sources": {STORE: {"type": "files", "path": "kb"}},
    }
    with Shelf.open(config, base_dir=tmp_path) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean"]
        with serving(shelf) as live:
            monkeypatch.setenv("OPENAI_BASE_URL", f"{live.url}/v1")
            names: dict[str, object] = {}
            said = []
            for code in blocks("python"):
                exec(compile(code, str(PAGE), "exec"), names)
                said.append(capsys.readouterr().out)
            names["client"].close()  # type: ignore[attr-defined]
    asked, streamed, cited, history = said
    assert "30 days" in asked
    assert "30 days" in streamed
    assert re.fullmatch(r"(Returns doc_\w+ \d+\n)+", cited)
    roles = re.findall(r"^(user|assistant) ", history, re.MULTILINE)
    assert roles == ["user", "assistant", "user", "assistant"]
