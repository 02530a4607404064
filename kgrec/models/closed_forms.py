"""The models that need neither graph nor PyTorch, each loaded alone at its first use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from kgrec.models.base import ModelConfig

CLOSED_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "ease": ("kgrec.models.ease", "EASEConfig"),
    "attribute_ease": ("kgrec.models.ease", "AttributeEASEConfig"),
    "content_ease": ("kgrec.models.content_ease", "ContentEASEConfig"),
    "user_ease": ("kgrec.models.user_ease", "UserEASEConfig"),
    "slim": ("kgrec.models.slim", "SLIMConfig"),
    "ials": ("kgrec.models.ials", "IALSConfig"),
    "item_knn": ("kgrec.models.item_knn", "ItemKNNConfig"),
    "low_rank": ("kgrec.models.low_rank", "LowRankConfig"),
    "kernel_ratings": ("kgrec.models.kernel_ratings", "KernelRatingsConfig"),
    "trending": ("kgrec.models.trending", "TrendingConfig"),
    "most_popular": ("kgrec.models.popular", "MostPopularConfig"),
}
"""Where their settings are; not `kgrec.config`, which loads those of all models."""


def closed_form_settings(tree: Mapping[str, Any]) -> ModelConfig:
    """Return the settings of a closed form from plain values; its `name` says which.

    Raises:
        KeyError: No closed form has this name.
        ValueError: A value is wrong.
    """
    module, kind = CLOSED_FORMS[tree["name"]]
    made: ModelConfig = getattr(import_module(module), kind).model_validate(tree)
    return made
