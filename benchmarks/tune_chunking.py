"""Finds, by ``openshelf tune``, a configuration that beats both best published all-MiniLM-L6-v2 figures at once.

    python -m benchmarks.tune_chunking FOLDER [--more]

Chroma's five corpora pooled, 472 questions, 5 chunks a question. Writes corpora, gold and configuration into FOLDER,
runs ``tune_chunking.yaml`` there (and with ``--more`` one knob at a time around its winner), and prints recall and IoU
of the base and of the winner on all questions beside the published ones. Running it again goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.chunking import DATA, SOURCE, gold, write_corpora
from evaluation.gold.writing import write_gold

HERE = Path(__file__).parent
RECALL, IOU = 0.824, 0.072
"""The best published recall and the best published IoU; no published row has both."""
CONFIG = f"""\
# The five corpora as the best published row in IoU but one cuts them, searched by vectors alone.
path: shelf

embedder: {{model: all-MiniLM-L6-v2}}

defaults:
  chunker: {{type: recursive, size: 200}}
  prefix: {{title: false, headings: false}}

sources:
  {SOURCE}:
    type: files
    path: {SOURCE}
    include: ["*.txt"]

retrieval:
  top_k: 5              # as published
  keyword_weight: 0.0   # 0, as published: vectors alone
  vector_weight: 1.0

context:
  budget: 8000
"""


def main() -> int:
    """The command line above; 1 where the winner does not beat both figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--more", action="store_true", help="Also one knob at a time around the winner.")
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"The data is not at {DATA}.")
    folder = given.folder
    write_corpora(folder / SOURCE)
    write_gold(folder / "gold.jsonl", gold().cases)
    (folder / "openshelf.yaml").write_text(CONFIG, encoding="utf-8")
    for name in ("tune_chunking.yaml", "tune_chunking_more.yaml"):
        shutil.copyfile(HERE / name, folder / name)
    run("sync", "--config", str(folder / "openshelf.yaml"))
    run("tune", str(folder / "tune_chunking.yaml"), "--write", str(folder / "winner.yaml"))
    beaten = show(folder / ".openshelf-tune" / "tune_chunking" / "result.json")
    if given.more and (folder / "winner.yaml").exists():
        run("tune", str(folder / "tune_chunking_more.yaml"), "--write", str(folder / "winner-more.yaml"))
        show(folder / ".openshelf-tune" / "tune_chunking_more" / "result.json")
    return int(not beaten)


def run(*arguments: str) -> None:
    """One command of ``openshelf``, its output passed on."""
    print(f"$ openshelf {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", "openshelf", *arguments], check=True)


def show(path: Path) -> bool:
    """Print base and winner on all questions; whether the winner beats both published figures."""
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    whole = {one["measure"]: one for one in result["whole"]}
    held = {one["measure"]: one for one in result["held_out"]}
    winner = next(one for one in result["trials"] if one["number"] == result["winner"])
    print(f"{path.parent.name}: {winner['label']}")
    for measure, published in (("span_recall", RECALL), ("span_iou", IOU)):
        one, part = whole[measure], held[measure]
        print(
            f"  {measure}: best published {published:.1%}; all {one['n']} questions: base {one['before']:.1%}, winner "
            f"{one['after']:.1%}; held out (n={part['n']}): base {part['before']:.1%}, winner {part['after']:.1%}, "
            f"difference {part['difference'] * 100:+.1f} ({part['low'] * 100:+.1f} to {part['high'] * 100:+.1f})"
        )
    return bool(whole["span_recall"]["after"] > RECALL and whole["span_iou"]["after"] > IOU)


if __name__ == "__main__":
    sys.exit(main())
