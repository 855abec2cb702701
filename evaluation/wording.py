"""Figures as people read them: shares in percent, tokens and seconds as they are."""

from __future__ import annotations

_TOKENS, _SECONDS = "context_tokens", "seconds"


def amount(measure: str, value: float) -> str:
    """``83.4%``, ``612`` tokens, ``14 ms``."""
    if measure == _TOKENS:
        return f"{value:,.0f}"
    if measure.startswith(_SECONDS):
        return f"{1000 * value:,.0f} ms"
    return f"{value:.1%}"


def gap(measure: str, value: float) -> str:
    """A difference with its sign, in points where it is one of shares."""
    if measure == _TOKENS:
        return f"{value:+,.0f}"
    if measure.startswith(_SECONDS):
        return f"{1000 * value:+,.1f} ms"
    return f"{100 * value:+.1f} points"


def interval(measure: str, low: float | None, high: float | None, *, signed: bool = False) -> str:
    """``[79.1, 87.0]``; empty where there is none."""
    if low is None or high is None:
        return ""
    factor, digits = (1.0, 0) if measure == _TOKENS else (1000.0, 1) if measure.startswith(_SECONDS) else (100.0, 1)
    sign = "+" if signed else ""
    return f"[{factor * low:{sign},.{digits}f}, {factor * high:{sign},.{digits}f}]"
