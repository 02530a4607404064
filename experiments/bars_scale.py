"""The bars of what goes past one machine, or one machine's memory; see `bars.py`."""

from __future__ import annotations

from typing import Any

from bar import Bar

LARGEST = "10000000"
"""Interactions of the largest size in scale.json."""


def triples_a_second(found: Any) -> float:
    """Return how many million triples of N-Triples a second were read."""
    read = found["sizes"][LARGEST]["read"]
    return float(read["triples"] / read["parts"]["graph"] / 1e6)


def gib_of_reading(found: Any) -> float:
    """Return the highest memory of the process that read both log and graph."""
    return float(found["sizes"][LARGEST]["read"]["peak_bytes"] / 2**30)


def least_share(found: Any) -> float:
    """Return the least share of the own group in the lists of the largest size."""
    stages = found["sizes"][LARGEST]
    return min(float(stages[name]["share"]) for name in ("low_rank", "link_prediction"))


def furthest(found: Any) -> float:
    """Return how far two workers are from one, in standard errors, in the case furthest off."""
    return max(float(one["difference_in_standard_errors"]) for one in found["cases"].values())


def furthest_below(found: Any) -> float:
    """Return how far moving a step's embeddings alone lies below moving all, in standard errors."""
    return max(-float(one["difference_in_standard_errors"]) for one in found["cases"].values())


SCALE_BARS = (
    Bar("encoding 20,000 texts: two workers with one thread over one", "bench_engine",
        lambda found: float(found["ratio"]), 1.7, True, "{:.2f}"),
    Bar("a link predictor trained by two workers: standard errors from one process, at most",
        "bench_workers", furthest, 2.0, False, "{:.1f}"),
    Bar("moving the embeddings of a step alone: standard errors below moving all, at most",
        "sparse_gradients", furthest_below, 2.0, False, "{:.1f}"),
    Bar("fifty million triples of N-Triples: million a second", "scale", triples_a_second, 1.0,
        True, "{:.1f}"),
    Bar("GiB of memory at the most, reading them and ten million interactions", "scale",
        gib_of_reading, 3.0, False, "{:.1f}"),
    Bar("ten million interactions with a planted preference: share of the own group in all lists",
        "scale", least_share, 0.5, True, "{:.2f}"),
)  # fmt: skip
