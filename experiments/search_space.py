"""What `search.py` varies: the settings of each model, and in which order models take their turn.

A setting is named by its place below `model` in a config, such as `training.learning_rate`. The
ranges are those of `kgrec tune`; each holds the model's default, which is the first trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.auto.data_facts import Facts
from kgrec.config import MODELS
from kgrec.settings import changed
from kgrec.tracking.base import flat
from kgrec.tuning.settings import Space
from kgrec.tuning.spaces import space_of

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


def space(dataset: str, model: str, facts: Facts) -> Space:
    """Return what is varied of a model; nothing where it has no settings.

    It is what `kgrec tune` varies, without the settings that are fixed here.
    """
    fixed = FIXED.get((dataset, model), {})
    settings: Any = MODELS[model].model_validate({"name": model, **fixed})
    named = flat(fixed)
    return {key: one for key, one in space_of(settings, facts).items() if key not in named}


def nested(settings: Mapping[str, Any], varied: Space | None = None) -> dict[str, Any]:
    """Return settings by dotted name as the tree that a config holds.

    Args:
        settings: The settings.
        varied: What was varied, where one setting stands for several.

    >>> nested({"l2": 3.0, "training.contrast.weight": 0.1})
    {'l2': 3.0, 'training': {'contrast': {'weight': 0.1}}}
    """
    also = [
        (other, value)
        for key, value in settings.items()
        if varied is not None
        for other in varied[key].also
    ]
    return changed({}, [*settings.items(), *also])[0]


def defaults(dataset: str, model: str, varied: Space) -> dict[str, Any]:
    """Return the model's defaults of what is varied: those of its paper, or of kgrec."""
    tree = MODELS[model].model_validate({"name": model, **FIXED.get((dataset, model), {})})
    settings = flat(tree.model_dump(mode="json"))
    return {key: settings[key] for key in varied}
