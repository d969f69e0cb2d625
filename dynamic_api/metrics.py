"""Prometheus metrics of one process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters by route, never by what a caller chose: names of routes are few."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "skillpress_requests_total", "Requests.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "skillpress_request_seconds",
            "Time to answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
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
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One answer."""
        counter = self._counters.get((route, method, status))
        if counter is None:
            counter = self._requests.labels(route, method, str(status))
            self._counters[route, method, status] = counter
        counter.inc()
        timer = self._timers.get(route)
        if timer is None:
            timer = self._timers[route] = self._seconds.labels(route)
        timer.observe(seconds)

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
