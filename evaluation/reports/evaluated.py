"""The report of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.case import Gold
from evaluation.compare import Change, Comparison
from evaluation.intervals import share_interval
from evaluation.measures.abstention import Point
from evaluation.outcome import Run
from evaluation.reports.page import fitted, render
from evaluation.reports.plots import Column, Line, Plot, Rule, axis, histogram
from evaluation.reports.questions import LARGEST, STATES, QuestionView, brief, room_for, view
from evaluation.reports.texts import Texts
from evaluation.reports.wording import counted, explained, is_share, seconds
from evaluation.summary import Abstention, Group, Summary

_COLUMNS = ("context_recall", "span_recall", "span_iou", "recall@5", "hit@5", "ndcg@10", "mrr", "refusal_correct")
_MOST_COLUMNS = 5
_PRINTED = 40
"""Questions that are printed open: all where there are no more, otherwise the worst ones and those open already."""


def eval_report(
    run: Run, gold: Gold, summary: Summary, comparison: Comparison | None = None, texts: Texts | None = None
) -> str:
    """A run as one HTML file.

    Args:
        gold: anchored, as it was measured; questions in it alone, or in the run alone, are left out.
        comparison: of this run with an earlier one.
        texts: the documents that the gold quotes; without them a report shows the quotations alone.
    """
    return fitted(lambda room: _report(run, gold, summary, comparison, texts, room), LARGEST)


def _report(
    run: Run, gold: Gold, summary: Summary, comparison: Comparison | None, texts: Texts | None, largest: int
) -> str:
    questions, full = _questions(run, gold, texts, largest)
    names = [name for name in _COLUMNS if any(name in group.measures for group in (summary.overall, *summary.groups))]
    latencies = [one.outcome.seconds for one in questions if one.outcome.error is None]
    return render(
        "eval.html",
        title=f"Evaluation of {gold.name}",
        run=run,
        gold=gold,
        summary=summary,
        comparison=comparison,
        changes=[] if comparison is None else [(one, _reach(one, comparison)) for one in comparison.changes],
        anchors={question.case.id: question.id for question in questions},
        columns=names[:_MOST_COLUMNS],
        group_kinds=[(kind, summary.of(kind)) for kind in ("source", "language", "tag") if summary.of(kind)],
        explained=_explained(summary.overall.measures),
        is_share=is_share,
        curve=None if summary.abstention is None else _curve(summary.abstention),
        points=[] if summary.abstention is None else _points(summary.abstention),
        latency=_latency(latencies, summary.overall) if latencies else None,
        bins=histogram(latencies),
        questions=questions,
        full=full,
        printed=_PRINTED,
        states=[(state, words, _count(questions, state)) for state, words in STATES.items()],
        facts=_facts(run.manifest),
    )


def _questions(run: Run, gold: Gold, texts: Texts | None, largest: int) -> tuple[list[QuestionView], int]:
    """Every question, the worst first, and how many of them are shown with their hits."""
    cases = {case.id: case for case in gold.cases}
    threshold = float(run.manifest.get("threshold", 0.0))
    places = {case.id: place for place, case in enumerate(gold.cases, start=1)}
    briefs = [
        brief(cases[one.case], one, f"q{places[one.case]}", threshold) for one in run.outcomes if one.case in cases
    ]
    order = list(STATES)
    briefs.sort(key=lambda one: (one.state != "failed", one.score, order.index(one.state), places[one.case.id]))
    room = room_for([one.outcome for one in briefs], largest)
    shown = [
        view(one.case, one.outcome, one.id, threshold, texts, room) if place < room.questions else one
        for place, one in enumerate(briefs)
    ]
    return shown, room.questions


def _explained(names: Iterable[str]) -> dict[str, str]:
    """What each measure says, of several cut-offs once."""
    stems: set[str] = set()
    found = {}
    for name in names:
        stem = name.partition("@")[0]
        found[name] = "" if stem in stems else explained(name)
        stems.add(stem)
    return found


def _count(questions: Sequence[QuestionView], state: str) -> int:
    return sum(question.state == state for question in questions)


def _reach(one: Change, comparison: Comparison) -> float:
    """How far the small plot of a difference reaches on both sides: alike for all shares."""
    alike = [
        other
        for other in comparison.changes
        if (other.measure == one.measure) or (is_share(other.measure) and is_share(one.measure))
    ]
    ends = [abs(end) for other in alike for end in (other.low, other.high) if end is not None]
    return max(ends, default=0.0)


def _curve(found: Abstention) -> Plot:
    points = [point for point in found.curve if point.kept is not None and point.refused is not None]
    ends = [point.threshold for point in found.curve] + [found.configured.threshold]
    rules = [Rule(found.configured.threshold, f"configured {found.configured.threshold:.2f}")]
    if found.suggested is not None:
        rules.append(Rule(found.suggested.threshold, f"suggested {found.suggested.threshold:.2f}", "suggested"))
    return Plot(
        "abstention",
        "What a threshold of evidence keeps and refuses",
        f"Two curves over thresholds from {min(ends):.2f} to {max(ends):.2f}: the share of the {found.answerable} "
        f"answerable questions that are kept, and the share of the {found.unanswerable} without an answer that are "
        "refused. The table has the values.",
        axis("threshold of evidence", min(ends), max(ends)),
        axis("share of the questions", 0.0, 1.0, "percent", most=5),
        lines=(
            Line("answerable questions that are answered", tuple((p.threshold, p.kept or 0.0) for p in points)),
            Line(
                "questions without an answer that are refused",
                tuple((p.threshold, p.refused or 0.0) for p in points),
                "other",
            ),
        ),
        rules=tuple(sorted(rules, key=lambda rule: rule.x)),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A threshold in the curve's table: each share as (value, low, high, n), or ``None``."""

    note: str
    threshold: float
    kept: tuple[float, float, float, int] | None
    refused: tuple[float, float, float, int] | None
    precision: tuple[float, float, float, int] | None


def _points(found: Abstention) -> list[_Row]:
    """Rows of the curve's table: about twenty points, and the two that matter."""
    step = max(1, len(found.curve) // 20)
    rows = [_row("", point, found) for point in found.curve[::step]]
    rows.append(_row("configured", found.configured, found))
    if found.suggested is not None:
        rows.append(_row("suggested", found.suggested, found))
    return sorted(rows, key=lambda row: row.threshold)


def _row(note: str, point: Point, found: Abstention) -> _Row:
    refusals = round((point.refused or 0.0) * found.unanswerable)
    if point.kept is not None:
        refusals += round((1 - point.kept) * found.answerable)
    return _Row(
        note,
        point.threshold,
        _with_interval(point.kept, found.answerable),
        _with_interval(point.refused, found.unanswerable),
        _with_interval(point.precision, refusals),
    )


def _with_interval(share: float | None, n: int) -> tuple[float, float, float, int] | None:
    return None if share is None or n == 0 else (share, *share_interval(round(share * n), n), n)


def _latency(values: Sequence[float], overall: Group) -> Plot:
    bins = histogram(values)
    rules = [
        Rule(value, f"{name} {seconds(value)}", "suggested" if name == "median" else "chosen")
        for name, value in (("median", overall.seconds_p50), ("95%", overall.seconds_p95))
        if value is not None
    ]
    columns = tuple(
        Column(start, end, float(count), f"{seconds(start)} to {seconds(end)}: {counted(count, 'question')}")
        for start, end, count in bins
    )
    return Plot(
        "latency",
        "Seconds for a search",
        f"Histogram over {counted(len(values), 'question')}. The table has the values.",
        axis("time, query embedding included", bins[0][0], bins[-1][1], "seconds"),
        axis("questions", 0.0, float(max(count for *_, count in bins)), most=5),
        columns=columns,
        rules=tuple(rule for rule in rules if rule.x <= bins[-1][1]),
    )


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The manifest in lines for the end of the report, without the sources' settings."""
    config = manifest.get("config", {})
    rows: list[tuple[str, Any]] = [
        ("made", manifest.get("made")),
        ("configuration", config.get("file")),
        ("its SHA-256", config.get("sha256")),
        ("gold's SHA-256", manifest.get("gold", {}).get("sha256")),
    ]
    rows += [
        (f"{part}.{key}", value)
        for part in ("embedder", "retrieval", "context")
        for key, value in config.get(part, {}).items()
    ]
    for source, build in manifest.get("builds", {}).items():
        rows.append((f"source {source}", f"{build.get('chunks', 0):,} chunks, fingerprint {build.get('fingerprint')}"))
    for part in ("measuring", "selected", "versions", "machine"):
        rows += [(f"{part}: {key}", value) for key, value in manifest.get(part, {}).items()]
    rows.append(("seed", manifest.get("seed")))
    return [(name, value) for name, value in rows if value not in (None, "", [], {})]
