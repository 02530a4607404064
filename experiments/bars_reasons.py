"""The bars of explanations; see `bars.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bar import Bar

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


EXPLANATION_BARS = (
    Bar("deletion test of liked items, area over random order, the lowest of `auto`, EASE and a "
        "link predictor", "explanations", least_over("random"), 1.2, True, "{:.2f}"),
    Bar("the same over LIME with 1,000 samples", "explanations", least_over("lime_1000"), 1.2,
        True, "{:.2f}"),
    Bar("sums of contributions: largest difference from the score, as a share of it",
        "explanations", worst_sum, 0.01, False, "{:.6f}"),
    Bar("liked items that a sentence names: share among the three that count most", "explanations",
        least_named("sentence"), 0.9, True, "{:.3f}"),
    Bar("recommendations with a reason of any kind (the graph, others' choices, words of texts), "
        "three data sets", "explanations", least_covered, 1.0, True, "{:.3f}"),
    Bar("milliseconds of one explanation, 10,000 items", "explanations",
        slowest_reason("one_ms"), 50.0, False, "{:.0f}"),
    Bar("milliseconds of the ten of a list", "explanations", slowest_reason("ten_ms"), 200.0,
        False, "{:.0f}"),
)  # fmt: skip
