"""Conversion to files in kgrec's own form: data sets, and tables as graphs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np
import pandas as pd
import yaml

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import PARTS
from kgrec.data.table_format import FormatSettings
from kgrec.data.tables import read_table, table_format
from kgrec.data.vocabulary import Vocabulary
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset, published_config
from kgrec.datasets.own_files import FilesDataConfig, links_beside
from kgrec.errors import ConfigError, DataError, option, printable
from kgrec.files import write_atomically, writing
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.storage import is_replaceable
from kgrec.kg.tables.mapped_table import map_table
from kgrec.kg.tables.mapping import IDS, TableMapping
from kgrec.linking import Links
from kgrec.outputs.checks import check_files, check_new_folder
from kgrec.outputs.folders import replacing_folder
from kgrec.rdf.serializing import is_rdf_file, serialize
from kgrec.settings import make_settings

CONFIG: Final = "config.yaml"
_SEPARATORS: Final = ("|", ";", "~", "^", "\t", "\x1f")


def convert(
    path: str | Path,
    out: str | Path,
    format: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> tuple[Dataset, Path]:
    """Read a published data set, and write it as `write_dataset` does.

    Args:
        path: As for `read_dataset`.
        out: Folder to make.
        format: As for `read_dataset`.
        settings: As for `read_dataset`.
        seed: Seed of the parts that the files do not have.

    Returns:
        The data set, and the path of the config, which `kgrec train` takes.

    Raises:
        DataError: The data set cannot be read.
        ConfigError: A setting is wrong.
        RunError: The folder has something in it already, or cannot be written.
    """
    check_new_folder(out, [path])
    dataset = load_dataset(published_config(path, format, settings), seed)
    return dataset, write_dataset(dataset, out)


def table_to_graph(
    table: str | Path,
    mapping: str | Path | None = None,
    id: str | None = None,
    out: str | Path | None = None,
    *,
    links: str | Path | None = None,
    force: bool = False,
    **format: Unpack[FormatSettings],
) -> tuple[TableMapping, tuple[str, ...]]:
    """Make a graph of a table, and write it.

    Args:
        table: CSV, TSV, Parquet or JSON Lines file.
        mapping: YAML file with the mapping; None: it is chosen.
        id: Column of the id, if the mapping does not name it.
        out: File that ends as an RDF syntax does, such as `.nt.gz` or `.ttl`, or a folder for a
            saved graph; None: nothing is written.
        links: CSV file for the entity of each id; None: `OUT.links.csv` beside the graph, without
            the endings of `out`.
        force: Whether a file or saved graph that is there is replaced.
        format: How a text file is read; see `kgrec.Interactions.read`.

    Returns:
        The mapping, and what happened to the table, in sentences.

    Raises:
        DataError: The table cannot be read, or lacks a column or an id.
        ConfigError: The mapping is wrong.
        RunError: The graph cannot be written, or something would be lost.
    """
    if id is not None:
        given = None if mapping is None else TableMapping.read(mapping).id
        if given not in (None, id):
            raise ConfigError(
                f"{mapping}: the mapping names {printable(str(given))!r} as the id column already. "
                f"Leave out {option('id')}."
            )
        read_table(table, columns=[id], format=table_format(table, format))
    if links is not None and out is None:
        raise ConfigError("Links belong to a graph: give `out` too.")
    if str(table).lower().endswith((".yaml", ".yml")):
        raise ConfigError(
            f"{table} is a mapping, not a table. Give the table, and this file as `mapping`."
        )
    is_file = out is not None and is_rdf_file(out)
    if out is not None:
        links = links_beside(out) if links is None else links
    if is_file:
        check_files([out, links], [table, mapping], force=force)
    elif out is not None:
        check_files([links], [table, mapping], force=force)
        ours = force and is_replaceable(Path(out))
        check_new_folder(out, [table, mapping], ours=ours)
    mapped = map_table(table, mapping, ids=IDS if id is None else (id,), **format)
    if out is None or links is None:
        return mapped.mapping, mapped.notes
    kg = KnowledgeGraph.from_table(mapped)
    if is_file:
        serialize(kg, out)
    else:
        kg.save(out)
    found = mapped.ids.rename(columns={"id": "item_id"})
    write_atomically(links, [found.to_csv(index=False, lineterminator="\n")])
    size = f"{kg.num_triples:,} triples and {len(kg.literals):,} literals"
    return mapped.mapping, (
        *mapped.notes,
        f"Graph: {size} in {out}. In a config: data.graph.",
        f"Links: {len(found):,} ids of {printable(str(mapped.mapping.id))} and their entities in "
        f"{links}. In a config: data.links.",
    )


def write_dataset(dataset: Dataset, out: str | Path) -> Path:
    """Write a data set as a folder of tables, a saved graph and a config.

    `splits/<kind>/{train,valid,test}.csv`, `items.csv` with the whole catalogue, `users.csv`,
    `links.csv`, the folder `graph`, `notes.txt` with what happened to the input, and `config.yaml`.
    Reading the config gives the same data set again.

    Returns:
        The path of the config.

    Raises:
        RunError: The folder has something in it already, or cannot be written.
    """
    out = Path(out)
    check_new_folder(out)
    with writing(out), replacing_folder(out) as folder:
        _write(dataset, folder)
    return out / CONFIG


def _write(dataset: Dataset, folder: Path) -> None:
    split = dataset.split
    data: dict[str, Any] = {"root": None}  # the folder may be moved and copied
    for name in PARTS:
        part = split.part(name)
        path = folder / "splits" / split.kind / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        part.to_pandas().to_csv(path, index=False)
    data |= {"splits": "splits", "split": split.kind}
    if dataset.kg is not None and dataset.links is not None:
        dataset.kg.save(folder / "graph")
        _links(dataset.links, dataset.kg.entities).to_csv(folder / "links.csv", index=False)
        data |= {"graph": "graph", "links": "links.csv"}
    for name, table, ids in (
        ("item", dataset.items, split.train.items),
        ("user", dataset.users, split.train.users),
    ):
        frame, settings = _table(table, ids, name)
        frame.to_csv(folder / f"{name}s.csv", index=False)
        data[f"{name}s"] = {"path": f"{name}s.csv", **settings}
    make_settings(FilesDataConfig, data | {"root": "."}, str(folder / CONFIG), yaml=True)
    tree: dict[str, Any] = {"data": data}
    if dataset.kg is not None and not len(dataset.kg.literals):
        tree["text"] = None  # its entities are codes: there is nothing to read
    text = (
        "# Written by `kgrec convert`: notes.txt says how the input was read.\n"
        "# data.root is null: the files are in the folder of this config.\n"
    )
    text += yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    (folder / CONFIG).write_text(text, encoding="utf-8")
    notes = "\n".join(dataset.notes)
    (folder / "notes.txt").write_text(notes + "\n", encoding="utf-8")


def _links(links: Links, entities: Vocabulary) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"item_id": links.items.take(links.item), "iri": entities.take(links.entity)}
    )
    return frame if (links.confidence == 1).all() else frame.assign(confidence=links.confidence)


def _table(
    table: AttributeTable | None, ids: Vocabulary, name: str
) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Return all ids with their attributes, and the settings that read them."""
    key = f"{name}_id"
    columns: dict[str, Any] = {key: ids.ids}
    if table is None:
        return pd.DataFrame(columns), {"id": key}
    table = table.reindex(ids)
    settings: dict[str, Any] = {"id": key}
    if table.titles:
        columns["title"] = np.array(table.titles, dtype=object)
        settings["title"] = "title"
    values = [value for category in table.categories.values() for value in category.values]
    separator = next((one for one in _SEPARATORS if not any(one in v for v in values)), None)
    if separator is None:
        raise DataError(
            f"The categories of the {name} table contain every separator that kgrec can write."
        )
    for column, category in table.categories.items():
        pairs = pd.Series(category.values.take(category.value), index=category.row, dtype=object)
        joined = pairs.groupby(level=0).agg(separator.join)
        columns[column] = joined.reindex(range(len(ids))).to_numpy()
    columns |= table.numbers
    if table.categories:
        settings |= {"categories": list(table.categories), "list_separator": separator}
    if table.numbers:
        settings["numbers"] = list(table.numbers)
    return pd.DataFrame(columns), settings
