"""The main job on real input: a spreadsheet of 9,704 products and 1,518 French passages, through the command line.

    python -m benchmarks.main_job FOLDER

Writes both sets from ``../shared/data`` as spreadsheets into FOLDER, with a configuration; syncs them twice, asks, and
prints what each command printed and how long it took; then nDCG@10 and recall@10 of keywords, vectors and both.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CONFIG = """\
path: shelf
sources:
  products:
    type: csv
    path: products.xlsx
    key: _id
    title: "{title}"
    text: "{text}"
    options:
      metadata: {asin: str, kind: str}
    chunker: {type: whole}
  piaf:
    type: csv
    path: piaf.csv
    key: _id
    title: "{title}"
    text: "{text}"
    chunker: {type: whole}
"""


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--embedder", default="all-MiniLM-L6-v2")
    folder = parser.parse_args().folder
    if not DATA.is_dir():
        sys.exit(f"The data is not at {DATA}.")
    folder.mkdir(parents=True, exist_ok=True)
    write_workbook(folder / "products.xlsx", list(rows(DATA / "epqa_products" / "corpus.jsonl")))
    write_csv(folder / "piaf.csv", list(rows(DATA / "piaf_fr" / "corpus.jsonl")))
    config = folder / "openshelf.yaml"
    config.write_text(f"embedder: {{model: {parser.parse_args().embedder}}}\n" + CONFIG)
    for command in (
        ["check"],
        ["plan"],
        ["sync"],
        ["sync"],
        ["status"],
        ["ask", "does this crisper pan fit a kenmore refrigerator?"],
        ["ask", "À combien s'élèvent les dépenses sportives des ménages en France ?"],
        ["search", "what color is it?", "--filter", "asin=B00545ATZW", "--top-k", "3"],
    ):
        run([*command, "--config", str(config)])
    measure(config)
    return 0


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON lines of ``path``."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def write_workbook(path: Path, documents: list[dict[str, Any]]) -> None:
    """An XLSX workbook of one sheet, keys as header."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Products")
    names = list(documents[0])
    sheet.append(names)
    for document in documents:
        sheet.append([document.get(name) for name in names])
    book.save(path)


def write_csv(path: Path, documents: list[dict[str, Any]]) -> None:
    """A CSV file, keys as header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["_id", "title", "text"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(documents)


def run(arguments: list[str]) -> None:
    """Run ``openshelf`` and print what it printed."""
    print(f"\n$ openshelf {' '.join(arguments)}", flush=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "openshelf", *arguments], check=False)
    print(f"[exit {done.returncode}, {time.monotonic() - started:.1f} s]", flush=True)


def measure(config: Path) -> None:
    """nDCG@10 and recall@10 of keywords alone, vectors alone and both."""
    from openshelf import Shelf

    ways = {
        "keywords": {"vector_weight": 0},
        "vectors": {"keyword_weight": 0},
        "rrf": {"fusion": "rrf"},
        "hybrid (default)": {},
    }
    with Shelf.open(config) as shelf:
        print(f"\n{'set':28}{'':18}nDCG@10  recall@10  p50 ms  p95 ms")
        for name, source, by in (
            ("epqa_products", "products", None),
            ("epqa_products, by asin", "products", "asin"),
            ("piaf_fr", "piaf", None),
        ):
            folder = DATA / name.split(",", maxsplit=1)[0]
            wanted = qrels(folder / "qrels.tsv")
            queries = [query for query in rows(folder / "queries.jsonl") if query["_id"] in wanted]
            for way, overrides in ways.items():
                scores, times = [], []
                for query in queries:
                    narrow: dict[str, Any] = {"source": source}
                    if by:
                        narrow.update(query["filter"])
                    started = time.perf_counter()
                    hits = shelf.search(query["text"], top_k=10, filters=narrow, **overrides)
                    times.append(time.perf_counter() - started)
                    scores.append(graded([hit.document_id for hit in hits], wanted[query["_id"]]))
                times.sort()
                ndcg, recall = (sum(column) / len(scores) for column in zip(*scores, strict=True))
                p50, p95 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.95))
                print(f"{name:28}{way:18}{ndcg:.3f}    {recall:.3f}     {p50:6.1f}  {p95:6.1f}", flush=True)


def qrels(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query and document; queries without a relevant document are left out."""
    found: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            found.setdefault(query, {})[document] = int(grade)
    return found


def graded(ranked: list[str], grades: dict[str, int]) -> tuple[float, float]:
    """(nDCG@10 with linear gain, recall@10)."""
    gain = sum(grades.get(name, 0) / math.log2(place + 2) for place, name in enumerate(ranked))
    ideal = sum(grade / math.log2(place + 2) for place, grade in enumerate(sorted(grades.values(), reverse=True)[:10]))
    return gain / ideal, len(grades.keys() & set(ranked)) / len(grades)


if __name__ == "__main__":
    sys.exit(main())
