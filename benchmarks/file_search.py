"""What a File Search user has today beside the tuned preset: recall against tokens of context, on every public set.

    python -m benchmarks.file_search FOLDER [--questions 300] [--sets emanual_tv,...]

Syncs each set of ``../shared/data`` twice into FOLDER, cut and searched as ``configs/file-search.yaml`` and as
``configs/tuned.yaml`` say, with the same bundled embedder. Recall is the share of the answer's passage (of its
documents, where a set names no passage) that is in the context. The last columns: the fewest hits of the tuned shelf
that reach File Search's recall, and their tokens.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chunking import SOURCE, write_corpora
from benchmarks.chunking import gold as passages
from configs.schema import Context
from evaluation.gold.anchoring import anchor

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
CHUNKING = "chunking_evaluation"
SETS = ("emanual_tv", "epqa_products", "piaf_fr", "fetaqa_dev_tables", "clapnq_noanswer", CHUNKING)
PRESETS = ("file-search", "tuned")
HITS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40)
_NO_LIMIT = 100_000


@dataclass(frozen=True)
class Asked:
    """A question with its gold: documents, or spans of them."""

    text: str
    filters: dict[str, Any] | None
    documents: frozenset[str]
    spans: tuple[tuple[str, int, int], ...] = ()


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=300, help="of each set; the first ones")
    parser.add_argument("--sets", default=",".join(SETS))
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"The data is not at {DATA}.")
    found: list[dict[str, Any]] = []
    print(f"{'set':24}{'n':>5} {'File Search':>22} {'tuned preset':>22} {'tuned, as much recall':>26}")
    for name in given.sets.split(","):
        both = {preset: curve(given.folder / f"{name}-{preset}", name, preset, given.questions) for preset in PRESETS}
        found.append(compared(name, both["tuned"][0], {preset: one for preset, (_, one) in both.items()}))
        show(found[-1])
    result = given.folder / "file-search.json"
    result.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"\nWrote {result}.")
    return 0


def questions(name: str) -> list[Asked]:
    """The questions of a set that have an answer, each with its documents."""
    wanted: dict[str, set[str]] = {}
    for line in (DATA / name / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            wanted.setdefault(query, set()).add(document)
    return [
        Asked(one["text"], one.get("filter"), frozenset(wanted[one["_id"]]))
        for one in rows(DATA / name / "queries.jsonl")
        if one["_id"] in wanted
    ]


def quoted(ledger: Any) -> list[Asked]:
    """The questions of the chunking set, with their passages where the parsed corpora have them."""
    anchored = anchor(passages(), ledger)
    if anchored.problems:
        sys.exit(f"{len(anchored.problems)} passages are not in the corpora: {anchored.problems[0]}")
    return [
        Asked(
            case.question,
            None,
            frozenset(one.document for one in case.passages),
            tuple((one.document, one.start or 0, one.end or 0) for one in case.passages),
        )
        for case in anchored.gold.cases
    ]


def curve(folder: Path, name: str, preset: str, most: int) -> tuple[int, dict[int, tuple[float, float]]]:
    """How many questions were asked; mean recall and mean tokens of context by number of hits (0: the preset's)."""
    from openshelf import Shelf
    from retrieval.context import build_context

    found: dict[int, list[tuple[float, int]]] = {}
    with Shelf.open(prepared(folder, name, preset)) as shelf:
        for report in shelf.sync():
            if report.outcome == "failed":
                sys.exit(f"{folder}: {report.error}")
        own = shelf.config.retrieval.top_k
        answerer = shelf.answerer
        gap = shelf.config.context.merge_gap
        asked = (quoted(shelf.ledger) if name == CHUNKING else questions(name))[:most]
        for one in asked:
            hits = shelf.search(one.text, filters=one.filters, top_k=max(HITS))
            for count in {*HITS, own}:
                budget = shelf.config.context.budget if count == own else _NO_LIMIT
                context = Context(budget=budget, merge_gap=gap)
                block = build_context(hits[:count], context, answerer.count_tokens, answerer.body)
                found.setdefault(count, []).append((recall(one, block.sources), block.tokens))
    means = {
        count: (float(np.mean([r for r, _ in all_])), float(np.mean([t for _, t in all_])))
        for count, all_ in found.items()
    }
    return len(asked), {0: means[own], **means}


def recall(one: Asked, sources: Sequence[Any]) -> float:
    """Share of the gold that the sources hold: of its characters, or of its documents."""
    if not one.spans:
        return len(one.documents & {source.best.document_id for source in sources}) / len(one.documents)
    covered = total = 0
    for document, start, end in one.spans:
        there = np.zeros(end - start, bool)
        for source in sources:
            if source.best.document_id == document:
                there[max(0, source.start - start) : max(0, source.end - start)] = True
        covered += int(there.sum())
        total += end - start
    return covered / total


def prepared(folder: Path, name: str, preset: str) -> Path:
    """The set's documents, and a preset's settings over them."""
    from ruamel.yaml import YAML

    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML(typ="safe")
    settings = yaml.load((ROOT / "configs" / f"{preset}.yaml").read_text(encoding="utf-8"))
    settings["path"] = "shelf"
    if name == CHUNKING:
        write_corpora(folder / "corpora")
        source = {"type": "files", "path": "corpora", "include": ["*.txt"]}
    else:
        documents = rows(DATA / name / "corpus.jsonl")
        extra = [key for key in ("asin",) if key in documents[0]]
        with (folder / "documents.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["_id", "title", "text", *extra], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(documents)
        source = {"type": "csv", "path": "documents.csv", "key": "_id", "title": "{title}"}
        # A file uploaded to File Search has its title in its text.
        source["text"] = "{title}\n{text}" if preset == "file-search" else "{text}"
        if extra:
            source["options"] = {"metadata": dict.fromkeys(extra, "str")}
    settings["sources"] = {SOURCE if name == CHUNKING else name: source}
    config = folder / "openshelf.yaml"
    with config.open("w", encoding="utf-8") as file:
        yaml.dump(settings, file)
    return config


def rows(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of ``path``."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def compared(name: str, count: int, curves: dict[str, dict[int, tuple[float, float]]]) -> dict[str, Any]:
    """One row: both presets as they are, and the tuned one with as few hits as reach File Search's recall."""
    theirs, tuned = curves["file-search"][0], curves["tuned"]
    enough = next((hits for hits in HITS if tuned[hits][0] >= theirs[0]), None)
    return {
        "set": name,
        "questions": count,
        "file_search": {"recall": theirs[0], "tokens": theirs[1]},
        "tuned": {"recall": tuned[0][0], "tokens": tuned[0][1]},
        "as_much_recall": None
        if enough is None
        else {"hits": enough, "recall": tuned[enough][0], "tokens": tuned[enough][1]},
        "curves": {preset: {str(hits): both for hits, both in one.items() if hits} for preset, one in curves.items()},
    }


def show(row: dict[str, Any]) -> None:
    """Print a row."""

    def both(one: dict[str, float]) -> str:
        return f"{one['recall']:6.1%} {one['tokens']:8,.0f} tokens"

    enough, last = row["as_much_recall"], "not reached"
    if enough is not None:
        share = row["file_search"]["tokens"] / enough["tokens"]
        last = f"{enough['hits']:>2} hits {enough['tokens']:6,.0f} tokens (1/{share:.1f})"
    start = f"{row['set']:24}{row['questions']:5}"
    print(f"{start} {both(row['file_search']):>22} {both(row['tuned']):>22} {last:>30}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
