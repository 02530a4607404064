"""Everything that can be set, as one typed tree: YAML in, YAML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, model_validator

from kgrec.choices import LinkPredictionChoice, ModelChoice, with_seed
from kgrec.datasets.loading import DataConfig
from kgrec.errors import ConfigError
from kgrec.graph.selection import GraphConfig
from kgrec.settings import Settings, make_settings, parse_settings, read_yaml
from kgrec.text.settings import TextConfig
from kgrec.training.link_prediction import LinkPredictionConfig


class Config(Settings):
    """One training run.

    Attributes:
        data: What is read.
        text: How text becomes vectors; None: no text is used.
        graph: What of the knowledge graph is used.
        model: The model, chosen by `name`.
        seed: Seeds the split, the initial weights and all draws of the training.
    """

    data: DataConfig
    text: TextConfig | None = TextConfig()
    graph: GraphConfig = GraphConfig()
    model: ModelChoice = LinkPredictionChoice()
    seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _one_seed(self) -> Config:
        if isinstance(self.model, LinkPredictionConfig) and self.model.training.seed not in (
            0,
            self.seed,
        ):
            raise ValueError("the run has one seed: set `seed`, not `model.training.seed`")
        return self

    def seeded_model(self) -> ModelChoice:
        """Return the model's settings with the run's seed in them."""
        return with_seed(self.model, self.seed)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file and apply `key=value` overrides, such as `data.split=temporal`.

    Values of overrides are read as YAML. An unknown key is an error that names the nearest one.

    Raises:
        ConfigError: The file is missing or no YAML, or a key or value is wrong.
    """
    tree = read_yaml(path, "config file")
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold a mapping with the key 'data', found {type(tree)}.")
    return make_config(parse_settings(overrides, tree), str(path))


def make_config(tree: Mapping[str, Any], where: str = "the config") -> Config:
    """Return the config of a mapping.

    Raises:
        ConfigError: A key or value is wrong.
    """
    return make_settings(Config, _with_model_name(tree), where, yaml=True)


def dump_config(config: Config) -> str:
    """Return the config as YAML, with every default written out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _with_model_name(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    model = tree.get("model")
    if isinstance(model, dict) and "name" not in model:
        return {**tree, "model": {"name": "link_prediction", **model}}
    return tree
