"""Figures of the default model, taken out of result files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def auto(name: str, metric: str) -> Callable[[Any], float]:
    """Return what gives the mean over the seeds of the default model on one data set."""

    def value(result: Any) -> float:
        runs = result[name]["seeds"].values()
        return float(np.mean([run["test"][metric] for run in runs]))

    return value


def without_graph(part: str) -> Callable[[Any], float]:
    """Return what gives the lowest ratio to the best model that had no graph, over all data.

    Args:
        part: Whether the graph was `left out` or `shuffled`.
    """
    key = {"left out": "singles", "shuffled": "beside the best single"}[part]
    return lambda result: min(
        float(one[part][key]["ratio"]) for one in result["ablations"].values()
    )


def fitting(model: str, shape: str) -> Callable[[Any], float]:
    """Return what gives the seconds of fitting a model on synthetic data of a shape."""
    return lambda result: float(result["shapes"][shape][model]["seconds"])


def by_interaction(model: str) -> Callable[[Any], float]:
    """Return what gives CPU seconds at 10⁵ interactions over those at 10⁴, an interaction each."""

    def value(result: Any) -> float:
        of = {shape: result["shapes"][shape][model]["cpu_seconds"] for shape in result["shapes"]}
        return float(of["100,000"] / of["10,000"] / 10)

    return value
