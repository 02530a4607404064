"""The bars of explanations; see `bars.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

EXPLAINED = ("ease", "link_prediction", "auto")


def least_over(*methods: str) -> Callable[[Any], float]:
    """Return the smallest ratio of the area of contributions to that of other methods."""

    def value(result: Any) -> float:
        return min(
            float(result["deletion"][model]["over"][method])
            for model in EXPLAINED
            for method in methods
        )

    return value


def worst_sum(result: Any) -> float:
    """Return the largest difference of a sum from its score, as a share of the score."""
    return max(float(one["largest_relative_difference"]) for one in result["sums"].values())


def least_named(key: str) -> Callable[[Any], float]:
    """Return the smallest share of named items among the three that count most."""
    return lambda result: min(float(result["top_three"][model][key]) for model in EXPLAINED)


def least_covered(result: Any) -> float:
    """Return the smallest share of recommendations with a reason, whatever it tells."""
    return min(float(one["with_a_reason"]) for one in result["coverage"].values())


def slowest_reason(key: str) -> Callable[[Any], float]:
    """Return the largest median of milliseconds."""
    return lambda result: max(float(one[key]) for one in result["speed"].values())
