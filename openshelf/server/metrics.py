"""Prometheus metrics of one server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from openshelf.server.indexing import Tally

_METHODS = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts requests, and looks at the indexing when it is asked.

    Args:
        waiting: files by status; blocks.
    """

    def __init__(self, tally: Tally, waiting: Callable[[], dict[str, int]]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "openshelf_http_requests_total", "Requests.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "openshelf_http_request_seconds",
            "Seconds to the end of the answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_Indexing(tally, waiting))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)


class _Indexing(Collector):
    def __init__(self, tally: Tally, waiting: Callable[[], dict[str, int]]) -> None:
        self._tally = tally
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        """The indexing's numbers, as they are now."""
        files = GaugeMetricFamily("openshelf_attached_files", "Files in vector stores.", labels=["status"])
        for status, count in self._waiting().items():
            files.add_metric([status], count)
        yield files
        done = CounterMetricFamily("openshelf_indexed_files", "Files indexed since the start.", labels=["outcome"])
        done.add_metric(["completed"], self._tally.completed)
        done.add_metric(["failed"], self._tally.failed)
        yield done
        yield CounterMetricFamily(
            "openshelf_embedded_texts", "Texts embedded since the start.", value=self._tally.embedded
        )

    def describe(self) -> list[Metric]:
        """Nothing, so that nothing is asked at registration."""
        return []
