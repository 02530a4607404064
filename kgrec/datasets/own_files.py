"""The data format `files`: RDF, tables and links of one's own, as a config names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import has_magic
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.ids import Normalise, as_ids, check_ids_meet, normalise_ids
from kgrec.data.interactions import PARTS, Interactions, Split
from kgrec.data.settings import LogTableConfig
from kgrec.data.table_format import NamedFormat, TableFile, TableFormat, as_settings
from kgrec.data.tables import read_table, require_column
from kgrec.data.vocabulary import Vocabulary
from kgrec.datasets.consent import agreed_users, with_consent
from kgrec.datasets.dataset import Dataset, graph_notes, over_all
from kgrec.errors import ConfigError, DataError, printable, worded
from kgrec.files import nearest_file, under
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.merging import merge_graphs
from kgrec.kg.storage import MANIFEST
from kgrec.kg.tables.mapped_table import MappedTable, map_table
from kgrec.kg.tables.mapping import IDS, TableMapping
from kgrec.linking import Links, TextEncoderLike, link
from kgrec.linking.settings import LinkConfig
from kgrec.rdf.settings import ReadConfig
from kgrec.settings import Settings

Share = Annotated[float, Field(ge=0, lt=1)]


class TableConfig(TableFile):
    """A table of items or of users."""

    id: str | None = Field(default=None, description="Id column; item_id or user_id by default.")
    title: str | None = Field(default=None, description="Title column; `title` where there is one.")
    categories: tuple[str, ...] = Field(default=(), description="Columns that become nodes.")
    numbers: tuple[str, ...] = Field(default=(), description="Columns that become features.")
    list_separator: str | None = Field(
        default=None,
        description="Between several values in a cell of a category, '' for nothing; None: '|', "
        "or ';' or ',' where a column shows it.",
    )


class GraphTableConfig(TableFile):
    """A table that becomes part of the graph. A path alone has the defaults."""

    items: bool | None = Field(
        default=None,
        description="Whether its ids are ids of items, which are then linked to its entities; "
        "None: if it is the first table and no other one is.",
    )
    mapping: TableMapping | str | None = Field(
        default=None,
        description="What its columns mean, or the YAML file that says it, as `kgrec map` prints "
        "it; None: chosen, and shown when it is read.",
    )


class FilesDataConfig(TableFormat, LogTableConfig):
    """Files of one's own: interactions, graph, tables and links.

    `encoding`, `separator` and the other settings of a `TableFormat` hold for all tables that do
    not have them themselves, as in `items: {path: items.csv, encoding: latin-1}`.
    """

    format: Literal["files"] = "files"
    root: str = Field(
        default=".",
        description="Folder of all paths below, relative to the current folder; null in a config "
        "file: the folder of that file.",
    )
    interactions: TableFile | None = Field(default=None, description="Table of interactions.")
    train: TableFile | None = Field(
        default=None,
        description="Table of the training part, in place of `interactions`: `valid` and `test` "
        "are then tables too, or shares of it.",
    )
    # A table where the other formats have a share.
    valid: Share | TableFile = Field(  # type: ignore[assignment]
        default=0.1, description="Share of the validation part, or its table beside `train`."
    )
    test: Share | TableFile = Field(  # type: ignore[assignment]
        default=0.1,
        description="Share of the test part, or its table beside `train`; beside `train` there "
        "is none if nothing is given.",
    )
    splits: str | None = Field(
        default=None,
        description="Folder with one folder per split, each with train.csv, valid.csv and "
        "test.csv; None: the interactions are split here.",
    )
    items: TableConfig | None = Field(default=None, description="The item table.")
    users: TableConfig | None = Field(default=None, description="The user table.")
    consent: str | None = Field(
        default=None,
        description="Column of the user table that says who agreed to the use of their data: 1, "
        "true or yes. Whoever did not, or is not in the table, is left out of all that is read.",
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
    links: TableFile | None = Field(
        default=None,
        description="Table of item_id and iri; None: the table of items among `tables` "
        "links them, or item ids are IRIs.",
    )
    iri: str = Field(default="iri", description="IRI column of the links.")
    normalise_ids: Normalise | None = Field(
        default=None,
        description="How the ids of all tables are made alike: strip (spaces around them), number "
        "(001 and 1.0 are 1), casefold (B1 is b1); None: they stay as they are written.",
    )
    link: LinkConfig | None = Field(
        default=None,
        description="How to find items without a link in the graph, by columns of the item "
        "table; None: they stay without one.",
    )

    @model_validator(mode="after")
    def _no_key_without_effect(self) -> FilesDataConfig:
        if self.links is not None and self.graph is None and not self.tables:
            raise ValueError("links are given without a graph to link to")
        if self.consent is not None and self.users is None:
            raise ValueError("consent names a column of the user table, but there is none: users")
        given = [self.interactions, self.splits, self.train]
        if self.train is not None and sum(one is not None for one in given) > 1:
            raise ValueError("`train` is the training part; leave out `interactions` and `splits`")
        for name in PARTS[1:]:
            part = getattr(self, name)
            if isinstance(part, TableFile) and self.train is None:
                raise ValueError(
                    f"`{name}` is a table, {part.path!r}, so `train` must name one too; a share "
                    "is a number such as 0.1"
                )
        if self.link is not None:
            if self.graph is None and not self.tables:
                raise ValueError("link is given without a graph to look for items in")
            columns = self.link.title or self.link.column
            if columns is not None and self.items is None:
                raise ValueError(f"link names the column {columns!r}, but there is no item table")
        if self.k_core is not None and (self.splits or self.train) is not None:
            raise ValueError("k_core is given, but the splits are made already")
        if sum(table.items is True for table in self.tables) > 1:
            raise ValueError("more than one of the tables has `items: true`")
        return self

    def load(self, seed: int = 0, encoder: TextEncoderLike | None = None) -> Dataset:
        """Read everything that is named; see `kgrec.datasets.loading.load_dataset`."""
        with worded(_in_yaml):
            return self._load(seed, encoder)

    def _load(self, seed: int, encoder: TextEncoderLike | None) -> Dataset:
        root = under(".", self.root)
        notes: list[str] = []
        users, agreed = self._users(root, notes)
        log = None
        if self.interactions is not None:
            log = self._log(root, self.interactions, "interactions")
            notes.append(f"Interactions: {log.report}.")
            log = self._with_consent(log, agreed, notes)
            log = self.filtered(log, notes)
        split = self._split(root, log, seed, notes)
        if log is None and agreed is not None:
            parts = [self._with_consent(split.part(name), agreed, notes) for name in PARTS]
            split = Split(parts[0], parts[1], parts[2], split.kind)
        items = self._table(self.items, root, "items", notes)
        mapped = [
            map_table(
                self._file(root, table.path, f"tables.{place}.path"),
                self._mapping(root, table.mapping, f"tables.{place}.mapping"),
                ids=(self.item, *IDS),
                **as_settings(table.within(self, root, Path(table.path).stem)),
            )
            for place, table in enumerate(self.tables)
        ]
        linked = self._linked_ids(mapped)
        if linked is None and self.links is None:
            linked = self._links_beside(root, notes)
        if log is not None:
            split = split.reindex(
                split.train.users.union(log.users), split.train.items.union(log.items)
            )
        self._check_ids(root, split, items, users, linked)
        split = over_all(split, users, items, () if linked is None else linked["item_id"].tolist())
        kg, links = self._graph(root, mapped), None
        if kg is not None:
            links = self._links(root, kg, linked, split, encoder)
            notes += graph_notes(kg, links)
        return Dataset(split, kg, links, items, users, tuple(notes))

    def _users(
        self, root: Path, notes: list[str]
    ) -> tuple[AttributeTable | None, Vocabulary | None]:
        """Return the user table, and the users who agreed to the use of their data; None: all."""
        config, column = self.users, self.consent
        if config is None or column is None:
            return self._table(config, root, "users", notes), None
        read = config.model_copy(
            update={"categories": tuple(dict.fromkeys((*config.categories, column)))}
        )
        table = self._table(read, root, "users", notes)
        assert table is not None
        agreed = agreed_users(table, column, config.path)
        shown = {name: table.categories[name] for name in config.categories}
        return replace(table, categories=shown).without(set(table.ids) - set(agreed)), agreed

    def _with_consent(
        self, log: Interactions, agreed: Vocabulary | None, notes: list[str]
    ) -> Interactions:
        if agreed is None:
            return log
        kept = with_consent(log, agreed)
        notes.append(
            f"Consent: {kept.num_users:,} of {log.num_users:,} users agreed; {len(kept):,} of "
            f"{len(log):,} interactions are theirs, the others are left out."
        )
        return kept

    def reading_options(self) -> dict[str, Any]:
        """Return the settings that are arguments of `Interactions.read`."""
        return {**super().reading_options(), "normalise_ids": self.normalise_ids}

    def _check_ids(
        self,
        root: Path,
        split: Split,
        items: AttributeTable | None,
        users: AttributeTable | None,
        linked: pd.DataFrame | None,
    ) -> None:
        """Warn or raise if ids of interactions are written in another way than elsewhere."""
        catalogue = split.train.items
        for config, table, ids in (
            (self.items, items, catalogue),
            (self.users, users, split.train.users),
        ):
            if config is not None and table is not None:
                remedy = f" Is data.{ids.name}s.id the right column?"
                check_ids_meet(ids, table.ids, config.path, remedy=remedy)
        if items is not None:
            catalogue = catalogue.union(items.ids)
        if self.links is not None:
            remedy = " Is data.item the right column?"
            given = self._read_links(root)[self.item]
            check_ids_meet(catalogue, given, self.links.path, remedy=remedy)
        elif linked is not None:
            remedy = " If its ids are no items, give the table `items: false`."
            where = "the table of items among data.tables"
            check_ids_meet(catalogue, linked["item_id"], where, remedy=remedy)

    def _read_links(self, root: Path) -> pd.DataFrame:
        """Return the table of links, with ids of items as in the catalogue."""
        assert self.links is not None
        path = self._file(root, self.links.path, "links")
        frame = self._read(path, root, self.links, "links", [self.iri])
        if self.item not in frame.columns and "item_id" in frame.columns:  # as kgrec writes them
            frame = frame.rename(columns={"item_id": self.item})
        require_column(frame, self.item, str(path))
        return frame.assign(**{self.item: as_ids(frame, self.item, str(path), self.normalise_ids)})

    def _log(self, root: Path, table: TableFile, name: str) -> Interactions:
        format = as_settings(table.within(self, root, name))
        path = self._file(root, table.path, name)
        return Interactions.read(path, **self.reading_options(), **format)

    def _split(self, root: Path, log: Interactions | None, seed: int, notes: list[str]) -> Split:
        if self.train is not None:
            return self._own_parts(root, self.train, seed, notes)
        if self.splits is not None:
            folder = self._file(root, self.splits, "splits") / self.split
            format = as_settings(NamedFormat().within(self, root, "splits"))
            return Split.read(folder, self.split, **self.reading_options(), **format)
        if log is None:
            raise ConfigError(
                "The config names neither data.interactions nor data.splits nor data.train: there "
                "is nothing to learn from."
            )
        return self.split_log(log, seed)

    def _own_parts(self, root: Path, table: TableFile, seed: int, notes: list[str]) -> Split:
        """Return the parts that are tables of their own; shares are drawn from training."""
        train = self._log(root, table, "train")
        notes.append(f"Training: {train.report}.")
        logs = {}
        for name, words in (("valid", "Validation"), ("test", "Test")):
            part = getattr(self, name)
            logs[name] = train.select(np.zeros(len(train), dtype=bool))
            if isinstance(part, TableFile):
                format = part.within(self, root, name)
                path = self._file(root, part.path, name)
                if read_table(path, what="interactions", format=format).empty:
                    continue
                logs[name] = self._log(root, part, name)
                notes.append(f"{words}: {logs[name].report}.")
        try:
            split = Split.from_tables(train, logs["valid"], logs["test"], self.split)
        except DataError as error:
            named = [part.path for part in (self.valid, self.test) if isinstance(part, TableFile)]
            raise DataError(
                f"{', '.join([table.path, *named])}: {error} An interaction belongs to one part: "
                "take it out of the others."
            ) from error
        if isinstance(self.test, float) and self.test and "test" in self.model_fields_set:
            parts = split.train.split(self.split, valid=0, test=self.test, seed=seed)
            split = Split(parts.train, split.valid, parts.test, self.split)
            notes.append(f"{len(split.test):,} training interactions were drawn for the test part.")
        if isinstance(self.valid, float) and self.valid:
            split = split.with_validation(self.valid, seed)
            notes.append(
                f"{len(split.valid):,} training interactions were drawn for the validation part "
                f"(data.valid is {self.valid}; 0 draws none, and a table may be given)."
            )
        return split

    def _graph(self, root: Path, mapped: Sequence[MappedTable]) -> KnowledgeGraph | None:
        """Return the graph of all RDF files, saved graphs and tables together."""
        graphs = []
        paths = (self.graph,) if isinstance(self.graph, str) else self.graph or ()
        found = [self._file(root, path, "graph") for path in paths]
        saved = [path for path in found if (path / MANIFEST).is_file()]
        rdf = [path for path in found if path not in saved]
        if rdf:
            rejects = self.reading.rejects
            reading = {
                "rejects": None if rejects is None else under(root, rejects),
                "contexts": {iri: under(root, file) for iri, file in self.reading.contexts.items()},
            }
            with worded(_in_reading):
                config = self.reading.model_copy(update=reading)
                graphs.append(KnowledgeGraph.read(rdf, config=config))
        graphs += [KnowledgeGraph.load(folder) for folder in saved]
        graphs += [KnowledgeGraph.from_table(table) for table in mapped]
        return merge_graphs(graphs) if graphs else None

    def _mapping(
        self, root: Path, mapping: TableMapping | str | None, key: str
    ) -> TableMapping | Path | None:
        return self._file(root, mapping, key) if isinstance(mapping, str) else mapping

    def _linked_ids(self, mapped: Sequence[MappedTable]) -> pd.DataFrame | None:
        """Return the ids of the table of items with their entities, as links; None without one."""
        said = [place for place, table in enumerate(self.tables) if table.items]
        place = said[0] if said else 0
        if not mapped or (not said and self.tables[0].items is False):
            return None
        found = mapped[place].ids.rename(columns={"id": "item_id"})
        if self.normalise_ids is not None:
            found["item_id"] = normalise_ids(found["item_id"], self.normalise_ids)
        return found

    def _links_beside(self, root: Path, notes: list[str]) -> pd.DataFrame | None:
        """Return the links that `kgrec map` wrote beside a graph; None if there are none."""
        paths = (self.graph,) if isinstance(self.graph, str) else self.graph or ()
        found = [links_beside(under(root, path)) for path in paths]
        for path in found:
            if path.is_file():
                frame = read_table(path, columns=["item_id", "iri"], what="links")
                ids = as_ids(frame, "item_id", str(path), self.normalise_ids)
                notes.append(f"Links of the graph: {path}, as data.links is not given.")
                return frame.assign(item_id=ids)
        return None

    def _links(
        self,
        root: Path,
        kg: KnowledgeGraph,
        linked: pd.DataFrame | None,
        split: Split,
        encoder: TextEncoderLike | None,
    ) -> Links:
        columns = {"item": "item_id", "iri": "iri"}
        if self.links is not None:
            columns = {"item": self.item, "iri": self.iri}
            linked = self._read_links(root)
        return link(
            self._linked_items(root, split.train.items, columns["item"]),
            kg,
            linked,
            self.link,
            interactions=split.whole(),
            encoder=encoder,
            **columns,
        )

    def _linked_items(
        self, root: Path, catalogue: Vocabulary, name: str
    ) -> Vocabulary | pd.DataFrame:
        """Return the catalogue, ids in the column `name`, and for links also the item table."""
        if self.link is None or self.items is None:
            return catalogue
        id = self.items.id or "item_id"
        path = under(root, self.items.path)
        where = str(path)
        frame = self._read(path, root, self.items, "item table", [id])
        frame = frame[frame[id].notna()]  # the item table has counted rows without an id,
        frame = frame.assign(**{id: as_ids(frame, id, where, self.normalise_ids)})
        frame = frame.drop_duplicates(id).set_index(id)  # and rows that repeat one
        frame = frame.reindex(catalogue.ids).drop(columns=name, errors="ignore")
        return frame.rename_axis(name).reset_index()

    def _read(
        self, path: Path, root: Path, table: TableFile, what: str, columns: list[str]
    ) -> pd.DataFrame:
        format = table.within(self, root, what.replace(" table", "s"))
        return read_table(path, columns=columns, what=what, format=format)

    def _table(
        self, config: TableConfig | None, root: Path, key: str, notes: list[str]
    ) -> AttributeTable | None:
        if config is None:
            return None
        name = key.removesuffix("s")
        table = AttributeTable.read(
            self._file(root, config.path, f"{key}.path"),
            id=config.id or f"{name}_id",
            title=config.title,
            categories=config.categories,
            numbers=config.numbers,
            list_separator=config.list_separator,
            name=name,
            normalise_ids=self.normalise_ids,
            **as_settings(config.within(self, root, f"{name}s")),
        )
        for column, wrong in table.not_numbers.items():
            if wrong:
                notes.append(f"{config.path}: {wrong} values of {column} are not numbers; missing.")
        return table

    def _file(self, root: Path, path: str, key: str) -> Path:
        """Return the path under `root`, which is there unless it is a pattern.

        Raises:
            DataError: There is nothing; the message says where was looked.
        """
        found = under(root, path)
        if found.exists() or has_magic(str(found)):
            return found
        where = ""
        if not found.is_absolute():
            where = (
                f" Paths are relative to data.root, which is {printable(self.root)!r} here, and "
                f"that to the current folder, {printable(str(Path.cwd()))}."
            )
        elif under("", path) != found:
            where = f" Paths are relative to data.root, which is {printable(self.root)!r} here."
        raise DataError(
            f"data.{key}: {printable(str(found))} does not exist.{where}{nearest_file(found)}"
        )


def links_beside(graph: str | Path) -> Path:
    """Return where the links of a graph are, if `kgrec map` wrote both.

    >>> links_beside("shop/products.nt.gz").as_posix()
    'shop/products.links.csv'
    """
    path = Path(graph)
    stem = path.name.removesuffix(".gz")
    return path.parent / f"{Path(stem).stem if '.' in stem else stem}.links.csv"


def _in_yaml(name: str, value: object) -> str | None:
    """Return an argument as the config has it."""
    places: dict[str, type[Settings]] = {"data": FilesDataConfig, "data.link": LinkConfig}
    for place, settings in places.items():
        if name in settings.model_fields:
            return _key(f"{place}.{name}", value)
    return _in_reading(name, value)


def _in_reading(name: str, value: object) -> str | None:
    """Return an argument of reading RDF as the config has it; tables have some of the same name."""
    return _key(f"data.reading.{name}", value) if name in ReadConfig.model_fields else None


def _key(key: str, value: object) -> str:
    return key if value is None else f"{key}: {value}"
