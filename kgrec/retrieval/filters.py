"""What is known of each item, as columns that a filter can ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.expression import Column, FrameColumns, ListColumn, evaluate_expression
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import warn
from kgrec.rdf.iri_names import local_name
from kgrec.types import IntArray

if TYPE_CHECKING:
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.linking import Links


class ItemColumns:
    """The item table and the graph around the items, as the columns of an expression.

    The columns are those of the item table, read for the model or not; its titles as `title`; the
    ids as `id`, unless the table has such columns; and each relation of the graph. A relation is
    named by its IRI, the last part of it, such as `director`, or its label, such as `death place`;
    relations with the same name are one column. Its values are the labels and the IRIs of the
    entities that an item has it to, and the literals. If no item has the relation to anything, they
    are the entities that have it to the item. Where the table and the graph both have a name, it is
    the table's; the IRI means the graph's.

    Args:
        items: The catalogue.
        table: The item table, over any of its items.
        kg: The knowledge graph.
        links: The entities of the items.
        languages: Languages of labels, best first.
    """

    def __init__(
        self,
        items: Vocabulary,
        table: AttributeTable | None = None,
        kg: KnowledgeGraph | None = None,
        links: Links | None = None,
        languages: Sequence[str] = ("en", ""),
    ) -> None:
        self._items, self._languages = items, languages
        self._table = None if table is None else table.reindex(items)
        self._kg = kg
        self._links = links

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def names(self) -> Collection[str]:
        """Return the names of all columns: those of the table first, IRIs last."""
        return list(dict.fromkeys([*self._of_table, *self._relations]))

    def column(self, name: str) -> Column:
        """Return a column; see the class."""
        if name not in self._of_table:
            return self._of_relations(self._relations[name])
        table = self._table
        if table is not None:
            if name in table.categories:
                category = table.categories[name]
                values = np.array(category.values.take(category.value), dtype=object)
                return ListColumn(category.row, values)
            if name in table.numbers:
                return pd.Series(table.numbers[name], name=name)
            if name in table.others:
                return FrameColumns(table.others).column(name)
            if name == "title" and table.titles:
                titles = pd.Series(list(table.titles), name=name, dtype=object)
                return titles.where(titles != "")
        return pd.Series(self._items.ids, name=name, dtype=object)

    @cached_property
    def _of_table(self) -> list[str]:
        names: list[str] = []
        if self._table is not None:
            names = [*self._table.categories, *self._table.numbers, *map(str, self._table.others)]
            names += ["title"] if self._table.titles else []
        return list(dict.fromkeys([*names, "id"]))

    @cached_property
    def _relations(self) -> dict[str, list[int]]:
        """Return the rows of the relations that each name means."""
        if self._kg is None or self._links is None:
            return {}
        iris = self._kg.relations.ids
        found: dict[str, list[int]] = {}
        words = self._kg.relation_labels(self._languages)
        for row, (iri, label) in enumerate(zip(iris, words, strict=True)):
            for name in {local_name(iri), label.strip()} - {""}:
                found.setdefault(name, []).append(row)
        return found | {iri: [row] for row, iri in enumerate(iris)}

    def _of_relations(self, rows: Iterable[int]) -> ListColumn:
        kg, links = self._kg, self._links
        assert kg is not None  # otherwise no name leads here
        assert links is not None
        linked = pd.DataFrame({"entity": links.entity.astype(np.int64), "item": links.item})
        item, values = [np.zeros(0, np.int64)], [np.zeros(0, object)]
        for row in rows:
            iri = kg.relations.id(row)
            triples = kg.relation_triples(iri).astype(np.int64)
            stated = kg.literal_values(iri)
            literal = pd.DataFrame(
                {"entity": stated.subject.astype(np.int64), "at": np.arange(len(stated))}
            ).merge(linked)
            pairs = pd.DataFrame({"entity": triples[:, 0], "other": triples[:, 2]}).merge(linked)
            if pairs.empty and literal.empty:
                turned = {"entity": triples[:, 2], "other": triples[:, 0]}
                pairs = pd.DataFrame(turned).merge(linked)
            others, place = np.unique(pairs["other"].to_numpy(np.int64), return_inverse=True)
            labels = np.array(kg.labels(others, languages=self._languages), dtype=object)
            iris = np.array(kg.entities.take(others), dtype=object)
            texts = pc.cast(stated.value, "string").take(literal["at"].to_numpy(np.int64))
            item += [pairs["item"].to_numpy()] * 2 + [literal["item"].to_numpy()]
            values += [labels[place], iris[place], texts.to_numpy(zero_copy_only=False)]
        return ListColumn(np.concatenate(item).astype(np.int64), np.concatenate(values))


def passing(columns: ItemColumns, expression: str, candidates: IntArray | None = None) -> IntArray:
    """Return the rows of the items that fulfil an expression, int64 of shape (c,), ascending.

    Args:
        columns: What is known of the items.
        expression: See `kgrec.data.expression.evaluate_expression`.
        candidates: Rows to choose from; None: all.

    Raises:
        ConfigError: The expression is not understood.
        DataError: It names an unknown column, or compares text with a number.
    """
    rows = np.flatnonzero(evaluate_expression(expression, columns, option="filter"))
    if candidates is not None:
        rows = np.intersect1d(rows, candidates)
    if not len(rows):
        warn(f"None of the {len(columns):,} items passes the filter and the candidates: no result.")
    return rows
