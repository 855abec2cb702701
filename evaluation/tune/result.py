"""What a study ends in: every trial, the front, the winner, what each knob did, and who got worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evaluation.case import Gold
from evaluation.outcome import Run

State = Literal["done", "failed"]
TOKENS = "context_tokens"
"""Name of the mean number of context tokens of a question, beside the measures."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration, measured on the tuning half of the gold.

    Attributes:
        number: in the order of the runs; 0 is the user's configuration as it stands (``base``).
        key: hash of all settings that can change a result; equal keys are measured once.
        knobs: the value of every knob, by its dotted path; of the base the values that it has.
        label: the knobs in one line, for people; ``base`` for the base.
        variant: name of the index it searched; trials with the same ingest settings share one.
        means: mean of each measure over the questions that have it (0 to 1 unless its name says otherwise), and
            ``context_tokens``.
        cases: how many questions stand behind each mean.
        intervals: 95% bootstrap interval of the objective's measures (none for a single question).
        embedded: texts that had to be embedded for it; ``cached`` came from the study's cache.
        chunks: in its index.
        seconds: building the index and searching; ``build_seconds`` is the first of both.
        cost: money in the configuration's currency.
        meets: whether it keeps within the objective's limits.
        reason: why it failed.
    """

    number: int
    key: str
    knobs: Mapping[str, Any]
    label: str
    variant: str
    state: State = "done"
    means: Mapping[str, float] = field(default_factory=dict)
    cases: Mapping[str, int] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    chunks: int = 0
    embedded: int = 0
    cached: int = 0
    seconds: float = 0.0
    build_seconds: float = 0.0
    cost: float = 0.0
    meets: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired comparison of the same questions under two configurations.

    Attributes:
        measure: its name; ``context_tokens`` is one too.
        n: questions that have the measure in both.
        low, high: 95% interval of ``after - before``, paired bootstrap over questions.
        distinguishable: whether the interval leaves 0 out.
    """

    measure: str
    n: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    distinguishable: bool


@dataclass(frozen=True, slots=True)
class ValueEffect:
    """What one value of a knob did, against the knob's reference value.

    Attributes:
        reference: whether it is the reference itself (the base's value, or the first choice where that has more pairs).
        trials: how many trials have it.
        mean: of the objective's measure over those trials; ``None`` without any.
        pairs: pairs of trials that differ in this knob alone (this value, the reference).
        effect: mean difference of the objective's measure over those pairs; ``None`` without pairs.
        low, high: 95% interval of ``effect``, bootstrap over questions.
        tokens: mean difference in context tokens over those pairs.
    """

    value: Any
    label: str
    reference: bool
    trials: int
    mean: float | None
    pairs: int
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    tokens: float | None = None


@dataclass(frozen=True, slots=True)
class KnobEffect:
    """What a knob did.

    Attributes:
        stage: ``ingest`` knobs make another index, ``search`` knobs do not.
        importance: share of the objective's variation, 0 to 1, as Optuna estimates it; only for ``search: optuna``.
    """

    knob: str
    stage: str
    values: tuple[ValueEffect, ...]
    importance: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A question whose measure changed from the base to the winner.

    Attributes:
        half: ``tuning`` or ``held-out``.
    """

    case: str
    question: str
    half: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A study.

    Attributes:
        measures: what was maximised; the first one ranks.
        limits: the objective's limits in words, as ``context_tokens <= 900``.
        state: ``complete``, or why it stopped early, as a sentence.
        trials: leaderboard: best first, failed ones last. The base is among them.
        skipped: combinations that are no valid configuration, counted by reason.
        front: numbers of the trials that no other beats in recall and context tokens at once, by tokens.
        base, winner: their numbers; the winner is the base when nothing was better.
        held_out: winner against base on questions that took no part in choosing; empty without such questions.
        verdict: the same in one sentence.
        worse, better: questions that lost or gained from base to winner, largest change first.
        gold: all questions, both halves, their passages looked up.
        base_run, winner_run: all questions, both halves, for a report that shows hits.
        whole: winner against base on all questions, those included that the winner was chosen by.
        front_held_out: means of the trials on the front on the held-out half, by number.
        manifest: what it was made with: hashes of gold and data, fingerprints, versions, seed. No secrets.
    """

    name: str
    measures: tuple[str, ...]
    limits: tuple[str, ...]
    search: str
    seed: int
    state: str
    trials: tuple[Trial, ...]
    skipped: Mapping[str, int]
    front: tuple[int, ...]
    base: int
    winner: int
    held_out: tuple[Difference, ...]
    verdict: str
    knobs: tuple[KnobEffect, ...]
    worse: tuple[Change, ...]
    better: tuple[Change, ...]
    manifest: Mapping[str, Any]
    cases: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    front_held_out: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    whole: tuple[Difference, ...] = ()
    gold: Gold | None = None
    base_run: Run | None = None
    winner_run: Run | None = None

    def trial(self, number: int) -> Trial:
        """The trial of that number."""
        return next(one for one in self.trials if one.number == number)
