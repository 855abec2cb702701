"""Runs the command line in this process or in its own, over a small shelf of real files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from openshelf.cli.running import run

ROOT = Path(__file__).resolve().parents[2]
ARTICLES = {
    "returns.md": "# Returns\n\nYou may return unworn shoes within 60 days of delivery, in their box.\n\n"
    "## Worn shoes\n\nWorn shoes can be exchanged within 30 days if they are not damaged.\n",
    "shipping.md": "# Shipping\n\nParcels to France take three working days and cost 9 pounds.\n",
    "gift-cards.md": "# Gift cards\n\nA gift card is valid for two years and cannot be exchanged for money.\n",
}
SECRET_ARTICLE = "# Goodwill\n\nAgents may grant ten pounds of goodwill for a late parcel.\n"
CONFIG = """\
path: shelf
store: {mode: embedded}
sources:
  kb: {type: files, path: kb, url_base: https://help.example.com}
  runbook: {type: files, path: runbook, visibility: [agents]}
"""


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def write_shelf(folder: Path, config: str = CONFIG) -> Path:
    """Write the articles and a configuration for them; its path."""
    for name, text in ARTICLES.items():
        (folder / "kb").mkdir(parents=True, exist_ok=True)
        (folder / "kb" / name).write_text(text)
    (folder / "runbook").mkdir(exist_ok=True)
    (folder / "runbook" / "goodwill.md").write_text(SECRET_ARTICLE)
    path = folder / "openshelf.yaml"
    path.write_text(config)
    return path


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def invoke(*arguments: str | Path, stdin: str = "", terminal: bool = False) -> Result:
    """Run a command in this process, from its arguments to its exit code.

    Args:
        terminal: whether all three streams are one.
    """
    stream = Terminal if terminal else io.StringIO
    out, err = stream(), stream()
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", stream(stdin)):
        code = run([str(argument) for argument in arguments])
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return Result(code, out.getvalue(), err.getvalue())


def spawn(*arguments: str | Path, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start a command as its own process; stdout and stderr are pipes."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "openshelf", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        text=True,
        **pipes,
    )


def sentence_of(result: Result, *, code: int = 1) -> str:
    """The one error on stderr; asserts that there is nothing else and nothing on stdout."""
    assert result.code == code, result.err
    assert result.out == ""
    first, *rest = result.err.splitlines()
    assert first.startswith("Error: ")
    assert all(line.startswith("  ") for line in rest), result.err
    return result.err.removeprefix("Error: ").strip()
