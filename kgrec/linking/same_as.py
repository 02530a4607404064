"""Merging of entities that a graph says are the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Generic

import numpy as np
import pyarrow.compute as pc

from kgrec.kg.profile.connectivity import components
from kgrec.kg.updates import distinct_literals
from kgrec.linking.links import Links
from kgrec.rdf.columns import Columns, GraphColumns
from kgrec.rdf.literals import Literals
from kgrec.rdf.namespaces import OWL_SAME_AS
from kgrec.types import BoolArray, IntArray, RowArray


@dataclass(frozen=True)
class SameAsReport:
    """What was merged.

    Attributes:
        classes: Number of sets of entities that were merged into one.
        merged_entities: Number of entities that became another one of their set.
        merged_triples: Number of triples that are gone: the `owl:sameAs` ones, and those that
            another entity of the set also had.
        merged_literals: Number of literals that another entity of the set also had.
        merged_links: Number of links that became another link of the same item.
    """

    classes: int = 0
    merged_entities: int = 0
    merged_triples: int = 0
    merged_literals: int = 0
    merged_links: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the report as what JSON can hold."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Merged(Generic[Columns]):
    """A graph and its links after merging entities that are the same.

    Attributes:
        kg: The graph. Its rows are those of the original graph; an entity that was merged into
            another one has no statements left.
        links: The links to it; None if none were given.
        canonical: Row of the entity that each entity became, int64 of shape (num_entities,).
        report: What was merged.
    """

    kg: Columns
    links: Links | None
    canonical: IntArray
    report: SameAsReport


def merge_same_as(kg: Columns, links: Links | None = None) -> Merged[Columns]:
    """Merge the entities that `owl:sameAs` connects, in either direction and over several steps.

    One entity of each set gets the statements of all: a linked one if there is one, and among
    several the one with the smallest IRI (UTF-8 byte order). Links to the others are moved to it.

    Args:
        kg: The graph.
        links: Which item is which entity.

    >>> from kgrec.kg.graph import KnowledgeGraph
    >>> kg = KnowledgeGraph.from_triples(
    ...     [("ex:b", OWL_SAME_AS, "ex:a"), ("ex:b", "ex:by", "ex:c"), ("ex:a", "ex:by", "ex:c")]
    ... )
    >>> merged = merge_same_as(kg)
    >>> merged.kg.to_pandas().values.tolist(), merged.report.merged_triples
    ([['ex:a', 'ex:by', 'ex:c']], 2)
    """
    pairs = kg.relation_triples(OWL_SAME_AS)
    if not len(pairs):
        return Merged(kg, links, np.arange(kg.num_entities), SameAsReport())
    linked = np.zeros(kg.num_entities, dtype=bool)
    if links is not None:
        linked[links.entity] = True
    canonical = _canonical(kg, pairs[:, [0, 2]], linked)
    triples = kg.triples.copy()
    triples[:, [0, 2]] = canonical[triples[:, [0, 2]]]
    # The owl:sameAs statements are of no use any more.
    triples = np.unique(triples[triples[:, 1] != kg.relation_row(OWL_SAME_AS)], axis=0)
    literals = distinct_literals(
        replace(kg.literals, subject=canonical[kg.literals.subject].astype(np.int32))
    )
    moved = links if links is None else moved_links(links, canonical)
    gone = canonical != np.arange(kg.num_entities)
    report = SameAsReport(
        classes=len(np.unique(canonical[gone])),
        merged_entities=int(gone.sum()),
        merged_triples=kg.num_triples - len(triples),
        merged_literals=len(kg.literals) - len(literals),
        merged_links=0 if links is None or moved is None else len(links) - len(moved),
    )
    return Merged(with_statements(kg, triples, literals), moved, canonical, report)


def with_statements(kg: Columns, triples: RowArray, literals: Literals) -> Columns:
    """Return the graph with other statements, and without named graphs."""
    return replace(kg, triples=triples, literals=literals, graphs=None)


def _canonical(kg: GraphColumns, pairs: RowArray, linked: BoolArray) -> IntArray:
    """Return the row that each entity becomes, int64 of shape (num_entities,)."""
    component = components(pairs, kg.num_entities)
    by_iri = np.asarray(pc.sort_indices(kg.entities.array), dtype=np.int64)
    # numpy keeps the last of repeated indices: linked entities win, then the smallest IRI.
    order = np.concatenate([by_iri[~linked[by_iri]][::-1], by_iri[linked[by_iri]][::-1]])
    chosen = np.empty(kg.num_entities, dtype=np.int64)
    chosen[component[order]] = order
    canonical: IntArray = chosen[component]
    return canonical


def moved_links(links: Links, canonical: IntArray) -> Links:
    """Return the links to the canonical entities; of equal links, the best confidence stays.

    `canonical` is the row of the entity that each entity became, int64 of shape (num_entities,).
    """
    entity = canonical[links.entity]
    order = np.lexsort((-links.confidence, entity, links.item))
    first = np.ones(len(order), dtype=bool)
    item = links.item[order]
    first[1:] = (item[1:] != item[:-1]) | (entity[order][1:] != entity[order][:-1])
    kept = order[first]
    return replace(
        links,
        item=links.item[kept],
        entity=entity[kept],
        confidence=links.confidence[kept],
        method=tuple(links.method[row] for row in kept.tolist()),
    )
