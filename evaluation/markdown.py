"""A run as Markdown, for a pull request or a wiki."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from evaluation.case import Gold
from evaluation.compare import LEADING, Comparison, Moved
from evaluation.outcome import Run
from evaluation.summary import Abstention, Group, Summary
from evaluation.wording import amount, gap, interval

_MOST = 50
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def markdown(run: Run, gold: Gold, summary: Summary, comparison: Comparison | None = None) -> str:
    """The report's text."""
    lines = [
        *_head(run, summary),
        *_measures(summary.overall),
        *(line for kind in ("source", "language", "tag") for line in _groups(kind, summary.of(kind))),
        *(_abstention(summary.abstention) if summary.abstention else ()),
        *(_comparison(comparison) if comparison else ()),
        *_misses(run, gold),
    ]
    return "\n".join(lines) + "\n"


def _head(run: Run, summary: Summary) -> Iterator[str]:
    config = run.manifest.get("config", {})
    group = summary.overall
    yield f"# Evaluation: {_plain(run.name)}"
    yield ""
    yield (
        f"{group.n:,} questions, {group.errors:,} failed. Configuration {_plain(str(config.get('file')))} "
        f"(`{str(config.get('sha256'))[:12]}`), gold `{str(run.manifest.get('gold', {}).get('sha256'))[:12]}`, "
        f"{run.manifest.get('made')}. Intervals are 95%."
    )
    if group.context_tokens is not None and group.seconds_p50 is not None and group.seconds_p95 is not None:
        tokens = group.context_tokens
        yield ""
        yield (
            f"A question: {tokens.mean:,.0f} tokens of context {interval('context_tokens', tokens.low, tokens.high)} "
            f"(n={tokens.n:,}), search {1000 * group.seconds_p50:,.0f} ms (median), "
            f"{1000 * group.seconds_p95:,.0f} ms (95th percentile), cost {group.cost / max(1, group.n):.6f} "
            f"{run.manifest.get('currency', '')}."
        )


def _measures(group: Group) -> Iterator[str]:
    yield from ("", "| measure | mean | 95% interval | SD | n |", "|---|--:|---|--:|--:|")
    for name, one in group.measures.items():
        yield (
            f"| {name} | {amount(name, one.mean)} | {interval(name, one.low, one.high)} | {amount(name, one.sd)} "
            f"| {one.n:,} |"
        )


def _groups(kind: str, groups: Sequence[Group]) -> Iterator[str]:
    if len(groups) < 2:
        return
    names = [
        name
        for name in ("context_recall", "span_recall", "span_iou", "recall@5", "ndcg@10", "mrr")
        if any(name in group.measures for group in groups)
    ]
    yield from ("", f"## By {kind}", "", f"| {kind} | questions | {' | '.join(names)} | tokens |")
    yield "|---|--:|" + "--:|" * (len(names) + 1)
    for group in groups:
        cells = []
        for name in names:
            one = group.measures.get(name)
            text = "" if one is None else f"{amount(name, one.mean)} {interval(name, one.low, one.high)} n={one.n}"
            cells.append(text)
        tokens = "" if group.context_tokens is None else f"{group.context_tokens.mean:,.0f}"
        yield f"| {_plain(group.name)} | {group.n:,} | {' | '.join(cells)} | {tokens} |"


def _abstention(abstention: Abstention) -> Iterator[str]:
    yield from ("", "## Questions without an answer", "")
    yield f"{abstention.unanswerable:,} questions without an answer, {abstention.answerable:,} with one."
    if abstention.auroc is not None:
        found = abstention.auroc
        yield f"AUROC of the evidence {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]."
    yield from ("", "| threshold | | kept | refused | refusals that were right |", "|--:|---|--:|--:|--:|")
    for name, one in (("configured", abstention.configured), ("suggested, chosen here", abstention.suggested)):
        if one is not None:
            shares = " | ".join(_share(value) for value in (one.kept, one.refused, one.precision))
            yield f"| {one.threshold:.3f} | {name} | {shares} |"


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield from ("", f"## Compared with {_plain(comparison.before)}", "", f"{comparison.n:,} questions in both.")
    for note in comparison.notes:
        yield f"{_plain(note)}"
    if comparison.settings:
        yield ""
        for name, (before, after) in comparison.settings.items():
            yield f"- {_plain(name)}: {_plain(repr(before))} → {_plain(repr(after))}"
    yield from ("", "| measure | before | after | difference | 95% interval | |", "|---|--:|--:|--:|---|---|")
    for one in comparison.changes:
        yield (
            f"| {one.measure} | {amount(one.measure, one.before)} | {amount(one.measure, one.after)} "
            f"| {gap(one.measure, one.difference)} | {interval(one.measure, one.low, one.high, signed=True)} "
            f"| {one.verdict} |"
        )
    yield from _moved("Got better", comparison.better)
    yield from _moved("Got worse", comparison.worse)


def _moved(title: str, moved: Sequence[Moved]) -> Iterator[str]:
    if moved:
        yield from ("", f"### {title}: {len(moved):,}", "")
        rows = (f"- {amount(one.measure, one.before)} → {amount(one.measure, one.after)} {one.measure}: "
                f"{_plain(one.question)}" for one in moved)  # fmt: skip
        yield from _capped(rows, len(moved))


def _misses(run: Run, gold: Gold) -> Iterator[str]:
    texts = {case.id: case.question for case in gold.cases}
    failed = [one for one in run.outcomes if one.error is not None]
    if failed:
        yield from ("", f"## Failed: {len(failed):,}", "")
        rows = (f"- {_plain(texts.get(one.case, one.case))}: {_plain(str(one.error))}" for one in failed)
        yield from _capped(rows, len(failed))
    missed = []
    for one in run.outcomes:
        name = next((name for name in LEADING[:-1] if name in one.measures), None)
        if name is not None and one.measures[name] < 1:
            missed.append((one.measures[name], name, texts.get(one.case, one.case)))
    if missed:
        missed.sort(key=lambda item: item[0])
        yield from ("", f"## Not found in full: {len(missed):,}", "")
        yield from _capped(
            (f"- {amount(name, value)} {name}: {_plain(text)}" for value, name, text in missed), len(missed)
        )


def _capped(rows: Iterable[str], count: int) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number == _MOST:
            yield f"- … and {count - _MOST:,} more in run.json"
            return
        yield row


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _plain(text: str) -> str:
    """One line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
