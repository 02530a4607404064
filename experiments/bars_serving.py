"""The bars of the service; see `bars.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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
