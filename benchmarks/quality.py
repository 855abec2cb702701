"""How well search ranks, with the bundled models and no network: nDCG@10 on every public set, beside its two lists.

    python -m benchmarks.quality FOLDER [--sets emanual_tv,...] [--embedder all-MiniLM-L6-v2] [--runtime onnx-int8]

Syncs each set of ``../shared/data`` into FOLDER with Openshelf's defaults (each entry one document) and asks every
question that has an answer four ways: keywords alone, vectors alone, both by reciprocal ranks, both as search does.
nDCG is that of ir-measures, over documents. The last column is the goal of the set, and whether the hybrid is at
least the better of its two lists. Writes ``quality.json`` there, with machine and versions.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WAYS: dict[str, dict[str, Any]] = {
    "keywords": {"vector_weight": 0},
    "vectors": {"keyword_weight": 0},
    "rrf": {"fusion": "rrf"},
    "hybrid": {},
}
_VERSIONS = ("chromadb", "onnxruntime", "numpy", "ir-measures")


@dataclass(frozen=True, slots=True)
class Row:
    """A set, perhaps narrowed by each question's own filter, and the nDCG@10 to reach."""

    name: str
    goal: float
    narrowed: bool = False

    @property
    def label(self) -> str:
        """As it is printed."""
        return f"{self.name}, filtered" if self.narrowed else self.name


ROWS = (
    Row("emanual_tv", 0.78),
    Row("epqa_products", 0.53),
    Row("epqa_products", 0.86, narrowed=True),
    Row("piaf_fr", 0.83),
    Row("fetaqa_dev_tables", 0.92),
    Row("clapnq_noanswer", 0.985),
)


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default=",".join(dict.fromkeys(row.name for row in ROWS)))
    parser.add_argument("--embedder", default="all-MiniLM-L6-v2")
    parser.add_argument("--runtime", default="onnx-int8")
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"The data is not at {DATA}.")
    found = []
    print(f"{'set':26}{'n':>6}" + "".join(f"{way:>10}" for way in WAYS) + f"{'goal':>8}")
    for row in ROWS:
        if row.name in given.sets.split(","):
            found.append(measured(row, given))
            show(found[-1])
    result = given.folder / "quality.json"
    made = {
        "embedder": given.embedder,
        "runtime": given.runtime,
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()},
        "versions": {name: version(name) for name in _VERSIONS},
        "sets": found,
    }
    result.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(f"\nWrote {result}.")
    return 0


def measured(row: Row, given: argparse.Namespace) -> dict[str, Any]:
    """nDCG@10 of each way."""
    import ir_measures
    from ir_measures import nDCG

    from openshelf import Shelf

    qrels = graded(DATA / row.name / "qrels.tsv")
    wanted = {one.query_id for one in qrels}
    asked = [one for one in lines(DATA / row.name / "queries.jsonl") if one["_id"] in wanted]
    means: dict[str, float] = {}
    with Shelf.open(prepared(given.folder / row.name, row.name, given)) as shelf:
        for report in shelf.sync():
            if report.outcome == "failed":
                sys.exit(f"{row.name}: {report.error}")
        for way, overrides in WAYS.items():
            run = [
                ir_measures.ScoredDoc(one["_id"], hit.document_id, -float(place))
                for one in asked
                for place, hit in enumerate(
                    shelf.search(
                        one["text"],
                        top_k=10,
                        filters=one["filter"] if row.narrowed else None,
                        per_document=1,
                        **overrides,
                    )
                )
            ]
            means[way] = float(ir_measures.calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10])
    return {"set": row.label, "questions": len(asked), "ndcg_10": means, "goal": row.goal}


def graded(path: Path) -> list[Any]:
    """The set's grades, those of questions that have an answer."""
    import ir_measures

    split = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [ir_measures.Qrel(query, document, int(grade)) for query, document, grade in split if int(grade) > 0]


def prepared(folder: Path, name: str, given: argparse.Namespace) -> Path:
    """The set as a spreadsheet, and a configuration that sets nothing but where things are."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = lines(DATA / name / "corpus.jsonl")
    extra = [key for key in ("asin",) if key in documents[0]]
    with (folder / "documents.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["_id", "title", "text", *extra], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(documents)
    source = {"type": "csv", "path": "documents.csv", "key": "_id", "title": "{title}", "text": "{text}"}
    options = {"options": {"metadata": dict.fromkeys(extra, "str")}} if extra else {}
    config = folder / "openshelf.yaml"
    settings = {
        "path": f"shelf-{given.embedder.replace('/', '-')}-{given.runtime}",
        "embedder": {"model": given.embedder, "runtime": given.runtime},
        "sources": {name.replace("_", "-"): {**source, **options}},
    }
    config.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")  # JSON is YAML
    return config


def lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of ``path``."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def show(found: dict[str, Any]) -> None:
    """Print a row."""
    means = found["ndcg_10"]
    reached = "reached" if means["hybrid"] >= found["goal"] else f"-{found['goal'] - means['hybrid']:.3f}"
    better = max(means["keywords"], means["vectors"])
    lost = "" if means["hybrid"] >= better else f", {better - means['hybrid']:.3f} below its better list"
    scores = "".join(f"{means[way]:10.3f}" for way in WAYS)
    print(f"{found['set']:26}{found['questions']:6}{scores}{found['goal']:8.3f} {reached}{lost}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
