"""The nodes and edges of the user–item–attribute graph as NumPy arrays, without PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.graph.relation_names import INTERACTS, is_reserved, short_names
from kgrec.graph.selection import choose, type_of
from kgrec.graph.settings import GraphConfig
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking.links import Links
from kgrec.rdf.namespaces import RDF_TYPE
from kgrec.types import BoolArray, EdgeType, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass
class Edges:
    """Edges of one type.

    Attributes:
        source: Rows of the sources, int64 of shape (E,).
        target: Rows of the destinations, int64 of shape (E,).
        iri: The IRI of the relation, "" for interactions and for columns of tables.
    """

    source: IntArray
    target: IntArray
    iri: str


@dataclass
class GraphArrays:
    """Nodes and edges of a graph as NumPy arrays: all that explanations need of it.

    Attributes:
        sizes: Number of nodes of each type.
        edges: The edges of each type, (source, name, target) as in PyG, without inverses.
        ids: The ids of the nodes of each type.
        kg_row: The rows of entities in the knowledge graph, int64, by node type.
        report: What was left out, by node type.
        choices: What settings left out or merged, by setting.
    """

    sizes: dict[str, int]
    edges: dict[EdgeType, Edges] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)
    kg_row: dict[str, IntArray] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: HeteroData) -> GraphArrays:
        """Return the nodes and edges of a graph that `build_graph` made."""
        return cls(
            {kind: int(graph[kind].num_nodes) for kind in graph.node_types},
            {
                kind: Edges(
                    graph[kind].edge_index[0].numpy(),
                    graph[kind].edge_index[1].numpy(),
                    str(graph[kind].iri),
                )
                for kind in graph.edge_types
                if not kind[1].startswith("rev_")
            },
            {kind: graph[kind].node_id for kind in graph.node_types},
        )

    def add(self, kind: EdgeType, source: IntArray, target: IntArray, iri: str) -> None:
        """Add edges of one type, each once, sorted."""
        if len(source):
            width = max(self.sizes[kind[2]], 1)
            pairs = np.unique(source.astype(np.int64) * width + target)
            self.edges[kind] = Edges(pairs // width, pairs % width, iri)

    def num_neighbors(self, node: str) -> IntArray:
        """Return the number of distinct neighbors of each node of a type, int64 of shape (n,)."""
        offset = dict(zip(self.sizes, np.cumsum([0, *self.sizes.values()]), strict=False))
        total = sum(self.sizes.values())
        pairs = [np.zeros(0, dtype=np.int64)]
        for (source, _, target), edges in self.edges.items():
            if source == node:
                pairs.append(edges.source * total + edges.target + offset[target])
            if target == node:
                pairs.append(edges.target * total + edges.source + offset[source])
        distinct = np.unique(np.concatenate(pairs))
        return np.bincount(distinct // max(total, 1), minlength=self.sizes[node])

    def restrict(self, node: str, keep: BoolArray) -> None:
        """Keep only the nodes of a type in `keep`, bool of shape (n,), and their edges."""
        place = np.where(keep, np.cumsum(keep) - 1, -1)
        self.sizes[node] = int(keep.sum())
        for kind, edges in list(self.edges.items()):
            source = place[edges.source] if kind[0] == node else edges.source
            target = place[edges.target] if kind[2] == node else edges.target
            stays = (source >= 0) & (target >= 0)
            if stays.any():
                self.edges[kind] = Edges(source[stays], target[stays], edges.iri)
            else:
                del self.edges[kind]


def without_edges_of(arrays: GraphArrays, items: BoolArray) -> GraphArrays:
    """Return the arrays without the edges of some items, bool of shape (num_items,)."""
    made = GraphArrays(arrays.sizes, {}, arrays.ids, arrays.kg_row, arrays.report, arrays.choices)
    for kind, edges in arrays.edges.items():
        stays = np.ones(len(edges.source), dtype=bool)
        for node, rows in ((kind[0], edges.source), (kind[2], edges.target)):
            if node == "item":
                stays &= ~items[rows]
        if stays.any():
            made.edges[kind] = Edges(edges.source[stays], edges.target[stays], edges.iri)
    return made


def graph_arrays(
    train: Interactions,
    kg: KnowledgeGraph | None,
    links: Links | None,
    *,
    items: AttributeTable | None,
    users: AttributeTable | None,
    config: GraphConfig,
) -> GraphArrays:
    """Return the nodes and edges of the graph; see `kgrec.graph.build.build_graph`.

    Raises:
        DataError: `kg` is given without `links`, or the links are over another vocabulary.
        ConfigError: A setting names a relation or type that the graph does not have.
    """
    made = GraphArrays({"user": train.num_users, "item": train.num_items})
    made.add(INTERACTS, train.user, train.item, "")
    made.ids |= {"user": train.users.ids, "item": train.items.ids}
    for kind, table, vocabulary in (("item", items, train.items), ("user", users, train.users)):
        if table is not None:
            _add_categories(made, kind, table.reindex(vocabulary))
    if kg is not None:
        if links is None:
            raise DataError("A knowledge graph was given without links from items to entities.")
        if links.items != train.items:
            raise DataError("links and train must share the item vocabulary; relink over it.")
        chosen = choose(kg, links, config)
        kg, links = chosen.kg, chosen.links
        made.choices = dict(chosen.report)
        _add_relations(made, kg, links, config)
    linked = np.zeros(0, dtype=np.int64) if links is None else links.entity
    for kind in list(made.sizes):
        if kind not in ("user", "item"):
            _leave_out(made, kind, config.min_degree, linked)
    if kg is not None:
        made.ids |= {kind: kg.entities.take(row) for kind, row in made.kg_row.items()}
    return made


def _leave_out(made: GraphArrays, kind: str, min_degree: int, linked: IntArray) -> None:
    """Leave out the nodes of a type with too few neighbors, and entities that became items."""
    keep = made.num_neighbors(kind) >= min_degree
    row = made.kg_row.get(kind)
    taken = 0 if row is None else int(np.isin(row, linked).sum())
    made.report[kind] = {
        "kept": int(keep.sum()),
        "left_out_below_min_degree": int((~keep).sum()) - taken,
        "taken_over_by_items": taken,
    }
    made.restrict(kind, keep)
    if row is None:
        ids = made.ids[kind]
        made.ids[kind] = [ids[place] for place in np.flatnonzero(keep).tolist()]
    elif kind != "entity" and not keep.any():
        del made.sizes[kind], made.kg_row[kind]  # for example, a type that only items have
    else:
        made.kg_row[kind] = row[keep]


def _add_categories(made: GraphArrays, kind: str, table: AttributeTable) -> None:
    for column, category in table.categories.items():
        node = f"{kind}_{column}".replace(".", "_")  # PyTorch's module names have no dots
        made.sizes[node] = len(category.values)
        made.ids[node] = category.values.ids
        name = f"column_{column}" if is_reserved(column) else column
        made.add((kind, name, node), category.row, category.value, "")


def _add_relations(
    made: GraphArrays, kg: KnowledgeGraph, links: Links, config: GraphConfig
) -> None:
    places = _Places(kg, links, config)
    for kind, rows in places.rows.items():
        made.sizes[kind], made.kg_row[kind] = len(rows), rows
    relations = kg.relations
    typing = -1 if config.types == "edges" else int(relations.rows([RDF_TYPE], missing="-1")[0])
    names = short_names(relations.ids)
    triples = np.asarray(kg.triples)
    order = np.argsort(triples[:, 1], kind="stable")
    bounds = np.searchsorted(triples[order, 1], np.arange(len(relations) + 1))
    for relation in range(len(relations)):
        stated = triples[order[bounds[relation] : bounds[relation + 1]]]
        if not len(stated) or relation == typing:
            continue
        iri = relations.id(relation)
        for ends, source, target in places.edges(stated[:, 0], stated[:, 2]):
            made.add((ends[0], names[relation], ends[1]), source, target, iri)


class _Places:
    """The place of each entity in the graph: a node of its type, or one or several items.

    Attributes:
        rows: Entity rows of the nodes of each type, sorted.
    """

    def __init__(self, kg: KnowledgeGraph, links: Links, config: GraphConfig) -> None:
        order = np.argsort(links.entity, kind="stable")
        self.item = np.asarray(links.item)[order]
        self.start = np.searchsorted(
            np.asarray(links.entity)[order], np.arange(kg.num_entities + 1)
        )
        names = {-1: "entity"}
        kind = np.full(kg.num_entities, -1, dtype=np.int64)
        if config.types == "nodes":
            kind, named = type_of(kg, config.min_type_size)
            names |= named
        self.names = ["item"]
        self.kind = np.empty(kg.num_entities, dtype=np.int64)
        self.place = np.empty(kg.num_entities, dtype=np.int64)
        self.rows: dict[str, IntArray] = {}
        for number in sorted(names):
            rows = np.flatnonzero(kind == number)
            self.kind[rows], self.place[rows] = len(self.names), np.arange(len(rows))
            self.rows[names[number]] = rows
            self.names.append(names[number])

    def edges(
        self, subject: npt.NDArray[Any], object_: npt.NDArray[Any]
    ) -> Iterator[tuple[tuple[str, str], IntArray, IntArray]]:
        """Yield ((source type, target type), source rows, target rows) for entity edges."""
        index, source_kind, source = self._expand(subject.astype(np.int64))
        second, target_kind, target = self._expand(object_.astype(np.int64)[index])
        source_kind, source = source_kind[second], source[second]
        pair = source_kind * len(self.names) + target_kind
        for code in np.unique(pair).tolist():
            chosen = pair == code
            first, last = divmod(code, len(self.names))
            yield (self.names[first], self.names[last]), source[chosen], target[chosen]

    def _expand(self, entity: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Repeat each entity for each of its items; return indices, numbers of types, and rows."""
        count = self.start[entity + 1] - self.start[entity]
        repeats = np.maximum(count, 1)
        index = np.repeat(np.arange(len(entity)), repeats)
        within = np.arange(len(index)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        is_item = np.repeat(count > 0, repeats)
        kind = np.where(is_item, 0, self.kind[entity[index]])
        row = self.place[entity[index]]
        row[is_item] = self.item[(self.start[entity][index] + within)[is_item]]
        return index, kind, row
