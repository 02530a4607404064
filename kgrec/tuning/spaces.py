"""What is varied of each model by default.

A setting is named by its place below `model`. Each range holds the default of its model.
"""

from __future__ import annotations

from typing import Any

from kgrec.auto.data_facts import Facts
from kgrec.models.base import ModelConfig
from kgrec.tuning.settings import Choice, Range, Space

COUNTS = 10.0
"""With a larger ratio of the largest rating to the smallest, ratings are counts, not stars."""

_RATE: Space = {"training.learning_rate": Range(low=5e-4, high=3e-2, log=True)}
_EGO: Space = {"training.ego_l2": Range(low=1e-6, high=1e-2, log=True)}
_DECAY: Space = {"training.weight_decay": Range(low=1e-7, high=1e-2, log=True)}
_LAYERS: Space = {"predictor.encoder.num_layers": Range(low=1, high=4)}
_DROPOUT: Space = {"predictor.encoder.dropout": Range(low=0.0, high=0.5)}
_KNOWLEDGE: Space = {"predictor.knowledge.weight": Range(low=0.02, high=2.0, log=True)}

_TRAINED: dict[str, Space] = {
    "bpr_mf": {**_RATE, **_EGO},
    "lightgcn": {**_RATE, **_EGO, **_LAYERS},
    "xsimgcl": {
        **_RATE,
        **_EGO,
        **_LAYERS,
        "predictor.encoder.noise": Range(low=0.01, high=0.5),
        "training.contrast.user_weight": Range(
            low=0.01, high=1.0, log=True, also=("training.contrast.item_weight",)
        ),
    },
    "cke": {**_RATE, **_EGO, **_KNOWLEDGE},
    "cfkg": {**_RATE, **_KNOWLEDGE},
    "kgcn": {**_RATE, **_DECAY},
    "kgat": {**_RATE, **_EGO, **_LAYERS, **_DROPOUT, **_KNOWLEDGE},
    "kgin": {
        **_RATE,
        **_EGO,
        **_LAYERS,
        **_DROPOUT,
        "predictor.encoder.edge_dropout": Range(low=0.0, high=0.7),
    },
    "rgcn": {**_RATE, **_EGO, **_LAYERS, "predictor.encoder.num_bases": Range(low=1, high=8)},
    "lightkg": {
        **_RATE,
        **_LAYERS,
        **_DROPOUT,
        **_DECAY,
        "training.contrast.item_weight": Range(low=0.01, high=10.0, log=True),
    },
}
"""Published models."""


def space_of(settings: ModelConfig, facts: Facts) -> Space:
    """Return what is varied of a model by default; nothing where it has nothing to vary.

    Args:
        settings: The model, by its settings.
        facts: Of the data: without ratings, for example, no power of them is varied.
    """
    members: Any = getattr(settings, "members", None)
    if members is not None:
        return {
            f"members.{place}.{key}": dimension
            for place, member in enumerate(members)
            for key, dimension in space_of(member, facts).items()
        }
    if settings.name in _TRAINED:
        return _TRAINED[settings.name]
    return (
        _of_link_prediction(facts)
        if settings.name == "link_prediction"
        else _closed(settings.name, facts)
    )


def _rating_power(facts: Facts) -> Range | None:
    """Return the range of the power of ratings: counts span many orders of magnitude."""
    if facts.rating_ratio <= 1:
        return None
    return Range(low=0.0, high=0.6 if facts.rating_ratio > COUNTS else 2.0)


def _closed(name: str, facts: Facts) -> Space:
    power = _rating_power(facts)
    rating: Space = {} if power is None else {"rating_power": power}
    ease: Space = {
        "l2": Range(low=5.0, high=2000.0, log=True),
        "dropout": Range(low=0.0, high=0.6),
        **rating,
    }
    words: Space = {"words": Range(low=0.0, high=16.0)} if facts.has_words else {}
    spaces: dict[str, Space] = {
        "item_knn": {
            "num_neighbors": Range(low=10, high=500, log=True),
            "shrinkage": Range(low=0.0, high=100.0),
        },
        "slim": {
            "l1": Range(low=0.02, high=5.0, log=True),
            "l2": Range(low=5.0, high=500.0, log=True),
            **rating,
        },
        "low_rank": {
            "dim": Choice(values=(32, 64, 128, 256, 512)),
            "l2": Range(low=5.0, high=2000.0, log=True),
            **rating,
        },
        "ials": {
            "dim": Choice(values=(16, 32, 64, 128, 256)),
            "l2": Range(low=1.0, high=300.0, log=True),
            "alpha": Range(low=0.5, high=50.0, log=True),
            **rating,
        },
        "ease": ease,
        "attribute_ease": {
            **ease,
            "alpha": Range(low=0.0, high=20.0),
            "min_items": Range(low=1, high=6),
            **words,
        },
        "user_ease": {**ease, "alpha": Range(low=0.0, high=12.0)},
        "content_ease": {
            **ease,
            "content_l2": Range(low=1.0, high=100.0, log=True),
            "text": Range(low=0.0, high=1.0),
            "attributes": Range(low=0.0, high=4.0),
            "numbers": Range(low=0.0, high=2.0),
            **words,
        },
        "kernel_ratings": {
            "noise": Range(low=0.1, high=2.0, log=True),
            "dim": Range(low=10, high=200, log=True),
            "watched": Range(low=0.0, high=3.0),
            "taste": Range(low=0.0, high=3.0),
            "content": Range(low=0.0, high=3.0),
            "table": Range(low=0.0, high=3.0),
        },
        "trending": {
            "half_life": Range(low=3.0, high=300.0, log=True),
            "activity_power": Range(low=0.0, high=1.0),
            "prior": Range(low=0.05, high=5.0, log=True),
        },
    }
    return spaces.get(name, {})


def _of_link_prediction(facts: Facts) -> Space:
    made: Space = {
        "training.learning_rate": Range(low=5e-3, high=1e-1, log=True),
        "training.loss.temperature": Range(low=0.1, high=0.4),
        "predictor.encoder.num_layers": Range(low=1, high=4),
        "predictor.encoder.relation_weight": Range(low=0.0, high=1.0),
        "predictor.id_dropout": Range(low=0.0, high=0.4),
    }
    power = _rating_power(facts)
    if power is not None:
        made["training.loss.rating_power"] = power
    if facts.has_vectors or facts.has_numbers:
        made["predictor.fusion"] = Choice(values=("none", "add", "gate"))
    if facts.new_items > 0:
        made["content_l2"] = Range(low=1.0, high=30.0, log=True)
        made["content_words"] = Range(low=0.0, high=6.0)
    return made
