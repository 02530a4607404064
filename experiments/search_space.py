"""What `search.py` varies: the settings of each model, and in which order models take their turn.

A setting is named by its place below `model` in a config, such as `training.learning_rate`. Each
range holds the default of every model that it is for, which is the first trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from kgrec.config import MODELS

Space = dict[str, BaseDistribution]

DATASETS = {
    "movielens_random": "own_random",
    "movielens_temporal": "own_temporal",
    "movielens_cold_items": "own_cold_items",
    "lastfm": "own_lastfm",
}
"""The settings of kgrec's own model for each data set; all models read the same data as it."""

METRIC = {"lastfm": "recall@10"}
"""What validation chooses by, where it is not NDCG@10."""

LIMITS = {"max_epochs": 120, "eval_every": 5, "patience": 6, "threads": 1}
"""Of every model that is trained in epochs."""

BATCH_PAIRS = 2048
"""Interactions in a step of every published model, so that all take as many steps in an epoch. Not
of LightKG, whose contrast compares all of a step's pairs with each other, nor of kgrec's link
predictor, whose steps hold users with all that they have."""

FIXED: dict[tuple[str, str], dict[str, Any]] = {
    ("lastfm", "link_prediction"): {"predictor": {"fusion": "none"}},  # there is nothing to fuse
    # Words serve new items alone, and where these are not what is ranked, they stay out.
    ("movielens_random", "link_prediction"): {"content_words": 0.0},
    ("movielens_temporal", "link_prediction"): {"content_words": 0.0},
    ("movielens_random", "content_ease"): {"words": 0.0},
    ("movielens_temporal", "content_ease"): {"words": 0.0},
    ("lastfm", "content_ease"): {"words": 0.0},
}
"""Settings by data set and model that are neither varied nor the defaults."""

CLOSED = ("most_popular", "item_knn", "ease", "attribute_ease", "user_ease", "trending", "ials",
          "content_ease", "slim")  # fmt: skip
COLLABORATIVE = ("lightgcn", "bpr_mf", "xsimgcl")
KNOWLEDGE = ("cke", "cfkg", "kgin", "kgat", "kgcn", "rgcn", "lightkg")
TRAINED = ("link_prediction", *COLLABORATIVE, *KNOWLEDGE)
OWN = "own"
"""kgrec's own model of `own_*.yaml`: its members stay as they are, their weights are searched."""

TIED = {"training.contrast.weight": ("user_weight", "item_weight")}
"""One setting here that is two in a config."""


def log(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


def between(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high)


def pick(*choices: Any) -> CategoricalDistribution:
    return CategoricalDistribution(choices)


def jobs() -> list[tuple[str, str]]:
    """Return data set and model of each search, what is cheap and what matters most first."""
    main, others = ("movielens_random", "lastfm"), ("movielens_cold_items", "movielens_temporal")
    late = ("lastfm", "content_ease")  # without text, and without new items, it is much like EASE
    order = [(dataset, model) for dataset in DATASETS for model in CLOSED]
    order.remove(late)
    order += [(dataset, model) for model in ("lightgcn", "bpr_mf") for dataset in main]
    order += [(dataset, "link_prediction") for dataset in (*main, "movielens_cold_items")]
    order += [(dataset, OWN) for dataset in DATASETS]
    order += [("lastfm", model) for model in ("xsimgcl", *KNOWLEDGE)]
    order += [("movielens_temporal", "link_prediction")]
    order += [("movielens_random", model) for model in ("xsimgcl", *KNOWLEDGE)]
    order += [("movielens_temporal", model) for model in COLLABORATIVE]
    order += [(dataset, model) for dataset in others for model in KNOWLEDGE]
    order += [("movielens_cold_items", model) for model in COLLABORATIVE]
    order.append(late)
    return order


def does_not_apply(dataset: str, model: str) -> str | None:
    """Return why a model is not for a data set, or None."""
    blind = ("most_popular", "item_knn", "ease", "user_ease", "trending", "ials", "slim")
    if dataset == "movielens_cold_items" and model in (*blind, *COLLABORATIVE):
        return "it knows an item by its users alone, and the items to be ranked have none"
    if dataset == "lastfm" and model == "trending":
        return "the interactions have no timestamps"
    return None


def space(dataset: str, model: str) -> Space:
    """Return what is varied of a model; nothing where it has no settings."""
    if model in ("link_prediction", *COLLABORATIVE, *KNOWLEDGE):
        return _of_trained(dataset, model)
    # Stars lie within one order of magnitude, play counts span many.
    rating = {"rating_power": between(0.0, 0.6 if dataset == "lastfm" else 2.0)}
    ease: Space = {"l2": log(5.0, 2000.0), "dropout": between(0.0, 0.6), **rating}
    content: Space = {
        "content_l2": log(1.0, 100.0),
        "text": between(0.0, 1.0),
        "attributes": between(0.0, 4.0),
        "numbers": between(0.0, 2.0),
    }
    if dataset == "movielens_cold_items":
        content["words"] = between(0.0, 6.0)
    spaces: dict[str, Space] = {
        "most_popular": {},
        "item_knn": {
            "num_neighbors": IntDistribution(10, 500, log=True),
            "shrinkage": between(0.0, 100.0),
        },
        "slim": {"l1": log(0.02, 5.0), "l2": log(5.0, 500.0), **rating},
        "ials": {
            "dim": pick(16, 32, 64, 128, 256),
            "l2": log(1.0, 300.0),
            "alpha": log(0.5, 50.0),
            **rating,
        },
        "ease": ease,
        "attribute_ease": {
            **ease,
            "alpha": between(0.0, 20.0),
            "min_items": IntDistribution(1, 6),
        },
        "user_ease": {**ease, "alpha": between(0.0, 12.0)},
        "content_ease": {**ease, **content},
        "trending": {
            "half_life": log(3.0, 300.0),
            "activity_power": between(0.0, 1.0),
            "prior": log(0.05, 5.0),
        },
    }
    return spaces[model]


def _of_trained(dataset: str, model: str) -> Space:
    rate: Space = {"training.learning_rate": log(5e-4, 3e-2)}
    l2: Space = {"training.ego_l2": log(1e-6, 1e-2)}
    decay: Space = {"training.weight_decay": log(1e-7, 1e-2)}
    layers: Space = {"predictor.encoder.num_layers": IntDistribution(1, 4)}
    dropout: Space = {"predictor.encoder.dropout": between(0.0, 0.5)}
    knowledge: Space = {"predictor.knowledge.weight": log(0.02, 2.0)}
    if model == "link_prediction":
        return _of_link_prediction(dataset)
    spaces: dict[str, Space] = {
        "bpr_mf": {**rate, **l2},
        "lightgcn": {**rate, **l2, **layers},
        "xsimgcl": {
            **rate,
            **l2,
            **layers,
            "predictor.encoder.noise": between(0.01, 0.5),
            "training.contrast.weight": log(0.01, 1.0),
        },
        "cke": {**rate, **l2, **knowledge},
        "cfkg": {**rate, **knowledge},
        "kgcn": {**rate, **decay},
        "kgat": {**rate, **l2, **layers, **dropout, **knowledge},
        "kgin": {
            **rate,
            **l2,
            **layers,
            **dropout,
            "predictor.encoder.edge_dropout": between(0.0, 0.7),
        },
        "rgcn": {**rate, **l2, **layers, "predictor.encoder.num_bases": IntDistribution(1, 8)},
        "lightkg": {
            **rate,
            **layers,
            **dropout,
            **decay,
            "training.contrast.item_weight": log(0.01, 10.0),
        },
    }
    return spaces[model]


def _of_link_prediction(dataset: str) -> Space:
    made: Space = {
        "training.learning_rate": log(5e-3, 1e-1),
        "training.loss.temperature": between(0.1, 0.4),
        "training.loss.rating_power": between(0.0, 0.6 if dataset == "lastfm" else 2.0),
        "predictor.encoder.num_layers": IntDistribution(1, 4),
        "predictor.encoder.relation_weight": between(0.0, 1.0),
        "predictor.id_dropout": between(0.0, 0.4),
    }
    if dataset != "lastfm":
        made["predictor.fusion"] = pick("none", "add", "gate")
    if dataset == "movielens_cold_items":
        made["content_l2"] = log(1.0, 30.0)
        made["content_words"] = between(0.0, 6.0)
    return made


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name as the tree that a config holds.

    >>> nested({"l2": 3.0, "training.contrast.weight": 0.1})
    {'l2': 3.0, 'training': {'contrast': {'user_weight': 0.1, 'item_weight': 0.1}}}
    """
    tree: dict[str, Any] = {}
    for name, value in settings.items():
        *parents, last = name.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        for key in TIED.get(name, (last,)):
            place[key] = value
    return tree


def defaults(dataset: str, model: str) -> dict[str, Any]:
    """Return the model's defaults of what is varied: those of its paper, or of kgrec."""
    tree = MODELS[model].model_validate({"name": model, **FIXED.get((dataset, model), {})})
    settings = tree.model_dump()
    found = {}
    for name in space(dataset, model):
        *parents, last = name.split(".")
        place = settings
        for parent in parents:
            place = place[parent]
        found[name] = place[TIED.get(name, (last,))[0]]
    return found
