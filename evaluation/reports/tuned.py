"""The report of a tuning study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.case import Case
from evaluation.outcome import Outcome, Run
from evaluation.reports.page import render
from evaluation.reports.plots import Dot, Line, Plot, axis
from evaluation.reports.questions import QuestionView, room_for, view
from evaluation.reports.texts import Texts
from evaluation.reports.wording import amount, name_of
from evaluation.tune.result import TOKENS, Change, Difference, KnobEffect, StudyResult, Trial

_MOST_ROWS, _MOST_DOTS = 1_000, 2_000
_MOST_WORSE, _MOST_BETTER = 150, 50
_PRINTED = 20


@dataclass(frozen=True, slots=True)
class Moved:
    """A question that changed from the base to the winner, with what both found; ``None`` where that is not known."""

    change: Change
    id: str
    base: QuestionView | None
    winner: QuestionView | None


def tune_report(result: StudyResult, texts: Texts | None = None, winner_yaml: str | None = None) -> str:
    """A study as one HTML file.

    Args:
        texts: the documents that the gold quotes; without them the quotations stand alone.
        winner_yaml: the winning configuration as it was written; otherwise the report has the changed keys alone.
    """
    changed = {} if result.winner == result.base else _changed(result)
    return render(
        "tune.html",
        title=f"Tuning study {result.name}",
        r=result,
        tokens=TOKENS,
        measure=result.measures[0],
        base=result.trial(result.base),
        winner=result.trial(result.winner),
        rows=result.trials[:_MOST_ROWS],
        left_out=len(result.trials) - _MOST_ROWS,
        most_tokens=max((one.means.get(TOKENS, 0.0) for one in result.trials), default=1.0),
        marks={one.number: _marks(result, one) for one in result.trials},
        plot_front=_front(result),
        reach={knob.knob: _reach(knob) for knob in result.knobs},
        difference_reach=_difference_reach((*result.held_out, *result.whole)),
        changed=changed,
        yaml=winner_yaml or (_yaml(changed) if changed else ""),
        whole_yaml=winner_yaml is not None,
        moved=_moved(result, texts),
        worse_left_out=max(0, len(result.worse) - _MOST_WORSE),
        better_left_out=max(0, len(result.better) - _MOST_BETTER),
        printed=_PRINTED,
    )


def _marks(result: StudyResult, trial: Trial) -> list[str]:
    holds = {
        "winner": trial.number == result.winner,
        "base": trial.number == result.base,
        "front": trial.number in result.front,
        "failed": trial.state == "failed",
        "beyond a limit": trial.state == "done" and not trial.meets,
    }
    return [word for word, true in holds.items() if true]


def _front(result: StudyResult) -> Plot | None:
    measure = result.measures[0]
    done = [one for one in result.trials if measure in one.means and TOKENS in one.means]
    if not done:
        return None
    special = {result.base, result.winner, *result.front}
    shown = [one for one in done[:_MOST_DOTS] if one.number not in special]
    shown += [one for one in done if one.number in special and one.number not in (result.base, result.winner)]
    shown += [one for one in done if one.number in (result.base, result.winner)]
    dots = [_dot(result, one, measure) for one in shown]
    values, tokens = [one.means[measure] for one in done], [one.means[TOKENS] for one in done]
    edge = [result.trial(number) for number in result.front]
    steps: list[tuple[float, float]] = []
    for one in edge:  # a front is a staircase: nothing between two of its points was measured
        if steps:
            steps.append((one.means[TOKENS], steps[-1][1]))
        steps.append((one.means[TOKENS], one.means[measure]))
    return Plot(
        "front",
        f"{name_of(measure).capitalize()} against context tokens",
        f"{len(done)} configurations on the tuning questions; fewer tokens are to the left, more {name_of(measure)} is "
        "up. The line joins those that no other beats in both. The table has the values.",
        axis("context tokens a question, mean", min(tokens), max(tokens)),
        axis(name_of(measure), min(values), max(values), "percent", most=5),
        lines=(Line("Pareto front", tuple(steps), "front"),) if len(edge) > 1 else (),
        dots=tuple(dots),
        height=340,
    )


def _dot(result: StudyResult, trial: Trial, measure: str) -> Dot:
    kind = (
        "winner"
        if trial.number == result.winner
        else "base"
        if trial.number == result.base
        else "front"
        if trial.number in result.front
        else "plain"
    )
    value, tokens = trial.means[measure], trial.means[TOKENS]
    pair = trial.intervals.get(measure) if kind in ("winner", "base") else None
    label = "base, and winner" if trial.number == result.winner == result.base else kind
    return Dot(
        tokens,
        value,
        f"#{trial.number} {trial.label}: {amount(value, measure)} with {amount(tokens, TOKENS)} tokens",
        kind,
        label if kind in ("winner", "base") else "",
        *(pair or (None, None)),
    )


def _reach(knob: KnobEffect) -> float:
    ends = [abs(end) for value in knob.values for end in (value.low, value.high) if end is not None]
    return max(ends, default=0.0)


def _difference_reach(differences: Sequence[Difference]) -> dict[bool, float]:
    """How far the small plots of differences reach, by whether the measure is tokens."""
    return {
        tokens: max(
            (abs(end) for one in differences if (one.measure == TOKENS) == tokens for end in (one.low, one.high)),
            default=0.0,
        )
        for tokens in (False, True)
    }


def _changed(result: StudyResult) -> dict[str, tuple[Any, Any]]:
    """The winner's knobs that differ from the base: (before, after); ``None`` where the base's value is not known."""
    before, after = result.trial(result.base).knobs, result.trial(result.winner).knobs
    pairs = {name: (before.get(name, _configured(result, name)), value) for name, value in after.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _configured(result: StudyResult, name: str) -> Any:
    """A key of the base's configuration, by its dotted path."""
    place: Any = {} if result.base_run is None else result.base_run.manifest.get("config", {})
    for part in name.split("."):
        place = place.get(part) if isinstance(place, Mapping) else None
    return place


def _yaml(changed: Mapping[str, tuple[Any, Any]]) -> str:
    import io

    from ruamel.yaml import YAML

    whole: dict[str, Any] = {}
    for name, (_, value) in sorted(changed.items(), key=lambda item: item[0].count(".")):
        *path, last = name.split(".")
        place: Any = whole
        for part in path:
            place = place.setdefault(part, {})
        place[last] = dict(value) if isinstance(value, Mapping) else value
    stream = io.StringIO()
    YAML().dump(whole, stream)
    return stream.getvalue()


def _moved(result: StudyResult, texts: Texts | None) -> list[Moved]:
    changes = [*result.worse[:_MOST_WORSE], *result.better[:_MOST_BETTER]]
    cases = {} if result.gold is None else {case.id: case for case in result.gold.cases}
    before, after = _outcomes(result.base_run), _outcomes(result.winner_run)
    room = room_for([before[one.case] for one in changes if one.case in before] * 2)
    found = []
    for number, one in enumerate(changes, start=1):
        case = cases.get(one.case) or Case(one.case, one.question)
        sides = [
            view(case, outcomes[one.case], f"{side}{number}", _threshold(run), texts, room)
            if one.case in outcomes
            else None
            for side, outcomes, run in (("b", before, result.base_run), ("w", after, result.winner_run))
        ]
        found.append(Moved(one, f"m{number}", sides[0], sides[1]))
    return found


def _outcomes(run: Run | None) -> dict[str, Outcome]:
    return {} if run is None else {one.case: one for one in run.outcomes}


def _threshold(run: Run | None) -> float:
    return float(run.manifest.get("threshold", -1.0)) if run is not None else -1.0
