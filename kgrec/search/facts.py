"""What search reads of each item: title, year, and the values that it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.vocabulary import Vocabulary
from kgrec.rdf.namespaces import LABEL_RELATIONS, RDF_TYPE
from kgrec.search.names import Names
from kgrec.types import BoolArray, Float64Array, IntArray

if TYPE_CHECKING:
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.linking import Links

_FEW: Final = 2.0  # times the square root of the number of items: values of a kind like genres
_YEARS: Final = (1500, 2100)


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """What search reads of each item.

    A value is an entity of the graph that items have a relation to, or a value of a category of the
    item table; a category's value and an entity of the same name are one.

    Attributes:
        titles: A title of each item, "" for none.
        years: The year of each item, NaN for none, float64 of shape (num_items,).
        names: The name of each of the m values.
        kinds: What it mostly is to items, such as `director` or `genre`.
        has: Which item has which value, float32 CSR of ones of shape (num_items, m).
        shared: Which values are of a kind that sorts items, such as genres, and not of a kind that
            names individuals, such as people; bool of shape (m,).
        described: Which items are linked to the graph, bool of shape (num_items,).
    """

    titles: tuple[str, ...]
    years: Float64Array
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    has: sparse.csr_matrix
    shared: BoolArray
    described: BoolArray

    @cached_property
    def all_names(self) -> Names:
        """The names of the items and values, for finding them in words."""
        return Names.of(self.titles, self.names)

    def with_names(self, names: Names) -> ItemFacts:
        """Return the same with its names, which were stored."""
        made = replace(self)
        made.__dict__["all_names"] = names
        return made

    def values_of(self, row: int) -> IntArray:
        """Return the values of an item, int64."""
        return self.has.indices[self.has.indptr[row] : self.has.indptr[row + 1]].astype(np.int64)

    def words_of_values(self, rows: Iterable[int], *, shared: bool) -> list[str]:
        """Return the names of the values of some items, one text an item.

        Args:
            rows: Rows of items.
            shared: Whether these are the values that sort items, or the others.
        """
        return [
            " ".join(
                self.names[value] for value in self.values_of(row) if self.shared[value] == shared
            )
            for row in rows
        ]

    def extended(self, later: ItemFacts) -> ItemFacts:
        """Return the facts of further items after these.

        A value of a name that is known is that value. What a kind of values is for does not change.

        Args:
            later: The facts of the new items alone.
        """
        column_of, sorts = dict(self._column_of), self._sorts
        new: list[int] = []
        columns = np.zeros(len(later.names), dtype=np.int64)
        for place, name in enumerate(later.names):
            key = name.casefold()
            if key not in column_of:
                column_of[key] = len(self.names) + len(new)
                new.append(place)
            columns[place] = column_of[key]
        below = sparse.csr_matrix(
            (later.has.data, columns[later.has.indices], later.has.indptr),
            shape=(later.has.shape[0], len(self.names) + len(new)),
        )
        below.sum_duplicates()
        below.data[:] = 1.0
        above = self.has
        made = ItemFacts(
            self.titles + later.titles,
            np.append(self.years, later.years),
            self.names + tuple(later.names[place] for place in new),
            self.kinds + tuple(later.kinds[place] for place in new),
            sparse.csr_matrix(
                (
                    np.append(above.data, below.data),
                    np.append(above.indices, below.indices),
                    np.append(above.indptr, below.indptr[1:] + above.indptr[-1]),
                ),
                shape=(above.shape[0] + below.shape[0], below.shape[1]),
            ),
            np.append(self.shared, [sorts.get(later.kinds[place], False) for place in new]).astype(
                bool
            ),
            np.append(self.described, later.described),
        )
        made.__dict__.update(_column_of=column_of, _sorts=sorts)
        if "all_names" in self.__dict__:  # else they are made when they are needed
            more = made.names[len(self.names) :]
            sizes = len(self.titles), len(self.names)
            made.__dict__["all_names"] = self.all_names.extended(later.titles, more, *sizes)
        return made

    @cached_property
    def _column_of(self) -> Mapping[str, int]:
        """The first value of each name."""
        return {self.names[row].casefold(): row for row in range(len(self.names) - 1, -1, -1)}

    @cached_property
    def _sorts(self) -> Mapping[str, bool]:
        """Whether a kind of values sorts items."""
        return dict(zip(self.kinds, self.shared.tolist(), strict=True))


def item_facts(
    items: Vocabulary,
    titles: Sequence[str],
    table: AttributeTable | None = None,
    kg: KnowledgeGraph | None = None,
    links: Links | None = None,
    languages: Sequence[str] = ("en", ""),
    label_relations: Sequence[str] = LABEL_RELATIONS,
) -> ItemFacts:
    """Return what search reads of the items.

    Args:
        items: The catalogue.
        titles: A title of each item.
        table: The item table.
        kg: The part of the knowledge graph that is used.
        links: The entities of the items.
        languages: Languages of names, best first.
        label_relations: IRIs of the properties that give names, best first.
    """
    pairs = [
        _of_table(items, table),
        _of_graph(kg, links, languages, label_relations),
    ]
    frame = pd.concat(pairs, ignore_index=True)
    frame = frame[frame["name"].str.strip() != ""]
    kept = frame.drop_duplicates(["item", "key"])
    keys = pd.Index(kept["key"].unique())
    first = kept.drop_duplicates("key").set_index("key").loc[keys]
    column = keys.get_indexer(kept["key"])
    has = sparse.csr_matrix(
        (np.ones(len(kept), np.float32), (kept["item"].to_numpy(np.int64), column)),
        shape=(len(items), len(keys)),
    )
    has.sort_indices()
    kinds, shared = _kinds(frame, keys, len(items))
    described = np.zeros(len(items), dtype=bool)
    if links is not None:
        described[links.item] = True
    return ItemFacts(
        tuple(titles),
        _years(items, titles, table, kg, links),
        tuple(first["name"]),
        kinds,
        has,
        shared,
        described,
    )


def _of_table(items: Vocabulary, table: AttributeTable | None) -> pd.DataFrame:
    """Return the columns item, key, name and kind of the categories of a table."""
    found = [_frame([], [], [], "")]
    for kind, category in () if table is None else table.categories.items():
        rows = items.rows(table.ids.take(category.row)) if table is not None else category.row
        names = np.array(category.values.ids, dtype=object)[category.value]
        found.append(_frame(rows, [name.casefold() for name in names], names, kind))
    return pd.concat(found, ignore_index=True)


def _of_graph(
    kg: KnowledgeGraph | None,
    links: Links | None,
    languages: Sequence[str],
    label_relations: Sequence[str],
) -> pd.DataFrame:
    """Return the same of the entities that the items' entities have a relation to."""
    if kg is None or links is None or not len(links):
        return _frame([], [], [], "")
    linked = pd.DataFrame({"entity": links.entity.astype(np.int64), "item": links.item})
    triples = pd.DataFrame(
        kg.triples[np.isin(kg.triples[:, 0], links.entity)], columns=["entity", "relation", "other"]
    ).astype(np.int64)
    is_type = triples["relation"] == kg.relation_row(RDF_TYPE)
    pairs = triples[~is_type].merge(linked)
    others, place = np.unique(pairs["other"].to_numpy(), return_inverse=True)
    names = np.array(kg.labels(others, languages, label_relations), dtype=object)
    words = np.array(kg.relation_labels(languages), dtype=object)
    # Two entities of one name stay two; a category of that name is merged with the first.
    folded = pd.Series([name.casefold() for name in names], dtype=object)
    keys = folded.where(~folded.duplicated(), folded + [f"\0{row}" for row in others])
    found = _frame(pairs["item"], keys.to_numpy()[place], names[place], "")
    return found.assign(kind=words[pairs["relation"].to_numpy()])


def _frame(item: Any, key: Any, name: Any, kind: str) -> pd.DataFrame:
    made = pd.DataFrame({"item": np.asarray(item, np.int64), "key": list(key), "name": list(name)})
    return made.astype({"key": object, "name": object}).assign(kind=kind)


def _kinds(
    frame: pd.DataFrame, keys: pd.Index[Any], num_items: int
) -> tuple[tuple[str, ...], BoolArray]:
    """Return the most frequent kind of each value, and whether that kind has few values."""
    if frame.empty:
        return (), np.zeros(0, dtype=bool)
    counts = frame.groupby(["key", "kind"]).size().reset_index(name="count")
    counts = counts.sort_values(["count", "kind"], ascending=[False, True], kind="stable")
    main = counts.drop_duplicates("key").set_index("key")["kind"].loc[keys]
    distinct = frame.groupby("kind")["key"].nunique()
    few = distinct <= _FEW * np.sqrt(num_items)
    return tuple(main), few.loc[main].to_numpy(bool)


def _years(
    items: Vocabulary,
    titles: Sequence[str],
    table: AttributeTable | None,
    kg: KnowledgeGraph | None,
    links: Links | None,
) -> Float64Array:
    """Return years: those in brackets after titles, else of the table, else of the graph."""
    from kgrec.linking.titles import last_brackets, years_in  # stored facts need it not

    inside = last_brackets(pa.array(list(titles), pa.large_string()))
    years = years_in(inside).to_numpy(zero_copy_only=False).astype(np.float64)
    for column in _year_columns(table):
        assert table is not None
        rows = items.rows(table.ids.ids)
        years[rows] = np.where(np.isnan(years[rows]), column, years[rows])
    if kg is not None and links is not None and len(links) and np.isnan(years).any():
        from kgrec.linking.years import chosen_years, entity_years

        missing = np.unique(links.entity[np.isnan(years[links.item])])
        sure = pd.DataFrame({"entity": np.zeros(0, np.int64), "year": np.zeros(0, np.int64)})
        found = chosen_years(entity_years(kg, missing), sure, 1).drop_duplicates("entity")
        of_entity = dict(zip(found["entity"], found["year"], strict=True))
        for item, entity in zip(links.item, links.entity, strict=True):
            if np.isnan(years[item]):
                years[item] = of_entity.get(entity, np.nan)
    return np.asarray(years, dtype=np.float64)


def _year_columns(table: AttributeTable | None) -> list[Float64Array]:
    """Return the columns of a table whose name says that they are years, or that hold only such."""
    if table is None:
        return []
    columns = {str(name): values for name, values in table.numbers.items()}
    for name in table.others.columns:
        if "year" in str(name).casefold():
            columns[str(name)] = pd.to_numeric(table.others[name], errors="coerce").to_numpy(float)
    found = []
    for name, values in columns.items():
        if "year" in name.casefold():
            inside = (values >= _YEARS[0]) & (values <= _YEARS[1])
            found.append(np.where(inside, values, np.nan))
    return found
