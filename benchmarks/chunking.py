"""The published all-MiniLM-L6-v2 rows of Chroma's chunking report, measured again with ``evaluation``.

    python -m benchmarks.chunking [--runtime onnx] [--rows token-250-125 ...] [--folder FOLDER] [--out FILE.json]

Five corpora pooled, 472 questions, vectors only, 5 chunks a question, no contextual prefix. The corpora are read as
plain text, which tidies blanks at line ends and blank lines; the references are looked up in what was read. Prints
ours beside the published figures: mean ± SD over the questions, the 95% interval of our mean, and the difference.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.case import Case, Gold, Passage
from evaluation.evaluate import Measuring, evaluate
from evaluation.gold.anchoring import anchor
from evaluation.intervals import estimate
from openshelf import Shelf

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "chunking_evaluation"
SOURCE = "corpora"
MEASURES = ("span_recall", "span_precision", "precision_omega", "span_iou")


class Row(NamedTuple):
    """A published row: recall, precision, precision-Ω and IoU in percent (July 2024)."""

    chunker: str
    size: int
    overlap: int
    published: tuple[float, float, float, float]

    @property
    def name(self) -> str:
        """As ``--rows`` takes it."""
        return f"{self.chunker}-{self.size}-{self.overlap}"


ROWS = (
    Row("token", 250, 125, (82.4, 3.6, 11.4, 3.5)),
    Row("token", 250, 0, (77.1, 3.3, 16.4, 3.3)),
    Row("token", 200, 0, (76.6, 4.1, 19.1, 4.1)),
    Row("recursive", 250, 125, (78.7, 4.9, 21.9, 4.9)),
    Row("recursive", 250, 0, (78.5, 5.4, 26.7, 5.4)),
    Row("recursive", 200, 0, (75.7, 6.5, 31.2, 6.5)),
)


def main() -> int:
    """The command line above; 1 where a row's recall is more than 2 points from the published one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runtime", default="onnx-int8", choices=["onnx-int8", "onnx", "torch"])
    parser.add_argument("--rows", nargs="*", choices=[row.name for row in ROWS], help="Default: all.")
    parser.add_argument("--folder", type=Path, help="Keep the shelves here, for the next time.")
    parser.add_argument("--out", type=Path, help="Write the figures here as JSON.")
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"The data is not at {DATA}.")
    wanted = [row for row in ROWS if not given.rows or row.name in given.rows]
    figures, far = [], False
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        write_corpora(folder / SOURCE)
        print(f"{given.runtime}, n=472; percent: published | ours ± SD [95% interval of the mean] (difference)")
        for row in wanted:
            found = measure(row, folder, given.runtime)
            figures.append(found)
            far |= abs(found["measures"]["span_recall"]["difference"]) > 0.02
            show(found)
    if given.out:
        given.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return int(far)


def write_corpora(folder: Path) -> None:
    """The five corpora as text files."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((DATA / "corpora").glob("*.md")):
        shutil.copyfile(path, folder / f"{path.stem}.txt")


def gold() -> Gold:
    """The 472 questions with their references."""
    content = (DATA / "questions_df.csv").read_bytes()
    cases = []
    for number, row in enumerate(csv.DictReader(content.decode("utf-8").splitlines(keepends=True))):
        passages = tuple(
            Passage(f"{row['corpus_id']}.txt", one["content"], SOURCE, start=one["start_index"])
            for one in json.loads(row["references"])
        )
        cases.append(Case(str(number), row["question"], passages, tags=(row["corpus_id"],)))
    return Gold("chunking_evaluation", tuple(cases), hashlib.sha256(content).hexdigest())


def measure(row: Row, folder: Path, runtime: str) -> dict[str, Any]:
    """Build the row's shelf, where it is not there yet, and ask all questions."""
    config = {
        "path": str(folder / f"{runtime}-{row.name}"),
        "store": {"mode": "embedded"},
        "embedder": {"model": "all-MiniLM-L6-v2", "runtime": runtime},
        "retrieval": {"top_k": 5, "keyword_weight": 0},
        "sources": {
            SOURCE: {
                "type": "files",
                "path": str(folder / SOURCE),
                "include": ["*.txt"],
                "chunker": {"type": row.chunker, "size": row.size, "overlap": row.overlap},
                "prefix": {"title": False, "headings": False},
            }
        },
    }
    with Shelf.open(config, base_dir=folder) as shelf:
        for report in shelf.sync():
            if report.outcome != "clean":
                sys.exit(f"{row.name}: the sync was not clean: {report.error or report.counts}")
        anchored = anchor(gold(), shelf.ledger)
        for problem in anchored.problems:
            print(f"not found: {problem}", file=sys.stderr)
        options = Measuring(ks=(1, 5), span_k=5, depth=5, keep_text=False)
        run = evaluate(shelf, anchored.gold, options=options, name=row.name)
    measures = {
        name: compared([one.measures[name] for one in run.outcomes if name in one.measures], published / 100)
        for name, published in zip(MEASURES, row.published, strict=True)
    }
    return {
        "row": row.name,
        "runtime": runtime,
        "chunks": run.manifest["builds"][SOURCE]["chunks"],
        "errors": run.manifest["errors"],
        "lost_passages": len(anchored.problems),
        "measures": measures,
    }


def compared(values: list[float], published: float) -> dict[str, Any]:
    """Ours with its interval, and how far it is from the published mean."""
    ours = estimate(values)
    return {
        "n": ours.n,
        "published": published,
        "mean": ours.mean,
        "sd": ours.sd,
        "low": ours.low,
        "high": ours.high,
        "difference": ours.mean - published,
    }


def show(found: Mapping[str, Any]) -> None:
    """One row for people."""
    print(f"{found['row']} ({found['chunks']:,} chunks, {found['errors']} errors)")
    for name, one in found["measures"].items():
        interval = "" if one["low"] is None else f" [{one['low']:.1%}, {one['high']:.1%}]"
        print(
            f"  {name:<16} {one['published']:6.1%} | {one['mean']:6.1%} ± {one['sd']:.1%}{interval}"
            f" ({100 * one['difference']:+.1f} points, n={one['n']})",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
