"""When a request is tried again, and how long that waits; and a budget of requests that threads share."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes that may be different next time."""

_jitter = random.SystemRandom()


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3: seconds or a date).

    ``None`` where it is missing or makes no sense; a date in the past is 0.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else float("inf")
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def pause(asked: float | None, attempt: int, cap: float) -> float:
    """Seconds to wait before try ``attempt + 1``; never more than ``cap``.

    What the server asked for plus up to a tenth, else exponential with full jitter
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    if asked is not None:
        return min(cap, asked + _jitter.uniform(0, 0.1 * min(asked, cap)))
    return _jitter.uniform(0, min(cap, 0.5 * 2.0**attempt))


class RateBudget:
    """At most ``per_minute`` requests, evenly spaced after a small burst; shared by any number of threads."""

    def __init__(self, per_minute: int) -> None:
        if per_minute < 1:
            raise ValueError("per_minute is at least 1")
        self._interval = 60.0 / per_minute
        # A tenth of the budget may go at once, so that a short run does not wait at all.
        self._burst = max(1, per_minute // 10) * self._interval
        self._lock = threading.Lock()
        self._next = float("-inf")

    def take(self) -> float:
        """Book one request; returns the seconds to wait before sending it."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now - self._burst) + self._interval
            return max(0.0, self._next - now)

    def hold(self, seconds: float) -> None:
        """Let no request out for ``seconds``: the server asked one of the threads to wait."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds - self._interval)


_budgets: dict[tuple[str, int], RateBudget] = {}
_budgets_lock = threading.Lock()


def shared_budget(account: str, per_minute: int) -> RateBudget:
    """The one budget of ``account`` in this process: sources and threads that ask the same vendor share it."""
    with _budgets_lock:
        return _budgets.setdefault((account, per_minute), RateBudget(per_minute))
