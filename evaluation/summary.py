"""A run in figures: overall and by source, language and tag, each mean with its interval and n."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evaluation.case import Case, Gold
from evaluation.intervals import Estimate, estimate, estimates
from evaluation.measures.abstention import Auroc, Point, auroc, curve, point, threshold_keeping
from evaluation.outcome import Outcome, Run

KEEP = 0.9
"""Share of the answerable questions that the suggested threshold keeps."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some questions' figures.

    Attributes:
        kind: ``overall``, ``source``, ``language`` or ``tag``.
        n: questions, failed ones included; ``errors``: the failed ones, which are in no mean.
        measures: mean of each measure over the questions that have it, in a fixed order.
        context_tokens: of the questions that did not fail; ``None`` where all did.
        seconds_p50, seconds_p95: latency of a search (nearest rank).
        cost: money for all questions.
    """

    kind: str
    name: str
    n: int
    errors: int
    measures: Mapping[str, Estimate]
    context_tokens: Estimate | None
    seconds_p50: float | None
    seconds_p95: float | None
    cost: float


@dataclass(frozen=True, slots=True)
class Abstention:
    """How well the evidence tells questions with an answer from those without.

    Attributes:
        configured: what the shelf's threshold does.
        suggested: the threshold that refuses most while keeping ``KEEP`` of the answerable questions; chosen on
            these questions, so it does a little worse on others.
        auroc: ``None`` without questions of both kinds.
        curve: every threshold that makes a difference.
    """

    answerable: int
    unanswerable: int
    configured: Point
    suggested: Point | None
    auroc: Auroc | None
    curve: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run. ``groups`` are in the order source, language, tag, the largest first."""

    name: str
    overall: Group
    groups: tuple[Group, ...]
    abstention: Abstention | None

    def of(self, kind: str) -> list[Group]:
        """The groups of a kind."""
        return [group for group in self.groups if group.kind == kind]


def summarise(run: Run, gold: Gold) -> Summary:
    """Sum ``run`` up. Questions that are in only one of the two are left out."""
    cases = {case.id: case for case in gold.cases}
    pairs = [(cases[one.case], one) for one in run.outcomes if one.case in cases]
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for case, outcome in pairs:
        for kind, name in _belongs(case):
            groups.setdefault((kind, name), []).append(outcome)
    order = {"source": 0, "language": 1, "tag": 2}
    named = sorted(groups.items(), key=lambda item: (order[item[0][0]], -len(item[1]), item[0][1]))
    return Summary(
        run.name,
        _group("overall", "all questions", [outcome for _, outcome in pairs]),
        tuple(_group(kind, name, members) for (kind, name), members in named),
        _abstention(pairs, float(run.manifest.get("threshold", 0.0))),
    )


def _belongs(case: Case) -> Iterable[tuple[str, str]]:
    for source in sorted({source for source, _ in case.relevant() if source}):
        yield "source", source
    if case.language:
        yield "language", case.language
    for tag in dict.fromkeys(case.tags):
        yield "tag", tag


def _group(kind: str, name: str, outcomes: list[Outcome]) -> Group:
    fine = [one for one in outcomes if one.error is None]
    columns: dict[str, list[float]] = {}
    for one in fine:
        for measure, value in one.measures.items():
            columns.setdefault(measure, []).append(value)
    seconds = sorted(one.seconds for one in fine)
    return Group(
        kind,
        name,
        len(outcomes),
        len(outcomes) - len(fine),
        estimates({measure: columns[measure] for measure in sorted(columns, key=measure_order)}),
        estimate([float(one.context_tokens) for one in fine]) if fine else None,
        _nearest_rank(seconds, 50),
        _nearest_rank(seconds, 95),
        sum(one.cost for one in fine),
    )


def measure_order(name: str) -> tuple[int, int, str]:
    """Sorts measures as people read them: what matters most first, cut-offs rising."""
    stem, _, k = name.partition("@")
    places = (
        "context_recall", "span_recall", "span_precision", "span_iou", "precision_omega",
        "recall", "hit", "ndcg", "mrr", "precision", "refusal_correct",
    )  # fmt: skip
    return places.index(stem) if stem in places else len(places), int(k) if k.isdigit() else 0, name


def _nearest_rank(ordered: list[float], percent: int) -> float | None:
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] if ordered else None


def _abstention(pairs: list[tuple[Case, Outcome]], threshold: float) -> Abstention | None:
    fine = [(case, one) for case, one in pairs if one.error is None]
    with_answer = [one.evidence for case, one in fine if case.answerable]
    without = [one.evidence for case, one in fine if not case.answerable]
    if not without:
        return None
    return Abstention(
        len(with_answer),
        len(without),
        point(with_answer, without, threshold),
        threshold_keeping(with_answer, without, KEEP),
        auroc(with_answer, without),
        tuple(curve(with_answer, without)),
    )
