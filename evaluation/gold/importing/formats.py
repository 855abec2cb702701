"""Which layout a file or folder has, and the reader of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal, TypeAlias

from configs.errors import ConfigError
from evaluation.gold.importing.collecting import Imported, Importing

Layout: TypeAlias = Literal["auto", "csv", "jsonl", "beir", "chunking-evaluation"]
FORMATS: tuple[Layout, ...] = ("auto", "csv", "jsonl", "beir", "chunking-evaluation")

_QUESTIONS = "questions_df.csv"


def import_from(path: Path | str, layout: Layout = "auto", options: Importing | None = None) -> Imported:
    """Read a file or folder.

    Args:
        layout: ``auto`` looks at names and the header.

    Raises:
        ConfigError: it cannot be read at all; a bad record is no reason.
    """
    path = Path(path).expanduser()
    options = options or Importing()
    if not path.exists():
        raise ConfigError(f"There is no file or folder {path}.")
    chosen = recognised(path) if layout == "auto" else layout
    if chosen == "beir":
        from evaluation.gold.importing.beir import read_beir

        return read_beir(path, options)
    if chosen == "chunking-evaluation":
        from evaluation.gold.importing.chunking_evaluation import read_chunking_evaluation

        return read_chunking_evaluation(path / _QUESTIONS if path.is_dir() else path, options)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, and {chosen} is a file's format.", hint="Name the file.")
    from evaluation.gold.importing.records import read_csv, read_jsonl

    return read_csv(path, options) if chosen == "csv" else read_jsonl(path, options)


def recognised(path: Path) -> Layout:
    """The layout of ``path``.

    Raises:
        ConfigError: it looks like none.
    """
    if path.is_dir():
        if (path / "queries.jsonl").is_file():
            return "beir"
        if (path / _QUESTIONS).is_file():
            return "chunking-evaluation"
        raise ConfigError(
            f"{path} has neither queries.jsonl (BEIR) nor {_QUESTIONS} (chunking_evaluation).", hint="Name a file."
        )
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    if suffix in (".csv", ".tsv", ".tab", ".txt"):
        return "chunking-evaluation" if {"references", "corpus_id"} <= _header(path) else "csv"
    raise ConfigError(
        f"{path.name} has no ending that says how to read it.",
        hint="Save a workbook as CSV, or say what it is with --format csv or --format jsonl.",
    )


def _header(path: Path) -> set[str]:
    with path.open("rb") as file:
        first = file.readline(100_000).decode("utf-8-sig", "replace")
    return {cell.strip() for cell in next(csv.reader([first.strip()]), [])}
