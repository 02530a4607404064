"""How a graph is connected: its components, and the distances between items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.namespaces import RDF_TYPE
from kgrec.types import Float64Array, IntArray, RowArray

HOPS: Final = (1, 2, 3)
"""The distances between items that are counted."""


class LinkedItems(Protocol):
    """Which item of a catalogue is which entity, such as `kgrec.Links`."""

    @property
    def items(self) -> Vocabulary:
        """The whole catalogue, linked or not."""

    @property
    def item(self) -> IntArray:
        """Item row of each link, int64 of shape (l,)."""

    @property
    def entity(self) -> IntArray:
        """Entity row of each link, int64 of shape (l,)."""


@dataclass(frozen=True)
class ItemStatistics:
    """How the linked entities of a catalogue are connected.

    `rdf:type` does not count: it connects every two films, and says nothing about them.

    Attributes:
        num_items: Items in the catalogue.
        linked: Items with an entity.
        entities: Distinct entities of the linked items; the figures below are about these.
        triples: Smallest, median and largest number of triples that touch one.
        within: Number of hops → share of the entities that reach another item's entity within so
            many edges, in either direction.
        unreachable: Number of entities from which no path leads to another item's entity.
        components: Number of components of the graph that hold an item's entity.
        largest_component: Number of items' entities in the component with most of them.
    """

    num_items: int
    linked: int
    entities: int
    triples: tuple[int, float, int]
    within: dict[int, float]
    unreachable: int
    components: int
    largest_component: int


def item_statistics(kg: GraphColumns, links: LinkedItems) -> ItemStatistics:
    """Return how the linked entities are connected in `kg`.

    Raises:
        DataError: The links are of another graph, or there are none.
    """
    entities = linked_entities(kg, links)
    edges = _without_types(kg)
    component = components(edges, kg.num_entities)
    of_item, size = np.unique(component[entities], return_counts=True)
    nearest = _nearest_other(edges, entities, kg.num_entities)
    degree = np.bincount(edges.ravel(), minlength=kg.num_entities)[entities]
    return ItemStatistics(
        num_items=len(links.items),
        linked=len(np.unique(links.item)),
        entities=len(entities),
        triples=(int(degree.min()), float(np.median(degree)), int(degree.max())),
        within={hops: float((nearest <= hops).mean()) for hops in HOPS},
        unreachable=int((size == 1).sum()),
        components=len(of_item),
        largest_component=int(size.max()),
    )


def linked_entities(kg: GraphColumns, links: LinkedItems) -> IntArray:
    """Return the rows of the entities that an item is linked to, sorted, each once.

    Raises:
        DataError: The links are of another graph, or there are none.
    """
    entities = np.unique(links.entity)
    if not len(entities):
        raise DataError("No item is linked to the graph, so that there is nothing to measure.")
    if entities[-1] >= kg.num_entities:
        raise DataError(
            f"The links name entity row {entities[-1]}, and the graph has {kg.num_entities} "
            "entities: they are links to another graph."
        )
    return entities


def components(edges: npt.NDArray[np.integer], num_entities: int) -> RowArray:
    """Return the component of each entity, int32 of shape (num_entities,).

    Args:
        edges: Entity rows, int of shape (n, 2); their direction does not matter.
        num_entities: Number of entities.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(edges), dtype=np.int8)
    adjacency = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(num_entities, num_entities))
    found: RowArray = connected_components(adjacency.tocsr(), directed=False)[1]
    return found


def _without_types(kg: GraphColumns) -> RowArray:
    kept: RowArray = kg.triples[kg.triples[:, 1] != kg.relation_row(RDF_TYPE)][:, [0, 2]]
    return kept


def _nearest_other(edges: RowArray, entities: IntArray, num_entities: int) -> Float64Array:
    """Return each entity's distance to the nearest other one, inf beyond the last of `HOPS`.

    A breadth-first search starts from all of them at once and gives each node its nearest entity
    and their distance. The shortest path between two entities then has one edge between their two
    regions. Its length is the distances of that edge's ends plus one.
    """
    both = np.concatenate([edges, edges[:, ::-1]])
    source = np.full(num_entities, -1, dtype=np.int64)
    distance = np.full(num_entities, np.inf)
    source[entities] = entities
    distance[entities] = 0
    for step in range(1, max(HOPS) + 1):
        reaching = both[(distance[both[:, 0]] == step - 1) & (source[both[:, 1]] < 0)]
        source[reaching[:, 1]] = source[reaching[:, 0]]
        distance[reaching[:, 1]] = step
    from_, to = source[both[:, 0]], source[both[:, 1]]
    crossing = both[(from_ != to) & (from_ >= 0) & (to >= 0)]
    length = distance[crossing[:, 0]] + 1 + distance[crossing[:, 1]]
    nearest = np.full(num_entities, np.inf)
    np.minimum.at(nearest, source[crossing[:, 0]], length)
    return nearest[entities]
