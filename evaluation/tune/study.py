"""Runs a study: measures the base, then one configuration after the other, until all are done or a budget is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from configs.errors import ConfigError
from evaluation.case import Gold
from evaluation.gold.anchoring import anchor
from evaluation.gold.reading import read_gold
from evaluation.snapshot import opened
from evaluation.subject import OpenSubject
from evaluation.tune.bench import Bench, Step
from evaluation.tune.budgets import Budgets
from evaluation.tune.candidates import Course
from evaluation.tune.judging import Judge
from evaluation.tune.measuring import Ruler
from evaluation.tune.objective import resolved
from evaluation.tune.result import StudyResult
from evaluation.tune.settings import TuneFile
from evaluation.tune.space import Candidate, Space
from evaluation.tune.split import split
from evaluation.tune.storage import Storage
from evaluation.variant import Variants


def run_study(
    file: TuneFile,
    folder: Path,
    open_subject: OpenSubject,
    *,
    fresh: bool = False,
    watch: Callable[[Step], None] | None = None,
    budgets: Budgets | None = None,
) -> StudyResult:
    """Measure what is not measured yet, and judge.

    Args:
        folder: the study's own; made where it is not there.
        open_subject: opens a shelf for a configuration.
        fresh: forget earlier trials and copy the shelf again; the embeddings are kept.
        watch: told after each step; what it raises ends the study, and the next run goes on.

    Raises:
        ConfigError: ``tune.yaml``, the gold or a value of a knob is wrong, or the study does not fit the folder.
        LedgerError: the shelf was never synced.
    """
    budgets = budgets or Budgets(file)
    variants: Variants | None = None

    def name_of(loaded: object) -> str:
        assert variants is not None  # noqa: S101 - made below, before any candidate
        return variants.name(loaded)  # type: ignore[arg-type]

    # Everything that can be wrong with the files comes before anything is made.
    space = Space(file, name_of)
    gold = read_gold(file.gold)
    storage = Storage(folder)
    with storage.owned():
        if fresh:
            forget(folder)
        variants = Variants(space.base, folder, open_subject)
        anchored, notes = _anchored(gold, variants, file)
        tuning, held_out = split(anchored, file.tune.holdout, file.tune.seed, file.tune.holdout_by)
        ruler = Ruler()
        storage.agree(_identity(file, gold, variants, ruler))
        bench = Bench(variants, ruler, storage, budgets, watch or (lambda _step: None))
        base = _base(space, bench, tuning)
        objective = resolved(file.tune.objective, bench.trials[base.key])
        course = Course(file.tune, space, bench, tuning)
        candidates = course.measured(base, objective)
        if bench.base_failed:
            first = next(iter(bench.base_failed.values()))
            notes.append(f"{len(bench.base_failed)} questions cannot be asked and count nowhere; the first: {first}")
        judge = Judge(file, space, bench, objective, anchored, tuning, held_out)
        return judge.result(candidates, course.importances, [*notes, *gold.notes, *course.notes])


def forget(folder: Path) -> None:
    """Remove a study's results and its copy of the shelf; the embeddings stay."""
    for name in ("snapshot", "variants", "runs", "scores"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("study.json", "trials.jsonl"):
        (folder / name).unlink(missing_ok=True)
    (folder / "runs").mkdir(exist_ok=True)
    (folder / "scores").mkdir(exist_ok=True)


def _base(space: Space, bench: Bench, tuning: Gold) -> Candidate:
    base = space.candidate({})
    assert base is not None  # noqa: S101 - the loader has just accepted it
    bench.variants.check(base.loaded)
    bench.total = 1
    if not bench.has(base.key):
        bench.budgets.untimed(True)
        bench.measure(base, tuning)
        bench.budgets.untimed(False)
    bench.done = 1
    return base


def _anchored(gold: Gold, variants: Variants, file: TuneFile) -> tuple[Gold, list[str]]:
    notes = []
    with opened(variants.frozen) as ledger:
        anchored = anchor(gold, ledger)
    if anchored.problems:
        shown = "; ".join(str(problem) for problem in anchored.problems[:3])
        notes.append(f"{len(anchored.problems)} places of the gold are not on the shelf: {shown}")
    if not any(case.passages or case.documents for case in anchored.gold.cases):
        raise ConfigError(
            f"{file.gold.name} names no passage and no document that is on the shelf, so there is nothing to measure.",
            hint="Is it the gold of this knowledge base, and is the shelf synced?",
        )
    if variants.moved_on():
        notes.append(
            "The shelf has other documents now than when this study began; it goes on with its own copy. Begin again "
            "with --fresh to tune on today's."
        )
    return anchored.gold, notes


def _identity(file: TuneFile, gold: Gold, variants: Variants, ruler: Ruler) -> dict[str, object]:
    """What must stay the same for results to compare."""
    return {
        "gold": gold.fingerprint,
        "documents": variants.data_hash,
        "seed": file.tune.seed,
        "holdout": file.tune.holdout,
        "holdout_by": file.tune.holdout_by,
        "measuring": ruler.identity,
    }
