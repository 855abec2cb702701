"""Figures as people read them in a report: shares in percent, tokens whole, differences in points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TOKENS = "context_tokens"
_SECONDS = ("seconds", "seconds_p50", "seconds_p95")
_NAMES: Mapping[str, str] = {
    "context_recall": "context recall",
    "span_recall": "span recall",
    "span_precision": "span precision",
    "span_iou": "span IoU",
    "precision_omega": "precision Ω",
    "ndcg": "nDCG",
    "mrr": "MRR",
    "refusal_correct": "answered or refused rightly",
    "context_tokens": "context tokens",
    "seconds": "seconds for a search",
}
EXPLAINED: Mapping[str, str] = {
    "context_recall": "share of the gold passages' characters in the text that a model would be given",
    "span_recall": "share of the gold passages' characters in the hits",
    "span_precision": "share of the hits' characters that are gold",
    "span_iou": "gold characters in the hits, over all characters of both",
    "precision_omega": "the best span precision that these chunks allow: every chunk that touches gold, and no other",
    "recall": "share of the relevant documents among the first k",
    "hit": "whether a relevant document is among the first k",
    "ndcg": "relevant documents near the top, 0 to 1",
    "mrr": "one over the rank of the first relevant document",
    "precision": "share of the first k documents that are relevant",
    "refusal_correct": "answered where the gold has an answer, refused where it has none, at the shelf's threshold",
    "context_tokens": "tokens of the text that a model would be given; fewer are cheaper",
    "seconds": "the query's embedding included",
}


def name_of(measure: str) -> str:
    """A measure's name for people: ``ndcg@10`` is ``nDCG@10``."""
    stem, at, k = measure.partition("@")
    return f"{_NAMES.get(stem, stem.replace('_', ' '))}{at}{k}"


def explained(measure: str) -> str:
    """What a measure says, in a line."""
    return EXPLAINED.get(measure.partition("@")[0], "")


def is_share(measure: str) -> bool:
    """Whether people read the measure in percent."""
    return measure != _TOKENS and measure not in _SECONDS


def amount(value: float | None, measure: str = "") -> str:
    """``91.2%``, ``431`` for tokens, ``120 ms``; a dash for nothing."""
    if value is None:
        return "–"
    if measure == _TOKENS:
        return f"{value:,.0f}"
    if measure in _SECONDS:
        return seconds(value)
    return f"{value:.1%}"


def gap(value: float | None, measure: str = "") -> str:
    """A difference with its sign: points of percent, tokens, seconds."""
    if value is None:
        return "–"
    if measure == _TOKENS:
        text = f"{value:+,.0f}"
    elif measure in _SECONDS:
        text = f"{value:+.3f} s"
    else:
        text = f"{value * 100:+.1f}"
    return text.replace("-", "−")


def interval(low: float | None, high: float | None, measure: str = "", *, difference: bool = False) -> str:
    """``80.1% to 92.4%``; a dash where there is none."""
    if low is None or high is None:
        return "–"
    say = gap if difference else amount
    return f"{say(low, measure)} to {say(high, measure)}"


def share(value: float | None) -> str:
    """``91.2%``."""
    return amount(value)


def seconds(value: float | None) -> str:
    """``12 ms``, ``1.24 s``."""
    if value is None:
        return "–"
    return f"{value * 1000:,.0f} ms" if value < 1 else f"{value:,.2f} s"


def money(value: float | None, currency: str) -> str:
    """``USD 0.0021``; small amounts keep two figures."""
    if value is None:
        return "no price known"
    if value == 0:
        return f"{currency} 0"
    return f"{currency} {value:,.2f}" if abs(value) >= 1 else f"{currency} {value:.2g}"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """``1 question``, ``1,204 questions``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def setting(value: Any) -> str:
    """A setting's value in a line."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(setting(inner) for inner in value)
    return str(value)
