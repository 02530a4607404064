"""The bars of the service; see `bars.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bar import Bar


def of_reads(figure: str) -> Callable[[Any], float]:
    """Return what gives a percentile of the requests that read, in milliseconds."""
    return lambda found: float(found["result"]["read"][figure])


def errors(found: Any) -> float:
    """Return how many requests failed."""
    return float(sum(found["result"][kind]["errors"] for kind in ("read", "write")))


def growth_of_memory(found: Any) -> float:
    """Return the memory after the load as a multiple of that before."""
    told = found["result"]["mib"]
    return float(told["after"] / told["before"])


SERVE_BARS = (
    Bar("the service, 200 requests a second for 10 minutes, one in 21 a write, two workers: 95th "
        "percentile of milliseconds", "bench_serve", of_reads("p95_ms"), 25, False, "{:.1f}"),
    Bar("the same, 99th percentile", "bench_serve", of_reads("p99_ms"), 60, False, "{:.1f}"),
    Bar("the same, requests that failed", "bench_serve", errors, 0, False, "{:.0f}"),
    Bar("the same for 2 minutes, each list made anew (`kept_lists: 0`): 95th percentile",
        "bench_serve_anew", of_reads("p95_ms"), 25, False, "{:.1f}"),
    Bar("the same, 99th percentile", "bench_serve_anew", of_reads("p99_ms"), 60, False, "{:.1f}"),
    Bar("memory after 2 minutes of 200 requests a second as a multiple of that before, one worker",
        "bench_serve_one", growth_of_memory, 1.1, False, "{:.2f}"),
    Bar("an interaction posted until the list has changed, 99th percentile of seconds",
        "bench_serve", lambda found: float(found["result"]["changed"]["p99_s"]), 1, False,
        "{:.3f}"),
    Bar("acknowledged writes lost by 50 `kill -9`", "bench_serve",
        lambda found: float(found["result"]["kill"]["lost"]), 0, False, "{:.0f}"),
    Bar("requests that failed while a run took the place of another one, one worker",
        "bench_serve_one", lambda found: float(found["result"]["swap"]["failures"]), 0, False,
        "{:.0f}"),
    Bar("seconds from the start to the first answer, one worker", "bench_serve_one",
        lambda found: float(found["result"]["start_s"]), 3, False, "{:.1f}"),
    Bar("one worker, 100,000 items: 99th percentile of milliseconds", "bench_serve_large",
        of_reads("p99_ms"), 25, False, "{:.1f}"),
)  # fmt: skip
