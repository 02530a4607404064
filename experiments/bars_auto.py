"""The bars of the default model; see `bars.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bar import Bar


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


AUTO_BARS = (
    Bar("the default model, one config for all, mean of the seeds: `random`, "
        "test NDCG@10", "auto",
        auto("movielens_random", "ndcg@10"), 0.258, True),
    Bar("the same on `temporal`", "auto", auto("movielens_temporal", "ndcg@10"), 0.29, True),
    Bar("there, largest p beside all baselines in closed form, t and Wilcoxon with Holm",
        "auto_checks", lambda result: max(max(one["t_test_holm"], one["wilcoxon_holm"])
        for one in result["baselines"]["movielens_temporal"].values()), 0.05, False, "{:.3f}"),
    Bar("the same on `cold_items`", "auto", auto("movielens_cold_items", "ndcg@10"), 0.45, True),
    Bar("the same on HetRec Last.FM, test Recall@10", "auto", auto("lastfm", "recall@10"),
        0.3053, True),
    Bar("the same, test MRR@10", "auto", auto("lastfm", "mrr@10"), 0.1398, True),
    Bar("the same on Last.FM with DBpedia, test NDCG@10", "auto",
        auto("lastfm_dbpedia", "ndcg@10"), 0.258, True),
    Bar("the same on films with ratings, by the best single model on test", "auto",
        lambda result: float(result["films"]["singles"]["ratio"]), 1.05, True, "{:.3f}"),
    Bar("one in five interactions of `random`, by the best single model on test", "auto",
        lambda result: float(result["movielens_random_fifth"]["singles"]["ratio"]), 1.08, True,
        "{:.3f}"),
    Bar("the graph left out: the default model by the best single one without a graph, test "
        "NDCG@10, the lowest of all data", "auto_checks", without_graph("left out"), 1.0, True,
        "{:.3f}"),
    Bar("the same, each linked item with the entity of another", "auto_checks",
        without_graph("shuffled"), 1.0, True, "{:.3f}"),
    Bar("seconds of the link predictor, 11,000 users, 9,000 items, 19,000 interactions and 150,000 "
        "triples", "bench_auto", fitting("link_prediction", "sparse"), 60, False, "{:.0f}"),
    Bar("the same of the default model", "bench_auto", fitting("auto", "sparse"), 180, False,
        "{:.0f}"),
    Bar("CPU seconds of the default model for an interaction, 10⁵ interactions and 10⁶ triples by "
        "a tenth of both", "bench_auto", by_interaction("auto"), 1.2, False, "{:.2f}"),
    Bar("the same of the link predictor", "bench_auto", by_interaction("link_prediction"), 1.2,
        False, "{:.2f}"),
    Bar("predicted ratings, MovieLens-100K u1, RMSE", "ratings",
        lambda result: float(result["predicted"]["kernel_ratings"]["test"]["rmse"]), 0.8889,
        False),
    Bar("the same, MAE", "ratings",
        lambda result: float(result["predicted"]["kernel_ratings"]["test"]["mae"]), 0.695, False),
    Bar("rated test items ranked, p of being better with dislikes", "ratings",
        lambda result: float(result["ranked"]["t test"]["p"]), 0.05, False, "{:.3f}"),
)  # fmt: skip
