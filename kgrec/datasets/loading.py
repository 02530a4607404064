"""From a data config to a graph, links and a split over one catalogue."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from kgrec.config import DataConfig, TableConfig, make_config
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.formats.dataset_files import DatasetFiles
from kgrec.data.formats.kgat import read_kgat
from kgrec.data.formats.kgcn import RATINGS, read_kgcn
from kgrec.data.formats.recbole import read_atomic_files
from kgrec.data.interactions import Interactions, Split
from kgrec.data.tables import as_ids, read_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.merging import merge_graphs
from kgrec.kg.storage import MANIFEST
from kgrec.kg.tables.mapped_table import MappedTable, map_table
from kgrec.kg.tables.mapping import IDS
from kgrec.linking import Links, TextEncoderLike, link

_READING = {"user", "item", "rating", "timestamp", "positive", "duplicates"}
"""Settings of the data config that are arguments of `Interactions.read`."""


@dataclass(frozen=True)
class Dataset:
    """What a model is trained and measured on.

    Attributes:
        split: Training, validation and test parts, over the whole catalogue.
        kg: The knowledge graph; None: there is none.
        links: Links over the same catalogue; None with the graph.
        items: The item table.
        users: The user table.
        notes: What became of the input, in sentences.
    """

    split: Split
    kg: KnowledgeGraph | None = None
    links: Links | None = None
    items: AttributeTable | None = None
    users: AttributeTable | None = None
    notes: tuple[str, ...] = ()


def read_dataset(
    path: str | Path, format: str | None = None, *, seed: int = 0, **settings: Any
) -> Dataset:
    """Read a published data set with one call.

    Args:
        path: The folder; for RecBole also the path of its files less their suffixes.
        format: `recbole`, `kgat` or `kgcn` (also RippleNet's and MKR's files); None: found by the
            files that are there.
        seed: Seed of what the files do not split.
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
    if "format" not in data:
        data["format"] = detect_format(path) if format is None else format
    return make_config({"data": data}, str(path)).data


def detect_format(path: str | Path) -> Literal["recbole", "kgat", "kgcn"]:
    """Return the format of a data set by the names of its files.

    Raises:
        DataError: No format fits.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    if any(folder.glob("*.inter" if path.is_dir() else f"{glob.escape(path.name)}*.inter")):
        return "recbole"
    if path.is_dir():
        if (path / "train.txt").exists() and (path / "test.txt").exists():
            return "kgat"
        if any((path / name).exists() for name in RATINGS):
            return "kgcn"
    raise DataError(
        f"{path} holds no data set of a known format: RecBole's has .inter files, KGAT's train.txt "
        f"and test.txt, KGCN's one of {', '.join(RATINGS)}."
    )


def load_dataset(
    config: DataConfig, seed: int = 0, *, encoder: TextEncoderLike | None = None
) -> Dataset:
    """Read everything that `config` names.

    The catalogue is all items of the interactions (those of no positive rating too), of the item
    table and of the split; nothing is dropped, and `notes` say what was found.

    Args:
        config: What is read.
        seed: Seed of the split, where it is drawn here.
        encoder: Turns texts into vectors, to link items by meaning where `config.link` says so.

    Raises:
        DataError: A file is missing or wrong.
        ConfigError: The config does not say where the interactions are.
    """
    root = Path(config.root).expanduser()
    if config.format == "files":
        return _files(config, root, seed, encoder)
    return _published(_read_published(config, root), config, seed)


def _read_published(config: DataConfig, root: Path) -> DatasetFiles:
    folder = config.folder or config.recbole
    if folder is None:
        also = " or data.recbole" if config.format == "recbole" else ""
        raise ConfigError(
            f"data.format is {config.format!r}, but data.folder{also} does not name the files."
        )
    path = root / folder
    if config.format == "kgat":
        return read_kgat(path)
    if config.format == "kgcn":
        return read_kgcn(
            path,
            ratings=config.ratings,
            separator=config.separator,
            positive=config.positive,
            duplicates=config.duplicates,
        )
    return read_atomic_files(path, parts=config.parts, **config.model_dump(include=_READING))


def _published(files: DatasetFiles, config: DataConfig, seed: int) -> Dataset:
    notes = list(files.notes)
    split = files.split
    if split is None:
        assert files.log is not None
        split = files.log.split(config.split, valid=config.valid, test=config.test, seed=seed)
    elif not len(split.valid):
        split = split.with_validation(config.valid, seed)
        notes.append(
            f"The data has no validation part; {len(split.valid):,} training interactions were "
            f"drawn for it (data.valid is {config.valid})."
        )
    users, catalogue = split.train.users, split.train.items
    if files.log is not None:
        users, catalogue = users.union(files.log.users), catalogue.union(files.log.items)
    if files.links is not None:
        catalogue = catalogue.union(Vocabulary.from_ids(files.links["item_id"].tolist(), "item"))
    if files.items is not None:
        catalogue = catalogue.union(files.items.ids)
    if files.users is not None:
        users = users.union(files.users.ids)
    split = split.reindex(users, catalogue)
    kg, links = None, None
    if files.triples is not None:
        kg = KnowledgeGraph.from_pandas(files.triples)
        links = link(catalogue, kg, files.links, iri="entity_id", interactions=split.whole())
        notes += _graph_notes(kg, links)
    return Dataset(split, kg, links, files.items, files.users, tuple(notes))


def _graph_notes(kg: KnowledgeGraph, links: Links) -> list[str]:
    repeated = f", {kg.report.duplicates:,} repeated" if kg.report.duplicates else ""
    return [
        *kg.report.remarks(),
        f"Graph: {kg.num_triples:,} triples, {len(kg.literals):,} literals{repeated}.",
        f"Links: {links.report}",
    ]


def _files(config: DataConfig, root: Path, seed: int, encoder: TextEncoderLike | None) -> Dataset:
    notes = []
    log = None
    if config.interactions is not None:
        log = Interactions.read(root / config.interactions, **config.model_dump(include=_READING))
        notes.append(f"Interactions: {log.report}.")
    split = _split(config, root, log, seed)
    items = _table(config.items, root, "item", notes)
    users = _table(config.users, root, "user", notes)
    ids = (config.item, *IDS)
    mapped = [map_table(root / table.path, table.mapping, ids=ids) for table in config.tables]
    linked = _linked_ids(config, mapped)
    user_ids, catalogue = split.train.users, split.train.items
    if log is not None:
        user_ids, catalogue = user_ids.union(log.users), catalogue.union(log.items)
    if items is not None:
        catalogue = catalogue.union(items.ids)
    if linked is not None:
        catalogue = catalogue.union(Vocabulary.from_ids(linked["item_id"].tolist(), "item"))
    if users is not None:
        user_ids = user_ids.union(users.ids)
    split = split.reindex(user_ids, catalogue)
    kg, links = _graph(config, root, mapped), None
    if kg is not None:
        columns: dict[str, Any] = {"item": "item_id", "iri": "iri"}
        table = linked
        if config.links is not None:
            columns = {"item": config.item, "iri": config.iri}
            table = read_table(root / config.links, columns=[config.item, config.iri], what="links")
        links = link(
            _linked_items(config, root, catalogue),
            kg,
            table,
            config.link,
            interactions=split.whole(),
            encoder=encoder,
            **columns,
        )
        notes += _graph_notes(kg, links)
    return Dataset(split, kg, links, items, users, tuple(notes))


def _graph(config: DataConfig, root: Path, mapped: Sequence[MappedTable]) -> KnowledgeGraph | None:
    """Return the graph of all RDF files, saved graphs and tables together."""
    graphs = []
    paths = (config.graph,) if isinstance(config.graph, str) else config.graph or ()
    saved = [root / path for path in paths if (root / path / MANIFEST).is_file()]
    rdf = [root / path for path in paths if root / path not in saved]
    if rdf:
        rejects = config.reading.rejects
        reading = {"rejects": None if rejects is None else root / rejects}
        graphs.append(KnowledgeGraph.read(rdf, config=config.reading.model_copy(update=reading)))
    graphs += [KnowledgeGraph.load(folder) for folder in saved]
    graphs += [KnowledgeGraph.from_table(table) for table in mapped]
    return merge_graphs(graphs) if graphs else None


def _linked_ids(config: DataConfig, mapped: Sequence[MappedTable]) -> pd.DataFrame | None:
    """Return the ids of the table of items with their entities, as links; None without one."""
    said = [place for place, table in enumerate(config.tables) if table.items]
    place = said[0] if said else 0
    if not mapped or (not said and config.tables[0].items is False):
        return None
    return mapped[place].ids.rename(columns={"id": "item_id"})


def _linked_items(
    config: DataConfig, root: Path, catalogue: Vocabulary
) -> Vocabulary | pd.DataFrame:
    """Return the catalogue with the columns of the item table, where linking needs them."""
    if config.link is None or config.items is None:
        return catalogue
    id = config.items.id or "item_id"
    where = str(root / config.items.path)
    frame = read_table(root / config.items.path, columns=[id], what="item table")
    frame = frame.assign(**{id: as_ids(frame, id, where)}).set_index(id)
    frame = frame.reindex(catalogue.ids).drop(columns=config.item, errors="ignore")
    return frame.rename_axis(config.item).reset_index()


def _split(config: DataConfig, root: Path, log: Interactions | None, seed: int) -> Split:
    if config.splits is not None:
        return Split.read(
            root / config.splits / config.split,
            config.split,
            **config.model_dump(include=_READING),
        )
    if log is None:
        raise ConfigError(
            "The config names neither data.interactions nor data.splits: there is nothing to "
            "learn from."
        )
    return log.split(config.split, valid=config.valid, test=config.test, seed=seed)


def _table(
    config: TableConfig | None, root: Path, name: str, notes: list[str]
) -> AttributeTable | None:
    if config is None:
        return None
    table = AttributeTable.read(
        root / config.path,
        id=config.id or f"{name}_id",
        title=config.title,
        categories=config.categories,
        numbers=config.numbers,
        separator=config.separator,
        name=name,
    )
    for column, wrong in table.not_numbers.items():
        if wrong:
            notes.append(f"{config.path}: {wrong} values of {column} are no numbers; left missing.")
    return table
