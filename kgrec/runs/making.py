"""Making an unfitted model and an unfitted recommender from a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kgrec.config import Config
from kgrec.datasets.dataset import Dataset
from kgrec.errors import ConfigError
from kgrec.models.base import Model
from kgrec.recommender import Recommender
from kgrec.retrieval.settings import on_device
from kgrec.text.cache import EmbeddingCache
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig


def make_model(config: Config, folder: Path | None = None, *, resume: bool = False) -> Model:
    """Return the unfitted model that a config names.

    Args:
        config: The config.
        folder: Run folder for checkpoints; None: none are written.
        resume: Whether training continues from the checkpoint there.
    """
    settings = config.seeded_model()
    if isinstance(settings, LinkPredictionConfig):
        checkpoint = None if folder is None else folder / "checkpoint.safetensors"
        return LinkPrediction(settings, checkpoint=checkpoint, resume=resume)
    if resume:
        raise ConfigError(f"The model {settings.name} has no checkpoints; --resume is not for it.")
    return settings.build()


def make_recommender(config: Config, dataset: Dataset, model: Model, **options: Any) -> Recommender:
    """Return the unfitted recommender of a config, with `model`.

    Args:
        config: The config.
        dataset: The data.
        model: The model.
        options: Further arguments of `Recommender`, such as `progress`.
    """
    if config.text is not None and config.text.cache is not None:
        options["cache"] = EmbeddingCache(config.text.cache)
    return Recommender(
        dataset.kg,
        dataset.links,
        model=model,
        items=dataset.items,
        users=dataset.users,
        text=config.text,
        graph=config.graph,
        index=on_device(config.index, config.device),
        explain=config.explain,
        **options,
    )
