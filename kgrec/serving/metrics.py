"""Figures of the service for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """All figures of one worker. No label holds an id of a user or an item."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        own = self.registry
        self.requests = Counter(
            "kgrec_requests", "Requests by route, method and status.",
            ["route", "method", "status"], registry=own,
        )  # fmt: skip
        self.seconds = Histogram(
            "kgrec_request_seconds", "Seconds until an answer, by route.", ["route"],
            buckets=_BUCKETS, registry=own,
        )  # fmt: skip
        self.in_flight = Gauge("kgrec_requests_in_flight", "Requests that run now.", registry=own)
        self.refused = Counter(
            "kgrec_requests_refused",
            "Requests that were refused, by reason.",
            ["reason"],
            registry=own,
        )
        self.run = Gauge("kgrec_run_info", "The run that answers: always 1.", ["run"], registry=own)
        self.users = Gauge("kgrec_users", "Known users.", registry=own)
        self.items = Gauge("kgrec_items", "Items that are not withdrawn.", registry=own)

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)
