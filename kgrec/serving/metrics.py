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
        self.run = Gauge("kgrec_run_info", "Runs that answer: 1.", ["run", "role"], registry=own)
        self.swaps = Counter("kgrec_swaps", "Runs that took the place of others.", registry=own)
        self.written = Counter("kgrec_events_written", "Events written to the log.", registry=own)
        self.log_up = Gauge("kgrec_log_up", "Whether the log can be read.", registry=own)
        self.log_last = Gauge("kgrec_log_last", "Place of the last event.", registry=own)
        self.log_lag = Gauge("kgrec_log_lag", "Events that answers lack yet.", registry=own)
        self.log_failed = Gauge("kgrec_log_failed", "Events that were refused.", registry=own)
        self.update_seconds = Gauge(
            "kgrec_update_seconds", "Seconds that the last update took.", registry=own
        )
        self.training_due = Gauge(
            "kgrec_training_due", "Whether so much came that a training is due.", registry=own
        )
        self.lists = Gauge("kgrec_lists", "Lists for known users.", ["role"], registry=own)
        self.likes = Gauge("kgrec_likes", "Likes of users who had a list.", ["role"], registry=own)
        self.hits = Gauge("kgrec_hits", "Those that were in the list.", ["role"], registry=own)
        self.users = Gauge("kgrec_users", "Known users.", registry=own)
        self.items = Gauge("kgrec_items", "Items that are not withdrawn.", registry=own)

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)
