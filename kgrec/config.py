"""All settings as one typed tree, read from YAML and written to YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BeforeValidator, Field, model_validator

from kgrec.auto.auto import AutoConfig
from kgrec.datasets.loading import DataConfig
from kgrec.engine import EngineConfig, LocalEngineConfig
from kgrec.errors import ConfigError, first_few, printable, warn
from kgrec.explain.settings import ExplainConfig
from kgrec.graph.selection import GraphConfig
from kgrec.models.content_ease import ContentEASEConfig
from kgrec.models.ease import AttributeEASEConfig, EASEConfig
from kgrec.models.ensemble import Ensemble, EnsembleConfig
from kgrec.models.ials import IALSConfig
from kgrec.models.item_knn import ItemKNNConfig
from kgrec.models.kernel_ratings import KernelRatingsConfig
from kgrec.models.low_rank import LowRankConfig
from kgrec.models.popular import MostPopularConfig
from kgrec.models.slim import SLIMConfig
from kgrec.models.trending import TrendingConfig
from kgrec.models.user_ease import UserEASEConfig
from kgrec.retrieval.settings import ExactIndexConfig, IndexConfig
from kgrec.search.settings import SearchConfig
from kgrec.settings import (
    Settings,
    by_name,
    changed,
    kinds_of,
    make_settings,
    parse_changes,
    read_yaml,
)
from kgrec.text.settings import TextConfig
from kgrec.tracking import TrackerConfig
from kgrec.training.link_prediction import LinkPredictionConfig
from kgrec.training.published import PresetConfig
from kgrec.tuning.settings import TuneConfig

_Members = (
    LinkPredictionConfig
    | PresetConfig
    | EASEConfig
    | AttributeEASEConfig
    | ContentEASEConfig
    | UserEASEConfig
    | SLIMConfig
    | IALSConfig
    | ItemKNNConfig
    | LowRankConfig
    | KernelRatingsConfig
    | TrendingConfig
    | MostPopularConfig
)
"""The settings of all models that a config can name. A new model adds one line."""


class NamedEnsembleConfig(EnsembleConfig):
    """An ensemble of named members; each adds its own seed to that of the run."""

    members: tuple[Annotated[_Members, Field(discriminator="name"), by_name()], ...] = Field(
        min_length=1, description="The models, by name."
    )

    def build(self) -> Ensemble:
        """Return the unfitted ensemble."""
        settings = EnsembleConfig(**self.model_dump(exclude={"members"}))
        return Ensemble([member.build() for member in self.members], settings)

    def seeded(self, seed: int) -> Self:
        """Return the settings with `seed` added to their own and to those of the members."""
        members = tuple(member.seeded(seed) for member in self.members)
        return self.model_copy(update={"members": members, "seed": seed + self.seed})


def _by_keys(given: Any) -> Any:
    """Name a section that has no name by its keys: those of `auto`, or else of link prediction."""
    if (
        isinstance(given, Mapping)
        and "name" not in given
        and set(given) <= set(AutoConfig.model_fields)
    ):
        return {"name": "auto", **given}
    return given


AnyModelConfig = Annotated[
    _Members | AutoConfig | NamedEnsembleConfig,
    Field(discriminator="name"),
    by_name("link_prediction"),
    BeforeValidator(_by_keys),
]
"""The settings of any model; a name alone means the defaults."""

MODELS = kinds_of(AnyModelConfig)
"""The settings of each model, by name."""


class Config(Settings):
    """One training run.

    Attributes:
        data: The data to read.
        text: Settings for text vectors; None: no text is used.
        graph: The part of the knowledge graph to use.
        model: The model, chosen by `name`; `auto` if the section is left out. A section without a
            name is of `auto` if it has no other keys, and of `link_prediction` otherwise.
        index: How items are found by their vectors, `exact` or `approximate`.
        seed: The seed of the split, the initial weights and all sampling in training.
        tracking: The trackers of the training, by `name`, such as `[tensorboard]`.
        tune: What `kgrec tune` varies.
        search: What search learns from.
        explain: What explanations may say, and how.
        device: Device on which link predictors train, and on which lists for many users are
            computed by their vectors, such as `cpu` or `cuda`; `auto`: a GPU where there is one;
            None: `model.training.device` of each and `index.device`. Texts are encoded on a GPU
            where there is one.
        engine: Where the work is done: `local`, in this process, or `ray`, on a cluster.
    """

    data: DataConfig
    text: TextConfig | None = TextConfig()
    graph: GraphConfig = GraphConfig()
    model: AnyModelConfig = AutoConfig()
    index: IndexConfig = ExactIndexConfig()
    seed: int = Field(default=0, ge=0, lt=2**63)
    tracking: tuple[TrackerConfig, ...] = ()
    tune: TuneConfig = TuneConfig()
    search: SearchConfig = SearchConfig()
    explain: ExplainConfig = ExplainConfig()
    device: str | None = None
    engine: EngineConfig = LocalEngineConfig()

    @model_validator(mode="after")
    def _one_seed(self) -> Config:
        if isinstance(self.model, LinkPredictionConfig) and self.model.training.seed not in (
            0,
            self.seed,
        ):
            raise ValueError("the run has one seed: set `seed`, not `model.training.seed`")
        return self

    def seeded_model(self) -> AnyModelConfig:
        """Return the model's settings with the run's seed in them."""
        # A link predictor's own seed, 0 or that of the run, is not added.
        own = self.model.training.seed if isinstance(self.model, LinkPredictionConfig) else 0
        made = self.model.seeded(self.seed - own)
        return made if self.device is None else _on_device(made, self.device)


def _on_device(settings: Any, device: str) -> Any:
    """Return the settings of a model whose link predictors train on a device."""
    if isinstance(settings, NamedEnsembleConfig):
        members = tuple(_on_device(member, device) for member in settings.members)
        return settings.model_copy(update={"members": members})
    if isinstance(settings, LinkPredictionConfig):
        training = settings.training.model_copy(update={"device": device})
        return settings.model_copy(update={"training": training})
    return settings


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file and apply `key=value` overrides, such as `data.split=temporal`.

    Values of overrides are read as YAML. `data.root: null` is the folder of the file. An unknown
    key is an error that names the nearest one.

    Where a section is chosen by name, another name replaces the whole section: `model=ease`, or
    `model.name=ease`, leaves nothing of the model in the file, and a warning says which of its
    settings no longer apply. Other overrides hold for the new one, whatever their order.

    Raises:
        ConfigError: The file is missing or not YAML, or a key or value is wrong.
    """
    tree, gone = _read(path, overrides)
    config = make_config(tree, str(path))
    for change, keys in gone.items():
        warn(
            f"{change} replaces what {printable(str(path))} has there: {first_few(keys, 6)} no "
            f"longer {'applies' if len(keys) == 1 else 'apply'}."
        )
    return config


def read_config_tree(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return what `load_config` makes the config of: what the file and the overrides say.

    Raises:
        ConfigError: The file is missing or not YAML, or an override is none.
    """
    return _read(path, overrides)[0]


def _read(
    path: str | Path, overrides: Sequence[str]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    tree = read_yaml(path, "config file")
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold the key `data:` and keys below it.")
    tree, gone = changed(tree, parse_changes(overrides), Config)
    data = tree.get("data")
    if isinstance(data, dict) and "root" in data and data["root"] is None:
        tree["data"] = data | {"root": str(Path(path).parent)}
    return tree, gone


def make_config(tree: Mapping[str, Any], where: str = "the config") -> Config:
    """Return the config of a mapping.

    Raises:
        ConfigError: A key or value is wrong.
    """
    return make_settings(Config, tree, where, yaml=True)


def dump_config(config: Config) -> str:
    """Return the config as YAML, with every default written out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
