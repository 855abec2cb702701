"""Where the marks of a plot stand; ``templates/plots.html`` draws them as SVG.

A plot has a title and a description for people who do not see it, and its values stand in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 30, 14, 46
_RULE_LABEL = 16

Format = Literal["percent", "number", "seconds"]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis over ``low`` to ``high``, which lie on ticks."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    format: Format = "number"

    def text(self, value: float) -> str:
        """A tick's label."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        if self.format == "percent":
            return f"{value:.{0 if step >= 0.0099 else 1}%}"
        if self.format == "seconds":
            return f"{value * 1000:,.0f} ms" if self.high < 2 else f"{value:,.3g} s"
        places = max(0, -math.floor(math.log10(step))) if step > 0 else 0
        return f"{value:,.{places}f}".replace("-", "−")


def axis(label: str, low: float, high: float, format: Format = "number", *, most: int = 6) -> Axis:
    """An axis that covers ``low`` to ``high`` in round steps."""
    if high - low <= 1e-9 * max(1.0, abs(low), abs(high)):
        about = 0.5 if abs(high) > 1 else 0.05
        low, high = low - about, high + about
        if format == "percent":
            low, high = max(0.0, low), min(1.0, high)
    rough = (high - low) / most
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(number * step, 12) for number in range(first, last + 1))
    return Axis(label, ticks[0], ticks[-1], ticks, format)


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; ``kind`` names its look (``one``, ``other``, ``front``)."""

    label: str
    points: tuple[tuple[float, float], ...]
    kind: str = "one"


@dataclass(frozen=True, slots=True)
class Dot:
    """A point.

    Attributes:
        kind: its look: ``plain``, ``front``, ``base`` (a square), ``winner`` (a diamond).
        title: what a pointer over it shows.
        label: written beside it.
        low, high: an interval of ``y``.
    """

    x: float
    y: float
    title: str
    kind: str = "plain"
    label: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A bar of a histogram from ``x`` to ``end``."""

    x: float
    end: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Rule:
    """An upright line at ``x`` with a label."""

    x: float
    label: str
    kind: str = "chosen"


@dataclass(frozen=True, slots=True)
class Band:
    """An area between two lines: the interval of a curve. ``points`` are (x, low, high)."""

    label: str
    points: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot; everything in it is in the axes' own units."""

    id: str
    title: str
    description: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    columns: tuple[Column, ...] = ()
    rules: tuple[Rule, ...] = ()
    bands: tuple[Band, ...] = ()
    width: int = field(default=WIDTH)
    height: int = field(default=HEIGHT)

    @property
    def left(self) -> int:
        """Left edge of the field, in SVG units; ``right``, ``top`` and ``bottom`` likewise."""
        return _LEFT

    @property
    def right(self) -> int:  # noqa: D102
        return self.width - _RIGHT

    @property
    def top(self) -> int:  # noqa: D102
        return _TOP + _RULE_LABEL * len(self.rules)

    @property
    def bottom(self) -> int:  # noqa: D102
        return self.height - _BOTTOM

    def px(self, x: float) -> float:
        """Where ``x`` stands, in SVG units from the left."""
        share = (x - self.x.low) / (self.x.high - self.x.low)
        return round(self.left + (self.right - self.left) * min(1.0, max(0.0, share)), 1)

    def py(self, y: float) -> float:
        """Where ``y`` stands, in SVG units from the top."""
        share = (y - self.y.low) / (self.y.high - self.y.low)
        return round(self.bottom - (self.bottom - self.top) * min(1.0, max(0.0, share)), 1)

    def path(self, line: Line) -> str:
        """``points`` of a polyline."""
        return " ".join(f"{self.px(x):g},{self.py(y):g}" for x, y in line.points)

    def area(self, band: Band) -> str:
        """``points`` of a band's outline."""
        there = [f"{self.px(x):g},{self.py(high):g}" for x, _, high in band.points]
        back = [f"{self.px(x):g},{self.py(low):g}" for x, low, _ in reversed(band.points)]
        return " ".join([*there, *back])

    def label_y(self, place: int) -> int:
        """Where the label of the rule at ``place`` stands: above the field, each on a line of its own."""
        return self.top - 6 - _RULE_LABEL * place

    def label_at(self, place: int) -> tuple[float, str]:
        """Where a rule's label stands from the left, and which end of it: the first of several is left of its line,
        so that the next line does not cross it."""
        x, length = self.px(self.rules[place].x), 7.8 * len(self.rules[place].label)
        if place == 0 and len(self.rules) > 1 and x > length + 8:
            return x + 8, "end"
        return round(min(self.width - length / 2 - 2, max(length / 2 + 2, x)), 1), "middle"


def histogram(values: Sequence[float], *, most: int = 30) -> list[tuple[float, float, int]]:
    """Bins (from, to, count) of equal round width over ``values``, which are 0 or more.

    Bins end where 99% of the values do, and what lies beyond is counted in the last one: a few slow ones would
    otherwise squeeze the rest into one bar.
    """
    ordered = sorted(values)
    if not ordered:
        return []
    reach = ordered[max(0, math.ceil(0.99 * len(ordered)) - 1)]
    bins = max(1, min(most, math.ceil(math.sqrt(len(ordered)) * 1.5)))
    scale = axis("", 0.0, max(reach, 1e-6), most=bins)
    step = scale.ticks[1] - scale.ticks[0]
    edges = [tick for tick in scale.ticks if tick < scale.high - step / 2]
    counts = [0] * len(edges)
    for value in ordered:
        counts[min(len(edges) - 1, int(value / step))] += 1
    first = next(place for place, count in enumerate(counts) if count)
    kept = [(edge, edge + step, count) for edge, count in zip(edges, counts, strict=True)]
    return kept[first if edges[first] > scale.high / 2 else 0 :]
