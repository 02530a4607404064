"""From a data config to a graph, links and a split over one catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgrec.config import DataConfig, TableConfig
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.recbole import read_atomic_files
from kgrec.data.splits import Split
from kgrec.data.tables import read_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.linking import Links, link

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


def load_dataset(config: DataConfig, seed: int = 0) -> Dataset:
    """Read everything that `config` names.

    The catalogue is all items of the interactions (those of no positive rating too), of the item
    table and of the split; nothing is dropped, and `notes` say what was found.

    Raises:
        DataError: A file is missing or wrong.
        ConfigError: The config does not say where the interactions are.
    """
    root = Path(config.root).expanduser()
    return _recbole(config, root) if config.format == "recbole" else _files(config, root, seed)


def _recbole(config: DataConfig, root: Path) -> Dataset:
    if config.recbole is None:
        raise ConfigError("data.format is 'recbole', but data.recbole does not name the files.")
    files = read_atomic_files(root / config.recbole)
    kg = KnowledgeGraph.from_pandas(
        files.triples, head="head_id", relation="relation_id", tail="tail_id"
    )
    catalogue = files.split.train.items.union(
        Vocabulary.of(files.links["item_id"].tolist(), "item")
    )
    split = files.split.over(files.split.train.users, catalogue)
    links = link(catalogue, kg, files.links, iri="entity_id", interactions=split.whole())
    return Dataset(split, kg, links, notes=(f"Links: {links.report}",))


def _files(config: DataConfig, root: Path, seed: int) -> Dataset:
    notes = []
    log = None
    if config.interactions is not None:
        log = Interactions.read(root / config.interactions, **config.model_dump(include=_READING))
        notes.append(f"Interactions: {log.report}.")
    split = _split(config, root, log, seed)
    items = _table(config.items, root, "item", notes)
    users = _table(config.users, root, "user", notes)
    user_ids, catalogue = split.train.users, split.train.items
    if log is not None:
        user_ids, catalogue = user_ids.union(log.users), catalogue.union(log.items)
    if items is not None:
        catalogue = catalogue.union(items.ids)
    if users is not None:
        user_ids = user_ids.union(users.ids)
    split = split.over(user_ids, catalogue)
    kg, links = None, None
    if config.graph is not None:
        paths = (config.graph,) if isinstance(config.graph, str) else config.graph
        kg = KnowledgeGraph.read([root / path for path in paths])
        table = None
        if config.links is not None:
            table = read_table(root / config.links, columns=[config.item, config.iri], what="links")
        links = link(
            catalogue, kg, table, item=config.item, iri=config.iri, interactions=split.whole()
        )
        notes += [
            f"Graph: {kg.num_triples:,} triples, {len(kg.literals):,} literals.",
            f"Links: {links.report}",
        ]
    return Dataset(split, kg, links, items, users, tuple(notes))


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
