"""How a run and a comparison look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.compare import LEADING
from evaluation.wording import amount, gap, interval
from openshelf.cli.printing import counted, styled, table

if TYPE_CHECKING:
    from rich.console import Console

    from evaluation.case import Gold
    from evaluation.compare import Comparison, Moved
    from evaluation.outcome import Run
    from evaluation.summary import Abstention, Group, Summary

_WORST = 5
_COLUMNS = ("context_recall", "recall@5", "mrr")
_FIT = 2  # with interval and n, on a terminal


def show(out: Console, run: Run, gold: Gold, summary: Summary, comparison: Comparison | None) -> None:
    """The figures of a run, where it is weakest, and the comparison where there is one."""
    overall = summary.overall
    errors = f", {overall.errors} failed" if overall.errors else ""
    out.print(styled(f"{gold.name}: {counted(overall.n, 'question')}{errors}", "bold"))
    out.print(_overall(overall))
    for kind in ("source", "language", "tag"):
        groups = summary.of(kind)
        if len(groups) > 1:
            out.print(_groups(kind, groups))
    if summary.abstention is not None:
        _show_abstention(out, summary.abstention)
    if overall.seconds_p50 is not None and overall.seconds_p95 is not None and overall.context_tokens is not None:
        tokens = overall.context_tokens
        cost = f", {overall.cost:.4f} {run.manifest.get('currency', '')} in all" if overall.cost else ""
        out.print(
            styled(
                f"A question: {tokens.mean:,.0f} tokens of context, search {1000 * overall.seconds_p50:,.0f} ms at the "
                f"median, {1000 * overall.seconds_p95:,.0f} ms at the 95th percentile{cost}."
            )
        )
    _show_worst(out, run, gold)
    if comparison is not None:
        out.print()
        show_comparison(out, comparison)


def show_comparison(out: Console, comparison: Comparison) -> None:
    """What changed, whether it can be told from chance, and which questions moved."""
    out.print(styled(f"Compared with {comparison.before}: {counted(comparison.n, 'question')} in both", "bold"))
    for note in comparison.notes:
        out.print(styled(note, "yellow"))
    for name, (before, after) in comparison.settings.items():
        out.print(styled(f"  {name}: {before!r} → {after!r}", "dim"))
    made = table(
        "measure", "before", "after", "difference", "95% interval", "", right=("before", "after", "difference")
    )
    for one in comparison.changes:
        style = {True: "green", False: "red", None: "dim"}[one.better]
        made.add_row(
            one.measure,
            amount(one.measure, one.before),
            amount(one.measure, one.after),
            gap(one.measure, one.difference),
            interval(one.measure, one.low, one.high, signed=True),
            styled(one.verdict, style),
        )
    out.print(made)
    _show_moved(out, "got better", comparison.better)
    _show_moved(out, "got worse", comparison.worse)


def _overall(group: Group) -> object:
    made = table("measure", "mean", "95% interval", "± SD", "n", right=("mean", "± SD", "n"))
    for name, one in group.measures.items():
        made.add_row(
            name, amount(name, one.mean), interval(name, one.low, one.high), amount(name, one.sd), f"{one.n:,}"
        )
    return made


def _groups(kind: str, groups: Sequence[Group]) -> object:
    names = [name for name in _COLUMNS if any(name in group.measures for group in groups)][:_FIT]
    made = table(kind, "questions", *names, "tokens", right=("questions", *names, "tokens"))
    for group in groups:
        cells = []
        for name in names:
            one = group.measures.get(name)
            cells.append(
                ""
                if one is None
                else " ".join(f"{amount(name, one.mean)} {interval(name, one.low, one.high)} n={one.n:,}".split())
            )
        tokens = "" if group.context_tokens is None else f"{group.context_tokens.mean:,.0f}"
        made.add_row(styled(group.name), f"{group.n:,}", *cells, tokens)
    return made


def _show_abstention(out: Console, abstention: Abstention) -> None:
    one = abstention.configured
    kinds = f"{counted(abstention.unanswerable, 'question')} without an answer, {abstention.answerable:,} with one"
    out.print(styled(f"Refusing: {kinds}", "bold"))
    shares = [f"refused {one.refused:.0%} of those without" if one.refused is not None else ""]
    if one.kept is not None:
        shares.append(f"kept {one.kept:.0%} of those with")
    if one.precision is not None:
        shares.append(f"{one.precision:.0%} of the refusals were right")
    out.print(styled(f"  At the threshold of {one.threshold:.3f}: {', '.join(filter(None, shares))}."))
    best = abstention.suggested
    if best is not None and best.kept is not None and best.refused is not None:
        out.print(
            styled(
                f"  At {best.threshold:.3f} it would refuse {best.refused:.0%} and keep {best.kept:.0%} "
                "(chosen on these questions)."
            )
        )
    if abstention.auroc is not None:
        found = abstention.auroc
        out.print(styled(f"  AUROC of the evidence {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]."))


def _show_worst(out: Console, run: Run, gold: Gold) -> None:
    texts = {case.id: case.question for case in gold.cases}
    scored = []
    for one in run.outcomes:
        name = next((name for name in LEADING[:-1] if name in one.measures), None)
        if name is not None and one.measures[name] < 1:
            scored.append((one.measures[name], name, texts.get(one.case, one.case)))
    if not scored:
        return
    scored.sort(key=lambda item: item[0])
    out.print(styled(f"{counted(len(scored), 'question')} not found in full, the worst first", "bold"))
    for value, name, text in scored[:_WORST]:
        out.print(styled(f"  {amount(name, value)} {name}  {text}"))
    if len(scored) > _WORST:
        out.print(styled(f"  … and {len(scored) - _WORST:,} more (--out FOLDER keeps them all)", "dim"))


def _show_moved(out: Console, what: str, moved: Sequence[Moved]) -> None:
    if not moved:
        return
    out.print(styled(f"{counted(len(moved), 'question')} {what}", "bold"))
    for one in moved[:_WORST]:
        values = f"{amount(one.measure, one.before)} → {amount(one.measure, one.after)}"
        out.print(styled(f"  {values} {one.measure}  {one.question}"))
    if len(moved) > _WORST:
        out.print(styled(f"  … and {len(moved) - _WORST:,} more", "dim"))
