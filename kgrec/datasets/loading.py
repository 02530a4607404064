"""From a data config to a graph, links and a split over one catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from kgrec.data.formats.base import DatasetFiles, PublishedConfig
from kgrec.data.formats.kgat import KGATDataConfig
from kgrec.data.formats.kgcn import KGCNDataConfig
from kgrec.data.formats.recbole import RecBoleDataConfig
from kgrec.datasets.dataset import Dataset, graph_notes, over_all
from kgrec.datasets.own_files import FilesDataConfig
from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import TextEncoderLike, link
from kgrec.settings import by_name, kinds_of, make_settings

DataConfig = Annotated[
    FilesDataConfig | RecBoleDataConfig | KGATDataConfig | KGCNDataConfig,
    Field(discriminator="format"),
    by_name("files", key="format"),
]
"""Where the data is and how it is read, by `format`."""


def read_dataset(
    path: str | Path, format: str | None = None, *, seed: int = 0, **settings: Any
) -> Dataset:
    """Read a published data set with one call.

    Args:
        path: The folder; for RecBole also the path of its files without suffixes.
        format: `recbole`, `kgat` or `kgcn` (also RippleNet's and MKR's files); None: found by the
            files that are there.
        seed: Seed of the parts that the files do not have.
        settings: Further keys of `DataConfig`, such as `positive`, `valid` or `parts`.

    Raises:
        DataError: A file is missing or wrong, or no format fits.
        ConfigError: A setting is unknown or not read by that format.
    """
    return load_dataset(published_config(path, format, settings), seed)


def published_config(
    path: str | Path, format: str | None = None, settings: Mapping[str, Any] | None = None
) -> DataConfig:
    """Return the data config of a published data set; see `read_dataset`."""
    path = Path(path)
    data = {"root": str(path.parent), "folder": path.name, **(settings or {})}
    if data.get("rejects") is not None:  # relative to the current folder, not to the root
        data["rejects"] = Path(data["rejects"]).absolute()
    if "format" not in data:
        data["format"] = detect_format(path) if format is None else format
    made: DataConfig = make_settings(DataConfig, data, str(path))
    return made


def detect_format(path: str | Path) -> str:
    """Return the format of a data set by the names of its files.

    Raises:
        DataError: No format fits.
    """
    path = Path(path)
    kinds = kinds_of(DataConfig, "format")
    published = {name: one for name, one in kinds.items() if issubclass(one, PublishedConfig)}
    for name, one in published.items():
        if one.fits(path):
            return name
    known = ", ".join(f"{one.FILES} ({name})" for name, one in published.items())
    raise DataError(f"{path} holds no data set of a known format: there is none of {known}.")


def load_dataset(
    config: DataConfig, seed: int = 0, *, encoder: TextEncoderLike | None = None
) -> Dataset:
    """Read everything that `config` names.

    The catalogue is all items of the interactions (also of those not positive), of the item
    table and of the split; nothing is dropped, and `notes` say what was found.

    Args:
        config: What is read.
        seed: Seed of the split, where it is drawn here.
        encoder: Turns texts into vectors, to link items by meaning where `config.link` says so.

    Raises:
        DataError: A file is missing or wrong.
        ConfigError: The config does not say where the interactions are.
    """
    if isinstance(config, PublishedConfig):
        return _assembled(config.read(seed))
    return config.load(seed, encoder)


def _assembled(files: DatasetFiles) -> Dataset:
    linked = [] if files.links is None else files.links["item_id"].tolist()
    split = over_all(files.split, files.users, files.items, linked)
    kg, links, notes = None, None, list(files.notes)
    if files.triples is not None:
        kg = KnowledgeGraph.from_pandas(files.triples)
        links = link(
            split.train.items, kg, files.links, iri="entity_id", interactions=split.whole()
        )
        notes += graph_notes(kg, links)
    return Dataset(split, kg, links, files.items, files.users, tuple(notes))
