"""``eval``: measure the shelf on gold questions, compare two runs, and hold gates for CI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configs.errors import ConfigError
from openshelf.cli.filtering import read_settings
from openshelf.cli.gold import from_tickets, import_gold
from openshelf.cli.printing import console, counted, json_option, print_json
from openshelf.cli.state import App
from openshelf.cli.teaching import TeachingCommand, command

if TYPE_CHECKING:
    from evaluation.case import Gold
    from evaluation.compare import Comparison
    from evaluation.gates import Gate, Verdict
    from evaluation.outcome import Run
    from evaluation.reports import Texts
    from openshelf.shelf import Shelf

SOME_FAILED, GATE_FAILED = 3, 4
_EXITS = {
    0: "measured; every question could be asked, every gate passed",
    1: "failed; one sentence on stderr says why",
    SOME_FAILED: "measured, but some questions failed; stderr names them",
    GATE_FAILED: "a gate failed, or something regressed",
}
_SHOWN = 5


class _Eval(TeachingCommand, click.Group):
    """``eval GOLD`` is ``eval run GOLD``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What is no command, nor nearly one, is a gold file to run."""
        if args and self.get_command(ctx, args[0]) is None:
            meant = get_close_matches(args[0], self.commands, n=1, cutoff=0.75)
            if meant and not Path(args[0]).exists():
                ctx.fail(f"There is neither a command nor a gold file {args[0]!r}. Did you mean {meant[0]!r}?")
            return "run", self.get_command(ctx, "run"), args
        return super().resolve_command(ctx, args)


@click.group(
    "eval",
    cls=_Eval,
    no_args_is_help=True,
    examples=[
        "openshelf eval gold.yaml",
        "openshelf eval run gold.yaml --out reports/ --fail-under 'recall@5>=0.8'",
        "openshelf eval compare before.json after.json",
        "openshelf eval import questions.csv --out gold.yaml",
    ],
    exits=_EXITS,
)
def evaluate() -> None:
    """Measure the shelf on questions whose answers are known.

    `openshelf eval GOLD` is `openshelf eval run GOLD`. docs/evaluation.md says what each measure means, docs/gold.md
    how to write the questions.
    """


def _compare_options(function: Any) -> Any:
    return click.option(
        "--fail-on-regression",
        is_flag=True,
        help=f"Exit with {GATE_FAILED} where a measure is distinguishably worse than before.",
    )(function)


@command(
    "run",
    examples=[
        "openshelf eval run gold.yaml",
        "openshelf eval run gold.yaml --sync --out reports/    # run.json, report.md, report.html",
        "openshelf eval run gold.yaml --set keyword_weight=0 --compare reports/run.json",
        "openshelf eval run gold.yaml --fail-under 'recall@5>=0.8' --fail-under 'language=fr:hit@5>=0.7'",
    ],
    exits=_EXITS,
)
@click.argument("gold_file", metavar="GOLD", type=click.Path(path_type=Path))
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only questions answered by this source.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only questions with this tag; any of several.")
@click.option("--language", "languages", multiple=True, metavar="CODE", help="Only questions in this language.")
@click.option(
    "--top-k", type=click.IntRange(1, 100), help="Hits that a model would be given. Default: retrieval.top_k."
)
@click.option("--k", "ks", default="1,3,5,10", show_default=True, metavar="LIST", help="Cut-offs, in documents.")
@click.option("--budget", type=click.IntRange(1), metavar="TOKENS", help="Of context. Default: context.budget.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another key of `retrieval`, this time only."
)
@click.option("--sync", "sync_first", is_flag=True, help="Bring the shelf up to date first.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Questions asked at once.")
@click.option(
    "--compare",
    "--baseline",
    "before",
    type=click.Path(path_type=Path),
    metavar="RUN.json",
    help="A run to compare with.",
)
@click.option("--fail-under", "gates", multiple=True, metavar="GATE", help="Such as 'recall@5>=0.8'; repeatable.")
@_compare_options
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Write run.json and reports here."
)
@json_option
@click.pass_obj
def run(
    app: App,
    gold_file: Path,
    sources: tuple[str, ...],
    tags: tuple[str, ...],
    languages: tuple[str, ...],
    top_k: int | None,
    ks: str,
    budget: int | None,
    settings: tuple[str, ...],
    sync_first: bool,
    workers: int,
    before: Path | None,
    gates: tuple[str, ...],
    fail_on_regression: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Ask every question of GOLD and measure what comes back.

    Of documents: nDCG, MRR, hit rate, recall and precision at each cut-off. Of quoted passages: recall, precision, IoU
    and precision-Ω over characters, and how much of them a model would be given. Then tokens of context, latency,
    cost, and whether questions without an answer would be refused; each with its 95% interval.
    """
    from evaluation.evaluate import Measuring
    from evaluation.evaluate import evaluate as measure
    from evaluation.gates import read_gate
    from evaluation.gold.reading import read_gold
    from evaluation.reports import gold_texts
    from evaluation.stored import load_run

    if fail_on_regression and before is None:
        raise click.UsageError("--fail-on-regression needs --compare RUN.json.")
    wanted = [read_gate(text) for text in gates]
    former = None if before is None else load_run(before)
    options = Measuring(ks=_cut_offs(ks), budget=budget, workers=workers, retrieval=_retrieval(settings, top_k))
    # Before the shelf is opened: an empty choice is said at once. A place may be without its source until then.
    gold = _chosen(read_gold(gold_file), (*sources, None) if sources else (), tags, languages)
    for note in gold.notes:
        app.say(note)
    with app.shelf() as shelf:
        if sync_first:
            from openshelf.cli.syncing import sync_before

            sync_before(app, shelf, doing="measuring")
        gold = _chosen(_anchored(app, shelf, gold), sources, tags, languages)
        documents = None if out is None else gold_texts(shelf.ledger, gold)
        with _progress(app) as progress:
            made = measure(shelf, gold, options=options, name=gold_file.stem, progress=progress)
    selected = {"sources": list(sources), "tags": list(tags), "languages": list(languages)}
    made = replace(made, manifest={**made.manifest, "selected": selected})
    return _finish(app, made, gold, former, wanted, out, documents, regression=fail_on_regression, as_json=as_json)


@command(
    "compare",
    examples=[
        "openshelf eval compare before/run.json after/run.json",
        "openshelf eval compare before/run.json after/run.json --gold gold.yaml --fail-on-regression",
    ],
    exits={0: "compared", 1: _EXITS[1], GATE_FAILED: "something regressed"},
)
@click.argument("before", metavar="BEFORE.json", type=click.Path(path_type=Path))
@click.argument("after", metavar="AFTER.json", type=click.Path(path_type=Path))
@click.option(
    "--gold", "gold_file", type=click.Path(path_type=Path), metavar="GOLD", help="Shows the questions' texts."
)
@_compare_options
@json_option
@click.pass_obj
def compare(
    app: App, before: Path, after: Path, gold_file: Path | None, fail_on_regression: bool, as_json: bool
) -> int:
    """Compare two runs question by question.

    Each measure's difference comes with its 95% interval (paired bootstrap); where that holds 0 it says so: not
    distinguishable. Then the questions that got better and worse.
    """
    from evaluation.compare import compare as compared
    from evaluation.gold.reading import read_gold
    from evaluation.stored import load_run

    gold = None if gold_file is None else read_gold(gold_file)
    found = compared(load_run(before), load_run(after), gold)
    if as_json:
        print_json(app, found)
    else:
        from openshelf.cli.evaluating_view import show_comparison

        show_comparison(console(), found)
    return GATE_FAILED if fail_on_regression and _regressed(app, found) else 0


for _one in (run, compare, import_gold, from_tickets):
    evaluate.add_command(_one)


def _finish(
    app: App,
    made: Run,
    gold: Gold,
    former: Run | None,
    gates: list[Gate],
    out: Path | None,
    documents: Texts | None,
    *,
    regression: bool,
    as_json: bool,
) -> int:
    from evaluation.compare import compare as compared
    from evaluation.gates import judge
    from evaluation.summary import summarise

    summary = summarise(made, gold)
    comparison = None if former is None else compared(former, made, gold)
    # The files first: a gate that cannot be judged must not lose the run.
    written = [] if out is None else _write(app, made, gold, summary, comparison, out, documents)
    verdicts = [judge(gate, summary) for gate in gates]
    if as_json:
        questions = [
            {"case": one.case, "error": one.error, "evidence": one.evidence, "context_tokens": one.context_tokens,
             "seconds": one.seconds, "cost": one.cost, "measures": one.measures}
            for one in made.outcomes
        ]  # fmt: skip
        print_json(
            app,
            {
                "manifest": made.manifest,
                "summary": summary,
                "comparison": comparison,
                "gates": verdicts,
                "questions": questions,
            },
        )
    else:
        from openshelf.cli.evaluating_view import show

        show(console(), made, gold, summary, comparison)
    for path in written:
        app.say(f"Wrote {path}")
    return _code(app, made, comparison, verdicts, regression=regression)


def _code(app: App, made: Run, comparison: Comparison | None, verdicts: list[Verdict], *, regression: bool) -> int:
    failed = [one for one in made.outcomes if one.error is not None]
    for one in failed[:_SHOWN]:
        app.complain(f"Question {one.case} failed: {one.error}")
    if len(failed) > _SHOWN:
        app.complain(f"… and {len(failed) - _SHOWN:,} more.")
    for verdict in verdicts:
        (app.say if verdict.passed else app.complain)(f"Gate {verdict}")
    regressed = regression and comparison is not None and _regressed(app, comparison)
    if regressed or not all(verdict.passed for verdict in verdicts):
        return GATE_FAILED
    return SOME_FAILED if failed else 0


def _regressed(app: App, comparison: Comparison) -> bool:
    for one in comparison.regressions:
        app.complain(f"Regression: {one.measure} fell from {one.before:.4f} to {one.after:.4f} (n={one.n}).")
    if comparison.newly_failed:
        app.complain(f"Regression: {counted(len(comparison.newly_failed), 'question')} failed that did not before.")
    return bool(comparison.regressions or comparison.newly_failed)


def _write(
    app: App,
    made: Run,
    gold: Gold,
    summary: Any,
    comparison: Comparison | None,
    folder: Path,
    documents: Texts | None,
) -> list[Path]:
    from evaluation.markdown import markdown
    from evaluation.reports import eval_report
    from evaluation.stored import dumped

    texts = {
        "run.json": dumped(made),
        "report.md": markdown(made, gold, summary, comparison),
        "report.html": eval_report(made, gold, summary, comparison, documents),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(app.redact(text), encoding="utf-8")
    return [folder / name for name in texts]


def _cut_offs(text: str) -> tuple[int, ...]:
    try:
        ks = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        ks = ()
    if not ks or ks[0] < 1 or ks[-1] > 100:
        raise click.UsageError(f"--k takes numbers from 1 to 100 with commas between, such as 1,5,10; not {text!r}.")
    return ks


def _retrieval(settings: tuple[str, ...], top_k: int | None) -> dict[str, Any]:
    found = read_settings(settings)
    nested = found.pop("retrieval", {})
    if not isinstance(nested, dict):
        raise click.UsageError("--set takes keys of `retrieval`, such as keyword_weight=0.")
    return {**found, **nested, **({} if top_k is None else {"top_k": top_k})}


def _chosen(gold: Gold, sources: tuple[str | None, ...], tags: tuple[str, ...], languages: tuple[str, ...]) -> Gold:
    cases = tuple(
        case
        for case in gold.cases
        if (not sources or any(source in sources for source, _ in case.relevant()))
        and (not tags or any(tag in tags for tag in case.tags))
        and (not languages or case.language in languages)
    )
    if not cases:
        raise ConfigError(
            f"None of the {counted(len(gold.cases), 'question')} of {gold.name} is of the chosen source, tag and "
            "language.",
            hint="Leave out --source, --tag or --language.",
        )
    return replace(gold, cases=cases)


def _anchored(app: App, shelf: Shelf, gold: Gold) -> Gold:
    from evaluation.gold.anchoring import anchor
    from ingest.ledger import builds

    with shelf.ledger.reading() as connection:
        if not builds.active(connection):
            raise ConfigError("Nothing is on the shelf.", hint="Run `openshelf sync` first, or give --sync.")
    found = anchor(gold, shelf.ledger)
    for problem in found.problems[:_SHOWN]:
        app.warn(str(problem))
    if len(found.problems) > _SHOWN:
        app.warn(f"… and {len(found.problems) - _SHOWN:,} more places of the gold that are not on the shelf.")
    return found.gold


@contextmanager
def _progress(app: App) -> Iterator[Callable[[int, int], None] | None]:
    if not app.shows_progress:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("asking"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
