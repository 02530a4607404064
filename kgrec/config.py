"""Everything that can be set, as one typed tree: YAML in, YAML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from kgrec.choices import LinkPredictionChoice, ModelChoice, with_seed
from kgrec.errors import ConfigError
from kgrec.graph.selection import GraphConfig
from kgrec.kg.tables.mapping import TableMapping
from kgrec.linking.settings import LinkConfig
from kgrec.rdf.settings import ReadConfig
from kgrec.settings import Settings, make_settings, parse_settings, read_yaml
from kgrec.text.settings import TextConfig
from kgrec.training.link_prediction import LinkPredictionConfig


class TableConfig(Settings):
    """A table of items or of users."""

    path: str = Field(description="CSV, TSV, Parquet or JSON Lines file, relative to data.root.")
    id: str | None = Field(default=None, description="Id column; item_id or user_id by default.")
    title: str | None = Field(default=None, description="Title column; `title` where there is one.")
    categories: tuple[str, ...] = Field(default=(), description="Columns that become nodes.")
    numbers: tuple[str, ...] = Field(default=(), description="Columns that become features.")
    separator: str = Field(default="|", description="Between several values of a category.")


class GraphTableConfig(Settings):
    """A table that becomes part of the graph. A path alone has the defaults."""

    path: str = Field(description="CSV, TSV, Parquet or JSON Lines file, relative to data.root.")
    items: bool | None = Field(
        default=None,
        description="Whether its ids are ids of items, which are then linked to its entities; "
        "None: if it is the first table and no other one is.",
    )
    mapping: TableMapping | None = Field(
        default=None, description="What its columns mean; None: chosen, and told when it is read."
    )

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


_SPLITTING = ("positive", "duplicates", "split", "valid", "test")
_KNOWN_FORMATS = {
    "recbole": (
        "recbole", "folder", "parts", "user", "item", "rating", "timestamp", *_SPLITTING,
    ),
    "kgat": ("folder", "valid"),
    "kgcn": ("folder", "ratings", "separator", *_SPLITTING),
}  # fmt: skip
"""The settings that the readers of known formats use, by format."""
_ONLY_KNOWN = ("folder", "parts", "ratings", "separator")


class DataConfig(Settings):
    """Where the data lies and how it is read."""

    root: str = Field(
        default=".", description="Folder of all paths below, relative to the current folder."
    )
    format: Literal["files", "recbole", "kgat", "kgcn"] = Field(
        default="files",
        description="`files`: graph, tables and links as named below; the others: the files of a "
        "published data set in `folder`.",
    )
    folder: str | None = Field(
        default=None,
        description="Folder of a data set of RecBole, KGAT or KGCN (also RippleNet and MKR); for "
        "RecBole also the path of its files less their suffixes.",
    )
    recbole: str | None = Field(default=None, description="The same as folder, for RecBole.")
    parts: tuple[str, ...] | None = Field(
        default=None,
        description="RecBole: names of the training, validation and test part in the names of "
        ".inter files; None: found by their names.",
    )
    ratings: str | None = Field(default=None, description="KGCN: name of the file of ratings.")
    separator: str | None = Field(
        default=None, description="KGCN: what stands between the fields of the ratings."
    )
    graph: tuple[str, ...] | str | None = Field(
        default=None, description="RDF file or files, or a folder that `KnowledgeGraph.save` wrote."
    )
    reading: ReadConfig = Field(
        default=ReadConfig(), description="How the RDF files are read; see kgrec.ReadConfig."
    )
    tables: tuple[GraphTableConfig, ...] = Field(
        default=(), description="Tables that become parts of the graph, each with a mapping."
    )
    links: str | None = Field(
        default=None,
        description="Table of item_id and iri; None: by the table of items among `tables`, or "
        "item ids are IRIs.",
    )
    link: LinkConfig | None = Field(
        default=None,
        description="How items that no table links are looked for in the graph, by columns of the "
        "item table; None: they are not.",
    )
    interactions: str | None = Field(default=None, description="Table of interactions.")
    user: str = Field(default="user_id", description="User column of the interactions.")
    item: str = Field(default="item_id", description="Item column, also of the links.")
    iri: str = Field(default="iri", description="IRI column of the links.")
    rating: str | None = "rating"
    timestamp: str | None = "timestamp"
    positive: str | None = Field(default=None, description="Such as `rating >= 4`; None: all rows.")
    duplicates: Literal["last", "first", "error"] = "last"
    items: TableConfig | None = None
    users: TableConfig | None = None
    split: Literal["random", "uniform", "temporal", "cold_items"] = "random"
    splits: str | None = Field(
        default=None,
        description="Folder with one folder per split, each with train.csv, valid.csv and "
        "test.csv; None: the interactions are split here.",
    )
    valid: float = Field(default=0.1, ge=0, lt=1, description="Share of the validation part.")
    test: float = Field(default=0.1, ge=0, lt=1, description="Share of the test part.")

    @model_validator(mode="after")
    def _no_key_without_effect(self) -> DataConfig:
        if self.format != "recbole" and self.recbole is not None:
            raise ValueError("recbole names files, but format is not 'recbole'")
        if self.recbole is not None and self.folder is not None:
            raise ValueError("folder and recbole are the same: give one of them")
        # The config of a run folder writes every default out; those say nothing.
        given = [
            name
            for name, field in type(self).model_fields.items()
            if getattr(self, name) != field.default
        ]
        known = _KNOWN_FORMATS.get(self.format)
        idle = (
            [name for name in given if name in _ONLY_KNOWN]
            if known is None
            else [name for name in given if name not in {"root", "format", *known}]
        )
        if idle:
            raise ValueError(f"format {self.format!r} does not read {', '.join(idle)}")
        if self.links is not None and self.graph is None and not self.tables:
            raise ValueError("links are given without a graph that they lead to")
        if self.link is not None:
            if self.graph is None and not self.tables:
                raise ValueError("link is given without a graph to look for items in")
            columns = self.link.title or self.link.column
            if columns is not None and self.items is None:
                raise ValueError(f"link names the column {columns!r}, but there is no item table")
        if sum(table.items is True for table in self.tables) > 1:
            raise ValueError("more than one of the tables is said to be that of the items")
        return self


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
