"""A graph as columns: what reading makes, what is stored, and what functions of a graph take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import numpy as np

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, UnknownIdError
from kgrec.rdf.literals import Literals
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.namespaces import RDF_TYPE
from kgrec.rdf.read_report import ReadReport
from kgrec.types import BoolArray, IntArray, RowArray

T = TypeVar("T")
Columns = TypeVar("Columns", bound="GraphColumns")
"""The class of a graph that a function takes, and returns with other columns."""


@dataclass(frozen=True, eq=False, repr=False)
class GraphColumns:
    """The columns of an RDF graph, whose terms are numbered.

    `KnowledgeGraph` is the same with methods to read, change, convert and write it; functions that
    need only the columns take this class.

    Attributes:
        entities: Every IRI and blank node that is a subject or an object. Blank nodes are named
            "_:file0_b0" and so on: numbered by their first appearance in their file.
        relations: Every predicate, of statements between entities and of literals.
        triples: Distinct statements between entities, int32 of shape (n, 3): subject, relation
            and object rows, sorted by these columns.
        literals: Distinct statements whose object is a literal.
        graphs: Which named graphs hold which statements; None: all are in the default graph.
        report: What was read, and what was left out.
    """

    entities: Vocabulary
    relations: Vocabulary
    triples: RowArray
    literals: Literals
    graphs: NamedGraphs | None = None
    report: ReadReport = field(default_factory=ReadReport)
    _cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_columns(cls, columns: GraphColumns) -> Self:
        """Return the same columns as a graph of this class; nothing is copied."""
        return cls(
            columns.entities,
            columns.relations,
            columns.triples,
            columns.literals,
            columns.graphs,
            columns.report,
        )

    @property
    def num_entities(self) -> int:
        """Number of entities."""
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        """Number of relations, of triples and of literals together."""
        return len(self.relations)

    @property
    def num_triples(self) -> int:
        """Number of distinct statements between entities; `len(literals)` counts the others."""
        return len(self.triples)

    def relation_row(self, relation: str) -> int:
        """Return the row of a relation, -1 if the graph does not know it."""
        return int(self.relations.rows([relation], missing="-1")[0])

    def relation_triples(self, relation: str) -> RowArray:
        """Return the triples of a relation, int32 of shape (k, 3); none if it is unknown."""
        found: RowArray = self.triples[self.triples[:, 1] == self.relation_row(relation)]
        return found

    def literal_values(self, relation: str) -> Literals:
        """Return the literals of a relation; none if the graph does not know it."""
        row = self.relation_row(relation)
        return self.literals.take(np.flatnonzero(self.literals.relation == row))

    def types(self) -> tuple[IntArray, IntArray]:
        """Return entity rows and type rows (entities too) of every `rdf:type` statement."""
        found = self.relation_triples(RDF_TYPE)
        return found[:, 0].astype(np.int64), found[:, 2].astype(np.int64)

    def neighbors(self, row: int) -> RowArray:
        """Return the triples that touch an entity, int32 of shape (k, 3), outgoing ones first.

        Raises:
            UnknownIdError: `row` is outside of 0 … num_entities - 1.
        """
        if not 0 <= row < self.num_entities:
            raise UnknownIdError(f"Entity row {row} is outside of 0 … {self.num_entities - 1}.")
        subject = self.triples[:, 0]
        first, last = np.searchsorted(subject, [row, row + 1])
        order, objects = self.cached("by_object", self._by_object)
        begin, end = np.searchsorted(objects, [row, row + 1])
        incoming = self.triples[order[begin:end]]
        loops = incoming[:, 0] == row  # already among the outgoing ones
        return np.concatenate([self.triples[first:last], incoming[~loops]])

    def degree(self) -> IntArray:
        """Return the number of triples that start or end at each entity, int64 (num_entities,)."""
        ends = (self.triples[:, 0], self.triples[:, 2])
        out, into = (np.bincount(column, minlength=self.num_entities) for column in ends)
        return (out + into).astype(np.int64)

    def relation_counts(self) -> IntArray:
        """Return the number of triples and of literals per relation, int64 (num_relations, 2)."""
        columns = (self.triples[:, 1], self.literals.relation)
        counts = [np.bincount(column, minlength=self.num_relations) for column in columns]
        return np.column_stack(counts).astype(np.int64)

    def mentioned(self, as_subject: bool = False) -> BoolArray:
        """Return which entities occur in a statement, bool of shape (num_entities,).

        After an update, some may not: they keep their rows.

        Args:
            as_subject: Whether only subjects count.
        """
        found = np.zeros(self.num_entities, dtype=bool)
        found[self.triples[:, 0]] = True
        found[self.literals.subject] = True
        if not as_subject:
            found[self.triples[:, 2]] = True
        return found

    def check_not_empty(self) -> None:
        """Raise a DataError if there is no statement."""
        if not self.num_triples and not len(self.literals):
            raise DataError(" ".join(self.report.remarks()) or "The graph is empty.")

    def select_graphs(self, names: str | Iterable[str]) -> Self:
        """Return the graph of the statements that are in one of the named graphs.

        Args:
            names: IRIs of graphs, "" for the default graph.

        Raises:
            UnknownIdError: There is no graph with such a name.
        """
        wanted = [names] if isinstance(names, str) else list(names)
        if self.graphs is None:
            if wanted == [""]:
                return self
            raise UnknownIdError(
                "The graph has no named graphs: all of its statements are in the default graph, "
                "whose name is ''."
            )
        masks = self.graphs.statements_in(wanted, self.num_triples, len(self.literals))
        return self.restricted(*masks)

    def without_graphs(self) -> Self:
        """Return the same statements, all in the default graph."""
        return replace(self, graphs=None)

    def restricted(self, triples: BoolArray, literals: BoolArray) -> Self:
        """Return the graph of the statements that the masks keep, and of the terms in them.

        Args:
            triples: Which triples stay, bool of shape (num_triples,).
            literals: Which literals stay, bool of shape (len(self.literals),).
        """
        edges, values = self.triples[triples], self.literals.take(np.flatnonzero(literals))
        used = np.union1d(edges[:, [0, 2]].ravel(), values.subject)
        relations = np.union1d(edges[:, 1], values.relation)
        entity = np.zeros(self.num_entities, dtype=np.int32)
        entity[used] = np.arange(len(used))
        relation = np.zeros(self.num_relations, dtype=np.int32)
        relation[relations] = np.arange(len(relations))
        # Rows keep their order, so that sorted triples and literals stay sorted.
        rows = np.column_stack([entity[edges[:, 0]], relation[edges[:, 1]], entity[edges[:, 2]]])
        return replace(
            self,
            entities=self.entities.restricted(used),
            relations=self.relations.restricted(relations),
            triples=rows,
            literals=replace(
                values, subject=entity[values.subject], relation=relation[values.relation]
            ),
            graphs=None if self.graphs is None else self.graphs.restricted(triples, literals),
        )

    def cached(self, key: Any, make: Callable[[], T]) -> T:
        """Return `make()`, computed once per `key`: the graph never changes."""
        if key not in self._cache:
            self._cache[key] = make()
        found: T = self._cache[key]
        return found

    def _by_object(self) -> tuple[IntArray, RowArray]:
        order = np.argsort(self.triples[:, 2], kind="stable")
        return order, self.triples[order, 2]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.num_entities} entities, {self.num_relations} relations, "
            f"{self.num_triples} triples, {len(self.literals)} literals)"
        )
