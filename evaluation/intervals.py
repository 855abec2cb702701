"""Means with intervals, the same ones every time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0
_FEW, _MANY = 10, 2000  # below, BCa promises too much; above, it needs n² numbers and changes nothing
_NUMBERS = 2_000_000  # in memory at a time

Method = Literal["BCa", "percentile"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with what is known about it.

    Attributes:
        sd: standard deviation of the values (population).
        low, high: 95% interval of the mean; ``None`` with fewer than two values.
        n: values.
    """

    mean: float
    sd: float
    low: float | None
    high: float | None
    n: int


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of ``values`` with its interval; see ``estimates``."""
    return estimates({"": values})[""]


def estimates(columns: Mapping[str, Sequence[float]]) -> dict[str, Estimate]:
    """The mean of each column with its interval.

    Columns of yes and no (only 0 and 1) get Wilson's interval, which does not shrink to nothing where all values are
    equal. Others get the bias-corrected and accelerated bootstrap (Efron 1987), or its percentiles where that is not
    defined and for few or many values.

    Raises:
        ValueError: a column is empty.
    """
    bounds: dict[str, tuple[float, float]] = {}
    by_length: dict[int, dict[str, Sequence[float]]] = {}
    for name, values in columns.items():
        if not values:
            raise ValueError("there is nothing to take a mean of")
        if len(values) > 1 and set(values) <= {0, 1}:
            bounds[name] = share_interval(int(sum(values)), len(values))
        elif len(values) > 1:
            by_length.setdefault(len(values), {})[name] = values
    for n, same in by_length.items():
        found = bootstrap_intervals(list(same.values()), "BCa" if _FEW <= n <= _MANY else "percentile")
        bounds |= dict(zip(same, found, strict=True))
    return {name: _estimate(values, bounds.get(name)) for name, values in columns.items()}


def _estimate(values: Sequence[float], bounds: tuple[float, float] | None) -> Estimate:
    n = len(values)
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / n)
    low, high = bounds or (None, None)
    return Estimate(mean, sd, low, high, n)


def share_interval(count: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of ``count`` of ``n``."""
    from scipy.stats import binomtest

    found = binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def bootstrap_intervals(columns: Sequence[Sequence[float]], method: Method) -> list[tuple[float, float]]:
    """95% bootstrap intervals of the means of columns of one length, two values or more.

    All columns are resampled alike. A column of equal values has an interval without width.
    """
    import numpy as np

    data = np.asarray(columns, dtype=float)
    bounds = np.stack([data[:, 0], data[:, 0]], axis=-1)
    moving = np.flatnonzero(np.ptp(data, axis=1) > 0)
    if moving.size:
        bounds[moving] = _bootstrap(data[moving], method)
        undefined = moving[np.isnan(bounds[moving]).any(axis=1)]
        if undefined.size:
            bounds[undefined] = _bootstrap(data[undefined], "percentile")
    return [(float(low), float(high)) for low, high in bounds]


def _bootstrap(data: object, method: Method) -> object:
    import numpy as np
    from scipy.stats import bootstrap

    array = np.asarray(data)
    with warnings.catch_warnings():
        # BCa warns where it is not defined; the caller looks at its NaN.
        warnings.simplefilter("ignore")
        found = bootstrap(
            (array,),
            np.mean,
            axis=-1,
            vectorized=True,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            batch=max(1, _NUMBERS // array.size),
            method=method,
            rng=np.random.default_rng(SEED),
        ).confidence_interval
    return np.stack([found.low, found.high], axis=-1)
