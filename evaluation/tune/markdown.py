"""A study as Markdown: for a pull request, a wiki, a chat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evaluation.tune.result import TOKENS, Change, Difference, StudyResult, Trial
from evaluation.tune.wording import amount, between, gap, name_of

_ROWS = 15
_CHANGES = 10


def markdown(result: StudyResult) -> str:
    """The study in one page of Markdown."""
    parts = [
        f"# Tuning study {result.name}",
        f"**{result.verdict}**",
        _about(result),
        "## Leaderboard",
        _table(_heading(result), [_row(result, trial) for trial in result.trials[:_ROWS]]),
        _more(len(result.trials) - _ROWS, "configuration"),
        f"## Pareto front: {name_of(result.measures[0])} against context tokens",
        _table(_heading(result), [_row(result, result.trial(number)) for number in result.front]),
        *_held_out(result),
        "## What each knob did",
        _knobs(result),
        *_changes("Questions that got worse", result.worse),
        *_changes("Questions that got better", result.better),
        *(["## Notes", "\n".join(f"- {note}" for note in result.notes)] if result.notes else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(result: StudyResult) -> str:
    halves = f"{result.cases.get('tuning', 0)} questions to tune on, {result.cases.get('held-out', 0)} held out"
    lines = [
        f"- Maximised: {', '.join(result.measures)}; limits: {', '.join(result.limits) or 'none'}.",
        f"- {result.search}, seed {result.seed}, {len(result.trials)} configurations, {halves}.",
        f"- State: {result.state}.",
    ]
    if result.skipped:
        reasons = "; ".join(f"{reason} ({count})" for reason, count in result.skipped.items())
        lines.append(f"- {sum(result.skipped.values())} combinations are no configuration: {reasons}.")
    return "\n".join(lines)


def _heading(result: StudyResult) -> list[str]:
    return ["#", "configuration", *result.measures, "tokens", "chunks", "n", ""]


def _row(result: StudyResult, trial: Trial) -> list[str]:
    if trial.state == "failed":
        return [str(trial.number), trial.label, *("" for _ in result.measures), "", "", "", f"failed: {trial.reason}"]
    remarks = []
    if trial.number == result.winner:
        remarks.append("winner")
    if trial.number == result.base:
        remarks.append("base")
    if trial.number in result.front:
        remarks.append("front")
    if not trial.meets:
        remarks.append("beyond a limit")
    return [
        str(trial.number),
        trial.label,
        *(_with_interval(trial, measure) for measure in result.measures),
        amount(TOKENS, trial.means.get(TOKENS, 0.0)),
        f"{trial.chunks:,}",
        str(trial.cases.get(result.measures[0], 0)),
        ", ".join(remarks),
    ]


def _with_interval(trial: Trial, measure: str) -> str:
    text = amount(measure, trial.means.get(measure, 0.0))
    pair = trial.intervals.get(measure)
    return text if pair is None else f"{text} ({amount(measure, pair[0])} to {amount(measure, pair[1])})"


def _held_out(result: StudyResult) -> list[str]:
    if not result.held_out or result.winner == result.base:
        return []
    rows = [_difference(one) for one in result.held_out]
    return [
        "## Winner against base on held-out questions",
        _table(["measure", "base", "winner", "difference", "95% interval", "n", ""], rows),
    ]


def _difference(one: Difference) -> list[str]:
    return [
        name_of(one.measure),
        amount(one.measure, one.before),
        amount(one.measure, one.after),
        gap(one.measure, one.difference),
        between(one.measure, one.low, one.high),
        str(one.n),
        "" if one.distinguishable else f"not distinguishable (n={one.n})",
    ]


def _knobs(result: StudyResult) -> str:
    measure = result.measures[0]
    rows = []
    for knob in result.knobs:
        share = "" if knob.importance is None else f"{knob.importance:.0%}"
        for value in knob.values:
            mean = "" if value.mean is None else amount(measure, value.mean)
            effect = "reference" if value.reference else "no pair to compare"
            if value.effect is not None and value.low is not None and value.high is not None:
                effect = f"{gap(measure, value.effect)} ({between(measure, value.low, value.high)})"
            tokens = "" if value.tokens is None else gap(TOKENS, value.tokens)
            rows.append([knob.knob, value.label, mean, effect, tokens, str(value.trials), str(value.pairs), share])
    heading = ["knob", "value", "mean", "effect, points (95% interval)", "tokens", "trials", "pairs", "importance"]
    return _table(heading, rows)


def _changes(title: str, changes: Sequence[Change]) -> list[str]:
    if not changes:
        return []
    rows = [[one.question, f"{one.before:.0%}", f"{one.after:.0%}", one.half] for one in changes[:_CHANGES]]
    return [
        f"## {title} ({len(changes)})",
        _table(["question", "base", "winner", "half"], rows),
        _more(len(changes) - _CHANGES, "question"),
    ]


def _more(count: int, noun: str) -> str:
    return f"… and {count:,} more {noun}{'s' if count > 1 else ''}." if count > 0 else ""


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
