"""When to say "not in the knowledge base": the abstention curve on clapnq, and the fit behind it.

    python -m benchmarks.abstention FOLDER [--fit]

Syncs clapnq_noanswer, emanual_tv and piaf_fr of ``../shared/data`` into a shelf in FOLDER, as default settings have it.
Prints what thresholds keep of clapnq's 300 answerable questions and refuse of its 300 unanswerable ones, whose passages
are about the right thing; and, beside it, what is kept of the other sets' questions and refused of those that are asked
of the wrong set. ``--fit`` fits the weights in ``retrieval/evidence.py`` again and cross-validates them.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.measures.abstention import auroc, curve, point, threshold_keeping

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MAIN = "clapnq_noanswer"
OTHERS = ("emanual_tv", "piaf_fr")
ASKED = 250  # questions of each other set that the fit sees; the next 250 are for looking
STRANGE = 100  # questions asked of the wrong set
LIGHT = 0.1  # weight of what is not clapnq, in the fit
NAMES = ("vector", "sentence", "three", "coverage", "terms")


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fit", action="store_true")
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"The data is not at {DATA}.")
    from openshelf import Shelf

    with Shelf.open(prepared(given.folder)) as shelf:
        for report in shelf.sync():
            if report.outcome != "clean":
                sys.exit(f"{report.source}: {report.outcome}")
        show(shelf)
        if given.fit:
            fit(shelf)
    return 0


def prepared(folder: Path) -> Path:
    """The sets as spreadsheets, and a configuration with nothing but defaults."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["path: shelf", "sources:"]
    for name in (MAIN, *OTHERS):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["_id", "title", "text"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows(DATA / name / "corpus.jsonl"))
        lines += [f"  {name}: {{type: csv, path: {name}.csv, key: _id, title: '{{title}}', text: '{{text}}'}}"]
    config = folder / "openshelf.yaml"
    config.write_text("\n".join(lines) + "\n")
    return config


def rows(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of ``path``."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def show(shelf: Any) -> None:
    """Print the curve."""

    def evidences(questions: list[dict[str, Any]], source: str) -> list[float]:
        return [
            shelf.answerer.evidence(one["text"], shelf.search(one["text"], filters={"source": source}))
            for one in questions
        ]

    questions = rows(DATA / MAIN / "queries.jsonl")
    yes = evidences([one for one in questions if one["answerable"]], MAIN)
    no = evidences([one for one in questions if not one["answerable"]], MAIN)
    area = auroc(yes, no)
    assert area is not None
    print(f"{MAIN}: {len(yes)} answerable, {len(no)} unanswerable")
    print(f"AUROC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]")
    print("threshold   kept   refused")
    for one in curve(yes, no)[:: 200 // 20]:
        print(f"{one.threshold:9.3f}  {one.kept:6.1%}  {one.refused:6.1%}")
    best = threshold_keeping(yes, no, 0.9)
    assert best is not None
    print(f"keeps 90%:   {best.threshold:.3f} refuses {best.refused:.1%}")
    default = shelf.answerer.threshold
    at = point(yes, no, default)
    print(f"the default: {default:.3f} keeps {at.kept:.1%}, refuses {at.refused:.1%}")
    for name in OTHERS:
        later = rows(DATA / name / "queries.jsonl")[ASKED : 2 * ASKED]
        kept = np.mean([value >= default for value in evidences(later, name)])
        strange = np.mean([value < default for value in evidences(questions[:STRANGE], name)])
        print(f"{name}: keeps {kept:.1%} of {len(later)} others; refuses {strange:.1%} of {STRANGE} of clapnq's")


def fit(shelf: Any) -> None:
    """Fit the weights again, and see what they do to questions that they have not seen."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    questions = rows(DATA / MAIN / "queries.jsonl")
    signals, labels, weights = [], [], []
    for asked, source, weight in (
        (questions, MAIN, 1.0),
        *((rows(DATA / name / "queries.jsonl")[:ASKED], name, LIGHT) for name in OTHERS),
        (questions[:STRANGE], OTHERS[0], LIGHT),
        (rows(DATA / OTHERS[0] / "queries.jsonl")[:STRANGE], MAIN, LIGHT),
    ):
        for one in asked:
            hits = shelf.search(one["text"], filters={"source": source})
            cosines = [hit.why.vector_score for hit in hits if hit.why.vector_score is not None]
            found = shelf.answerer.evidence.signals(one["text"], hits, cosines)
            signals.append([getattr(found, name) for name in NAMES])
            labels.append(int(len(asked) != STRANGE and one.get("answerable", True)))
            weights.append(weight)
    x, y, w = np.array(signals), np.array(labels), np.array(weights)
    whole = LogisticRegression(C=10, max_iter=2000).fit(x, y, sample_weight=w)
    said = ", ".join(f"{name} {value:.2f}" for name, value in zip(NAMES, whole.coef_[0], strict=True))
    print(f"weights: {said}, constant {whole.intercept_[0]:.2f}")
    count = len(questions)
    refused = []
    for seed in range(5):
        values = np.zeros(count)
        for train, test in StratifiedKFold(10, shuffle=True, random_state=seed).split(x[:count], y[:count]):
            seen = np.concatenate([train, np.arange(count, len(y))])
            model = LogisticRegression(C=10, max_iter=2000).fit(x[seen], y[seen], sample_weight=w[seen])
            values[test] = model.decision_function(x[:count][test])
        cut = np.quantile(values[y[:count] == 1], 0.1)
        refused.append(float((values[y[:count] == 0] < cut).mean()))
    print(f"cross-validated (5 times 10 parts): {np.mean(refused):.1%} refused where 90% are kept")


if __name__ == "__main__":
    sys.exit(main())
