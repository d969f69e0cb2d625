"""Prometheus metrics of one process."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BOUNDS = [*map(floatToGoString, BUCKETS), "+Inf"]


@dataclass(slots=True)
class _Times:
    """How many answers took how long: one number for each bucket, and the sum of seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    seconds: float = 0.0


class Metrics(Collector):
    """Numbers by route, never by what a caller chose: names of routes are few.

    We count in plain numbers, and the library writes them down: its own counters, made for threads, cost
    a twentieth of a bare answer.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests: dict[tuple[str, str, int], int] = {}
        self._times: dict[str, _Times] = {}
        self.registry.register(self)
        self.generation = Gauge(
            "skillpress_catalogue_generation",
            "Generation of the catalogue that is served.",
            registry=self.registry,
        )
        self.deliveries = Counter(
            "skillpress_webhook_deliveries_total",
            "Tries to deliver an event, by what came of them: delivered, failed for good, or to be retried.",
            ("outcome",),
            registry=self.registry,
        )
        self.queue_length = Gauge(
            "skillpress_webhook_queue_length",
            "Deliveries that wait, in the whole deployment.",
            registry=self.registry,
        )
        self.queue_seconds = Gauge(
            "skillpress_webhook_queue_overdue_seconds",
            "How long ago the oldest delivery that waits should have gone out.",
            registry=self.registry,
        )

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One answer. For the event loop alone."""
        kind = (route, method, status)
        self._requests[kind] = self._requests.get(kind, 0) + 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = _Times()
        times.counts[bisect_left(BUCKETS, seconds)] += 1
        times.seconds += seconds

    def collect(self) -> Iterator[Metric]:
        """What the library asks of a collector."""
        requests = CounterMetricFamily(
            "skillpress_requests", "Requests.", labels=("route", "method", "status")
        )
        for (route, method, status), number in list(self._requests.items()):
            requests.add_metric((route, method, str(status)), number)
        yield requests
        seconds = HistogramMetricFamily("skillpress_request_seconds", "Time to answer.", labels=("route",))
        for route, times in list(self._times.items()):
            buckets = list(zip(_BOUNDS, accumulate(times.counts), strict=True))
            seconds.add_metric((route,), buckets, times.seconds)
        yield seconds

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
