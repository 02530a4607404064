"""The bars of training the language model; see `bars.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bar import Bar

TRAINED = ("frozen", "top_layers", "lora", "full")
PLAIN = "as it was"


def seeds(result: Any, name: str, key: str) -> float:
    """Return the mean over the seeds of a case."""
    return float(np.mean([one[key] for one in result["cases"][name].values()]))


def best_alone(result: Any) -> float:
    """Return the test figure of the regime that is best on validation."""
    there = [name for name in TRAINED if name in result["cases"]]
    return seeds(result, max(there, key=lambda name: seeds(result, name, "valid")), "test")


def gain(result: Any, name: str) -> float:
    """Return the test figure of a case less that of the encoder as it was."""
    return seeds(result, name, "test") - float(result[PLAIN]["test"])


def share_of_gain(name: str) -> Callable[[Any], float]:
    """Return what takes a case's gain as a share of full training's."""
    return lambda result: gain(result, name) / gain(result, "full")


def others(key: str) -> Callable[[Any], float]:
    return lambda result: float(result["other films"]["top_layers-0"][key])


def in_auto(part: str, key: str) -> Callable[[Any], float]:
    """Return what takes a mean over seeds of the default model with a tuned encoder."""
    return lambda result: float(np.mean([one["test"][key] for one in result[part].values()]))


def sparse(key: str) -> Callable[[Any], float]:
    return lambda result: float(
        np.mean(
            [one["sparsest fifth"]["tuned over EASE"][key] for one in result["random"].values()]
        )
    )


def task(name: str, value: Callable[[Any], float]) -> Callable[[Any], float]:
    """Return what takes the mean over seeds of a task with a head."""
    return lambda result: float(np.mean([value(one) for one in result[name]]))


def over_regression(one: Any) -> float:
    found = one["auc"]
    return float(found["tuned"] - found["frozen and logistic regression"])


def genres_gain(result: Any) -> float:
    """Return the tuned encoder's macro F1 over that of frozen vectors, means over seeds."""
    frozen = "frozen and logistic regression"
    means = [
        np.mean([one[name]["macro_f1"] for one in result["genres"]]) for name in ("tuned", frozen)
    ]
    return float(means[0] / means[1])


def throughput(result: Any) -> float:
    """Return the smaller ratio of the two regimes."""
    return min(float(one["ratio"]) for one in result["regimes"].values())


TUNING_BARS = (
    Bar("new items of MovieLens-100K by vectors of texts alone, the regime that is best on "
        "validation, test NDCG@10", "text_regimes", best_alone, 0.39, True, "{:.3f}"),
    Bar("`cold_items`, `auto` with a tuned encoder, test NDCG@10", "text_in_auto",
        in_auto("cold_items", "mean"), 0.46, True, "{:.3f}"),
    Bar("LoRA's gain on the first of these as a share of full training's", "text_regimes",
        share_of_gain("lora"), 0.97, True, "{:.2f}"),
    Bar("LoRA's share of the parameters", "text_regimes",
        lambda result: seeds(result, "lora", "share_of_parameters"), 0.05, False, "{:.3f}"),
    Bar("two layers' gain as a share of full training's", "text_regimes",
        share_of_gain("top_layers"), 0.85, True, "{:.2f}"),
    Bar("two layers' CPU time as a share of full training's", "text_regimes",
        lambda result: seeds(result, "top_layers", "cpu_seconds")
        / seeds(result, "full", "cpu_seconds"), 0.25, False, "{:.2f}"),
    Bar("full training of MiniLM on `cold_items`, all epochs, minutes of CPU", "text_regimes",
        lambda result: seeds(result, "full", "cpu_seconds") / 60, 25, False, "{:.0f}"),
    Bar("the same with two layers", "text_regimes",
        lambda result: seeds(result, "top_layers", "cpu_seconds") / 60, 5, False, "{:.1f}"),
    Bar("full training of MiniLM, peak GiB", "text_regimes",
        lambda result: seeds(result, "full", "peak_bytes") / 2**30, 4, False, "{:.1f}"),
    Bar("the last two layers of MiniLM tuned on MovieLens-100K, new films of other titles by their "
        "vectors alone: NDCG@10 over the encoder as it was", "text_regimes",
        lambda result: others("ndcg@10")(result) / float(result["other films"]["as it is"]), 1.0,
        True, "{:.2f}"),
    Bar("that difference by chance: the larger p of t and Wilcoxon", "text_regimes",
        lambda result: max(others("t_test_p")(result), others("wilcoxon_p")(result)), 0.05, False,
        "{:.4f}"),
    Bar("sparsest fifth of users of `random`, `auto` with a tuned encoder over EASE, NDCG@10",
        "text_in_auto", sparse("ratio"), 1.1, True, "{:.3f}"),
    Bar("that difference by chance: the larger p of t and Wilcoxon", "text_in_auto",
        lambda result: max(sparse("t_test_p")(result), sparse("wilcoxon_p")(result)), 0.05, False,
        "{:.3f}"),
    Bar("ratings of u1 by texts alone, RMSE over that of the item's mean", "text_tasks",
        task("rating", lambda one: one["rmse"]["text alone"] / one["rmse"]["mean of the item"]),
        0.95, False, "{:.3f}"),
    Bar("`kernel_ratings` with the answers of texts, RMSE over that without", "text_tasks",
        task("rating",
             lambda one: one["rmse"]["kernel_ratings and text"] / one["rmse"]["kernel_ratings"]),
        1.0, False, "{:.4f}"),
    Bar("likes of new items of u1 by a tuned encoder, AUC less that of frozen vectors and logistic "
        "regression", "text_tasks", task("click", over_regression), 0.02, True, "{:.3f}"),
    Bar("genres from abstracts by a tuned encoder, macro F1 over frozen vectors and logistic "
        "regression", "text_tasks", genres_gain, 1.1, True, "{:.2f}"),
    Bar("texts a second in training over sentence-transformers, the lower of full and LoRA",
        "bench_tuning", throughput, 1.5, True, "{:.2f}"),
)  # fmt: skip
